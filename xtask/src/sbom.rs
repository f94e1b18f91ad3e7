//! The bill of materials of a program: what crates are in it, of which version, licence and hash, as CycloneDX.
//!
//! cargo-cyclonedx writes it from what cargo knows. It takes the features of the whole workspace together, and so lists crates
//! that are in no program; `cargo tree`, asked for one package, has those that are built for it, and the others are taken out.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    command::{cargo, output, repository, run, say},
    dist,
    tools::Tool,
};

/// rust-version 1.85.
const CARGO_CYCLONEDX: Tool = Tool { name: "cargo-cyclonedx", version: "0.5.9" };

/// The newest that the tool writes.
const SPECIFICATION: &str = "1.5";

/// The kernel program is in the sensor's binary, so it has a bill of materials as well.
const KERNEL_PROGRAM: Subject<'_> =
    Subject { workspace: "honeyxdp-ebpf", package: "honeyxdp-ebpf", target: Some("bpfel-unknown-none") };

/// Write the bills of materials of the programs: their crates with versions, licences and hashes
///
/// `PROGRAM-VERSION.cdx.json` in CycloneDX's format for honeyxdp, honeyxdp-fleet, honeyxdp-report and the kernel program, which is in
/// honeyxdp. `cargo xtask dist` writes those of what it packs. Nothing is built. cargo-cyclonedx is installed in target/tools if it
/// is missing. docs/develop/testing.md says how to read them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Directory for them. Default: dist/ in cargo's target directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let out = dist::directory(args.out.as_deref())?;
    for file in write(&["honeyxdp", "honeyxdp-fleet", "honeyxdp-report"], &out, &dist::last_commit()?)? {
        say(file.display().to_string());
    }
    Ok(())
}

/// Writes the bills of these programs, and of the kernel program. `moment` is their time, seconds since 1970.
pub(crate) fn write(packages: &[&str], directory: &Path, moment: &str) -> Result<Vec<PathBuf>> {
    let programs = packages.iter().map(|package| Subject { workspace: ".", package, target: None });
    programs.chain([KERNEL_PROGRAM]).map(|subject| subject.write(directory, moment)).collect()
}

/// What crates are looked at: a workspace, a package of it, and what it is compiled for.
struct Subject<'a> {
    /// Directory of the workspace in the repository.
    workspace: &'a str,
    package: &'a str,
    /// Nothing for this machine.
    target: Option<&'a str>,
}

impl Subject<'_> {
    /// Writes the bill to `DIRECTORY/PACKAGE-VERSION.cdx.json` and says where that is. `moment` is its time, seconds since 1970.
    fn write(&self, directory: &Path, moment: &str) -> Result<PathBuf> {
        let mut bill = self.made(moment)?;
        prune(&mut bill, &self.built()?)?;
        let text = serde_json::to_string_pretty(&bill)?;
        // Where the repository lies on this machine is nobody's business, and would differ elsewhere.
        let text = text.replace(&format!("file://{}", repository().display()), "file:///honeyxdp");
        ensure!(
            !text.contains(&repository().display().to_string()),
            "The bill of materials of {} names a directory of this machine.",
            self.package
        );
        let file = directory.join(format!("{}-{}.cdx.json", self.package, env!("CARGO_PKG_VERSION")));
        fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written.", file.display()))?;
        Ok(file)
    }

    fn manifest(&self) -> PathBuf {
        repository().join(self.workspace).join("Cargo.toml")
    }

    /// What cargo-cyclonedx says. It writes a file beside the manifest of every package of the workspace; they go again.
    fn made(&self, moment: &str) -> Result<Value> {
        let name = format!("sbom-of-{}", std::process::id());
        let mut command = CARGO_CYCLONEDX.command()?;
        command.args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", SPECIFICATION]);
        command.args(["--override-filename", &name, "--manifest-path"]).arg(self.manifest());
        // All of them: macros and build scripts are built for this machine, and the rest for the target.
        command.args(["--target", "all"]);
        let made = run(command.env("SOURCE_DATE_EPOCH", moment));
        let files: Vec<PathBuf> =
            self.directories()?.iter().map(|directory| directory.join(format!("{name}.json"))).collect();
        let bills: Vec<Value> = files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
            .collect();
        for file in files.iter().filter(|file| file.exists()) {
            fs::remove_file(file)?;
        }
        made?;
        let ours = |bill: &Value| bill["metadata"]["component"]["name"] == self.package;
        bills.into_iter().find(ours).with_context(|| format!("cargo-cyclonedx says nothing about {}.", self.package))
    }

    /// Directories of the workspace's packages.
    fn directories(&self) -> Result<Vec<PathBuf>> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--locked", "--no-deps", "--format-version", "1", "--manifest-path"]);
        let text = output(metadata.arg(self.manifest()))?;
        let metadata: Value = serde_json::from_str(&text)?;
        let packages = metadata["packages"].as_array().context("cargo metadata names no packages.")?;
        let directory = |package: &Value| Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_path_buf);
        Ok(packages.iter().filter_map(directory).collect())
    }

    /// Name and version of every crate that is built for the package, build scripts and macros too.
    fn built(&self) -> Result<BTreeSet<(String, String)>> {
        let mut tree = cargo();
        tree.args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        tree.args(["--package", self.package, "--manifest-path"]).arg(self.manifest());
        tree.args(self.target.iter().flat_map(|target| ["--target", target]));
        Ok(crates(&output(&mut tree)?))
    }
}

