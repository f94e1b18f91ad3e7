//! What must hold in a payload.

use regex::bytes::{Regex, RegexBuilder};

use crate::payload::{Payload, Region, Regions};

/// The largest program that a regex may be compiled to, bytes. Its length is a factor of the time that a payload takes.
const LARGEST: usize = 64 << 10;

/// A condition of a rule.
#[derive(Debug)]
pub(super) enum Condition {
    /// A region has what the regex describes.
    Found { region: Region, regex: Regex },
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
}

impl Condition {
    /// A region with these bytes in it.
    ///
    /// # Errors
    /// Where they are too many, in words.
    pub(super) fn text(region: Region, text: &str, ignore_case: bool) -> Result<Self, String> {
        Self::regex(region, &regex::escape(text), ignore_case)
    }

    /// A region with what a regex over bytes describes: `.`, `\w` and `\b` know ASCII alone.
    ///
    /// # Errors
    /// Where it is none, or too large, in words.
    pub(super) fn regex(region: Region, pattern: &str, ignore_case: bool) -> Result<Self, String> {
        // A group of its own, so that an alternative of it is anchored as well.
        let anchored = format!(r"\A(?:{pattern})");
        let pattern = if region == Region::Start { &anchored } else { pattern };
        let regex = RegexBuilder::new(pattern)
            .unicode(false)
            .case_insensitive(ignore_case)
            .size_limit(LARGEST)
            .nest_limit(32)
            .build()
            .map_err(|error| in_words(&error))?;
        Ok(Self::Found { region, regex })
    }

    /// Where it holds, if it does.
    pub(super) fn holds(&self, payload: &Payload<'_>) -> Option<Regions> {
        match self {
            Self::Found { region, regex } => {
                payload.region(*region).filter(|bytes| regex.is_match(bytes)).map(|_| (*region).into())
            }
            Self::All(conditions) => conditions
                .iter()
                .try_fold(Regions::default(), |regions, condition| Some(regions.and(condition.holds(payload)?))),
            Self::Any(conditions) => conditions.iter().find_map(|condition| condition.holds(payload)),
        }
    }
}

fn in_words(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            format!(
                "it is too large: compiled it takes more than {} KiB; repeat less, or make it two conditions",
                LARGEST >> 10
            )
        }
        // The last line says what is wrong; those before it draw an arrow below the pattern.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").escape_debug().to_string()
        }
    }
}
