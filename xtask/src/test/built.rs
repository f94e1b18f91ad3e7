//! What cargo built: the test executables, and the tests in them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    clippy::linted,
    command::{cargo, say, shown},
};

/// A test executable.
#[derive(Debug)]
pub(crate) struct Executable {
    pub(crate) file: PathBuf,
    /// Directory of the package, where its tests run.
    pub(crate) directory: PathBuf,
    package: String,
    /// `lib` for the unit tests of a library, or the target's name.
    target: String,
}

/// A test.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) package: String,
    target: String,
    /// With the modules that it is in, as its executable knows it.
    pub(crate) name: String,
    pub(crate) executable: PathBuf,
    pub(crate) directory: PathBuf,
}

impl Test {
    /// `package::target::module::name`, as docs/ names tests.
    pub(crate) fn path(&self) -> String {
        format!("{}::{}::{}", self.package, self.target, self.name)
    }
}

/// Everything that was built.
#[derive(Debug)]
pub(crate) struct Built {
    tests: Vec<Executable>,
    /// Programs by the names of their targets.
    programs: BTreeMap<String, PathBuf>,
}

/// Builds all tests of the workspace in one go, so that every dependency is compiled once and with one set of features.
pub(crate) fn build() -> Result<Built> {
    let mut build = cargo();
    build.args(["test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    linted(&mut build);
    say(shown(&build));
    let output = build.stderr(Stdio::inherit()).output().context("cargo could not be started.")?;
    ensure!(output.status.success(), "`{}` failed ({}); see its messages above.", shown(&build), output.status);
    Built::parse(&output.stdout)
}

impl Built {
    /// Reads cargo's messages.
    fn parse(messages: &[u8]) -> Result<Self> {
        let (mut tests, mut programs) = (Vec::new(), BTreeMap::new());
        let lines = messages.split(|&byte| byte == b'\n');
        for message in lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()) {
            let Some(file) = message["executable"].as_str().map(PathBuf::from) else { continue };
            let target = message["target"]["name"].as_str().context("cargo named no target.")?.to_owned();
            if message["profile"]["test"] != true {
                programs.insert(target, file);
                continue;
            }
            let manifest = PathBuf::from(message["manifest_path"].as_str().context("cargo named no manifest.")?);
            let directory = manifest.parent().context("A manifest lies in a directory.")?.to_owned();
            let package = message["package_id"].as_str().and_then(package).context("cargo named no package.")?;
            let is_library =
                message["target"]["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib"));
            let target = if is_library { "lib".to_owned() } else { target };
            tests.push(Executable { file, directory, package, target });
        }
        Ok(Self { tests, programs })
    }

    /// A program, or the executable of the tests of this name.
    pub(crate) fn executable(&self, name: &str) -> Result<&PathBuf> {
        let test = self.tests.iter().find(|executable| executable.target == name).map(|executable| &executable.file);
        test.or_else(|| self.programs.get(name)).with_context(|| format!("cargo built no executable {name}."))
    }

    /// All tests. It is an error if one is ignored.
    pub(crate) fn tests(&self) -> Result<Vec<Test>> {
        let mut all = Vec::new();
        for executable in &self.tests {
            let list = |more: &[&str]| -> Result<Vec<String>> {
                let mut command = Command::new(&executable.file);
                command.args(["--list", "--format", "terse"]).args(more).current_dir(&executable.directory);
                let output = command.stderr(Stdio::inherit()).output();
                let output = output.with_context(|| format!("`{}` could not be started.", shown(&command)))?;
                ensure!(output.status.success(), "`{}` failed ({}).", shown(&command), output.status);
                let text = String::from_utf8(output.stdout)?;
                Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
            };
            let ignored = list(&["--ignored"])?;
            ensure!(ignored.is_empty(), "Every test has to run, so remove #[ignore] from {}.", ignored.join(", "));
            all.extend(list(&[])?.into_iter().map(|name| Test {
                package: executable.package.clone(),
                target: executable.target.clone(),
                name,
                executable: executable.file.clone(),
                directory: executable.directory.clone(),
            }));
        }
        Ok(all)
    }
}

/// The name in a package id: `path+file:///a/b#0.1.0` for b, `path+file:///a/b#name@0.1.0` for another name.
fn package(id: &str) -> Option<String> {
    let (path, fragment) = id.rsplit_once('#')?;
    let name = fragment.split_once('@').map_or_else(|| path.rsplit('/').next(), |(name, _)| Some(name));
    name.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_name_their_package() {
        assert_eq!(package("path+file:///a%20b/honeyxdp#0.1.0").as_deref(), Some("honeyxdp"));
        assert_eq!(package("path+file:///a/tests#honeyxdp-tests@0.1.0").as_deref(), Some("honeyxdp-tests"));
        assert_eq!(package("no id"), None);
    }

    #[test]
    fn messages_of_cargo_are_read() {
        let messages = br#"{"reason":"build-script-executed"}
{"reason":"compiler-artifact","package_id":"path+file:///r/honeyxdp#0.1.0","manifest_path":"/r/honeyxdp/Cargo.toml","target":{"kind":["lib"],"name":"honeyxdp"},"profile":{"test":true},"executable":"/t/deps/honeyxdp-1"}
{"reason":"compiler-artifact","package_id":"path+file:///r/tests#honeyxdp-tests@0.1.0","manifest_path":"/r/tests/Cargo.toml","target":{"kind":["test"],"name":"kernel"},"profile":{"test":true},"executable":"/t/deps/kernel-1"}
{"reason":"compiler-artifact","package_id":"path+file:///r/tests#honeyxdp-tests@0.1.0","manifest_path":"/r/tests/Cargo.toml","target":{"kind":["bin"],"name":"lab"},"profile":{"test":false},"executable":"/t/lab"}
{"reason":"build-finished","success":true}"#;
        let built = Built::parse(messages).unwrap();
        let names: Vec<_> = built.tests.iter().map(|test| (test.package.as_str(), test.target.as_str())).collect();
        assert_eq!(names, [("honeyxdp", "lib"), ("honeyxdp-tests", "kernel")]);
        assert_eq!(built.tests[1].directory, PathBuf::from("/r/tests"));
        assert_eq!(built.executable("lab").unwrap(), &PathBuf::from("/t/lab"));
        assert_eq!(built.executable("kernel").unwrap(), &PathBuf::from("/t/deps/kernel-1"));
        assert!(built.executable("demo").is_err());
    }
}
