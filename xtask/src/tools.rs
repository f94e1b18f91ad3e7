//! cargo's own tools that a task needs: installed once in target/tools, of one version, with the crates of their lock file.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::command::{cargo, output, run, target};

/// A tool: its name at crates.io, and the version that the task was tested with.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// Where it is, after it was installed if it had to be.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let tools = target().join("tools");
        let program = tools.join("bin").join(self.name);
        // Not every tool says its version: cargo knows it.
        let there = output(cargo().args(["install", "--list", "--root"]).arg(&tools))
            .is_ok_and(|list| self.is_in(&list) && program.is_file());
        if !there {
            let mut install = cargo();
            install.args(["install", self.name, "--locked", "--version", self.version, "--root"]);
            run(install.arg(&tools))?;
        }
        Ok(program)
    }

    /// The tool as a subcommand of cargo is called.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        command.env("CARGO", crate::command::cargo_program());
        Ok(command)
    }

    /// Whether the list of `cargo install --list` has it in this version.
    fn is_in(&self, list: &str) -> bool {
        let line = format!("{} v{}:", self.name, self.version);
        list.lines().any(|found| found == line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_another_tool() {
        let list = "cargo-deb v3.8.0:\n    cargo-deb\ncargo-deny v0.20.2:\n    cargo-deny\n";
        assert!(Tool { name: "cargo-deny", version: "0.20.2" }.is_in(list));
        assert!(!Tool { name: "cargo-deny", version: "0.20.1" }.is_in(list));
        assert!(!Tool { name: "cargo-cyclonedx", version: "0.5.9" }.is_in(list));
    }
}
