//! The bits of an address as FF1 takes them: numerals of radix 2, the highest first.

use fpe::ff1::{NumeralString, Operations};

/// Up to 128 bits of a number, the lowest ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) value: u128,
    /// How many there are, zeros at the front too.
    pub(super) count: u32,
}

/// One half of them, at most 64.
pub(super) struct Half {
    value: u64,
    count: u32,
}

/// A number, big-endian, of so many bytes.
pub(super) struct Bytes([u8; 8], usize);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0[8 - self.1..]
    }
}

impl Half {
    fn new(value: u64, count: usize) -> Self {
        let count = u32::try_from(count).expect("there are at most 64");
        let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 };
        Self { value: value & mask, count }
    }
}

/// The lowest 64 bits of a big-endian number: what is above them is none of the result's, which has no more.
fn low(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
}

impl NumeralString for Bits {
    type Ops = Half;

    fn is_valid(&self, radix: u32) -> bool {
        radix == 2 && self.count <= 128
    }

    fn numeral_count(&self) -> usize {
        self.count as usize
    }

    fn split(&self) -> (Half, Half) {
        let front = self.numeral_count() / 2;
        let back = self.numeral_count() - front;
        let part = |value: u128| u64::try_from(value & u128::from(u64::MAX)).expect("it was cut");
        (Half::new(part(self.value >> back), front), Half::new(part(self.value), back))
    }

    fn concat(front: Half, back: Half) -> Self {
        let value = u128::from(front.value) << back.count | u128::from(back.value);
        Self { value, count: front.count + back.count }
    }
}

impl Operations for Half {
    type Bytes = Bytes;

    fn numeral_count(&self) -> usize {
        self.count as usize
    }

    fn to_be_bytes(&self, _radix: u32, bytes: usize) -> Bytes {
        Bytes(self.value.to_be_bytes(), bytes)
    }

    fn add_mod_exp(self, other: impl Iterator<Item = u8>, _radix: u32, count: usize) -> Self {
        Self::new(self.value.wrapping_add(low(other)), count)
    }

    fn sub_mod_exp(self, other: impl Iterator<Item = u8>, _radix: u32, count: usize) -> Self {
        Self::new(self.value.wrapping_sub(low(other)), count)
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes256;
    use fpe::ff1::{FF1, FlexibleNumeralString};

    use super::*;

    #[test]
    fn bits_are_encrypted_as_lists_of_them_are() {
        let cipher = FF1::<Aes256>::new(&[0x2b; 32], 2).unwrap();
        for count in [24, 32, 48, 128] {
            for n in 0..500_u128 {
                let value = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> (128 - count);
                let list: Vec<u16> = (0..count).rev().map(|bit| u16::from(value >> bit & 1 == 1)).collect();
                let expected = cipher.encrypt(b"IPv4", &FlexibleNumeralString::from(list)).unwrap();
                let expected = Vec::<u16>::from(expected).iter().fold(0, |value, &bit| value << 1 | u128::from(bit));
                let bits = Bits { value, count };
                let found = cipher.encrypt(b"IPv4", &bits).unwrap();
                assert_eq!(found, Bits { value: expected, count });
                assert_eq!(cipher.decrypt(b"IPv4", &found).unwrap(), bits);
            }
        }
    }
}
