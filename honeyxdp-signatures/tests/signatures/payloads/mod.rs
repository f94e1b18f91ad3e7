//! Crafted payloads: for each signature of contrib/signatures.toml, what it must and must not match. Addresses are reserved ones.

mod benign;
mod exploits;
mod families;

pub(crate) use benign::BENIGN;

/// A signature, payloads that it must match, and payloads that it must not.
pub(crate) struct Case {
    /// The signature's id.
    pub(crate) signature: &'static str,
    /// Payloads that it matches.
    pub(crate) hits: Vec<Vec<u8>>,
    /// Payloads that it does not match; others may.
    pub(crate) misses: Vec<Vec<u8>>,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    exploits::cases().into_iter().chain(families::cases()).collect()
}

/// All payloads.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let cases = cases().into_iter().flat_map(|case| case.hits.into_iter().chain(case.misses));
    cases.chain(BENIGN.iter().map(|(_, payload)| payload.to_vec())).collect()
}

fn case<const H: usize, const M: usize>(signature: &'static str, hits: [&[u8]; H], misses: [&[u8]; M]) -> Case {
    let owned = |payloads: &[&[u8]]| payloads.iter().map(|payload| payload.to_vec()).collect();
    Case { signature, hits: owned(&hits), misses: owned(&misses) }
}
