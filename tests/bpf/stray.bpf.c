// SPDX-License-Identifier: MIT OR GPL-2.0
// Somebody else's program on an interface: it passes everything.

__attribute__((section("xdp"), used)) int stray(void *context)
{
	return 2; // XDP_PASS
}

char _license[] __attribute__((section("license"), used)) = "GPL";
