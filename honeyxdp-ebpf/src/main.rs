//! honeyxdp's XDP program: a frame is read, gets its disposition, its marks and its count, and goes on.
//!
//! It needs CAP_BPF and CAP_NET_ADMIN and no more. Everything that could be switched is decided in .rodata when it is
//! loaded, so that the verifier removes what is off.
#![no_std]
#![no_main]

mod count;
mod frame;
mod trace;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use honeyxdp_common::{Disposition, dissect, marks};

use crate::{
    count::Counters,
    frame::{Copied, Direct},
};

/// `frags`: jumbo frames come in more than one buffer.
#[xdp(frags)]
pub fn honeyxdp(ctx: XdpContext) -> u32 {
    let frame = Direct::new(&ctx);
    let counters = Counters::of_this_cpu(&ctx);
    let dissected = match dissect(&frame) {
        // It may only look cut: what is not in the first buffer cannot be read directly.
        Err(Disposition::Malformed) => dissect(&Copied(frame)),
        other => other,
    };
    match dissected {
        Ok(syn) => {
            let tags = marks::tags(&syn);
            let family = marks::primary(tags);
            counters.syn(&syn, family, tags);
            counters.frame(&frame, Disposition::Syn);
            trace::mark(&ctx, &syn, family);
        }
        Err(disposition) => counters.frame(&frame, disposition),
    }
    xdp_action::XDP_PASS
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
