// SPDX-License-Identifier: MIT OR GPL-2.0
// honeyxdp's XDP program once more, by hand in C: the yardstick for the one in Rust.
//
// It does the same with the same maps, variables and layouts, so the loader takes either, and the benchmarks compare their
// counts with the host's before they compare their speed. Two things it may do that the program in Rust may not, because
// benchmarks run as root: add variables to packet pointers (that takes CAP_PERFMON), and so read every usual frame in place.
// --trace-matches is left out, and all that comes after the SYN; their variables and maps are there for the loader.
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// The layouts of honeyxdp-common.
#define MAX_INTERFACES 16
#define PORT_ROWS 65536
#define FAMILY_SLOTS 16
#define INTERFACE_COUNTERS 64
#define LOST 10
#define SAMPLED_OUT 11
#define FILTERED_COUNTERS 12
#define V6_COUNTERS 16
#define SECONDARY_COUNTERS 32
#define FAMILY_COUNTERS 48
#define BLOOM_BITS 15
#define BLOOM ((1 << 16) / 32)
#define BLOCKS (BLOOM + (1 << BLOOM_BITS))
#define SKETCH_BITS 16
#define SKETCH_WORDS ((1 << SKETCH_BITS) / 8)

enum disposition { SYN, TCP_OTHER, UDP, ICMP, OTHER_IP, NON_IP, FRAGMENT, MALFORMED, FILTERED };
enum reason { BY_DESTINATION, BY_SOURCE, BY_PORT, BY_FAMILY };
enum cover { NONE, ALL, SOME };
enum family { OTHER, MIRAI, HAJIME, ZMAP, ZMAP4, MASSCAN, NMAP, UNICORNSCAN, NAABU, HPING3, SPORT6000 };

struct counter {
	__u64 count, of;
};

struct flow {
	__u64 src_high, src_low;
	__u32 head;
	__u16 window;
	__u8 ttl, options_length;
	__u32 packets;
	__u16 tags, ip_id;
	__u32 first_tick, last_tick;
	__u32 first_seq, last_seq;
	__u32 first_dst, last_dst;
	__u16 first_sport, last_sport;
	__u32 options_head;
};
_Static_assert(sizeof(struct flow) == 64, "a flow is one cache line");

#define HEAD_FAMILY 16
#define HEAD_V6 (1u << 20)
#define HEAD_KEY (HEAD_V6 | (HEAD_V6 - 1))
#define HEAD_GENERATION 24
#define HEAD_DONT_FRAGMENT (1u << 25)
#define HEAD_SEQ_VARIES (1u << 26)

struct position {
	__u64 at, seen, rest[6];
};

struct payload {
	__u64 words[72];
};

struct prefix {
	__u32 bits;
	__be32 words[6];
};

struct translations {
	__u64 pairs[2];
};

// What the loader decides.
volatile const __u32 CPUS = 1;
volatile const __u32 SLOTS = 1;
volatile const __u32 INTERFACE_SLOTS[MAX_INTERFACES] = {};
volatile const __u32 TRACE_PER_SECOND = 0;
volatile const __u32 DROP_COUNTED = 0;
volatile const __u32 SAMPLE = 0;
volatile const __u32 FLOW_BITS = 0;
volatile const __u32 RING_BITS = 0;
volatile const __u64 SEED = 0;
volatile const __u32 WEAKLY_ORDERED = 0;
volatile const __u32 FILTER_PORTS = 0;
volatile const __u32 WATCHED_FAMILIES = ~0u;
volatile const __u32 FILTER_DESTINATIONS = 0;
volatile const __u32 FILTER_SOURCES = 0;
volatile const __u32 TRANSLATE = 0;
volatile const __u32 TRANSLATE_BITS = 1;
volatile const __u32 RESPONDER = 0;
volatile const __u32 ANSWERS_OF_SOURCE = 0;
volatile const __u32 ANSWERS_OF_ALL = 0;
volatile const __u32 PAYLOADS_OF_SOURCE = 0;
volatile const __u32 PAYLOADS_OF_ALL = 0;

// What it changes: the generation that is written.
volatile __u64 GENERATION;

