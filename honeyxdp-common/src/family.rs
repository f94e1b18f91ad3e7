//! The families that a SYN can be counted under, and the table of their rules.

/// A set of families: bit `n` stands for the family with wire id `n`.
pub type FamilySet = u32;

/// How well a rule is founded.
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

/// One rule: what it looks at, and how far it can be trusted. A count is always published with its rule's id.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name and version, as `mirai/1`. A rule that changes what it matches gets a new version.
    pub id: &'static str,
    /// Whose mark it is.
    pub name: &'static str,
    /// What must hold, in the notation of docs/marks.md.
    pub condition: &'static str,
    /// How well that is founded.
    pub confidence: Confidence,
    /// Where it was found.
    pub source: &'static str,
    /// How often an unrelated SYN shows it, and whom it misses.
    pub caveat: &'static str,
}

/// A family: its wire id. The compiler knows all of them from the table in [`crate::fingerprints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub(crate) u8);

impl Family {
    /// No rule holds: ordinary stacks, and every bot that uses the kernel's sockets.
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
