//! honeyxdp's XDP program: dissect, filter, fingerprint, count and record every frame. Optionally it answers SYNs and captures
//! first payloads ([`responder`]).
//!
//! Loading needs CAP_BPF and CAP_NET_ADMIN, and before Linux 6.18 CAP_PERFMON. Every option is a constant in .rodata, so the
//! verifier removes the code of options that are off.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod bound;
mod count;
mod element;
mod filter;
mod flow;
mod frame;
mod limit;
mod payload;
mod responder;
mod ring;
mod shard;
mod sketch;
mod trace;

use aya_ebpf::{Global, bindings::xdp_action, macros::xdp, programs::XdpContext};
use honeyxdp_common::{
    Disposition, Frame, Syn, dissect,
    dissect::{Sink, ethernet},
    fingerprints,
};

use crate::{
    count::Counters,
    frame::{Copied, Direct},
    shard::Shard,
};

/// Whether counted SYNs are dropped. All other frames pass.
#[unsafe(no_mangle)]
static DROP_COUNTED: Global<u32> = Global::new(0);

/// `frags`: jumbo frames span several buffers.
#[xdp(frags)]
#[inline(always)]
pub fn honeyxdp(ctx: XdpContext) -> u32 {
    let run = Run::begin(&ctx);
    let frame = Direct::new(&ctx);
    let disposition = match ethernet(&frame, run) {
        // Direct access misses headers behind options or outside the first buffer: dissect again by the helper.
        Disposition::Malformed => match dissect(&Copied(frame)) {
            Ok(syn) => run.take(syn),
            Err(disposition) => disposition,
        },
        other => other,
    };
    run.finish(&frame, disposition)
}

/// The responder and payload capture, a second program.
#[xdp(frags)]
#[inline(always)]
pub fn responder(ctx: XdpContext) -> u32 {
    responder::handle(&ctx)
}

/// The XDP action for a frame.
#[inline(always)]
fn verdict(is_counted_syn: bool) -> u32 {
    if is_counted_syn && DROP_COUNTED.load() != 0 { xdp_action::XDP_DROP } else { xdp_action::XDP_PASS }
}

/// One run of the program.
#[derive(Clone, Copy)]
struct Run<'a> {
    ctx: &'a XdpContext,
    shard: Shard,
    counters: Counters,
}

impl<'a> Run<'a> {
    #[inline(always)]
    fn begin(ctx: &'a XdpContext) -> Self {
        let shard = Shard::of_this_run();
        Self { ctx, shard, counters: Counters::new(ctx, shard) }
    }

    /// Counts the frame and returns its XDP action.
    #[inline(always)]
    fn finish(self, frame: &impl Frame, disposition: Disposition) -> u32 {
        self.counters.frame(frame, disposition);
        if responder::is_on() && matches!(disposition, Disposition::Syn | Disposition::TcpOther) {
            responder::call(self.ctx);
        }
        verdict(matches!(disposition, Disposition::Syn))
    }
}

impl Sink for Run<'_> {
    /// Counts a SYN that no filter excludes.
    #[inline(always)]
    fn take(self, syn: Syn) -> Disposition {
        if let Some(reason) = filter::of_headers(&syn) {
            self.counters.filtered(reason);
            return Disposition::Filtered;
        }
        let syn = filter::public(syn);
        let matched = fingerprints::matching(&syn);
        let family = fingerprints::primary(matched);
        if let Some(reason) = filter::of_family(family) {
            self.counters.filtered(reason);
            return Disposition::Filtered;
        }
        self.counters.syn(&syn, family, matched);
        flow::record(self.counters, self.shard, &syn, family, matched);
        responder::expect(&syn);
        trace::matched(self.ctx, &syn, family);
        Disposition::Syn
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // Unreachable: the compiler removes it, and the verifier would reject it.
    loop {}
}

// "Dual MIT/GPL": GPL-only helpers require a GPL-compatible license string.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
