//! Snapshots and live views as tables and lines for people.

mod format;
mod line;
mod live;
mod payloads;
mod screen;
mod table;
pub mod top;

pub use format::{count, duration, rate};
pub use line::line;
pub use live::live;
pub use screen::Screen;
pub use table::{Room, table, totals};
