//! Where a condition looks.

use std::fmt;

use serde::Deserialize;

/// A part of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// The whole payload, from its first byte on.
    Start,
    /// The whole payload, anywhere in it.
    Any,
    /// The method of an HTTP request.
    Method,
    /// The target of an HTTP request, as it was sent: path and query, percent signs included.
    Uri,
    /// The headers of an HTTP request, without the line of the request.
    Headers,
    /// The body of an HTTP request, as far as it is there.
    Body,
    /// The value of the first header User-Agent.
    UserAgent,
    /// Name of the file that is fetched, see [`crate::Dropper::file`].
    File,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Start, Self::Any, Self::Method, Self::Uri, Self::Headers, Self::Body, Self::UserAgent, Self::File];

    /// Its name in a file of rules.
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

/// A set of regions: those that decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Regions(u8);

impl Regions {
    /// Those in one of both sets.
    #[must_use]
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The regions in it, in the order of [`Region::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Region> {
        Region::ALL.into_iter().filter(move |&region| self.0 & Self::from(region).0 != 0)
    }
}

impl From<Region> for Regions {
    fn from(region: Region) -> Self {
        Self(1 << region as u8)
    }
}

/// Their names, as `method, uri`.
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
    fn a_set_has_what_was_put_into_it() {
        for region in Region::ALL {
            assert_eq!(Regions::from(region).iter().collect::<Vec<_>>(), [region]);
        }
        let all = Region::ALL.into_iter().fold(Regions::default(), |all, region| all.and(region.into()));
        assert_eq!(all.iter().count(), Region::ALL.len());
        assert_eq!(Regions::from(Region::Uri).and(Region::Method.into()).to_string(), "method, uri");
        assert_eq!(Regions::default().to_string(), "");
    }
}