/// Lines like `aya v0.14.0 (/directory)`.
fn crates(tree: &str) -> BTreeSet<(String, String)> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some((name.to_owned(), version.to_owned()))
    };
    tree.lines().filter_map(pair).collect()
}

/// Takes out what is not built.
fn prune(bill: &mut Value, built: &BTreeSet<(String, String)>) -> Result<()> {
    let components = bill["components"].as_array_mut().context("A bill of materials has components.")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    components.retain(|component| built.contains(&(text(&component["name"]), text(&component["version"]))));
    let own = &bill["metadata"]["component"];
    let mut kept: BTreeSet<String> =
        bill["components"].as_array().into_iter().flatten().map(|component| text(&component["bom-ref"])).collect();
    // Everything that is built is in the bill: one that only cargo-cyclonedx leaves out would be missed by nobody.
    let missing: Vec<&(String, String)> = built
        .iter()
        .filter(|(name, version)| {
            let same = |component: &Value| component["name"] == **name && component["version"] == **version;
            !same(own) && !bill["components"].as_array().into_iter().flatten().any(same)
        })
        .collect();
    ensure!(missing.is_empty(), "The bill of materials lacks {missing:?}.");
    kept.insert(text(&own["bom-ref"]));
    if let Some(dependencies) = bill["dependencies"].as_array_mut() {
        dependencies.retain(|dependency| kept.contains(&text(&dependency["ref"])));
        for dependency in dependencies {
            if let Some(on) = dependency.get_mut("dependsOn").and_then(Value::as_array_mut) {
                on.retain(|reference| kept.contains(&text(reference)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bill() -> Value {
        json!({
            "metadata": {"component": {"name": "ours", "version": "0.1.0", "bom-ref": "o"}},
            "components": [
                {"name": "in", "version": "1.0.0", "bom-ref": "i"},
                {"name": "out", "version": "2.0.0", "bom-ref": "x"},
            ],
            "dependencies": [{"ref": "o", "dependsOn": ["i", "x"]}, {"ref": "i"}, {"ref": "x", "dependsOn": ["i"]}],
        })
    }

    #[test]
    fn what_is_not_built_is_taken_out_with_its_edges() {
        let mut bill = bill();
        prune(&mut bill, &crates("ours v0.1.0 (/a/directory)\nin v1.0.0\nin v1.0.0 (*)\n")).unwrap();
        assert_eq!(bill["components"].as_array().unwrap().len(), 1);
        assert_eq!(bill["dependencies"], json!([{"ref": "o", "dependsOn": ["i"]}, {"ref": "i"}]));
    }

    #[test]
    fn a_crate_that_is_built_and_not_in_the_bill_is_an_error() {
        let error = prune(&mut bill(), &crates("ours v0.1.0\nin v1.0.0\nin v1.0.1\n")).unwrap_err().to_string();
        assert!(error.contains("1.0.1"), "{error}");
    }
}
