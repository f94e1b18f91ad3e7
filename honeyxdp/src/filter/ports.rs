//! Sets of ports: `23,2323,8000-8100`.

use std::{fmt, str::FromStr, sync::Arc};

use honeyxdp_common::filter::{PORT_WORDS, port_bit};

/// A set of TCP ports.
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet(Option<Arc<[u64; PORT_WORDS]>>);

/// What is wrong with a list of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Not a number up to 65,535.
    #[error("{0:?} is no port: write numbers from 0 to 65535 and ranges, as 23,2323,8000-8100")]
    Number(String),
    /// A range that goes down.
    #[error("the range {0} ends before it begins")]
    Range(String),
}

impl PortSet {
    /// Every port.
    pub const ALL: Self = Self(None);

    /// No port.
    pub fn none() -> Self {
        Self(Some(Arc::new([0; PORT_WORDS])))
    }

    /// Whether every port is in it.
    pub const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether no port is in it.
    pub fn is_none(&self) -> bool {
        self.0.as_ref().is_some_and(|words| words.iter().all(|word| *word == 0))
    }

    /// Whether `port` is in it.
    pub fn contains(&self, port: u16) -> bool {
        let (word, bit) = port_bit(port);
        self.0.as_ref().is_none_or(|words| words[word as usize] >> bit & 1 != 0)
    }

    /// Adds the ports of another set.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        self.combine(other, |mine, others| mine | others)
    }

    /// Takes the ports of another set out.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.combine(other, |mine, others| mine & !others)
    }

    /// The bits, as the kernel has them: bit `n % 64` of word `n / 64` is port `n`.
    pub fn words(&self) -> [u64; PORT_WORDS] {
        self.0.as_deref().copied().unwrap_or([u64::MAX; PORT_WORDS])
    }

    /// All ports in it, from the lowest on.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        (0..=u16::MAX).filter(|&port| self.contains(port))
    }

    fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let (mut words, others) = (self.words(), other.words());
        for (word, other) in words.iter_mut().zip(others) {
            *word = with(*word, other);
        }
        let all = words.iter().all(|&word| word == u64::MAX);
        Self((!all).then(|| Arc::new(words)))
    }
}

impl FromStr for PortSet {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let mut words = [0; PORT_WORDS];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let number = |text: &str| text.trim().parse::<u16>().map_err(|_| PortError::Number(part.to_owned()));
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(PortError::Range(part.to_owned()));
            }
            for port in first..=last {
                let (word, bit) = port_bit(port);
                words[word as usize] |= 1 << bit;
            }
        }
        Ok(Self::none().with(&Self(Some(Arc::new(words)))))
    }
}

/// As it could be written: ranges where neighbours are in it.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ports = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = ports.next() {
            let mut last = first;
            while let Some(next) = ports.next_if(|&port| Some(port) == last.checked_add(1)) {
                last = next;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_and_shown() {
        let set: PortSet = "2323, 23,8000-8002,8003".parse().unwrap();
        assert_eq!(set.to_string(), "23,2323,8000-8003");
        assert!(set.contains(23) && set.contains(8003) && !set.contains(8004) && !set.is_all());
        assert_eq!(set.without(&"0-100,8001".parse().unwrap()).to_string(), "2323,8000,8002-8003");
        assert_eq!(PortSet::ALL.to_string(), "0-65535");
        assert_eq!(PortSet::none().to_string(), "");
        assert!("0-65535".parse::<PortSet>().unwrap().is_all());
        assert_eq!(PortSet::ALL.without(&set).with(&set), PortSet::ALL);
    }

    #[test]
    fn what_is_no_port_is_named() {
        assert_eq!("23,ssh".parse::<PortSet>(), Err(PortError::Number("ssh".into())));
        assert_eq!("65536".parse::<PortSet>(), Err(PortError::Number("65536".into())));
        assert_eq!("9-8".parse::<PortSet>(), Err(PortError::Range("9-8".into())));
        assert_eq!("-8".parse::<PortSet>(), Err(PortError::Number("-8".into())));
    }
}
