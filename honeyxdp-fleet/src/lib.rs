//! Archives of many sensors: where they are ([`Place`]), and which of their files count ([`Object`]). The command line is in
//! [`cli`].

pub mod cli;
pub mod export;
pub mod fetch;
mod listing;
mod local;
mod place;
pub mod status;
pub mod upload;

pub use listing::Object;
pub use place::Place;
