//! Rules, and what they say about a payload.

mod condition;
mod document;
mod error;

use crate::{
    dropper::Dropper,
    payload::{Payload, Regions},
};
use condition::Condition;
pub use error::{Problem, RulesError};
use honeyxdp_common::family::Confidence;

/// The rules that are built in.
const OWN: &str = include_str!("../../../contrib/signatures.toml");

/// One rule of a file.
#[derive(Debug)]
pub struct Rule {
    /// Name and version, as `mozi/1`. A rule that changes what it matches gets a new version.
    pub id: String,
    /// What the label says: the name of an exploit or of a family.
    pub name: String,
    /// The target, or what the family is.
    pub title: String,
    /// Usual ports. They are for readers: no rule looks at them.
    pub ports: Vec<u16>,
    /// How well it is founded.
    pub confidence: Confidence,
    /// What others can read about it.
    pub source: String,
    /// Whom it misses, and what else it can be.
    pub caveat: String,
    condition: Condition,
}

/// The rules of a file, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    exploits: Vec<Rule>,
    families: Vec<Rule>,
}

/// A rule that holds, and where.
#[derive(Clone, Copy, Debug)]
pub struct Found<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// Where its conditions hold.
    pub regions: Regions,
}

/// What the rules say about a payload.
#[derive(Clone, Debug)]
pub struct Label<'r> {
    /// What it exploits.
    pub exploit: Option<Found<'r>>,
    /// Who sent it.
    pub family: Option<Found<'r>>,
    /// The first order in it to fetch a file.
    pub dropper: Option<Dropper>,
}

impl Rules {
    /// Those of contrib/signatures.toml.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn own() -> Result<Self, RulesError> {
        Self::parse(OWN)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// With all that is wrong, and the lines of it.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        document::parse(text)
    }

    /// Labels the first payload of a TCP connection, of any length. The first rule of the file that holds is the one.
    pub fn label(&self, payload: &[u8]) -> Label<'_> {
        let payload = Payload::new(payload);
        let exploit = first(&self.exploits, &payload);
        let family = first(&self.families, &payload);
        Label { exploit, family, dropper: payload.into_dropper() }
    }

    /// The rules of exploits, in the order of the file.
    pub fn exploits(&self) -> &[Rule] {
        &self.exploits
    }

    /// The rules of families, in the order of the file.
    pub fn families(&self) -> &[Rule] {
        &self.families
    }
}

fn first<'r>(rules: &'r [Rule], payload: &Payload<'_>) -> Option<Found<'r>> {
    rules.iter().find_map(|rule| Some(Found { rule, regions: rule.condition.holds(payload)? }))
}