#define ARRAY(name, type_of_value, flags)             \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);     \
		__uint(max_entries, 1);               \
		__uint(map_flags, flags);             \
		__type(key, __u32);                   \
		__type(value, type_of_value);         \
	} name SEC(".maps")

#define TRIE(name)                                    \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);  \
		__uint(max_entries, 1);               \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, struct prefix);           \
		__type(value, __u32);                 \
	} name SEC(".maps")

ARRAY(PORTS, __u64, BPF_F_MMAPABLE);
ARRAY(INTERFACES, struct counter, BPF_F_MMAPABLE);
ARRAY(FLOWS, struct flow, BPF_F_MMAPABLE);
ARRAY(RECORDS, struct flow, BPF_F_MMAPABLE);
ARRAY(POSITIONS, struct position, BPF_F_MMAPABLE);
ARRAY(SKETCHES, __u64, BPF_F_MMAPABLE);
ARRAY(WATCHED_PORTS, __u64, 0);
ARRAY(DESTINATION_BLOCKS, __u64, BPF_F_MMAPABLE);
ARRAY(SOURCE_BLOCKS, __u64, BPF_F_MMAPABLE);
ARRAY(PUBLIC_ADDRESSES, struct translations, 0);
ARRAY(PAYLOADS, struct payload, BPF_F_MMAPABLE);
ARRAY(PAYLOAD_POSITIONS, struct position, BPF_F_MMAPABLE);
ARRAY(EVENTS, __u64, BPF_F_MMAPABLE);
TRIE(DESTINATIONS);
TRIE(SOURCES);

// Which counters this run writes.
struct run {
	__u32 cpu, generation, part, interface;
};

// A SYN, in the machine's byte order.
struct syn {
	bool v4, dont_fragment;
	__u8 ttl, options_length;
	__u16 ip_id, sport, dport, window;
	__u64 src_high, src_low, dst_high, dst_low;
	__u32 seq, ack, options[3];
};

// Where TCP is.
struct transport {
	__u32 offset;
	// Bytes that the network header leaves for it.
	__u32 payload;
	bool more_fragments;
};

#define UNLIMITED 0xffffffffu
#define OPTIONS_IMPOSSIBLE 255
#define EXTENSION_HEADERS 6

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static __always_inline void count(const struct run *run, __u32 which, __u64 frames, __u64 of)
{
	__u32 index = run->interface + which;
	struct counter *counter = bpf_map_lookup_elem(&INTERFACES, &index);

	if (counter) {
		counter->count += frames;
		counter->of += of;
	}
}

// ---- marks

#define MSS_1460 0x020405b4

static __always_inline bool mss_1460_only(const struct syn *syn)
{
	return syn->options_length == 4 && syn->options[0] == MSS_1460;
}

static __always_inline __u32 marks(const struct syn *syn)
{
	__u16 window = syn->window;
	__u32 dst = syn->dst_low, seq = syn->seq, tags = 0;

	if (syn->v4) {
		if (seq == dst && seq)
			tags |= 1 << MIRAI;
		if (syn->ip_id == (__u16)(dst ^ syn->dport ^ seq) && (window == 1024 || !window || syn->ttl > 200))
			tags |= 1 << MASSCAN;
		if (window == 65535 && !syn->dont_fragment) {
			if (syn->ip_id == 54321 && (!syn->options_length || mss_1460_only(syn)))
				tags |= 1 << ZMAP;
			if (syn->options_length == 12 && syn->options[0] == MSS_1460 && syn->options[1] == 0x01030308 &&
			    syn->options[2] == 0x01010402)
				tags |= 1 << ZMAP4;
		}
		if (window == 16384 && syn->sport == 6000 && syn->ip_id == 256 && !(seq & 0xffff))
			tags |= 1 << SPORT6000;
		if (window == 1024 && syn->dont_fragment && seq < 1 << 24 && mss_1460_only(syn))
			tags |= 1 << NAABU;
	} else if (window == 1024 && !syn->options_length && syn->ttl > 200) {
		tags |= 1 << MASSCAN;
	}
	if (window == 14600 && seq && (!(seq & 0xffff) || !(seq >> 16)))
		tags |= 1 << HAJIME;
	if (window == 512 && syn->ack && !syn->options_length)
		tags |= 1 << HPING3;
	if (!(window & 0x3ff) && window >= 1024 && window <= 4096 && mss_1460_only(syn) &&
	    (!syn->v4 || (!syn->dont_fragment && syn->ttl <= 64)))
		tags |= 1 << NMAP;
	if (window == 4128 && syn->options_length == 4 && syn->options[0] >> 16 == 0x0204 && syn->ttl > 200)
		tags |= 1 << UNICORNSCAN;
	return tags;
}

