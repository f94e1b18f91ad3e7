//! `cargo xtask deny`: other people's crates, held against deny.toml.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    command::{cargo, output, repository, run, say},
    tools::Tool,
};

/// Check licences, sources, bans and advisories of all dependencies
///
/// For every workspace of the repository: its lock file is complete, and cargo-deny finds nothing
/// against deny.toml. Licences, bans and sources need no network. Advisories are read from
/// RustSec's database on GitHub, or from the clone of it that --advisory-db names. Where neither can
/// be reached, that is said, and not taken for success: --require-advisories makes it an error.
/// cargo-deny is installed in target/tools if it is missing.
///
/// Examples:
///
///   cargo xtask deny
///   cargo xtask deny --advisory-db ../advisory-db
///   cargo xtask deny --require-advisories
///
/// docs/develop/testing.md says what the rules are and what is ignored for which reason.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Directory of a clone of https://github.com/RustSec/advisory-db
    #[arg(long, value_name = "DIRECTORY")]
    advisory_db: Option<PathBuf>,
    /// Fail where no database of advisories can be reached
    #[arg(long)]
    require_advisories: bool,
}

/// rust-version 1.88.
const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Where cargo-deny gets advisories from, as it writes it.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";

/// Directories of workspaces: each has a lock file of its own. Those that are not there are left out.
const WORKSPACES: &[&str] = &["", "honeyxdp-ebpf", "fuzz"];

pub(crate) fn main(args: &Args) -> Result<()> {
    let root = repository();
    let manifests: Vec<PathBuf> = WORKSPACES
        .iter()
        .map(|directory| root.join(directory).join("Cargo.toml"))
        .filter(|file| file.is_file())
        .collect();
    for manifest in &manifests {
        complete_lock(manifest)?;
    }
    let config = root.join("deny.toml");
    // A licence that the first workspace does not have any more is to go from the list; the small ones lack most of them.
    for (at, manifest) in manifests.iter().enumerate() {
        let mut command = check(manifest, &config)?;
        if at == 0 {
            command.args(["--deny", "license-not-encountered"]);
        } else {
            command.args(["--allow", "license-not-encountered"]);
        }
        run(command.args(["licenses", "bans", "sources"]))?;
    }
    advisories(args, &manifests, &config)
}

/// All checks, as without options.
pub(crate) fn everything() -> Result<()> {
    main(&Args { advisory_db: None, require_advisories: false })
}

/// That the lock file has everything, so that `--locked` builds what it says.
fn complete_lock(manifest: &Path) -> Result<()> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--locked", "--format-version", "1", "--manifest-path"]).arg(manifest);
    output(&mut metadata).map(drop)
}

fn check(manifest: &Path, config: &Path) -> Result<Command> {
    let mut command = CARGO_DENY.command()?;
    command.current_dir(repository()).args(["--all-features", "--manifest-path"]).arg(manifest);
    command.arg("--config").arg(config).args(["check", "--hide-inclusion-graph", "--allow", "duplicate"]);
    Ok(command)
}

fn advisories(args: &Args, manifests: &[PathBuf], config: &Path) -> Result<()> {
    let directory = tempfile::tempdir().context("There is no room for the database of advisories.")?;
    let mut from = Vec::new();
    let mut config = config.to_path_buf();
    if let Some(clone) = &args.advisory_db {
        let clone = std::path::absolute(clone)?;
        let mut date = git();
        date.arg("-C").arg(&clone).args(["log", "-1", "--format=%cI (%h)"]);
        let date = output(&mut date).with_context(|| format!("{} is no clone of {DATABASE}.", clone.display()))?;
        say(format!("advisories: {}, of {}", clone.display(), date.trim()));
        // cargo-deny has a directory for each address; so the address stays, and git goes to the clone instead.
        from.push(("GIT_CONFIG_COUNT", "1".to_owned()));
        from.push(("GIT_CONFIG_KEY_0", format!("url.file://{}.insteadOf", clone.display())));
        from.push(("GIT_CONFIG_VALUE_0", DATABASE.to_owned()));
        config = beside(&config, directory.path())?;
    } else if let Err(error) = reachable() {
        let told = format!("ADVISORIES WERE NOT CHECKED: {error:#}. Name a clone of {DATABASE} with --advisory-db.");
        if args.require_advisories {
            bail!("{told}");
        }
        say(told);
        return Ok(());
    }
    for (at, manifest) in manifests.iter().enumerate() {
        let mut command = check(manifest, &config)?;
        if at > 0 {
            command.args(["--allow", "advisory-not-detected"]);
        }
        run(command.arg("advisories").envs(from.iter().map(|(name, value)| (*name, value))))?;
    }
    Ok(())
}

/// The same rules with a database in this directory.
fn beside(config: &Path, directory: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(config)?;
    let section = "[advisories]\n";
    ensure!(text.contains(section), "{} has no section [advisories].", config.display());
    let path = serde_json::to_string(&directory.join("advisory-dbs"))?;
    let file = directory.join("deny.toml");
    fs::write(&file, text.replace(section, &format!("{section}db-path = {path}\n")))?;
    Ok(file)
}

/// Whether the database's place answers within half a minute.
fn reachable() -> Result<()> {
    let mut ask = Command::new("timeout");
    ask.args(["30", "git", "ls-remote", "--quiet", DATABASE, "HEAD"]).env("GIT_TERMINAL_PROMPT", "0");
    output(ask.stdin(Stdio::null())).map(drop)
}

fn git() -> Command {
    let mut git = Command::new("git");
    // The clone may be somebody else's.
    git.args(["-c", "safe.directory=*"]);
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_get_a_database_and_stay_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let rules = repository().join("deny.toml");
        let text = fs::read_to_string(beside(&rules, directory.path()).unwrap()).unwrap();
        let line = text.lines().find(|line| line.starts_with("db-path")).unwrap();
        assert!(line.contains(directory.path().to_str().unwrap()));
        assert_eq!(text.replace(&format!("{line}\n"), ""), fs::read_to_string(rules).unwrap());
    }

    #[test]
    fn every_workspace_of_the_repository_is_checked() {
        let locks = output(Command::new("git").current_dir(repository()).args(["ls-files", "*Cargo.lock"])).unwrap();
        let directories: Vec<&Path> = locks.lines().map(|lock| Path::new(lock).parent().unwrap()).collect();
        let known: Vec<&Path> = WORKSPACES.iter().map(Path::new).collect();
        assert!(directories.iter().all(|directory| known.contains(directory)), "{directories:?}");
        assert!(directories.len() >= 2);
    }
}
