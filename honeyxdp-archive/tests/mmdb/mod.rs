//! Makes MMDB files.

use std::{fs, net::IpAddr, path::Path};

/// Values of the MaxMind DB format, version 2.0, as far as they are needed.
#[derive(Debug)]
pub(super) enum Value {
    Text(&'static str),
    U16(u16),
    U32(u32),
    U64(u64),
    Map(Vec<(&'static str, Value)>),
    None,
}
use Value::{Map, Text, U16, U32, U64};

fn size(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap()
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(text) => {
            assert!(text.len() < 29);
            out.push(2 << 5 | size(text.as_bytes()));
            out.extend(text.as_bytes());
        }
        U16(number) => {
            out.push(5 << 5 | 2);
            out.extend(number.to_be_bytes());
        }
        U32(number) => {
            out.push(6 << 5 | 4);
            out.extend(number.to_be_bytes());
        }
        U64(number) => {
            out.extend([8, 2]);
            out.extend(number.to_be_bytes());
        }
        Map(pairs) => {
            out.push(7 << 5 | u8::try_from(pairs.len()).unwrap());
            for (key, value) in pairs {
                encode(&Text(key), out);
                encode(value, out);
            }
        }
        // An empty array.
        Value::None => out.extend([0, 4]),
    }
}

/// A database with these prefixes; one of IPv4 unless there are some of IPv6.
pub(super) fn database(path: &Path, entries: Vec<(impl Into<IpAddr>, u32, Value)>) {
    #[derive(Clone, Copy)]
    enum To {
        Nothing,
        Node(usize),
        Data(usize),
    }
    let entries: Vec<(IpAddr, u32, Value)> =
        entries.into_iter().map(|(address, length, value)| (address.into(), length, value)).collect();
    let is_wide = entries.iter().any(|(address, ..)| address.is_ipv6());
    let mut nodes = vec![[To::Nothing; 2]];
    let mut data = Vec::new();
    for (address, length, value) in entries {
        let at = data.len();
        encode(&value, &mut data);
        let mut node = 0;
        let (bits, length) = match address {
            // IPv4 lies in ::/96.
            IpAddr::V4(address) if is_wide => (u128::from(address.to_bits()), 96 + length),
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, length),
            IpAddr::V6(address) => (address.to_bits(), length),
        };
        for bit in 0..length {
            let side = usize::from(bits << bit >> 127 == 1);
            if bit + 1 == length {
                nodes[node][side] = To::Data(at);
            } else if let To::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([To::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[node][side] = To::Node(next);
                node = next;
            }
        }
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for to in nodes.iter().flatten() {
        let record = match to {
            To::Nothing => count,
            To::Node(node) => *node,
            To::Data(at) => count + 16 + at,
        };
        file.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Map(vec![
        ("binary_format_major_version", U16(2)),
        ("binary_format_minor_version", U16(0)),
        ("build_epoch", U64(1_572_912_000)),
        ("database_type", Text("Test")),
        ("description", Map(Vec::new())),
        ("ip_version", U16(if is_wide { 6 } else { 4 })),
        ("languages", Value::None),
        ("node_count", U32(u32::try_from(count).unwrap())),
        ("record_size", U16(24)),
    ]);
    encode(&metadata, &mut file);
    // As an update does it.
    fs::write(path.with_extension("new"), file).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}