static __always_inline __u32 primary(__u32 tags)
{
	static const __u8 precedence[] = { MIRAI, ZMAP, MASSCAN, SPORT6000, HPING3, NMAP, UNICORNSCAN, NAABU, HAJIME, ZMAP4 };

	if (likely(!tags))
		return OTHER;
#pragma unroll
	for (int i = 0; i < sizeof(precedence); i++)
		if (tags & 1 << precedence[i])
			return precedence[i];
	return OTHER;
}

// ---- filters

static __always_inline __u64 word_of(void *map, __u32 index)
{
	__u64 *word = bpf_map_lookup_elem(map, &index);

	return word ? *word : 0;
}

static __always_inline bool within(void *blocks, void *prefixes, bool v4, __u64 high, __u64 low)
{
	struct prefix key = { .bits = 192 };

	if (v4) {
		__u32 address = low, cover = word_of(blocks, address >> 21) >> (address >> 16) % 32 * 2 & 3;
		__u64 hash, bits;

		if (likely(cover != SOME))
			return cover == ALL;
		hash = (address >> 8) * 0x9e3779b97f4a7c15ull;
		bits = 1ull << (hash >> (58 - BLOOM_BITS) & 63) | 1ull << (hash >> (52 - BLOOM_BITS) & 63);
		if (likely((word_of(blocks, BLOOM + (hash >> (64 - BLOOM_BITS))) & bits) != bits))
			return false;
		cover = word_of(blocks, BLOCKS + (address >> 13)) >> (address >> 8) % 32 * 2 & 3;
		if (likely(cover != SOME))
			return cover == ALL;
		key.words[1] = bpf_htonl(4);
		key.words[2] = bpf_htonl(low);
	} else {
		key.words[1] = bpf_htonl(6);
		key.words[2] = bpf_htonl(high >> 32);
		key.words[3] = bpf_htonl(high);
		key.words[4] = bpf_htonl(low >> 32);
		key.words[5] = bpf_htonl(low);
	}
	return bpf_map_lookup_elem(prefixes, &key);
}

// Whether a filter takes the SYN out, and which.
static __always_inline bool filtered(const struct syn *syn, enum reason *reason)
{
	if (FILTER_DESTINATIONS && !within(&DESTINATION_BLOCKS, &DESTINATIONS, syn->v4, syn->dst_high, syn->dst_low)) {
		*reason = BY_DESTINATION;
		return true;
	}
	if (FILTER_SOURCES && within(&SOURCE_BLOCKS, &SOURCES, syn->v4, syn->src_high, syn->src_low)) {
		*reason = BY_SOURCE;
		return true;
	}
	if (FILTER_PORTS) {
		__u32 word = syn->dport / 64;
		__u64 *bits = bpf_map_lookup_elem(&WATCHED_PORTS, &word);

		if (!bits || !(*bits >> syn->dport % 64 & 1)) {
			*reason = BY_PORT;
			return true;
		}
	}
	return false;
}

// ---- sources

