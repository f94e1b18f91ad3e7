//! Version of the running kernel, and the versions that honeyxdp needs.

/// First kernel with XDP programs on multi-buffer frames and `bpf_xdp_load_bytes`.
pub(crate) const OLDEST_KERNEL: (u32, u32) = (5, 18);
/// First kernel that is supported: the oldest one that tests boot (`cargo xtask vm`).
pub(crate) const OLDEST_SUPPORTED: (u32, u32) = (6, 1);

/// The kernel release, as `uname -r` prints it.
pub(crate) fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Major and minor version of a kernel release.
pub(crate) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_first_two_numbers_of_a_release() {
        assert_eq!(version("6.18.44-generic"), Some((6, 18)));
        assert_eq!(version("5.4.0"), Some((5, 4)));
        assert_eq!(version("garbage"), None);
        assert!(version("5.17.9").unwrap() < OLDEST_KERNEL);
        assert!(version("5.18").unwrap() >= OLDEST_KERNEL);
    }
}
