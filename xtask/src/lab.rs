//! The lab: package honeyxdp-tests, whose executable `lab` holds the demo, the measurements, the soak run and the generators of
//! documents.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::command::{announce, artifacts, cargo};

/// The package.
pub(crate) const PACKAGE: &str = "honeyxdp-tests";
/// The command line that the lab starts, which lies beside it.
pub(crate) const SENSOR: &str = "honeyxdp-under-test";

/// Builds the lab for release, with other executables of its package beside it, and returns its path.
///
/// Without the S3 server and honeyxdp-fleet, which only tests of fleets need.
pub(crate) fn build(beside: &[&str]) -> Result<PathBuf> {
    announce("the lab: honeyxdp with optimizations, and what sends traffic", "3 minutes", "1 GB");
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--no-default-features", "--package", PACKAGE, "--bin", "lab"]);
    for name in beside {
        build.args(["--bin", name]);
    }
    artifacts(build.arg("--message-format=json-render-diagnostics"))?
        .remove("lab")
        .context("cargo built no executable lab.")
}
