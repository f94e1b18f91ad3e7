//! Research scanners: sources of one network that use one tool, and how regularly they scan.
//!
//! [`known`] reads the list of known scanners. [`find`] reads an archive once and collects one [`group`] per known scanner and one
//! per other network and tool. [`cadence`] finds how regularly a group scans. [`result`] is the JSON output, [`table`] the text.

mod cadence;
mod find;
mod group;
pub mod known;
mod result;
mod table;

pub use find::{CampaignOptions, find};
pub use result::Campaigns;
pub use table::show;
