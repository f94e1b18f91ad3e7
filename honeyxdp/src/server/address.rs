//! Listen addresses, as the command line writes them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// Default port: unassigned in IANA's registry, and unused in Prometheus' list of
/// exporters.
pub const DEFAULT_PORT: u16 = 7823;
/// Name of the unix socket in the sensor's directory.
pub const SOCKET: &str = "honeyxdp.sock";

/// Value of one --listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `none`: no address.
    None,
    /// `127.0.0.1:7823`, `[::1]:7823`, or only a port, for loopback.
    Tcp(SocketAddr),
    /// `unix:/run/honeyxdp.sock`.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "none" {
            return Ok(Self::None);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            let message = "write a unix socket with its whole path, as unix:/run/honeyxdp/honeyxdp.sock";
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(message.to_owned()) };
        }
        if let Ok(port) = text.parse() {
            return Ok(Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            format!("write it as 127.0.0.1:{DEFAULT_PORT}, [::1]:{DEFAULT_PORT}, {DEFAULT_PORT}, unix:/path or none")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_address_a_port_a_path_or_none() {
        let tcp = |text: &str| Ok(Address::Tcp(text.parse().unwrap()));
        assert_eq!("none".parse(), Ok(Address::None));
        assert_eq!("9000".parse(), tcp("127.0.0.1:9000"));
        assert_eq!("0.0.0.0:9000".parse(), tcp("0.0.0.0:9000"));
        assert_eq!(" [::1]:9000".parse(), tcp("[::1]:9000"));
        assert_eq!("unix:/run/x.sock".parse(), Ok(Address::Unix("/run/x.sock".into())));
        for wrong in ["", "localhost", "example.org:80", "127.0.0.1", "70000", "unix:", "unix:x.sock", "[::1]"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
