//! Random frames that a seed reproduces.

use std::net::Ipv4Addr;

use crate::{
    craft::{self, Ipv4, Ipv6, Tcp},
    named,
};

/// xorshift64* (Marsaglia 2003; Vigna 2014): small, fast, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator. Seed 0 would stay 0, so it is replaced.
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9e37_79b9_7f4a_7c15 } else { seed })
    }

    /// 64 random bits.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 32 random bits.
    pub const fn word(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// 16 random bits.
    pub const fn half(&mut self) -> u16 {
        (self.next() >> 48) as u16
    }

    /// 8 random bits.
    pub const fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it is below a usize")
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Makes frames: the named ones with bytes changed, well-formed ones with fields that marks look for, and noise.
pub struct Frames {
    random: Random,
    named: Vec<Vec<u8>>,
}

impl Frames {
    /// The frames of a seed.
    pub fn new(seed: u64) -> Self {
        // Frames of several pages are slow to run, and have no more headers than others.
        let named = named::frames().into_iter().map(|named| named.bytes).filter(|bytes| bytes.len() <= 1_514).collect();
        Self { random: Random::new(seed), named }
    }

    /// The next frame, of 14 to 1,514 bytes.
    pub fn next_frame(&mut self) -> Vec<u8> {
        let mut frame = match self.random.below(8) {
            0 => self.noise(),
            1..=3 => self.mutated(),
            4..=6 => self.v4(),
            _ => self.v6(),
        };
        if frame.len() < 14 {
            frame.resize(14, 0);
        }
        frame
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = 14 + self.random.below(120);
        (0..length).map(|_| self.random.byte()).collect()
    }

    /// A named frame with some bytes changed, and perhaps cut.
    fn mutated(&mut self) -> Vec<u8> {
        let choice = self.random.below(self.named.len());
        let mut frame = self.named[choice].clone();
        for _ in 0..self.random.below(5) {
            // Where the headers are.
            let at = self.random.below(frame.len().min(128));
            frame[at] =
                if self.random.once_in(2) { self.random.byte() } else { frame[at] ^ (1 << self.random.below(8)) };
        }
        if self.random.once_in(4) {
            let length = 14 + self.random.below(frame.len() - 13);
            frame.truncate(length);
        }
        frame
    }

    fn v4(&mut self) -> Vec<u8> {
        let dst = Ipv4Addr::from(self.random.word());
        let tcp = self.tcp(u32::from(dst));
        let relation = (u32::from(dst) ^ u32::from(tcp.dport) ^ tcp.seq).to_be_bytes();
        let ids = [0, 256, 54_321, u16::from_be_bytes([relation[2], relation[3]]), self.random.half()];
        let ip = Ipv4 {
            src: Ipv4Addr::from(self.random.word()),
            dst,
            id: self.random.pick(&ids),
            ttl: self.random.pick(&[1, 64, 65, 128, 200, 201, 255]),
            protocol: if self.random.once_in(16) { self.random.byte() } else { craft::TCP },
            dont_fragment: self.random.once_in(2),
            more_fragments: self.random.once_in(16),
            fragment_offset: if self.random.once_in(16) { self.random.half() & 0x1fff } else { 0 },
            options: if self.random.once_in(8) { vec![1; 4 * self.random.below(11)] } else { Vec::new() },
            total_length: self.random.once_in(16).then(|| self.random.half() % 128),
            first_byte: self.random.once_in(32).then(|| self.random.byte()),
        };
        self.framed(0x0800, &ip.packet(&tcp.bytes()))
    }

    fn v6(&mut self) -> Vec<u8> {
        let tcp = self.tcp(0);
        let mut next_header = craft::TCP;
        let mut payload = tcp.bytes();
        for _ in 0..self.random.pick(&[0, 0, 0, 1, 2, 6, 7]) {
            let kind = self.random.pick(&[0, 43, 44, 51, 60, 135, 139, 140]);
            let units = if self.random.once_in(8) { self.random.byte() } else { u8::from(self.random.once_in(4)) };
            let mut header = craft::extension(next_header, units, &payload);
            if kind == 44 {
                header.truncate(8);
                header[2] = if self.random.once_in(4) { self.random.byte() } else { 0 };
                header[3] = self.random.byte() & 7;
                header.extend(payload);
            }
            payload = header;
            next_header = kind;
        }
        let ip = Ipv6 {
            hop_limit: self.random.pick(&[1, 64, 200, 201, 255]),
            next_header: if self.random.once_in(16) { self.random.byte() } else { next_header },
            payload_length: self.random.once_in(16).then(|| self.random.half() % 128),
            ..Ipv6::default()
        };
        payload.truncate(1_400);
        self.framed(0x86dd, &ip.packet(&payload))
    }

    /// A segment with the values that rules test, each often enough to meet the others.
    fn tcp(&mut self, dst: u32) -> Tcp {
        const ZMAP4: [u8; 12] = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
        const WINDOWS: [u16; 11] = [0, 512, 1024, 2048, 3072, 4096, 4128, 14_600, 16_384, 64_240, 65_535];
        let random = self.random.word();
        let options: [&[u8]; 6] = [&[], &craft::MSS_1460, &[2, 4, 5, 0x9c], &ZMAP4, &[1; 8], &[1; 40]];
        Tcp {
            sport: self.random.pick(&[6000, 40_000, self.random.clone().half()]),
            dport: self.random.pick(&[23, 2323, 37_215, 52_869, 0, 65_535, self.random.clone().half()]),
            seq: self.random.pick(&[dst, random, random & 0xffff_0000, random & 0xffff, random & 0xff_ffff, 0]),
            ack: if self.random.once_in(4) { self.random.word() } else { 0 },
            flags: if self.random.once_in(8) { self.random.byte() } else { craft::SYN },
            window: if self.random.once_in(8) { self.random.half() } else { self.random.pick(&WINDOWS) },
            options: self.random.pick(&options).to_vec(),
            data_offset: self.random.once_in(16).then(|| self.random.byte() & 15),
        }
    }

    fn framed(&mut self, ethertype: u16, packet: &[u8]) -> Vec<u8> {
        let matched: Vec<(u16, u16)> = (0..self.random.pick(&[0, 0, 0, 1, 2, 3]))
            .map(|_| (self.random.pick(&[0x8100, 0x88a8]), self.random.half()))
            .collect();
        let mut frame = craft::ethernet(&matched, ethertype, packet);
        if self.random.once_in(16) {
            let length = 14 + self.random.below(frame.len() - 13);
            frame.truncate(length);
        }
        frame
    }
}
