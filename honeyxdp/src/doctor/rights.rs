//! What this process may do; and the proof, a program that is loaded and not attached.

use std::time::Duration;

use caps::Capability;

use super::finding::Finding;
use crate::kernel::{list, needed_capabilities};

/// The rights of this process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Capabilities that it takes and the process does not have.
    pub(super) missing: Vec<Capability>,
    /// Whether a seccomp filter is in force.
    pub(super) seccomp: bool,
    /// What came of loading the program; `None` if nobody tried, for a lack of rights or memory.
    pub(super) load: Option<Result<Loaded, String>>,
}

/// The program, as the kernel took it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loaded {
    /// Whether the kernel compiled it; `None` if it does not say.
    pub(super) jited: Option<bool>,
    /// How long maps and verification took.
    pub(super) took: Duration,
}

pub(super) fn check(process: &Process) -> Vec<Finding> {
    let mut findings = vec![capabilities(&process.missing)];
    findings.extend(seccomp(process));
    findings.extend(load(process));
    findings
}

fn capabilities(missing: &[Capability]) -> Finding {
    let needed = needed_capabilities();
    if missing.is_empty() {
        return Finding::ok("capabilities", format!("{} are held", list(needed)));
    }
    Finding::bad(
        "capabilities",
        format!("this process lacks {}; root has them, the systemd unit gives them, and so does setcap", list(missing)),
        format!("setcap {}+ep \"$(command -v honeyxdp)\"", words(needed, |name| name.to_lowercase()).join(",")),
    )
}

fn words(capabilities: &[Capability], word: fn(String) -> String) -> Vec<String> {
    capabilities.iter().map(|capability| word(capability.to_string())).collect()
}

fn seccomp(process: &Process) -> Option<Finding> {
    process.seccomp.then(|| match &process.load {
        Some(Ok(_)) => Finding::ok("seccomp", "a filter is in force and lets bpf(2) through"),
        _ => Finding::warn(
            "seccomp",
            "a filter is in force, as in a container, and may forbid bpf(2); a profile that allows it is needed",
            format!(
                "podman run {} --security-opt seccomp=unconfined ...",
                words(needed_capabilities(), |name| name.replacen("CAP_", "--cap-add ", 1)).join(" ")
            ),
        ),
    })
}

fn load(process: &Process) -> Option<Finding> {
    Some(match process.load.as_ref()? {
        Ok(loaded) => {
            Finding::ok("program", format!("the kernel takes the XDP program, in {} ms", loaded.took.as_millis()))
        }
        Err(error) => Finding::bad(
            "program",
            format!("the kernel does not take the XDP program: {error}"),
            "dmesg | tail; journalctl --grep 'avc|apparmor|audit' --since -5min",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn levels(process: &Process) -> Vec<(&'static str, Level)> {
        check(process).into_iter().map(|finding| (finding.check, finding.level)).collect()
    }

    const LOADED: Loaded = Loaded { jited: Some(true), took: Duration::from_millis(400) };

    #[test]
    fn what_is_missing_is_named_with_a_command() {
        let process = Process { missing: vec![Capability::CAP_BPF], seccomp: false, load: None };
        let finding = &check(&process)[0];
        assert_eq!(finding.level, Level::Bad);
        assert!(finding.text.contains("lacks CAP_BPF;"), "{}", finding.text);
        assert!(finding.fix.as_ref().unwrap().starts_with("setcap cap_bpf,"));
    }

    #[test]
    fn a_seccomp_filter_matters_only_where_the_program_does_not_load() {
        let mut process = Process { missing: Vec::new(), seccomp: true, load: Some(Ok(LOADED)) };
        assert_eq!(levels(&process), [("capabilities", Level::Ok), ("seccomp", Level::Ok), ("program", Level::Ok)]);
        process.load = Some(Err("Operation not permitted".to_owned()));
        assert_eq!(levels(&process), [("capabilities", Level::Ok), ("seccomp", Level::Warn), ("program", Level::Bad)]);
    }

    #[test]
    fn a_refused_program_is_bad_with_the_kernels_words() {
        let process = Process { missing: Vec::new(), seccomp: false, load: Some(Err("EACCES".to_owned())) };
        assert!(check(&process)[1].text.ends_with("program: EACCES"));
    }
}
