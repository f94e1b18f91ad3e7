//! XDP attach modes.

use std::{fmt, str::FromStr};

/// An attach mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, before the kernel makes a socket buffer.
    Native,
    /// In the network stack, on socket buffers: every interface, but slower.
    Generic,
}

impl Mode {
    /// Name in the snapshot.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    /// XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE of linux/if_link.h.
    pub(super) const fn flags(self) -> u32 {
        match self {
            Self::Native => 1 << 2,
            Self::Generic => 1 << 1,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The mode that the operator requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeChoice {
    /// Native if the driver supports it, else generic with a warning.
    #[default]
    Auto,
    /// Only this mode.
    Only(Mode),
}

impl FromStr for ModeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Only(Mode::Native)),
            "generic" => Ok(Self::Only(Mode::Generic)),
            _ => Err("must be auto, native or generic".to_owned()),
        }
    }
}
