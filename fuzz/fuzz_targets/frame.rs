//! Frames: dissection and fingerprints on the host, and what must hold for any bytes.

#![no_main]

use honeyxdp_common::{Disposition, Frame, Syn, dissect, dissect::ETHERTYPE_VLAN, fingerprints};
use honeyxdp_frames::peer;
use libfuzzer_sys::fuzz_target;

/// Destination and source address of an Ethernet header, bytes: what follows is a tag or the type.
const ADDRESSES: usize = 12;

/// A frame of which direct access reaches the first bytes only, as in the kernel where the first buffer ends early.
struct Split<'a> {
    frame: &'a [u8],
    first: usize,
}

impl Frame for Split<'_> {
    fn len(&self) -> usize {
        self.frame.len()
    }

    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.frame[..self.first].fixed(offset)
    }

    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.frame.any(offset)
    }
}

/// The frame with this many VLAN tags before its type.
fn tagged(frame: &[u8], tags: usize) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(ADDRESSES);
    let [high, low] = ETHERTYPE_VLAN.to_be_bytes();
    [addresses, &[high, low, 0, 100].repeat(tags), rest].concat()
}

/// How many VLAN tags a frame begins with, as far as they are followed.
fn tags(frame: &[u8]) -> usize {
    let types = (0..2).map_while(|tag| frame.get(ADDRESSES + 4 * tag..)?.first_chunk::<2>());
    types.take_while(|kind| matches!(kind, [0x81, 0x00] | [0x88, 0xa8])).count()
}

/// Every match is of a family, and a SYN is counted under one of them.
fn check_fingerprints(syn: &Syn) {
    let matched = fingerprints::matching(syn);
    let primary = fingerprints::primary(matched);
    assert!(matched == 0 || matched & 1 << primary.wire_id() != 0, "the primary family does not match: {syn:?}");
    assert_eq!(
        matched.count_ones() - u32::from(matched != 0),
        fingerprints::secondary(matched, primary).count_ones(),
        "{syn:?}"
    );
    let mut visited = 0;
    fingerprints::each(matched, |family| visited |= 1 << family.wire_id());
    assert_eq!(visited, matched, "{syn:?}");
}

/// What is cut off can hide a SYN, and change nothing else of what is said.
fn check_cuts(frame: &[u8], whole: &Result<Syn, Disposition>) {
    for length in 0..frame.len() {
        match (dissect(&frame[..length]), whole) {
            (Err(Disposition::Malformed | Disposition::Fragment), _) => {}
            (Ok(cut), Ok(whole)) => {
                // Only options may be missing.
                assert_eq!(Syn { options: whole.options, ..cut }, *whole, "cut at {length}");
            }
            (cut, whole) => assert_eq!(cut, *whole, "cut at {length}"),
        }
    }
}

fuzz_target!(|frame: &[u8]| {
    let answer = dissect(frame);
    if let Ok(syn) = &answer {
        check_fingerprints(syn);
    }
    if let Some(theirs) = peer::answer(frame) {
        assert_eq!(answer.map(|syn| (syn.sport, syn.dport, syn.seq)), theirs, "etherparse reads it otherwise");
    }
    if frame.len() >= ADDRESSES {
        for more in 1..=2 - tags(frame) {
            assert_eq!(dissect(tagged(frame, more).as_slice()), answer, "{more} more tags change the result");
        }
    }
    for first in 0..frame.len().min(128) {
        let split = dissect(&Split { frame, first });
        assert!(
            split == answer || split == Err(Disposition::Malformed),
            "a buffer of {first} bytes: {split:?}, {answer:?}"
        );
    }
    if frame.len() <= 256 {
        check_cuts(frame, &answer);
    }
});
