//! Frames that kernel and host are tested with, and another parser to ask about them.
//!
//! A crate of its own, because the fuzz targets take them too, and need nothing else of the lab.

pub mod craft;
pub mod named;
pub mod peer;
pub mod random;
