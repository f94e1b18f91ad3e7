//! A snapshot as people read it.

mod format;
mod line;
mod screen;
mod table;

pub use format::{count, rate};
pub use line::line;
pub use screen::Screen;
pub use table::{Room, table, totals};
