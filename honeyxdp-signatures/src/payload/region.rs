//! Regions of a payload that conditions examine.

use std::fmt;

use serde::Deserialize;

/// A part of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// The whole payload; the match must begin at its first byte.
    Start,
    /// The whole payload, anywhere in it.
    Any,
    /// The method of an HTTP request.
    Method,
    /// The target of an HTTP request as sent: path and query, still percent-encoded.
    Uri,
    /// The headers of an HTTP request, without the request line.
    Headers,
    /// The captured part of the body of an HTTP request.
    Body,
    /// The value of the first User-Agent header.
    UserAgent,
    /// Name of the downloaded file, see [`crate::Dropper::file`].
    File,
}

impl Region {
    /// All regions.
    pub const ALL: [Self; 8] =
        [Self::Start, Self::Any, Self::Method, Self::Uri, Self::Headers, Self::Body, Self::UserAgent, Self::File];

    /// Name in a signature file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Any => "any",
            Self::Method => "method",
            Self::Uri => "uri",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::UserAgent => "user-agent",
            Self::File => "file",
        }
    }
}

/// A set of regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Regions(u8);

impl Regions {
    /// The union of two sets.
    #[must_use]
    pub(crate) const fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The regions of the set in the order of [`Region::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Region> {
        Region::ALL.into_iter().filter(move |&region| self.0 & Self::from(region).0 != 0)
    }
}

impl From<Region> for Regions {
    fn from(region: Region) -> Self {
        Self(1 << region as u8)
    }
}

/// The names, as `method, uri`.
impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, region) in self.iter().enumerate() {
            write!(f, "{}{}", if number == 0 { "" } else { ", " }, region.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn union_holds_its_members() {
        for region in Region::ALL {
            assert_eq!(Regions::from(region).iter().collect::<Vec<_>>(), [region]);
        }
        let all = Region::ALL.into_iter().fold(Regions::default(), |all, region| all.union(region.into()));
        assert_eq!(all.iter().count(), Region::ALL.len());
        assert_eq!(Regions::from(Region::Uri).union(Region::Method.into()).to_string(), "method, uri");
        assert_eq!(Regions::default().to_string(), "");
    }
}
