//! Access to the kernel: load the XDP program, attach it, read its maps. Knows no statistics and no outlets.

mod attach;
mod filters;
mod installation;
mod interfaces;
mod map_set;
mod maps;
mod memory;
mod mode;
pub mod pins;
mod program;
mod responder;
mod rights;
mod syscall;
pub mod trace;
mod translation;
mod version;

pub(crate) use attach::program_name;
pub use attach::{AttachError, Attachment, attach};
pub use filters::FilterMapsError;
pub use installation::{Change, InstallError, Installation, Plan};
pub use interfaces::{Interface, InterfaceError, Interfaces};
pub use map_set::{MapSet, MapSetError};
pub use maps::{Events, Flip, InterfaceCounts, Maps};
pub use memory::{MapsError, Sizes};
pub use mode::{Mode, ModeChoice};
pub use program::{LoadError, OBJECT, Options, Program};
pub use rights::Rights;
pub use rights::needed as needed_capabilities;
pub(crate) use rights::{current as rights, list};
pub(crate) use version::{OLDEST_KERNEL, OLDEST_SUPPORTED, release, version};
