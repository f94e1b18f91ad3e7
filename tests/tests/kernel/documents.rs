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

#[test]
fn the_code_in_the_document_of_other_engines_is_that_of_contrib() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/analytics.md")).unwrap();
    let files = [
        "clickhouse/archive.sql",
        "clickhouse/ingest.sql",
        "clickhouse/ingest.sh",
        "clickhouse/schema.sql",
        "duckdb/archive.sql",
        "python/files_that_count.py",
        "python/in_pandas.py",
        "python/in_spark.py",
    ];
    let code: Vec<String> = files.map(|file| fs::read_to_string(root.join("contrib").join(file)).unwrap()).into();
    let blocks: Vec<&str> = document.split("```").skip(1).step_by(2).collect();
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for block in blocks {
        let (language, block) = block.split_once('\n').unwrap();
        if ["sql", "python"].contains(&language) {
            assert!(code.iter().any(|code| code.contains(block)), "in no file of contrib/:\n{block}");
        } else {
            // Commands are in the comments at the begin of the files.
            for line in block.lines().filter(|line| line.contains("contrib/")) {
                let line = line.split("  #").next().unwrap();
                assert!(code.iter().any(|code| code.contains(line.trim())), "in no file of contrib/:\n{line}");
            }
        }
    }
    for file in files {
        assert!(document.contains(file), "{file} is in no line of the document");
    }
}
