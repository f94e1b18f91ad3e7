//! What the object in the repository was made of, and by what.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{compile::FLAGS, sources::Sources, toolchain::Toolchain};
use crate::command::repository;

/// Version of the manifest's form.
const SCHEMA: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    schema: u32,
    pub(crate) object_sha256: String,
    /// Of honeyxdp-ebpf and honeyxdp-common, see `sources`.
    sources_sha256: String,
    /// Flags of the compiler that decide about the code.
    flags: Vec<String>,
    pub(crate) toolchain: Identity,
}

/// Everything about a toolchain that can change the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// `rustup` or `debian`.
    pub(crate) route: String,
    /// Where it runs.
    pub(crate) host: String,
    pub(crate) rustc: String,
    pub(crate) rustc_commit: String,
    pub(crate) llvm: String,
    /// It mixes its own version into the names of symbols.
    pub(crate) cargo: String,
    pub(crate) bpf_linker: String,
    /// Debian's packages and their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) packages: BTreeMap<String, String>,
}

impl Identity {
    /// One line for each difference.
    pub(crate) fn differences(&self, found: &Self) -> Vec<String> {
        let mut differences: Vec<_> = [
            ("route", &self.route, &found.route),
            ("host", &self.host, &found.host),
            ("rustc", &self.rustc, &found.rustc),
            ("commit of rustc", &self.rustc_commit, &found.rustc_commit),
            ("LLVM", &self.llvm, &found.llvm),
            ("cargo", &self.cargo, &found.cargo),
            ("bpf-linker", &self.bpf_linker, &found.bpf_linker),
        ]
        .into_iter()
        .filter(|(_, before, now)| before != now)
        .map(|(what, before, now)| format!("{what}: {before} in the manifest, {now} here"))
        .collect();
        let names: std::collections::BTreeSet<_> = self.packages.keys().chain(found.packages.keys()).collect();
        for name in names {
            let version = |packages: &BTreeMap<String, String>| packages.get(name).map_or("none", |v| v).to_owned();
            let (before, now) = (version(&self.packages), version(&found.packages));
            if before != now {
                differences.push(format!("package {name}: {before} in the manifest, {now} here"));
            }
        }
        differences
    }
}

/// The manifest in the repository.
pub(crate) fn path() -> PathBuf {
    repository().join("honeyxdp/ebpf/manifest.json")
}

impl Manifest {
    pub(crate) fn new(object: &[u8], sources: &Sources, toolchain: &Toolchain) -> Self {
        Self {
            schema: SCHEMA,
            object_sha256: sha256(object),
            sources_sha256: sources.sha256(),
            flags: FLAGS.iter().map(|&flag| flag.to_owned()).collect(),
            toolchain: toolchain.identity.clone(),
        }
    }

    pub(crate) fn read() -> Result<Self> {
        let text = fs::read(path())
            .with_context(|| format!("{} is missing: run `cargo xtask build-ebpf`.", path().display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} cannot be read: run `cargo xtask build-ebpf`.", path().display()))
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Fails unless the object is the manifest's and belongs to the sources.
    pub(crate) fn matches(&self, object: &[u8], sources: &Sources) -> Result<()> {
        ensure!(
            self.schema == SCHEMA,
            "honeyxdp/ebpf/manifest.json has form {}, not {SCHEMA}: run `cargo xtask build-ebpf`.",
            self.schema
        );
        ensure!(
            self.object_sha256 == sha256(object),
            "honeyxdp/ebpf/honeyxdp.bpf.o is not the object of its manifest: run `cargo xtask build-ebpf`."
        );
        if self.sources_sha256 != sources.sha256() {
            ensure!(
                !sources.has_carriage_returns(),
                "The sources of the eBPF program have CRLF line ends, which makes other bytes of them: set git's \
                 core.autocrlf to false and check the files out again."
            );
            anyhow::bail!(
                "honeyxdp/ebpf/honeyxdp.bpf.o is older than honeyxdp-ebpf or honeyxdp-common: run `cargo xtask \
                 build-ebpf`."
            );
        }
        ensure!(
            self.flags == FLAGS,
            "honeyxdp/ebpf/honeyxdp.bpf.o was compiled with other flags than today's: run `cargo xtask build-ebpf`."
        );
        Ok(())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_belongs_to_the_sources() {
        let object = fs::read(crate::build_ebpf::object_path()).expect("the object is in the repository");
        let sources = Sources::read(&repository()).expect("the sources are in the repository");
        if let Err(error) = Manifest::read().and_then(|manifest| manifest.matches(&object, &sources)) {
            panic!("{error:#}");
        }
    }

    fn identity() -> Identity {
        Identity {
            route: "debian".into(),
            host: "x86_64-unknown-linux-gnu".into(),
            rustc: "1.96.0".into(),
            rustc_commit: "unknown".into(),
            llvm: "22.1.8".into(),
            cargo: "1.95.0".into(),
            bpf_linker: "0.13.0".into(),
            packages: [("libllvm22".into(), "22.1.8-1".into())].into(),
        }
    }

    #[test]
    fn every_difference_between_toolchains_is_said() {
        assert!(identity().differences(&identity()).is_empty());
        let other = Identity {
            llvm: "23.1.0".into(),
            packages: [("libllvm23".into(), "23.1.0-1".into())].into(),
            ..identity()
        };
        assert_eq!(
            identity().differences(&other),
            [
                "LLVM: 22.1.8 in the manifest, 23.1.0 here",
                "package libllvm22: 22.1.8-1 in the manifest, none here",
                "package libllvm23: none in the manifest, 23.1.0-1 here",
            ]
        );
    }

    #[test]
    fn a_manifest_that_does_not_fit_says_what_to_do() {
        let sources = Sources { files: vec![("honeyxdp-ebpf/src/main.rs".into(), b"fn main() {}\n".to_vec())] };
        let manifest = || Manifest {
            schema: SCHEMA,
            object_sha256: sha256(b"object"),
            sources_sha256: sources.sha256(),
            flags: FLAGS.iter().map(|&flag| flag.to_owned()).collect(),
            toolchain: identity(),
        };
        manifest().matches(b"object", &sources).unwrap();
        let message = |manifest: &Manifest, object: &[u8], sources: &Sources| {
            manifest.matches(object, sources).unwrap_err().to_string()
        };
        assert!(message(&manifest(), b"other", &sources).contains("cargo xtask build-ebpf"));
        assert!(message(&Manifest { flags: vec![], ..manifest() }, b"object", &sources).contains("flags"));
        let crlf = Sources { files: vec![("honeyxdp-ebpf/src/main.rs".into(), b"fn main() {}\r\n".to_vec())] };
        assert!(message(&manifest(), b"object", &crlf).contains("CRLF"));
    }
}
