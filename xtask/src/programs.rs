//! Other people's programs that a task needs.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use crate::command::{as_root, find, is_root, run, say};

/// A program, or a file by its whole path, and Debian's package of it.
pub(crate) type Program = (&'static str, &'static str);

/// What C programs for the kernel include.
pub(crate) const LIBBPF_HEADERS: Program = ("/usr/include/bpf/bpf_helpers.h", "libbpf-dev");

/// Installs those that are missing on Debian and its relatives, and names them elsewhere. `who` begins the sentence.
pub(crate) fn install(who: &str, programs: &[Program]) -> Result<String> {
    let missing = || programs.iter().filter(|(program, _)| find(program).is_none());
    if missing().next().is_none() {
        return Ok("all there".into());
    }
    let names = missing().map(|(program, _)| *program).collect::<Vec<_>>().join(", ");
    let packages: BTreeSet<_> = missing().map(|(_, package)| *package).collect();
    let command = format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        packages.iter().copied().collect::<Vec<_>>().join(" ")
    );
    ensure!(find("apt-get").is_some(), "{who} need {names}: install them with your system's package manager.");
    ensure!(is_root() || find("sudo").is_some(), "{who} need {names}: run `{command}` as root.");
    say(format!("missing: {names}"));
    let apt = || as_root("apt-get", &[]);
    // A source that cannot be reached, but is not needed, is no reason to stop.
    if let Err(error) = run(apt()?.args(["--quiet", "update"])) {
        say(format!("{error:#} What it did get may be enough."));
    }
    run(as_root("env", &[])?
        .arg("DEBIAN_FRONTEND=noninteractive")
        .args(["apt-get", "--quiet", "--yes", "install", "--no-install-recommends"])
        .args(&packages))
    .with_context(|| format!("{who} need {names}: run `{command}` as root."))?;
    ensure!(missing().next().is_none(), "{who} need {names}, and apt-get did not bring all of them.");
    Ok(format!("installed {names}"))
}
