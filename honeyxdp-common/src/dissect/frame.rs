//! How the bytes of a frame are reached.

/// The bytes of a frame, however they are reached.
///
/// Two ways in, because the kernel has two: direct access needs an offset that is constant once the code is inlined (a
/// program without CAP_PERFMON may not add a variable to a packet pointer) and reaches only the first buffer; a helper
/// call costs more and reaches everything.
pub trait Frame {
    /// Bytes in the frame, all its buffers together, without the check sequence.
    fn len(&self) -> usize;

    /// The `N` bytes at `offset`, which must be constant once inlined. `None` when they are not there or cannot be
    /// reached this way: what then looks [`Disposition::Malformed`] may be whole when it is read by [`Frame::any`].
    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// The `N` bytes at `offset`; `None` only when the frame ends before.
    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Frame for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.any(offset)
    }

    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}
