//! Reports from an archive of honeyxdp. The command line is in [`cli`].

pub mod address_set;
pub mod campaigns;
#[cfg(feature = "engine")]
pub mod cli;
#[cfg(feature = "engine")]
pub mod cluster;
pub mod compare;
pub mod escape;
pub mod flows;
pub mod period;
#[cfg(feature = "engine")]
pub mod report;
mod rules_file;
pub mod view;
