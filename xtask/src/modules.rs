//! `cargo xtask modules`: which top-level module of a crate imports which, and whether they form a cycle.
//!
//! A scan of the text is enough: modules are named as `crate::x`, or as `super::x` in the module's own file. Code under
//! `#[cfg(test)]` is left out, because tests of a lower module may use a higher one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::command::repository;

/// Print who imports whom among the modules of each crate
///
/// Fails if two top-level modules of a crate import each other, directly or through others.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this crate, by its directory
    #[arg(value_name = "CRATE")]
    only: Option<String>,
}

/// Crates with a cycle that is still to be broken: it is printed, and fails nothing.
const EXEMPT: [&str; 3] = ["honeyxdp-report", "tests", "xtask"];

/// Imports of each module.
type Graph = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn main(args: &Args) -> Result<()> {
    let crates = graphs()?;
    for (name, graph) in crates.iter().filter(|(name, _)| args.only.as_ref().is_none_or(|only| only == *name)) {
        println!("{name}");
        let width = graph.keys().map(String::len).max().unwrap_or(0);
        for module in downwards(graph) {
            let imports: Vec<&str> = graph[&module].iter().map(String::as_str).collect();
            println!("    {module:<width$}  {}", if imports.is_empty() { "-".to_owned() } else { imports.join(", ") });
        }
    }
    judge(&crates).map(drop)
}

/// Checks all crates. Returns a summary.
///
/// # Errors
/// Returns an error that names each cycle.
pub(crate) fn check() -> Result<String> {
    judge(&graphs()?)
}

fn judge(crates: &BTreeMap<String, Graph>) -> Result<String> {
    let cycles = crates.iter().filter_map(|(name, graph)| Some((name, cycle(graph)?.join(" -> "))));
    let (exempt, cycles): (Vec<_>, Vec<_>) = cycles.partition(|(name, _)| EXEMPT.contains(&name.as_str()));
    exempt.iter().for_each(|(name, cycle)| println!("still to be broken in {name}: {cycle}"));
    let cycles: Vec<String> = cycles.into_iter().map(|(name, cycle)| format!("{name}: {cycle}")).collect();
    ensure!(cycles.is_empty(), "modules import each other:\n  {}", cycles.join("\n  "));
    let modules: usize = crates.values().map(BTreeMap::len).sum();
    Ok(format!("{modules} modules in {} crates, cycles in {}", crates.len(), exempt.len()))
}

/// The crates of the repository, by directory.
fn graphs() -> Result<BTreeMap<String, Graph>> {
    let root = repository();
    let mut crates = BTreeMap::new();
    for directory in fs::read_dir(&root)?.collect::<Result<Vec<_>, _>>()? {
        let source = directory.path().join("src");
        if directory.path().join("Cargo.toml").is_file() && source.is_dir() {
            let name = directory.file_name().to_string_lossy().into_owned();
            crates.insert(name, graph(&source)?);
        }
    }
    ensure!(!crates.is_empty(), "there is no crate in {}", root.display());
    Ok(crates)
}

fn graph(source: &Path) -> Result<Graph> {
    let files = files(source)?;
    let texts: Vec<(String, bool, String)> = files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let inner = file.strip_prefix(source)?.with_extension("");
            let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let is_own = parts.len() == 1 || parts.len() == 2 && parts[1] == "mod";
            Ok((parts[0].clone(), is_own, code(&text)))
        })
        .collect::<Result<_>>()?;
    let is_root = |name: &str| name == "lib" || name == "main";
    let mut graph: Graph =
        texts.iter().filter(|(name, ..)| !is_root(name)).map(|(name, ..)| (name.clone(), BTreeSet::new())).collect();
    // Items that the root exports from a module: `crate::Counts` is an import of `counts`.
    let mut exports = BTreeMap::new();
    for (_, _, text) in texts.iter().filter(|(name, ..)| is_root(name)) {
        for statement in text.split(';').filter_map(|part| part.rsplit_once("use ").map(|(_, path)| path)) {
            if let Some((module, names)) = statement.trim().trim_start_matches("self::").split_once("::") {
                for name in names.split(|c: char| !is_word(c)).filter(|name| !name.is_empty()) {
                    exports.insert(name.to_owned(), module.trim().to_owned());
                }
            }
        }
    }
    for (module, is_own, text) in texts.iter().filter(|(name, ..)| !is_root(name)) {
        let mut named = heads(text, "crate::");
        if *is_own {
            named.extend(heads(text, "super::"));
        }
        let named = named.into_iter().filter_map(|name| match graph.contains_key(&name) {
            true => Some(name),
            false => exports.get(&name).filter(|module| graph.contains_key(*module)).cloned(),
        });
        let named: BTreeSet<String> = named.filter(|name| name != module).collect();
        graph.get_mut(module).expect("every module is in the graph").extend(named);
    }
    Ok(graph)
}

