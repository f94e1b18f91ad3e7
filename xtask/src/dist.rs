//! `cargo xtask dist`: what is handed out, a Debian package and an archive for everybody else.
//!
//! Both hold the same stripped binary, manual pages, completions, the systemd unit and the dashboards. Times in them are
//! that of the last commit, so that the same sources give the same files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::{
    command::{build_release, output, repository, run, say, target},
    lab,
    programs::{self, Program},
    report, sbom,
    tools::Tool,
};

/// Make the Debian packages, an archive, bills of materials, and their checksums
///
/// Builds for release, writes manual pages and shell completions from the command line, and packs everything:
/// honeyxdp_VERSION_ARCH.deb, honeyxdp-fleet_VERSION_ARCH.deb, honeyxdp-VERSION-ARCH.tar.gz, a bill of materials of each program
/// (PROGRAM-VERSION.cdx.json) and SHA256SUMS. cargo-deb and cargo-cyclonedx are installed in target/tools, and what they call by
/// apt-get, if they are missing.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Directory for the results. Default: dist/ in cargo's target directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make honeyxdp-report_VERSION_ARCH.deb as well, and put the program into the archive; building it takes minutes
    #[arg(long)]
    report: bool,
}

/// What the package is made and tested with.
const CARGO_DEB: Tool = Tool { name: "cargo-deb", version: "3.8.0" };

/// As in honeyxdp/Cargo.toml.
const MAINTAINER: &str = "The honeyxdp authors <honeyxdp@localhost>";

/// Programs that it runs, and Debian's package of each.
const PROGRAMS: &[Program] =
    &[("dpkg-deb", "dpkg"), ("dpkg-shlibdeps", "dpkg-dev"), ("strip", "binutils"), ("tar", "tar"), ("gzip", "gzip")];

pub(crate) fn main(args: &Args) -> Result<()> {
    programs::install("The packages", PROGRAMS)?;
    let out = directory(args.out.as_deref())?;
    let cargo_deb = CARGO_DEB.program()?;
    let binary = build_release("honeyxdp", "honeyxdp")?;
    let release = binary.parent().context("The binary lies in no directory.")?;
    let moment = last_commit()?;
    write_manual(release)?;
    write_changelog(release, &moment)?;

    let mut packages = Vec::new();
    let mut programs = vec![binary.clone(), build_release("honeyxdp-fleet", "honeyxdp-fleet")?];
    let mut names = vec!["honeyxdp", "honeyxdp-fleet"];
    if args.report {
        programs.push(report::build_beside_honeyxdp()?);
        names.push("honeyxdp-report");
    }
    for &name in &names {
        let mut deb = Command::new(&cargo_deb);
        deb.current_dir(repository()).args(["--no-build", "--strip", "--package", name]);
        deb.env("CARGO_TARGET_DIR", target()).env("SOURCE_DATE_EPOCH", &moment);
        let package = package(&mut deb, &out)?;
        try_out(&package, name)?;
        packages.push(package);
    }
    let archive = archive(&programs, release, &out, &moment)?;
    packages.push(archive);
    packages.extend(sbom::write(&names, &out, &moment)?);
    let sums = packages.iter().map(|file| checksum(file)).collect::<Result<String>>()?;
    fs::write(out.join("SHA256SUMS"), &sums)?;
    for file in &packages {
        say(format!("{} ({} KiB)", file.display(), fs::metadata(file)?.len() / 1024));
    }
    Ok(())
}

/// The directory for what is handed out, made if it must be.
pub(crate) fn directory(out: Option<&Path>) -> Result<PathBuf> {
    let out = out.map_or_else(|| Ok(target().join("dist")), std::path::absolute)?;
    fs::create_dir_all(&out).with_context(|| format!("{} cannot be made.", out.display()))?;
    Ok(out)
}

/// Seconds since 1970.
pub(crate) fn last_commit() -> Result<String> {
    if let Ok(moment) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(moment);
    }
    let moment = output(Command::new("git").current_dir(repository()).args(["log", "-1", "--format=%ct"]))
        .context("Set SOURCE_DATE_EPOCH where there is no git.")?;
    Ok(moment.trim().to_owned())
}

