// SPDX-License-Identifier: MIT OR GPL-2.0
// Makes every frame a fresh SYN with Mirai's mark, and hands it on: to the program in `NEXT`, or else to the wire.
//
// A program that is measured on one and the same frame finds every counter, flow and branch as it left them. Here caches
// and predictors meet what they meet in life. The frame that comes in is the template: Ethernet, IPv4 without options, TCP.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Whether sources come in turn, each once before the first comes again; else by chance.
volatile const __u32 IN_TURN = 0;
// How many different sources there are, less one. By chance: a mask, so a power of two less one.
volatile const __u32 LAST_SOURCE = 0xffffffff;
// Destination ports are below this number.
volatile const __u32 PORTS = 64;

// Frames made so far; user space reads it.
__u64 MADE;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} NEXT SEC(".maps");

SEC("xdp.frags")
int generator(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u64 made = MADE;
	__u32 source, other;

	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	if (IN_TURN) {
		// From 1 on: of source 0 everything would be 0, and a destination of 0 carries no mark.
		source = made % ((__u64)LAST_SOURCE + 1) + 1;
		// A source always knocks at the same port, so there are as many flows as sources.
		other = source * 0x85ebca6b;
	} else {
		__u32 random = bpf_get_prandom_u32();

		source = random & LAST_SOURCE;
		other = random * 0x85ebca6b;
	}
	MADE = made + 1;
	// Multiplying by an odd number keeps different sources different, and spreads few of them over all addresses.
	ip->saddr = bpf_htonl(source * 0x9e3779b1);
	ip->daddr = bpf_htonl(other);
	tcp->seq = bpf_htonl(other);
	tcp->dest = bpf_htons((other >> 8) % PORTS);
	bpf_tail_call(ctx, &NEXT, 0);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
