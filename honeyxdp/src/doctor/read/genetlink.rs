//! A question over generic netlink, and its answer: what ethtool and netdev need of it.
//!
//! Messages are in host byte order. Sources: linux/netlink.h, linux/genetlink.h.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// Bytes of the headers of netlink and of generic netlink.
const HEADER: usize = 16 + 4;
/// The largest message of the kernel.
const LARGEST: usize = 64 << 10;
const NLM_F_REQUEST: u16 = 1;
/// Types below this one are not answers but errors and other control messages.
const FIRST_FAMILY: u16 = 0x10;
/// Flag in the type of a nested attribute.
pub(super) const NESTED: u16 = 1 << 15;
/// The type of an attribute without its flags: nested, and byte order.
const TYPE_MASK: u16 = 0x3fff;
/// The family that knows the others, its command CTRL_CMD_GETFAMILY, and its attributes.
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// Seconds to wait for an answer. The kernel answers within the call.
const PATIENCE: libc::timeval = libc::timeval { tv_sec: 2, tv_usec: 0 };

/// Asks a family. Returns the attributes of the answer, or `None` if the kernel does not know the family or the question.
pub(super) fn ask(family: &str, command: u8, attributes: &[u8]) -> Option<Vec<u8>> {
    let socket = socket().ok()?;
    let name = attribute(FAMILY_NAME, &[family.as_bytes(), b"\0"].concat());
    let answer = exchange(&socket, CONTROL, GET_FAMILY, &name)?;
    let id = u16::from_ne_bytes(find(&answer, FAMILY_ID)?.try_into().ok()?);
    exchange(&socket, id, command, attributes)
}

/// An attribute, padded to a multiple of four bytes.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Types and values of attributes, up to the first one that is damaged.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this type.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

fn socket() -> io::Result<OwnedFd> {
    // SAFETY: plain system call without pointers.
    let socket = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_GENERIC) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let patience = PATIENCE;
    let length = libc::socklen_t::try_from(size_of_val(&patience)).unwrap_or_default();
    // SAFETY: the pointer is to a timeval of that length, which outlives the call.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, (&raw const patience).cast(), length)
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

fn exchange(socket: &OwnedFd, family: u16, command: u8, attributes: &[u8]) -> Option<Vec<u8>> {
    let question = message(family, command, attributes);
    // SAFETY: the pointer is to that many bytes, which outlive the call. Without an address it goes to the kernel.
    let sent = unsafe { libc::send(socket.as_raw_fd(), question.as_ptr().cast(), question.len(), 0) };
    if usize::try_from(sent).ok()? != question.len() {
        return None;
    }
    let mut answer = vec![0_u8; LARGEST];
    // SAFETY: the pointer is to that many bytes, which outlive the call.
    let received = unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0) };
    answer.truncate(usize::try_from(received).ok()?);
    payload(&answer)
}

fn message(family: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(family.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    // Number of the message, and sender: the kernel fills in what it needs.
    bytes.extend([0; 8]);
    // Command, version, reserved.
    bytes.extend([command, 1, 0, 0]);
    bytes.extend_from_slice(attributes);
    bytes
}

/// The attributes of an answer; `None` if it is an error.
fn payload(answer: &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_ne_bytes(answer.get(..4)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    (kind >= FIRST_FAMILY).then_some(())?;
    answer.get(HEADER..usize::try_from(length).ok()?).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_damaged_ones_end_the_list() {
        let bytes = [attribute(1, b"abc"), attribute(2, &7_u32.to_ne_bytes())].concat();
        assert_eq!(bytes.len(), 16);
        assert_eq!(attributes(&bytes).collect::<Vec<_>>(), [(1, &b"abc"[..]), (2, &7_u32.to_ne_bytes()[..])]);
        assert_eq!(attributes(&bytes[..14]).count(), 1);
        assert_eq!(attributes(&[0; 4]).count(), 0);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
    }

    #[test]
    fn errors_and_short_answers_are_none() {
        let answer = message(0x1d, 1, &attribute(3, &[0x21; 8]));
        assert_eq!(payload(&answer).unwrap(), attribute(3, &[0x21; 8]));
        assert_eq!(payload(&message(2, 0, &[])), None);
        assert_eq!(payload(&answer[..10]), None);
        assert_eq!(payload(&answer[..24]), None);
    }

    #[test]
    fn the_kernel_answers() {
        let answer = ask("nlctrl", GET_FAMILY, &attribute(FAMILY_NAME, b"nlctrl\0"));
        assert_eq!(find(&answer.unwrap(), FAMILY_ID), Some(&CONTROL.to_ne_bytes()[..]));
        assert_eq!(ask("no-such-family", 1, &[]), None);
    }
}