static __always_inline void sketch(const struct run *run, __u32 family, const struct syn *syn, __u64 seed)
{
	__u64 x = (syn->src_low ^ seed) * 0x9e3779b97f4a7c15ull ^ syn->src_high, rest, held, *word;
	__u32 index, shift, rank = 1;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	x ^= x >> 31;
	rest = x >> SKETCH_BITS | 1ull << (64 - SKETCH_BITS);
	x &= (1 << SKETCH_BITS) - 1;
	index = (run->part * FAMILY_SLOTS + family) * SKETCH_WORDS + x / 8;
	word = bpf_map_lookup_elem(&SKETCHES, &index);
	if (!word)
		return;
	shift = x % 8 * 8;
	held = *word >> shift & 0xff;
	// The rank is more than what is held if that many low bits are zero. Mostly they are not, and then nobody has to
	// know where the first one is.
	if (likely(rest & ((1ull << (held & 63)) - 1)))
		return;
	while (!(rest & 1) && rank < 49) {
		rest >>= 1;
		rank++;
	}
	*word += (rank - held) << shift;
}

static __always_inline __u32 flow_key(const struct syn *syn, __u32 family)
{
	return syn->dport | family << HEAD_FAMILY | (syn->v4 ? 0 : HEAD_V6);
}

// Hands a flow over to user space. False when the ring is full.
static __always_inline bool emit(__u32 cpu, const struct flow *flow)
{
	__u32 bits = RING_BITS, kernels = cpu * 2, readers = cpu * 2 + 1, index;
	struct position *ours = bpf_map_lookup_elem(&POSITIONS, &kernels), *theirs;
	struct flow *record;
	__u64 at;

	if (!ours)
		return false;
	at = ours->at;
	if (unlikely(at - ours->seen >= 1ull << bits)) {
		theirs = bpf_map_lookup_elem(&POSITIONS, &readers);
		if (!theirs)
			return false;
		ours->seen = *(volatile __u64 *)&theirs->at;
		if (at - ours->seen >= 1ull << bits)
			return false;
	}
	index = cpu << bits | ((__u32)at & ((1u << bits) - 1));
	record = bpf_map_lookup_elem(&RECORDS, &index);
	if (!record)
		return false;
	*record = *flow;
	asm volatile("" ::: "memory");
	if (WEAKLY_ORDERED)
		__sync_fetch_and_add(&ours->at, 1);
	else
		*(volatile __u64 *)&ours->at = at + 1;
	return true;
}

static __always_inline void record(const struct run *run, const struct syn *syn, __u32 family, __u32 tags)
{
	__u32 bits = FLOW_BITS, key = flow_key(syn, family), sample = SAMPLE, place, tick, head;
	__u64 seed = SEED, mixed;
	struct flow *flow;

	if (!bits)
		return;
	if (sample > 1) {
		sketch(run, family, syn, seed);
		if (bpf_get_prandom_u32() % sample) {
			count(run, SAMPLED_OUT, 1, 0);
			return;
		}
	}
	mixed = syn->src_low ^ (__u64)key << 32 ^ (syn->src_high << 21 | syn->src_high >> 43) ^ seed;
	place = run->part << bits | (__u32)(mixed * 0x9e3779b97f4a7c15ull >> (64 - bits));
	flow = bpf_map_lookup_elem(&FLOWS, &place);
	if (!flow)
		return;
	tick = bpf_jiffies64();
	if (likely(flow->packets)) {
		if (flow->src_low == syn->src_low && (flow->head & HEAD_KEY) == key && flow->src_high == syn->src_high) {
			flow->packets++;
			flow->tags |= tags;
			flow->last_tick = tick;
			if (flow->last_seq != syn->seq)
				flow->head |= HEAD_SEQ_VARIES;
			flow->last_seq = syn->seq;
			flow->last_dst = syn->dst_low;
			flow->last_sport = syn->sport;
			return;
		}
		if (unlikely(!emit(run->cpu, flow)))
			count(run, LOST, 1, flow->packets);
	}
	head = key | run->generation << HEAD_GENERATION | (syn->dont_fragment ? HEAD_DONT_FRAGMENT : 0);
	*flow = (struct flow){
		.src_high = syn->src_high,
		.src_low = syn->src_low,
		.head = head,
		.window = syn->window,
		.ttl = syn->ttl,
		.options_length = syn->options_length,
		.packets = 1,
		.tags = tags,
		.ip_id = syn->ip_id,
		.first_tick = tick,
		.last_tick = tick,
		.first_seq = syn->seq,
		.last_seq = syn->seq,
		.first_dst = syn->dst_low,
		.last_dst = syn->dst_low,
		.first_sport = syn->sport,
		.last_sport = syn->sport,
		.options_head = syn->options[0],
	};
	if (sample <= 1)
		sketch(run, family, syn, seed);
}

