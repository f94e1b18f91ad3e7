//! Questions to an archive of honeyxdp. The command line is in [`cli`].

pub mod campaigns;
pub mod cli;
pub mod cluster;
pub mod compare;
pub mod escape;
pub mod flows;
pub mod period;
pub mod report;
mod rules_file;
pub mod sources;
pub mod view;
