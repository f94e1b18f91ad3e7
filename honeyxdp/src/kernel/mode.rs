//! Where an XDP program can run.

use std::{fmt, str::FromStr};

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, before the kernel makes a socket buffer.
    Native,
    /// In the network stack, on socket buffers: on every interface, and slower.
    Generic,
}

impl Mode {
    /// As the snapshot has it.
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

/// Which mode the operator asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeChoice {
    /// Native if the driver can, else generic and a warning.
    #[default]
    Auto,
    /// This one or none.
    Only(Mode),
}

impl FromStr for ModeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Only(Mode::Native)),
            "generic" => Ok(Self::Only(Mode::Generic)),
            _ => Err("it is one of auto, native, generic".to_owned()),
        }
    }
}