/// Source files, without those of tests.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()? {
        let (path, name) = (entry.path(), entry.file_name());
        // A directory `bin` has programs, each a crate by itself.
        if name == "tests" || name == "tests.rs" || name == "bin" {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The text without comments and without items under `#[cfg(test)]`.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let text = lines.join("\n");
    let mut parts = text.split("#[cfg(test)]");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        code.push_str(after_item(part));
    }
    code
}

/// What follows the first item: its end is a semicolon, or the brace that closes its first one.
fn after_item(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            ';' if depth == 0 => return &text[at + 1..],
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return &text[at + 1..];
                }
            }
            _ => {}
        }
    }
    ""
}

/// The first names of all paths behind this prefix, those in braces too.
fn heads(text: &str, prefix: &str) -> Vec<String> {
    let mut heads = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| is_word(c) || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            heads.push(word(rest));
            continue;
        };
        let (mut depth, mut is_first) = (0_usize, true);
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_first = true,
                c if is_first && is_word(c) => {
                    heads.push(word(&group[at..]));
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|&c| is_word(c)).collect()
}

const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The modules, each before those that it imports, as far as there is no cycle.
fn downwards(graph: &Graph) -> Vec<String> {
    fn visit(graph: &Graph, module: &str, done: &mut Vec<String>, seen: &mut BTreeSet<String>) {
        if seen.insert(module.to_owned()) {
            graph[module].iter().for_each(|next| visit(graph, next, done, seen));
            done.push(module.to_owned());
        }
    }
    let (mut done, mut seen) = (Vec::new(), BTreeSet::new());
    graph.keys().for_each(|module| visit(graph, module, &mut done, &mut seen));
    done.reverse();
    done
}

/// A cycle, if there is one: a module, those that lead back to it, and itself again.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    fn visit(graph: &Graph, module: &str, way: &mut Vec<String>, clear: &mut BTreeSet<String>) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|earlier| earlier == module) {
            let mut cycle = way[at..].to_vec();
            cycle.push(module.to_owned());
            return Some(cycle);
        }
        if clear.contains(module) {
            return None;
        }
        way.push(module.to_owned());
        let found = graph[module].iter().find_map(|next| visit(graph, next, way, clear));
        way.pop();
        clear.insert(module.to_owned());
        found
    }
    let mut clear = BTreeSet::new();
    graph.keys().find_map(|module| visit(graph, module, &mut Vec::new(), &mut clear))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_paths_in_groups_and_expressions() {
        let text = "use crate::{\n    Counts,\n    kernel::{Maps, MapsError},\n    view,\n};\nfn a() { crate::logging::failed(); }\npub(in crate::cli) fn b() {}";
        assert_eq!(heads(&code(text), "crate::"), ["Counts", "kernel", "view", "logging", "cli"]);
        assert!(heads("use other_crate::x; use honeyxdp::crate::y;", "crate::").is_empty());
    }

    #[test]
    fn leaves_out_comments_and_tests() {
        let text = "// crate::a\n/// [`crate::b`]\n#[cfg(test)]\nmod tests {\n    use crate::c;\n    fn f() { {} }\n}\n#[cfg(test)]\nuse crate::d;\nuse crate::e;\n";
        assert_eq!(heads(&code(text), "crate::"), ["e"]);
    }

    #[test]
    fn names_a_cycle_and_orders_modules_without_one() {
        let graph = |edges: &[(&str, &[&str])]| -> Graph {
            edges.iter().map(|(name, to)| ((*name).into(), to.iter().map(|to| (*to).into()).collect())).collect()
        };
        let tree = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
        assert_eq!(cycle(&tree), None);
        assert_eq!(downwards(&tree), ["a", "b", "c"]);
        let round = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        assert_eq!(cycle(&round).unwrap(), ["b", "c", "b"]);
    }
}
