//! Orders to fetch a file: a command line of wget, curl, tftp or ftpget, somewhere in a payload.

mod command;
mod decode;
mod target;

/// The longest host, path and file name that are kept, bytes.
pub const LONGEST: usize = 255;

/// A program that fetches files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// GNU wget, or that of busybox, also in the form that some routers have: `wget -g HOST -l LOCAL -r REMOTE`.
    Wget,
    /// curl.
    Curl,
    /// A client of TFTP: `tftp -g -r FILE HOST`, `tftp HOST -c get FILE`.
    Tftp,
    /// That of busybox: `ftpget HOST [LOCAL] REMOTE`.
    Ftpget,
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Wget, Self::Curl, Self::Tftp, Self::Ftpget];

    /// Its name as a command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wget => "wget",
            Self::Curl => "curl",
            Self::Tftp => "tftp",
            Self::Ftpget => "ftpget",
        }
    }
}

/// What is fetched, and from where: text of an attacker, without the encodings of HTTP, XML and the shell. It can have any
/// characters; whoever shows it escapes it. Bytes that are no UTF-8 are U+FFFD. No text is longer than [`LONGEST`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dropper {
    /// What fetches it.
    pub tool: Tool,
    /// IPv4 address or name as it was written, or IPv6 address without its brackets.
    pub host: String,
    /// Port, where one is given.
    pub port: Option<u16>,
    /// Path on that host, with its query; empty where there is none, or it was cut off.
    pub path: String,
    /// The last part of the path, without the query; empty where there is none.
    pub file: String,
}

/// The first order in these parts of a payload, whose commands do not go over their ends.
pub(crate) fn find(parts: &[&[u8]]) -> Option<Dropper> {
    parts.iter().find_map(|part| command::find(&decode::decode(part)))
}
