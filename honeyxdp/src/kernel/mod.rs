//! The kernel's side, seen from user space: load the program, attach it, read its maps.

mod attach;
mod filters;
mod installation;
mod interfaces;
mod map_set;
mod maps;
mod mode;
pub mod pins;
mod program;
mod responder;
mod rights;
mod syscall;
pub mod trace;
mod translation;

pub(crate) use attach::program_name;
pub use attach::{AttachError, Attachment, attach};
pub use filters::FilterMapsError;
pub use installation::{Change, InstallError, Installation, Plan};
pub use interfaces::{Interface, InterfaceError, Interfaces};
pub use map_set::{MapSet, MapSetError};
pub use maps::{Cut, Events, InterfaceCounts, Maps, MapsError, Sizes};
pub use mode::{Mode, ModeChoice};
pub use program::{LoadError, OBJECT, Options, Program};
pub(crate) use program::{OLDEST_KERNEL, OLDEST_SUPPORTED, release, version};
pub use rights::Rights;
pub use rights::needed as needed_capabilities;
pub(crate) use rights::{current as rights, list};
