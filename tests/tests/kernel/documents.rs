//! Documents match the program and each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lab::documents;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page in Markdown: those at the root and those in docs/.
fn pages() -> Vec<PathBuf> {
    let mut directories = vec![root(), root().join("docs")];
    directories.extend(["use", "operate", "reference", "develop"].map(|name| root().join("docs").join(name)));
    let entries = directories.iter().flat_map(|directory| fs::read_dir(directory).unwrap());
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect()
}

/// Text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The anchor that a heading gets on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars();
    kept.filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    })
    .collect()
}

#[test]
fn generated_documents_are_current() {
    for (path, content) in documents::all() {
        let found = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(found == content, "{path} differs from the program: run `cargo xtask docs`");
    }
}

#[test]
fn relative_links_resolve() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let prose = prose(&text);
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_heading = || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                let text = self::prose(&text);
                text.lines().any(|line| line.starts_with('#') && anchor(line) == fragment)
            };
            if !target.exists() || !(fragment.is_empty() || has_heading()) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn readme_and_number_of_pages_are_bounded() {
    let words = |text: &str| text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
    let readme = words(&fs::read_to_string(root().join("README.md")).unwrap());
    assert!(readme <= 900, "README.md has {readme} words, and at most 900 are read");
    let pages = pages().iter().filter(|page| page.parent() != Some(&root())).count();
    assert!(pages <= 16, "docs has {pages} pages, and at most 16 are found again");
}

/// Source files, settings and scripts name pages, too.
#[test]
fn named_pages_exist() {
    let is_text = |path: &Path| {
        let extensions = ["rs", "toml", "md", "yml", "yaml", "json", "sql", "py", "sh", "service", "default"];
        path.extension().is_some_and(|ext| extensions.iter().any(|one| ext == *one))
    };
    let mut directories = vec![root()];
    let mut missing = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with("target") && !name.starts_with('.') {
                    directories.push(path);
                }
                continue;
            }
            if !is_text(&path) || name == "CHANGELOG.md" {
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for rest in text.split(concat!("do", "cs/")).skip(1) {
                let page = rest.split(|c: char| !c.is_ascii_alphanumeric() && !"/-_.".contains(c)).next().unwrap();
                if let Some((page, _)) = page.split_once(".md")
                    && !root().join("docs").join(format!("{page}.md")).exists()
                {
                    missing.push(format!("{}: docs/{page}.md", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "pages that do not exist:\n{}", missing.join("\n"));
}

#[test]
fn documented_commands_of_other_engines_are_those_of_contrib() {
    let document = fs::read_to_string(root().join("docs/use/archive.md")).unwrap();
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
    let code: Vec<String> = files.map(|file| fs::read_to_string(root().join("contrib").join(file)).unwrap()).into();
    let blocks = document.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    // The commands stand in the comments at the head of the files.
    for line in blocks.flat_map(str::lines).filter(|line| line.contains("contrib/")) {
        let line = line.split("  #").next().unwrap();
        assert!(code.iter().any(|code| code.contains(line.trim())), "in no file of contrib/:\n{line}");
    }
    for file in files {
        assert!(document.contains(file), "docs/use/archive.md does not name {file}");
    }
}
