//! The netlink family netdev, which tells since Linux 6.3 what a driver's XDP can do.
//! Source: Documentation/netlink/specs/netdev.yaml of the kernel.

use futures_util::TryStreamExt as _;
use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
    ParseableParametrized, parse_u64,
};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};

/// The command dev-get.
const DEV_GET: u8 = 1;
/// The attribute ifindex, 32 bits.
const IFINDEX: u16 = 1;
/// The attribute xdp-features, 64 bits.
const XDP_FEATURES: u16 = 3;

/// Asks for a device, or answers.
#[derive(Clone, Copy, Debug)]
struct Device {
    index: u32,
    xdp_features: Option<u64>,
}

impl GenlFamily for Device {
    fn family_name() -> &'static str {
        "netdev"
    }

    fn command(&self) -> u8 {
        DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Device {
    fn buffer_len(&self) -> usize {
        8
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer[..2].copy_from_slice(&8_u16.to_ne_bytes());
        buffer[2..4].copy_from_slice(&IFINDEX.to_ne_bytes());
        buffer[4..8].copy_from_slice(&self.index.to_ne_bytes());
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Device {
    fn parse_with_param(buffer: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let mut device = Self { index: 0, xdp_features: None };
        for attribute in NlasIterator::new(buffer) {
            let attribute = attribute?;
            if attribute.kind() == XDP_FEATURES {
                device.xdp_features = Some(parse_u64(attribute.value())?);
            }
        }
        Ok(device)
    }
}

/// Bits of `crate::doctor::interface`; `None` if the kernel does not know the question.
pub(super) async fn xdp_features(index: u32) -> Option<u64> {
    let (connection, mut handle, _) = genetlink::new_connection().ok()?;
    tokio::spawn(connection);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let question = GenlMessage::from_payload(Device { index, xdp_features: None });
    let mut answers = handle.request(NetlinkMessage::new(header, NetlinkPayload::from(question))).await.ok()?;
    while let Ok(Some(answer)) = answers.try_next().await {
        if let NetlinkPayload::InnerMessage(message) = answer.payload {
            return message.payload.xdp_features;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_features_is_none_and_a_broken_one_an_error() {
        let header = GenlHeader { cmd: DEV_GET, version: 1 };
        let mut question = [0; 8];
        Device { index: 7, xdp_features: None }.emit(&mut question);
        assert_eq!(question, [8, 0, 1, 0, 7, 0, 0, 0]);
        assert_eq!(Device::parse_with_param(&question, header).unwrap().xdp_features, None);
        let answer = [12, 0, 3, 0, 0x21, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Device::parse_with_param(&answer, header).unwrap().xdp_features, Some(0x21));
        assert!(Device::parse_with_param(&answer[..10], header).is_err());
        assert!(Device::parse_with_param(&[6, 0, 3, 0, 1, 2, 0, 0], header).is_err());
    }
}
