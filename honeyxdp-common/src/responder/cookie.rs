//! Cookies: sequence numbers that only this sensor can compute, valid for one to two minutes. The time is part of the hash, as
//! in Linux SYN cookies (net/ipv4/syncookies.c), so keys rotate without user space.

/// A secret key: two random words.
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
    // Unrolled: without CAP_PERFMON the verifier rejects variable stack offsets.
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

/// Lifetime of a key: 2^36 ns, 69 seconds.
const AGE_BITS: u32 = 36;

/// Age of the key at a time of the monotonic clock, in nanoseconds. Never 0.
#[inline(always)]
pub const fn age(nanoseconds: u64) -> u64 {
    (nanoseconds >> AGE_BITS) + 1
}

/// Hash input of a connection under the key of an age; age 0 is for hashes that are not sequence numbers.
#[inline(always)]
pub const fn aged(mut connection: [u64; 5], age: u64) -> [u64; 5] {
    // The last word uses 33 bits.
    connection[4] |= age << 33;
    connection
}

/// Sequence number of the answer to a SYN with sequence number `seq`, for a connection with this hash. The first segment after
/// the handshake then acknowledges `hash + its own sequence number`, see [`is_first`].
#[inline(always)]
pub const fn answer(hash: u64, seq: u32) -> u32 {
    (hash as u32).wrapping_add(seq)
}

/// Whether a segment is the first after the handshake: it acknowledges exactly our answer and directly follows its SYN.
#[inline(always)]
pub const fn is_first(hash: u64, seq: u32, ack: u32) -> bool {
    // seq is the SYN's sequence number + 1, ack is ours + 1.
    ack == (hash as u32).wrapping_add(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(deprecated, reason = "the only SipHash-2-4 in core")]
    fn hash_is_siphash_2_4() {
        use core::hash::{Hasher as _, SipHasher};
        for n in 0..64_u64 {
            let words = core::array::from_fn(|at| (n + at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut reference = SipHasher::new_with_keys(n, !n);
            words.iter().for_each(|word: &u64| reference.write(&word.to_le_bytes()));
            assert_eq!(siphash([n, !n], words), reference.finish());
        }
    }

    #[test]
    fn key_rotates_each_minute() {
        assert_eq!((age(0), age((1 << AGE_BITS) - 1), age(1 << AGE_BITS)), (1, 1, 2));
        let connection = [1, 2, 3, 4, 0x1_ffff_ffff];
        let hashes = [0, 1, 2].map(|age| siphash([5, 6], aged(connection, age)));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert_eq!(aged(connection, 0), connection);
    }

    #[test]
    fn first_segment_is_identified_by_its_numbers() {
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
