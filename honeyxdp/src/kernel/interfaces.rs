//! Network interfaces of this network namespace, by rtnetlink(7).

use std::{collections::BTreeSet, net::IpAddr};

use futures_util::TryStreamExt as _;
use rtnetlink::{
    Handle, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressMessage},
        link::{LinkAttribute, LinkMessage, LinkXdp, XdpAttached},
        route::{RouteAttribute, RouteMessage},
    },
};

use super::mode::Mode;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index, 1 or more.
    pub index: u32,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// The XDP program that is attached, if any.
    pub xdp: Option<Attached>,
}

/// An XDP program on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The kernel's id of the program.
    pub program_id: u32,
    /// How it is attached; `None` for hardware offload, and for several at once.
    pub mode: Option<Mode>,
}

/// Why an interface cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// No interface has this name.
    #[error("there is no interface {name:?}; available: {available}")]
    Unknown {
        /// Requested name.
        name: String,
        /// Names of all interfaces.
        available: String,
    },
    /// No interface was named, and none has a default route.
    #[error("no interface has a default route; name one with -i: {available}")]
    NoDefaultRoute {
        /// Names of all interfaces.
        available: String,
    },
    /// Netlink failed.
    #[error("asking the kernel for its interfaces failed: {0}")]
    Netlink(String),
}

/// A connection to the kernel's routing tables.
#[derive(Debug)]
pub struct Interfaces {
    handle: Handle,
}

impl Interfaces {
    /// Opens a netlink socket in this network namespace. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// Returns an error if no socket can be opened.
    pub fn open() -> Result<Self, InterfaceError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|error| InterfaceError::Netlink(error.to_string()))?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// All interfaces, in the kernel's order.
    ///
    /// # Errors
    /// Returns an error if netlink fails.
    pub async fn all(&self) -> Result<Vec<Interface>, InterfaceError> {
        let links: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await.map_err(netlink)?;
        Ok(links.into_iter().map(interface).collect())
    }

    /// The interface with this name.
    ///
    /// # Errors
    /// Returns an error with the names of all interfaces if there is none.
    pub async fn named(&self, name: &str) -> Result<Interface, InterfaceError> {
        let mut all = self.all().await?;
        match all.iter().position(|interface| interface.name == name) {
            Some(position) => Ok(all.swap_remove(position)),
            None => Err(InterfaceError::Unknown { name: name.to_owned(), available: names(&all) }),
        }
    }

    /// The current state of the interface with this index.
    ///
    /// # Errors
    /// Returns an error if it is gone.
    pub async fn indexed(&self, index: u32) -> Result<Interface, InterfaceError> {
        let all = self.all().await?;
        let available = names(&all);
        all.into_iter()
            .find(|interface| interface.index == index)
            .ok_or(InterfaceError::Unknown { name: format!("index {index}"), available })
    }

    /// All addresses of this host, broadcast addresses too.
    ///
    /// # Errors
    /// Returns an error if netlink fails.
    pub async fn addresses(&self) -> Result<BTreeSet<IpAddr>, InterfaceError> {
        let messages: Vec<AddressMessage> =
            self.handle.address().get().execute().try_collect().await.map_err(netlink)?;
        let attributes = messages.into_iter().flat_map(|message| message.attributes);
        Ok(attributes
            .filter_map(|attribute| match attribute {
                AddressAttribute::Address(address) | AddressAttribute::Local(address) => Some(address),
                AddressAttribute::Broadcast(address) => Some(address.into()),
                _ => None,
            })
            .collect())
    }

    /// The interface of the default route: IPv4's first, then IPv6's; the lowest metric of each.
    ///
    /// # Errors
    /// Returns an error if there is no default route.
    pub async fn of_default_route(&self) -> Result<Interface, InterfaceError> {
        let v4 = RouteMessageBuilder::<std::net::Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<std::net::Ipv6Addr>::new().build();
        for request in [v4, v6] {
            let routes: Vec<RouteMessage> =
                self.handle.route().get(request).execute().try_collect().await.map_err(netlink)?;
            if let Some((_, index)) = routes.iter().filter_map(default_route).min() {
                return self.indexed(index).await;
            }
        }
        Err(InterfaceError::NoDefaultRoute { available: names(&self.all().await?) })
    }
}

/// Metric and interface of a default route.
fn default_route(route: &RouteMessage) -> Option<(u32, u32)> {
    let output = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })?;
    let metric = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    let unicast = route.header.kind == rtnetlink::packet_route::route::RouteType::Unicast;
    (unicast && route.header.destination_prefix_length == 0).then_some((metric.unwrap_or(0), output))
}

fn interface(link: LinkMessage) -> Interface {
    let mut interface = Interface { name: String::new(), index: link.header.index, mtu: 0, xdp: None };
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name = name,
            LinkAttribute::Mtu(mtu) => interface.mtu = mtu,
            LinkAttribute::Xdp(xdp) => interface.xdp = attached(&xdp),
            _ => {}
        }
    }
    interface
}

fn attached(xdp: &[LinkXdp]) -> Option<Attached> {
    let program_id = xdp.iter().find_map(|part| match part {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    })?;
    let mode = xdp.iter().find_map(|part| match part {
        LinkXdp::Attached(XdpAttached::Driver) => Some(Mode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(Mode::Generic),
        _ => None,
    });
    Some(Attached { program_id, mode })
}

fn names(interfaces: &[Interface]) -> String {
    let names: Vec<&str> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn netlink(error: rtnetlink::Error) -> InterfaceError {
    InterfaceError::Netlink(error.to_string())
}
