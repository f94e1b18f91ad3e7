//! Writes the documents that are made from the program: `cargo xtask docs`.

use std::{fs, path::Path};

use anyhow::Context as _;

pub(crate) fn run() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, content) in lab::documents::all() {
        fs::write(root.join(path), content).with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    Ok(())
}