/// Manual pages and completions, beside the binary.
fn write_manual(release: &Path) -> Result<()> {
    let directory = release.join("pages");
    // What a subcommand that is gone left there would be packed.
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    run(Command::new(lab::build(&[])?).arg("manual").arg(&directory))?;
    let pages = fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    compress(pages.iter().filter(|page| page.extension().is_some_and(|section| section == "1")))
}

/// Debian wants one of its own; CHANGELOG.md, which is packed as well, says what changed.
fn write_changelog(release: &Path, moment: &str) -> Result<()> {
    let date = output(Command::new("date").args(["--utc", "-R", "-d", &format!("@{moment}")]).env("LC_ALL", "C"))?;
    let text = format!(
        "honeyxdp ({}-1) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {MAINTAINER}  {date}",
        env!("CARGO_PKG_VERSION"),
    );
    let directory = release.join("debian");
    fs::create_dir_all(&directory)?;
    let file = directory.join("changelog.Debian");
    fs::write(&file, text)?;
    compress([&file].into_iter())
}

/// As Debian wants it: well, and without the time.
fn compress<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    run(Command::new("gzip").args(["-9n", "--force"]).args(files))
}

/// Unpacks the package and starts the program in it: it was stripped and packed since it was built.
fn try_out(package: &Path, program: &str) -> Result<()> {
    let directory = tempfile::tempdir().context("There is no room to unpack the package.")?;
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(directory.path()))?;
    let version = output(Command::new(directory.path().join("usr/bin").join(program)).arg("--version"))?;
    let expected = format!("{program} {}", env!("CARGO_PKG_VERSION"));
    ensure!(version.trim() == expected, "The packed program says {version:?}.");
    Ok(())
}

/// The archive: one directory with everything in it.
fn archive(programs: &[PathBuf], release: &Path, out: &Path, moment: &str) -> Result<PathBuf> {
    let name = format!("honeyxdp-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let staging = tempfile::tempdir_in(release).context("There is no room for the archive.")?;
    let directory = staging.path().join(&name);
    fs::create_dir(&directory)?;
    for program in programs {
        let name = program.file_name().context("A program has a name.")?;
        run(Command::new("strip").arg("-o").arg(directory.join(name)).arg(program))?;
    }
    let root = repository();
    let mut copy = Command::new("cp");
    copy.arg("-r").args([release.join("pages"), root.join("contrib"), root.join("docs")]);
    for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "LICENSE-GPL2"] {
        copy.arg(root.join(file));
    }
    run(copy.arg(&directory))?;
    let archive = out.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    tar.arg(format!("--mtime=@{moment}")).args(["--use-compress-program=gzip -9n", "--create", "--file"]).arg(&archive);
    run(tar.arg("--directory").arg(staging.path()).arg(&name))?;
    Ok(archive)
}

/// Runs cargo-deb, which names its file itself, and puts the file into the directory.
fn package(deb: &mut Command, out: &Path) -> Result<PathBuf> {
    let directory = tempfile::tempdir_in(out).context("There is no room for the package.")?;
    run(deb.arg("--output").arg(directory.path()))?;
    let files = fs::read_dir(directory.path())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let is_package = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "deb");
    let made = files.iter().find(is_package).context("cargo-deb made no package.")?;
    let package = out.join(made.file_name().context("A file has a name.")?);
    fs::rename(made, &package).with_context(|| format!("{} cannot be written.", package.display()))?;
    Ok(package)
}

/// A line as sha256sum writes it.
fn checksum(file: &Path) -> Result<String> {
    let hash = Sha256::digest(fs::read(file)?);
    let name = file.file_name().context("A file has a name.")?.to_string_lossy();
    Ok(format!("{}  {name}\n", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maintainer_is_the_same_everywhere() {
        for package in ["honeyxdp", "honeyxdp-report"] {
            let manifest = fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
            assert!(manifest.contains(&format!("maintainer = \"{MAINTAINER}\"")), "{package}");
        }
    }

    #[test]
    fn a_checksum_is_one_that_sha256sum_reads() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a file");
        fs::write(&file, "abc").unwrap();
        let line = checksum(&file).unwrap();
        assert_eq!(line, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a file\n");
    }
}
