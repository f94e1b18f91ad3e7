//! Interfaces, from rtnetlink(7), ethtool and the netlink family netdev.

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::{LinkFlags, LinkLayerType};

use super::{ethtool, netdev};
use crate::{
    doctor::{
        Subject,
        interface::{Attached, Interface},
    },
    kernel::{self, Interfaces, program_name},
    snapshot::store,
};

/// The named ones, or that of the default route.
pub(super) async fn read(subject: &Subject) -> Vec<Result<Interface, String>> {
    let open = match Interfaces::open() {
        Ok(open) => open,
        Err(error) => return vec![Err(error.to_string())],
    };
    let default = open.of_default_route().await;
    let index = default.as_ref().ok().map(|interface| interface.index);
    let mut chosen = Vec::new();
    if subject.interfaces.is_empty() {
        chosen.push(default);
    }
    for name in &subject.interfaces {
        chosen.push(open.named(name).await);
    }
    // What a sensor of this directory says about itself.
    let sensor: Vec<u32> = store::read(&subject.directory)
        .map(|snapshot| snapshot.interfaces.iter().map(|interface| interface.program_id).collect())
        .unwrap_or_default();
    let mut interfaces = Vec::new();
    for interface in chosen {
        interfaces.push(match interface {
            Ok(interface) => about(interface, index, &sensor).await,
            Err(error) => Err(error.to_string()),
        });
    }
    interfaces
}

async fn about(interface: kernel::Interface, default: Option<u32>, sensor: &[u32]) -> Result<Interface, String> {
    let (up, ethernet) = link(interface.index).await.map_err(|error| error.to_string())?;
    let offloads = ethtool::offloads(&interface.name);
    Ok(Interface {
        default_route: default == Some(interface.index),
        up,
        ethernet,
        mtu: interface.mtu,
        driver: ethtool::driver(&interface.name),
        xdp_features: netdev::xdp_features(interface.index),
        channels: ethtool::channels(&interface.name),
        cpus: u32::try_from(std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)).unwrap_or(1),
        on: offloads.on,
        fixed: offloads.fixed,
        program: interface.xdp.map(|xdp| Attached {
            id: xdp.program_id,
            name: program_name(xdp.program_id),
            mode: xdp.mode,
            ours: sensor.contains(&xdp.program_id),
        }),
        name: interface.name,
    })
}

/// Whether it is up, and whether its frames have an Ethernet header.
async fn link(index: u32) -> Result<(bool, bool), rtnetlink::Error> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(|_| rtnetlink::Error::RequestFailed)?;
    tokio::spawn(connection);
    let found = handle.link().get().match_index(index).execute().try_next().await?;
    Ok(found.map_or((false, true), |link| {
        let ethernet = matches!(link.header.link_layer_type, LinkLayerType::Ether | LinkLayerType::Loopback);
        (link.header.flags.contains(LinkFlags::Up), ethernet)
    }))
}
