//! Surveys: who scans from one network with one tool, and how regularly.
//!
//! [`rules`] names the surveys that are known; [`find`] reads an archive once and gathers [`group`]s, those of known surveys and
//! one for each other network and tool; [`cadence`] tells how regularly a group comes. [`result`] is what comes out,
//! [`table`] how it is shown.

mod cadence;
mod find;
mod group;
mod result;
pub mod rules;
mod table;

pub use find::{Question, find};
pub use result::Campaigns;
pub use table::show;
