//! Capture files: the same dissection and the same marks, without the kernel.

mod capture;
mod link;

pub use capture::{CaptureError, Format, Packet, Reason, Summary, Time, read};
pub use link::{LinkType, dissect};