// ---- a SYN's way

static __always_inline enum disposition take(const struct run *run, struct syn *syn)
{
	__u32 tags, family, secondary, index;
	enum reason reason;
	__u64 *counter;

	if (filtered(syn, &reason)) {
		count(run, FILTERED_COUNTERS + reason, 1, 0);
		return FILTERED;
	}
	if (TRANSLATE && syn->v4) {
		__u32 local = syn->dst_low, at = local * TRANSLATE >> (32 - TRANSLATE_BITS);
		struct translations *bucket = bpf_map_lookup_elem(&PUBLIC_ADDRESSES, &at);

		if (bucket) {
#pragma unroll
			for (int i = 0; i < 2; i++)
				if (bucket->pairs[i] >> 32 == local && bucket->pairs[i])
					syn->dst_low = (__u32)bucket->pairs[i];
		}
	}
	tags = marks(syn);
	family = primary(tags);
	if (!(WATCHED_FAMILIES >> family & 1)) {
		count(run, FILTERED_COUNTERS + BY_FAMILY, 1, 0);
		return FILTERED;
	}

	index = (run->part * PORT_ROWS + syn->dport) * FAMILY_SLOTS + family;
	counter = bpf_map_lookup_elem(&PORTS, &index);
	if (counter)
		++*counter;
	if (SLOTS > 1)
		count(run, FAMILY_COUNTERS + family, 1, 0);
	if (!syn->v4)
		count(run, V6_COUNTERS + family, 1, 0);
	secondary = tags & ~(1u << family);
	if (unlikely(secondary)) {
#pragma unroll
		for (__u32 other = MIRAI; other <= SPORT6000; other++)
			if (secondary & 1 << other)
				count(run, SECONDARY_COUNTERS + other, 1, 0);
	}
	record(run, syn, family, tags);
	return SYN;
}

// For frames that are seldom: one copy that all their ways share.
static __noinline int take_seldom(const struct run *run, struct syn *syn)
{
	return run && syn ? take(run, syn) : MALFORMED;
}

// ---- dissection

// `size` bytes at `offset`: in the first buffer, or copied from wherever they are. NULL when they are not there.
static __always_inline const void *at(struct xdp_md *ctx, bool in_place, __u32 offset, void *copy, __u32 size)
{
	if (in_place) {
		const void *start = (void *)(long)ctx->data + offset;

		return start + size > (void *)(long)ctx->data_end ? NULL : start;
	}
	return bpf_xdp_load_bytes(ctx, offset, copy, size) ? NULL : copy;
}

// Whether the frame goes as far as this; in place, only whether the first buffer does.
static __always_inline bool reaches(struct xdp_md *ctx, bool in_place, __u32 offset)
{
	if (in_place)
		return (void *)(long)ctx->data + offset <= (void *)(long)ctx->data_end;
	return bpf_xdp_get_buff_len(ctx) >= offset;
}

// In place, MALFORMED also says: not here, look at the whole frame.
static __always_inline enum disposition tcp_header(struct xdp_md *ctx, bool in_place, const struct transport *there,
						   struct syn *syn)
{
	struct tcphdr tcp_copy;
	__be32 options_copy[3];
	const struct tcphdr *tcp;
	const __be32 *options;
	__u8 flags, words;

