//! Other people's packages for Python, in directories of the tests' own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// What is asked of pip. Other versions get another directory.
#[derive(Clone, Copy, Debug)]
pub struct Packages(&'static [&'static str]);

/// DuckDB, and pandas with what it reads Parquet by.
pub const PANDAS: Packages = Packages(&["duckdb==2.0.0", "numpy==2.4.6", "pandas==3.1.1", "pyarrow==26.0.1"]);
/// The command line of DuckDB.
pub const DUCKDB: Packages = Packages(&["duckdb-cli==1.5.6"]);
/// ClickHouse as a library. What else it asks for is for data frames.
pub const CHDB: Packages = Packages(&["--no-deps", "chdb==4.4.0", "chdb-core==26.9.0"]);
/// Spark, which is handed out as source because it is Java.
pub const SPARK: Packages = Packages(&["--no-binary", "pyspark", "pyspark==4.3.0", "py4j==0.10.9.9"]);

/// The directory with some packages, which are installed under this one if they are not there.
///
/// # Panics
/// When pip cannot install them.
pub fn directory(target: &Path, packages: Packages) -> PathBuf {
    let name: Vec<String> =
        packages.0.iter().map(|package| package.trim_start_matches('-').replace("==", "-")).collect();
    let directory = target.join(format!("python-{}", name.join("-")));
    fs::create_dir_all(&directory).expect("the tests' directory can be written");
    // Tests of one program run at the same time.
    let lock = File::create(directory.join("lock")).expect("the tests' directory can be written");
    lock.lock().expect("files can be locked");
    let ready = directory.join("ready");
    if !ready.exists() {
        let mut pip = Command::new("pip3");
        pip.args(["install", "--quiet", "--upgrade", "--only-binary", ":all:", "--target"])
            .arg(&directory)
            .args(packages.0);
        let output = pip.output().expect("pip3 is needed: install Debian's packages python3 and python3-pip");
        assert!(output.status.success(), "{pip:?}: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(ready, "").expect("the tests' directory can be written");
    }
    directory
}

/// Python with some packages.
///
/// # Panics
/// As [`directory`].
pub fn python(target: &Path, packages: Packages) -> Command {
    let mut python = Command::new("python3");
    // Nothing is to be written beside the scripts.
    python.env("PYTHONPATH", directory(target, packages)).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
