//! Conditions of a signature.

use regex::bytes::{Regex, RegexBuilder};

use crate::payload::{Payload, Region, Regions};

/// Largest compiled size of a regex, bytes. Matching time is proportional to it.
const MAX_COMPILED: usize = 64 << 10;

/// A condition of a signature.
#[derive(Debug)]
pub(super) enum Condition {
    /// The regex matches in the region.
    Matches { region: Region, regex: Regex },
    /// All of these hold.
    All(Vec<Condition>),
    /// One of these holds.
    Any(Vec<Condition>),
}

impl Condition {
    /// A region that contains these bytes.
    ///
    /// # Errors
    /// Returns a message if the text is too long.
    pub(super) fn text(region: Region, text: &str, ignore_case: bool) -> Result<Self, String> {
        Self::regex(region, &regex::escape(text), ignore_case)
    }

    /// A region in which a byte regex matches. `.`, `\w` and `\b` cover ASCII only.
    ///
    /// # Errors
    /// Returns a message if the regex is invalid or too large.
    pub(super) fn regex(region: Region, pattern: &str, ignore_case: bool) -> Result<Self, String> {
        // The group anchors every alternative of the pattern.
        let anchored = format!(r"\A(?:{pattern})");
        let pattern = if region == Region::Start { &anchored } else { pattern };
        let regex = RegexBuilder::new(pattern)
            .unicode(false)
            .case_insensitive(ignore_case)
            .size_limit(MAX_COMPILED)
            .nest_limit(32)
            .build()
            .map_err(|error| message(&error))?;
        Ok(Self::Matches { region, regex })
    }

    /// The regions in which the condition holds, or `None`.
    pub(super) fn matched_in(&self, payload: &Payload<'_>) -> Option<Regions> {
        match self {
            Self::Matches { region, regex } => {
                payload.region(*region).filter(|bytes| regex.is_match(bytes)).map(|_| (*region).into())
            }
            Self::All(conditions) => conditions
                .iter()
                .try_fold(Regions::default(), |regions, condition| Some(regions.union(condition.matched_in(payload)?))),
            Self::Any(conditions) => conditions.iter().find_map(|condition| condition.matched_in(payload)),
        }
    }
}

fn message(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            format!(
                "it is too large: it compiles to more than {} KiB; use fewer repetitions or two conditions",
                MAX_COMPILED >> 10
            )
        }
        // Only the last line of the message is text; the lines above draw an arrow below the pattern.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").escape_debug().to_string()
        }
    }
}
