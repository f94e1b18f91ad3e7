//! Access to the frame in the XDP context.

use core::{ffi::c_void, mem::MaybeUninit};

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use honeyxdp_common::Frame;

/// Direct packet access, at constant offsets in the first buffer.
#[derive(Clone, Copy)]
pub(crate) struct Direct<'a> {
    ctx: &'a XdpContext,
    len: usize,
}

impl<'a> Direct<'a> {
    #[inline(always)]
    pub(crate) fn new(ctx: &'a XdpContext) -> Self {
        // Not `data_end - data`, which covers only the first buffer and needs CAP_PERFMON.
        // SAFETY: the context is the kernel's own.
        let len = unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) } as usize;
        Self { ctx, len }
    }
}

impl Frame for Direct<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = self.ctx.data() + offset;
        if start + N > self.ctx.data_end() {
            return None;
        }
        // SAFETY: the verifier accepts the load only because the comparison above keeps it inside the frame.
        Some(unsafe { (start as *const [u8; N]).read() })
    }

    /// Always `None`: [`Copied`] reads variable offsets. This keeps code for rare headers out of the fast paths, and cuts
    /// verification time to a third.
    #[inline(always)]
    fn any<const N: usize>(&self, _: usize) -> Option<[u8; N]> {
        None
    }
}

/// The same frame read by the helper alone, at any offset and in any buffer.
pub(crate) struct Copied<'a>(pub(crate) Direct<'a>);

impl Frame for Copied<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len
    }

    #[inline(always)]
    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.any(offset)
    }

    #[inline(always)]
    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: the helper writes `N` bytes or fails; it checks the offset against the whole frame.
        let result = unsafe {
            bpf_xdp_load_bytes(self.0.ctx.as_ptr().cast(), offset as u32, bytes.as_mut_ptr().cast::<c_void>(), N as u32)
        };
        // SAFETY: the helper succeeded, so all `N` bytes are written.
        (result == 0).then(|| unsafe { bytes.assume_init() })
    }
}