	if (there->payload < sizeof(*tcp))
		return there->more_fragments ? FRAGMENT : MALFORMED;
	tcp = at(ctx, in_place, there->offset, &tcp_copy, sizeof(*tcp));
	if (!tcp)
		return MALFORMED;
	flags = ((const __u8 *)tcp)[13];
	// SYN set; ACK, RST and FIN clear.
	if ((flags & 0x17) != 0x02)
		return TCP_OTHER;
	syn->sport = bpf_ntohs(tcp->source);
	syn->dport = bpf_ntohs(tcp->dest);
	syn->seq = bpf_ntohl(tcp->seq);
	syn->ack = bpf_ntohl(tcp->ack_seq);
	syn->window = bpf_ntohs(tcp->window);
	syn->options[0] = syn->options[1] = syn->options[2] = 0;
	words = ((const __u8 *)tcp)[12] >> 4;
	syn->options_length = words < 5 ? OPTIONS_IMPOSSIBLE : (words - 5) * 4;
	if (words == 8) {
		if (there->payload >= sizeof(*tcp) + 12) {
			options = at(ctx, in_place, there->offset + sizeof(*tcp), options_copy, 12);
			if (options) {
				syn->options[0] = bpf_ntohl(options[0]);
				syn->options[1] = bpf_ntohl(options[1]);
				syn->options[2] = bpf_ntohl(options[2]);
			} else if (in_place) {
				return MALFORMED;
			}
		}
	} else if (words > 5) {
		if (there->payload >= sizeof(*tcp) + 4) {
			options = at(ctx, in_place, there->offset + sizeof(*tcp), options_copy, 4);
			if (options)
				syn->options[0] = bpf_ntohl(options[0]);
			else if (in_place)
				return MALFORMED;
		}
	}
	return SYN;
}

static __always_inline enum disposition ipv4(struct xdp_md *ctx, bool in_place, __u32 offset, struct syn *syn)
{
	struct iphdr copy;
	const struct iphdr *ip = at(ctx, in_place, offset, &copy, sizeof(copy));
	__u32 header, total;
	struct transport there;
	__u8 first;

	if (!ip)
		return MALFORMED;
	first = *(const __u8 *)ip;
	header = (first & 15) * 4;
	if (first >> 4 != 4 || header < sizeof(*ip) || !reaches(ctx, in_place, offset + header))
		return MALFORMED;
	total = bpf_ntohs(ip->tot_len);
	// Segmentation offload leaves it 0.
	if (total && total < header)
		return MALFORMED;
	if (ip->frag_off & bpf_htons(0x1fff))
		return FRAGMENT;
	if (ip->protocol != IPPROTO_TCP) {
		if (ip->protocol == IPPROTO_UDP)
			return UDP;
		return ip->protocol == IPPROTO_ICMP ? ICMP : OTHER_IP;
	}
	syn->v4 = true;
	syn->src_high = syn->dst_high = 0;
	syn->src_low = bpf_ntohl(ip->saddr);
	syn->dst_low = bpf_ntohl(ip->daddr);
	syn->ip_id = bpf_ntohs(ip->id);
	syn->ttl = ip->ttl;
	syn->dont_fragment = ip->frag_off & bpf_htons(0x4000);
	there.offset = offset + header;
	there.payload = total ? total - header : UNLIMITED;
	there.more_fragments = ip->frag_off & bpf_htons(0x2000);
	return tcp_header(ctx, in_place, &there, syn);
}

static __always_inline enum disposition ipv6(struct xdp_md *ctx, bool in_place, __u32 offset, struct syn *syn)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = at(ctx, in_place, offset, &copy, sizeof(copy));
	struct transport there = {};
	const __be64 *addresses;
	__u8 next;

	if (!ip || *(const __u8 *)ip >> 4 != 6)
		return MALFORMED;
	addresses = (const __be64 *)&ip->saddr;
	syn->v4 = syn->dont_fragment = false;
	syn->ip_id = 0;
	syn->src_high = bpf_be64_to_cpu(addresses[0]);
	syn->src_low = bpf_be64_to_cpu(addresses[1]);
	syn->dst_high = bpf_be64_to_cpu(addresses[2]);
	syn->dst_low = bpf_be64_to_cpu(addresses[3]);
	syn->ttl = ip->hop_limit;
	next = ip->nexthdr;
	// 0 stands for a jumbogram, or for segmentation offload.
	there.payload = ip->payload_len ? bpf_ntohs(ip->payload_len) : UNLIMITED;
	there.offset = offset + sizeof(*ip);
