//! Download commands in a payload: a command line of wget, curl, tftp or ftpget.

mod command;
mod decode;
mod target;

/// Maximum length of a host, path or file name, bytes.
pub const LONGEST: usize = 255;

/// A download program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// GNU or busybox wget, including the form of some routers: `wget -g HOST -l LOCAL -r REMOTE`.
    Wget,
    /// curl.
    Curl,
    /// A TFTP client: `tftp -g -r FILE HOST`, `tftp HOST -c get FILE`.
    Tftp,
    /// busybox ftpget: `ftpget HOST [LOCAL] REMOTE`.
    Ftpget,
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Wget, Self::Curl, Self::Tftp, Self::Ftpget];

    /// The name of the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wget => "wget",
            Self::Curl => "curl",
            Self::Tftp => "tftp",
            Self::Ftpget => "ftpget",
        }
    }
}

/// A download: attacker-controlled text after the encodings of HTTP, XML and the shell are removed. It may contain any
/// character, so escape it for display. Invalid UTF-8 becomes U+FFFD. No text is longer than [`LONGEST`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dropper {
    /// The program.
    pub tool: Tool,
    /// IPv4 address or name as written, or an IPv6 address without brackets.
    pub host: String,
    /// Port, if given.
    pub port: Option<u16>,
    /// Path with its query; empty if absent or truncated.
    pub path: String,
    /// Last component of the path without the query; may be empty.
    pub file: String,
}

/// The first download command in these parts of a payload. No command crosses the end of a part.
pub(crate) fn find(parts: &[&[u8]]) -> Option<Dropper> {
    parts.iter().find_map(|part| command::find(&decode::decode(part)))
}
