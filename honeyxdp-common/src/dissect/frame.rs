//! Access to the bytes of a frame.

/// The bytes of a frame.
///
/// There are two access paths, as in the kernel. Direct access needs an offset that is constant after inlining (without
/// CAP_PERFMON the verifier rejects a variable added to a packet pointer) and reaches only the first buffer. A helper call
/// costs more and reaches everything.
pub trait Frame {
    /// Length of the frame in bytes over all its buffers, without the frame check sequence.
    fn len(&self) -> usize;

    /// The `N` bytes at `offset`, which must be constant after inlining. `None` if they are missing or not directly
    /// accessible: a frame that then looks malformed may be complete when read by [`Frame::any`].
    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// The `N` bytes at `offset`; `None` only if the frame is shorter.
    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Whether the frame has no bytes.
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
