//! Batches of random frames, each with options of its own: kernel against host for as long as anybody likes.
//!
//! A batch depends on the seed and its own number alone, so what one finds can be run again by itself, on any machine.

use std::{net::Ipv4Addr, num::NonZeroU64};

use anyhow::Context as _;
use honeyxdp::{
    Counts,
    filter::{PortSet, PrefixSet},
    kernel::Options,
};
use honeyxdp_common::{Family, Syn, dissect};

use crate::{differential, named, random::Random};

/// The frames of a batch. To load the program takes as long as some ten thousand of them.
pub const FRAMES: u64 = 200_000;

/// A batch: which frames, and with which options.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The seed of its frames.
    pub seed: u64,
    /// How the program is loaded.
    pub options: Options,
    /// The same in words, for who reads along.
    pub words: Vec<&'static str>,
}

impl Batch {
    /// The batch with this number, from 0 on. The first one has the default options.
    pub fn new(seed: u64, number: u64) -> Self {
        let seed = mixed(seed, number);
        let mut batch = Self { seed, options: Options::default(), words: Vec::new() };
        if number > 0 {
            batch.choose(&mut Random::new(seed));
        }
        batch
    }

    /// Runs so many frames of it through both.
    ///
    /// # Errors
    /// When the kernel refuses the program, or at the first frame that they treat differently.
    pub fn run(&self, frames: u64) -> anyhow::Result<Counts> {
        let options = format!("options: {}", if self.words.is_empty() { "none".into() } else { self.words.join(", ") });
        differential::compare(&self.options, self.seed, usize::try_from(frames)?).context(options)
    }

    /// Each option is there in a part of the batches, so that they meet each other.
    fn choose(&mut self, random: &mut Random) {
        let mut choose = |word, once_in, set: &mut dyn FnMut(&mut Options, &mut Random)| {
            if random.once_in(once_in) {
                set(&mut self.options, random);
                self.words.push(word);
            }
        };
        choose("destinations", 4, &mut |options, random| options.filters.destinations = prefixes(random, 40));
        choose("ignored sources", 4, &mut |options, random| options.filters.ignored_sources = prefixes(random, 400));
        choose("ports", 4, &mut |options, random| options.filters.ports = ports(random));
        choose("families", 4, &mut |options, random| options.filters.families = families(random));
        choose("public addresses", 4, &mut |options, random| options.filters.public_addresses = pairs(random));
        choose("dropping", 3, &mut |options, _| options.drop_counted = true);
        choose("samples", 4, &mut |options, random| options.sample = random.pick(&[2, 10, 1_000]));
        choose("a small cache", 4, &mut |options, random| options.flow_bits = random.pick(&[1, 4, 8]));
        choose("small rings", 8, &mut |options, _| options.record_memory = 1);
        choose("tracing", 8, &mut |options, _| options.trace_per_second = 1);
    }
}

/// Neighbouring numbers give unlike seeds (splitmix64: Steele, Lea, Flood 2014). Not 0.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    NonZeroU64::new(z ^ z >> 31).map_or(1, NonZeroU64::get)
}

/// Source and destination of the named frames, of which many frames are made.
fn known() -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let syns = named::frames().into_iter().filter_map(|named| dissect(named.bytes.as_slice()).ok());
    syns.filter(Syn::is_v4).map(|syn| (syn.src.v4().into(), syn.dst.v4().into())).collect()
}

/// Prefixes of every length: of random addresses, of known ones, and over IPv6. One takes a half of all addresses, so that frames
/// are on both sides.
fn prefixes(random: &mut Random, most: usize) -> PrefixSet {
    let known = known();
    let mut words = vec![format!("{}/1", Ipv4Addr::from(random.word())), "2001:db8::/33".to_owned()];
    for _ in 0..random.below(most) {
        let (src, dst) = known[random.below(known.len())];
        let address = random.pick(&[Ipv4Addr::from(random.clone().word()), src, dst]);
        words.push(format!("{address}/{}", 3 + random.below(30)));
        words.push(format!("{:x}:{:x}::{:x}/{}", random.half(), random.half(), random.half(), 4 + random.below(125)));
    }
    PrefixSet::parse(words.iter().map(String::as_str)).expect("they are prefixes")
}

/// Ports that bots scan for, or all without them, and a range.
fn ports(random: &mut Random) -> PortSet {
    let first = random.half();
    let words = format!("23,0,65535,{first}-{}", first.saturating_add(random.half()));
    let some: PortSet = words.parse().expect("they are ports");
    if random.once_in(2) { PortSet::ALL.without(&some).with(&"2323".parse().expect("it is a port")) } else { some }
}

/// About half of the families.
fn families(random: &mut Random) -> u32 {
    let all = Family::ALL.iter().fold(0_u32, |bits, family| bits | 1 << family.wire_id());
    let some = random.word() & all;
    !all | if some == 0 { all } else { some }
}

/// Public addresses for known local ones, and for some that nobody has.
fn pairs(random: &mut Random) -> std::collections::BTreeMap<Ipv4Addr, Ipv4Addr> {
    let strangers = (0..random.below(200)).map(|_| random.word().into()).collect::<Vec<_>>();
    let local = known().into_iter().map(|(_, dst)| dst).chain(strangers);
    local.map(|local| (local, Ipv4Addr::from(random.word()))).collect()
}
