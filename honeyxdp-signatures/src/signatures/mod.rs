//! The signatures of a file, and what they match.

mod condition;
mod document;
mod error;

use crate::{
    dropper::Dropper,
    payload::{Payload, Regions},
};
use condition::Condition;
pub use error::{Problem, SignaturesError};
use honeyxdp_common::family::Confidence;

const BUILT_IN: &str = include_str!("../../../contrib/signatures.toml");

/// One signature of a file.
#[derive(Debug)]
pub struct Signature {
    /// Name and version, such as `mozi/1`. A signature that changes what it matches gets a new version.
    pub id: String,
    /// Name of the exploit or family that a match reports.
    pub name: String,
    /// The target of an exploit, or a description of a family.
    pub title: String,
    /// Usual destination ports, for readers only: they do not affect matching.
    pub ports: Vec<u16>,
    /// How well the signature is supported.
    pub confidence: Confidence,
    /// Public evidence.
    pub source: String,
    /// Known misses and false positives.
    pub caveat: String,
    condition: Condition,
}

/// The compiled signatures of a file.
#[derive(Debug)]
pub struct Signatures {
    exploits: Vec<Signature>,
    families: Vec<Signature>,
}

/// A signature that matched a payload.
#[derive(Clone, Copy, Debug)]
pub struct Match<'s> {
    /// The signature.
    pub signature: &'s Signature,
    /// The regions in which its conditions hold.
    pub regions: Regions,
}

/// What the signatures report about a payload.
#[derive(Clone, Debug)]
pub struct Classification<'s> {
    /// The exploit.
    pub exploit: Option<Match<'s>>,
    /// The family of the sender.
    pub family: Option<Match<'s>>,
    /// The first download command in the payload.
    pub dropper: Option<Dropper>,
}

impl Signatures {
    /// The signatures of contrib/signatures.toml.
    ///
    /// # Errors
    /// Never in a tested build: a unit test parses them.
    pub fn built_in() -> Result<Self, SignaturesError> {
        Self::parse(BUILT_IN)
    }

    /// Parses the text of a signature file.
    ///
    /// # Errors
    /// Returns every problem with its line.
    pub fn parse(text: &str) -> Result<Self, SignaturesError> {
        document::parse(text)
    }

    /// Classifies the first payload of a TCP connection, of any length. The first matching signature in file order wins.
    pub fn classify(&self, payload: &[u8]) -> Classification<'_> {
        let payload = Payload::new(payload);
        let exploit = first(&self.exploits, &payload);
        let family = first(&self.families, &payload);
        Classification { exploit, family, dropper: payload.into_dropper() }
    }

    /// The exploit signatures in file order.
    pub fn exploits(&self) -> &[Signature] {
        &self.exploits
    }

    /// The family signatures in file order.
    pub fn families(&self) -> &[Signature] {
        &self.families
    }
}

fn first<'s>(signatures: &'s [Signature], payload: &Payload<'_>) -> Option<Match<'s>> {
    signatures.iter().find_map(|signature| Some(Match { signature, regions: signature.condition.matched_in(payload)? }))
}
