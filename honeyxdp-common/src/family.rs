//! Families that a SYN can be counted under, and their fingerprint rules.

/// A set of families: bit `n` stands for the family with wire id `n`.
pub type FamilySet = u32;

/// Confidence in a rule, by the quality of its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Read in the tool's own source.
    A,
    /// Two or more public sources agree.
    B,
    /// One source, or sources that disagree.
    C,
    /// Recall or inference.
    D,
}

impl Confidence {
    /// Its letter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }

    /// What the letter means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::A => "read in the tool's own source",
            Self::B => "two or more public sources agree",
            Self::C => "one source, or sources that disagree",
            Self::D => "recall or inference",
        }
    }
}

/// A fingerprint rule with its evidence. A count is always published with its rule's id.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name and version, as `mirai/1`. A rule that changes what it matches gets a new version.
    pub id: &'static str,
    /// Family or tool that it identifies.
    pub name: &'static str,
    /// The condition, in the notation of [`crate::fingerprints`].
    pub condition: &'static str,
    /// Confidence in the condition.
    pub confidence: Confidence,
    /// Evidence: source file, paper or public report.
    pub source: &'static str,
    /// False positives and false negatives.
    pub caveat: &'static str,
}

/// A family, by its wire id. The table in [`crate::fingerprints`] declares all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub(crate) u8);

impl Family {
    /// No rule matches: ordinary TCP stacks, and every bot that scans through kernel sockets.
    pub const OTHER: Self = Self(0);

    /// The family with this wire id.
    pub fn from_wire_id(id: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.0 == id)
    }

    /// Index of its counter, and its bit in [`FamilySet`].
    #[inline(always)]
    pub const fn wire_id(self) -> usize {
        self.0 as usize
    }
}
