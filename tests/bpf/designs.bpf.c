// SPDX-License-Identifier: MIT OR GPL-2.0
// What honeyxdp is measured against: nothing at all, and the design that suggests itself.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

// What is known of a source.
struct source {
	__u64 first, last, packets;
	__u32 seq, family;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, struct source);
} SOURCES SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64[8]);
} PORTS SEC(".maps");

enum { OTHER, MIRAI, HAJIME, ZMAP, MASSCAN };

// Four marks, without the conditions that keep chance hits out.
static __always_inline __u32 family_of(const struct iphdr *ip, const struct tcphdr *tcp)
{
	__u32 seq = bpf_ntohl(tcp->seq);

	if (tcp->seq == ip->daddr)
		return MIRAI;
	if (tcp->window == bpf_htons(14600) && seq && (!(seq & 0xffff) || !(seq >> 16)))
		return HAJIME;
	if (ip->id == bpf_htons(54321))
		return ZMAP;
	if (bpf_ntohs(ip->id) == (__u16)(bpf_ntohl(ip->daddr) ^ bpf_ntohs(tcp->dest) ^ seq))
		return MASSCAN;
	return OTHER;
}

// The common design: counters per CPU for each port, and a hash that all CPUs share with an entry for each source, which
// drops the least recently used one when it is full. IPv4 alone, no filters, no fragments of frames.
SEC("xdp.frags")
int lru(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct source *known;
	struct tcphdr *tcp;
	__u64 *counters, now;
	__u32 family, port, src;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP || ip->ihl < 5 || (ip->frag_off & bpf_htons(0x1fff)))
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > end || !tcp->syn || tcp->ack)
		return XDP_PASS;
	family = family_of(ip, tcp);

	port = bpf_ntohs(tcp->dest);
	counters = bpf_map_lookup_elem(&PORTS, &port);
	if (counters)
		counters[family]++;

	src = ip->saddr;
	now = bpf_ktime_get_ns();
	known = bpf_map_lookup_elem(&SOURCES, &src);
	if (known) {
		known->last = now;
		known->packets++;
		known->seq = tcp->seq;
	} else {
		struct source fresh = {
			.first = now,
			.last = now,
			.packets = 1,
			.seq = tcp->seq,
			.family = family,
		};

		bpf_map_update_elem(&SOURCES, &src, &fresh, BPF_NOEXIST);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
