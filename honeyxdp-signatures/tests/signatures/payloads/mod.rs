//! Payloads, made here: what each rule of contrib/signatures.toml is for, and what only looks like it. No address is anybody's.

mod benign;
mod exploits;
mod families;

pub(crate) use benign::BENIGN;

/// A rule, payloads that it has to label, and payloads that it must not.
pub(crate) struct Case {
    /// The rule's id.
    pub(crate) rule: &'static str,
    /// Payloads that this rule labels.
    pub(crate) hits: Vec<Vec<u8>>,
    /// Payloads that it does not label, if others may.
    pub(crate) misses: Vec<Vec<u8>>,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    exploits::cases().into_iter().chain(families::cases()).collect()
}

/// Every payload there is.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let cases = cases().into_iter().flat_map(|case| case.hits.into_iter().chain(case.misses));
    cases.chain(BENIGN.iter().map(|(_, payload)| payload.to_vec())).collect()
}

fn case<const H: usize, const M: usize>(rule: &'static str, hits: [&[u8]; H], misses: [&[u8]; M]) -> Case {
    let owned = |payloads: &[&[u8]]| payloads.iter().map(|payload| payload.to_vec()).collect();
    Case { rule, hits: owned(&hits), misses: owned(&misses) }
}