#pragma unroll
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		__u8 header_copy[4];
		const __u8 *header;
		__u32 length;

		if (likely(next == IPPROTO_TCP))
			break;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_FRAGMENT && next != IPPROTO_AH &&
		    next != IPPROTO_DSTOPTS && next != IPPROTO_MH && next != 139 && next != 140)
			break;
		header = at(ctx, in_place, there.offset, header_copy, 4);
		if (!header)
			return MALFORMED;
		if (next == IPPROTO_FRAGMENT) {
			if (header[2] || header[3] & 0xf8)
				return FRAGMENT;
			there.more_fragments |= header[3] & 1;
			length = 8;
		} else if (next == IPPROTO_AH) {
			length = (header[1] + 2) * 4;
		} else {
			length = (header[1] + 1) * 8;
		}
		if (there.payload < length || !reaches(ctx, in_place, there.offset + length))
			return MALFORMED;
		if (there.payload != UNLIMITED)
			there.payload -= length;
		next = header[0];
		there.offset += length;
	}
	if (next == IPPROTO_TCP)
		return tcp_header(ctx, in_place, &there, syn);
	if (next == IPPROTO_UDP)
		return UDP;
	return next == IPPROTO_ICMPV6 ? ICMP : OTHER_IP;
}

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(0x8100) || type == bpf_htons(0x88a8);
}

// What the network header is, and where. False when the frame ends before it says so.
static __always_inline bool ethernet(struct xdp_md *ctx, bool in_place, __be16 *type, __u32 *offset)
{
	__u8 copy[14];
	const __u8 *header = at(ctx, in_place, 0, copy, sizeof(copy));

	*offset = sizeof(copy);
	if (!header)
		return false;
	*type = *(const __be16 *)(header + 12);
#pragma unroll
	for (int tags = 0; tags < 2; tags++) {
		if (likely(!is_tag(*type)))
			break;
		header = at(ctx, in_place, *offset, copy, 4);
		if (!header)
			return false;
		*type = *(const __be16 *)(header + 2);
		*offset += 4;
	}
	return true;
}

// A frame with headers beyond its first buffer, or one that really is malformed.
static __noinline int look_at_all(struct xdp_md *ctx, struct syn *syn)
{
	__u32 offset;
	__be16 type;

	if (!ctx || !syn || !ethernet(ctx, false, &type, &offset))
		return MALFORMED;
	if (type == bpf_htons(0x0800))
		return ipv4(ctx, false, offset, syn);
	return type == bpf_htons(0x86dd) ? ipv6(ctx, false, offset, syn) : NON_IP;
}

SEC("xdp.frags")
int honeyxdp(struct xdp_md *ctx)
{
	enum disposition disposition;
	struct run run;
	struct syn syn;
	__u32 offset, slot = 0;
	__be16 type;

	run.cpu = bpf_get_smp_processor_id();
	run.generation = GENERATION;
	run.part = run.generation * CPUS + run.cpu;
	if (SLOTS > 1) {
#pragma unroll
		for (int i = MAX_INTERFACES - 1; i >= 0; i--)
			if (INTERFACE_SLOTS[i] == ctx->ingress_ifindex)
				slot = i;
	}
	run.interface = (run.part * MAX_INTERFACES + slot) * INTERFACE_COUNTERS;

	if (unlikely(!ethernet(ctx, true, &type, &offset))) {
		disposition = MALFORMED;
	} else if (likely(type == bpf_htons(0x0800))) {
		disposition = ipv4(ctx, true, offset, &syn);
		if (likely(disposition == SYN))
			disposition = take(&run, &syn);
	} else if (type == bpf_htons(0x86dd)) {
		disposition = ipv6(ctx, true, offset, &syn);
		if (likely(disposition == SYN))
			disposition = take(&run, &syn);
	} else {
		disposition = NON_IP;
	}
	if (unlikely(disposition == MALFORMED)) {
		// Not the one above: that lies in registers as long as nobody has its address.
		struct syn seldom = {};

		disposition = look_at_all(ctx, &seldom);
		if (disposition == SYN)
			disposition = take_seldom(&run, &seldom);
	}

	count(&run, disposition, 1, bpf_xdp_get_buff_len(ctx));
	return disposition == SYN && DROP_COUNTED ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
