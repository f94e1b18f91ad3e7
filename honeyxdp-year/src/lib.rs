//! A year that never was: an archive shaped like the observations of 2019, and beside it what is in it.
//!
//! Everything follows from the seed. The truth is counted while the rows are made, with sorted lists and sets, and not by
//! asking the archive; so it is a second opinion about every number of the report. No address stands for anybody: they
//! are numbers drawn over the whole space of unicast addresses, and those of the surveys are reserved for documentation.

mod lists;
mod payloads;
mod population;
mod random;
mod surveys;
mod truth;
mod year;

pub use year::{Request, make};
