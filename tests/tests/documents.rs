//! What is written down is what the program does.

use std::{fs, path::Path};

use lab::documents;

#[test]
fn generated_documents_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, content) in documents::all() {
        let found = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(found == content, "{path} is not what the program says: run `cargo xtask docs`");
    }
}
