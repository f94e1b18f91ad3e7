//! Sequence numbers that only this sensor can make, and that are good for one to two minutes: the time is part of what is hashed, as
//! in Linux' SYN cookies (net/ipv4/syncookies.c). So they change also while no process looks after the program.

/// A secret: two words at random.
pub type Key = [u64; 2];

/// SipHash-2-4 of five words, as 40 bytes little-endian (Aumasson and Bernstein, INDOCRYPT 2012).
#[inline(always)]
pub const fn siphash(key: Key, words: [u64; 5]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    // Without a loop: a program without CAP_PERFMON may not look into its stack by a number.
    let [first, second, third, fourth, fifth] = words;
    v = compress(compress(compress(v, first), second), third);
    v = compress(compress(v, fourth), fifth);
    v = compress(v, (words.len() as u64 * 8) << 56);
    v[2] ^= 0xff;
    v = round(round(round(round(v))));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline(always)]
const fn compress(mut v: [u64; 4], word: u64) -> [u64; 4] {
    v[3] ^= word;
    v = round(round(v));
    v[0] ^= word;
    v
}

#[inline(always)]
const fn round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    [a, b, c, d]
}

/// Bits of a clock in nanoseconds that one key lasts: 69 seconds.
const AGE_BITS: u32 = 36;

/// Which key is in force at a time, in nanoseconds of a clock that does not go back. Never 0.
#[inline(always)]
pub const fn age(nanoseconds: u64) -> u64 {
    (nanoseconds >> AGE_BITS) + 1
}

/// The words of a connection under the key of an age: of 0 for hashes that are nobody's sequence number.
#[inline(always)]
pub const fn aged(mut connection: [u64; 5], age: u64) -> [u64; 5] {
    // The last word has 33 bits.
    connection[4] |= age << 33;
    connection
}

/// The number of the answer to a SYN with the number `seq`, over a connection with this hash: the next segment with nothing in
/// between then acknowledges `hash + its own number`, see [`is_first`].
#[inline(always)]
pub const fn answer(hash: u64, seq: u32) -> u32 {
    (hash as u32).wrapping_add(seq)
}

/// Whether a segment is the first one after the handshake: it acknowledges our answer and no more, and begins where its SYN ended.
#[inline(always)]
pub const fn is_first(hash: u64, seq: u32, ack: u32) -> bool {
    // seq is the SYN's number and one, ack is our number and one.
    ack == (hash as u32).wrapping_add(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(deprecated, reason = "it is the one SipHash-2-4 that is at hand")]
    fn the_hash_is_siphash_2_4() {
        use core::hash::{Hasher as _, SipHasher};
        for n in 0..64_u64 {
            let words = core::array::from_fn(|at| (n + at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut reference = SipHasher::new_with_keys(n, !n);
            words.iter().for_each(|word: &u64| reference.write(&word.to_le_bytes()));
            assert_eq!(siphash([n, !n], words), reference.finish());
        }
    }

    #[test]
    fn a_key_lasts_for_a_minute_and_no_two_ages_are_alike() {
        assert_eq!((age(0), age((1 << AGE_BITS) - 1), age(1 << AGE_BITS)), (1, 1, 2));
        let connection = [1, 2, 3, 4, 0x1_ffff_ffff];
        let hashes = [0, 1, 2].map(|age| siphash([5, 6], aged(connection, age)));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert_eq!(aged(connection, 0), connection);
    }

    #[test]
    fn a_first_segment_is_told_by_its_numbers() {
        for (hash, isn) in [(0, 0), (0x1234_5678_9abc_def0, 7), (u64::MAX, u32::MAX)] {
            let ours = answer(hash, isn);
            let (seq, ack) = (isn.wrapping_add(1), ours.wrapping_add(1));
            assert!(is_first(hash, seq, ack));
            assert!(!is_first(hash, seq.wrapping_add(5), ack), "the second one");
            assert!(!is_first(hash, seq, ack.wrapping_add(7)), "after a prompt");
            assert!(!is_first(hash ^ 1, seq, ack));
        }
    }
}
