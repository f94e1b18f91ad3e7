//! Capture files: the same dissection and the same marks, without the kernel.

mod capture;
mod flows;
mod link;
mod pipeline;

pub use capture::{CaptureError, Format, Packet, Reason, Summary, Time, read};
pub use link::{LinkType, dissect};
pub use pipeline::Pipeline;
