//! honeyxdp's XDP program: a frame is read, filtered, gets its disposition, its marks, its count and its flow, and goes on. Where it
//! is told to, it answers, and keeps what comes first ([`responder`]).
//!
//! It needs CAP_BPF and CAP_NET_ADMIN and, from Linux 6.18 on, no more. Everything that could be switched is decided in .rodata when it is
//! loaded, so that the verifier removes what is off.
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
    shard::Part,
};

/// Whether a counted SYN is dropped; else it goes on like every other frame.
#[unsafe(no_mangle)]
static DROP_COUNTED: Global<u32> = Global::new(0);

/// `frags`: jumbo frames come in more than one buffer.
#[xdp(frags)]
#[inline(always)]
pub fn honeyxdp(ctx: XdpContext) -> u32 {
    let run = Run::begin(&ctx);
    let frame = Direct::new(&ctx);
    let disposition = match ethernet(&frame, run) {
        // It may only look cut: what is not in the first buffer, or behind options, cannot be read directly.
        Disposition::Malformed => match dissect(&Copied(frame)) {
            Ok(syn) => run.take(syn),
            Err(disposition) => disposition,
        },
        other => other,
    };
    run.finish(&frame, disposition)
}

/// What comes after the SYN, in a program of its own.
#[xdp(frags)]
#[inline(always)]
pub fn responder(ctx: XdpContext) -> u32 {
    responder::go_on(&ctx)
}

/// What becomes of a frame.
#[inline(always)]
fn verdict(is_counted_syn: bool) -> u32 {
    if is_counted_syn && DROP_COUNTED.load() != 0 { xdp_action::XDP_DROP } else { xdp_action::XDP_PASS }
}

/// One run of the program.
#[derive(Clone, Copy)]
struct Run<'a> {
    ctx: &'a XdpContext,
    part: Part,
    counters: Counters,
}

impl<'a> Run<'a> {
    #[inline(always)]
    fn begin(ctx: &'a XdpContext) -> Self {
        let part = Part::of_this_run();
        Self { ctx, part, counters: Counters::new(ctx, part) }
    }

    /// Counts the frame and lets it go on, or not.
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
    /// Counts a SYN, unless a filter takes it out.
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
        flow::record(self.counters, self.part, &syn, family, matched);
        responder::expect(&syn);
        trace::mark(self.ctx, &syn, family);
        Disposition::Syn
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // No path leads here: the compiler removes it, and the verifier would refuse it.
    loop {}
}

// Both halves: helpers that are free only to GPL programs ask for it, and Rust code is seldom GPL alone.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
