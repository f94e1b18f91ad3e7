//! The rules of labels, for readers.

use std::fmt::Write as _;

use honeyxdp_signatures::{Signature, Signatures};

/// docs/label-rules.md.
pub(super) fn rules() -> String {
    let rules = Signatures::built_in().expect("a test reads them");
    let mut text = String::from(
        "# The rules of labels\n\n\
         <!-- Made from contrib/signatures.toml by `cargo xtask docs`. Do not edit. -->\n\n\
         [labels.md](labels.md) says what a label is and how to write rules. The first rule of a table that holds is the label.\n",
    );
    for (title, rules) in [("Exploits", rules.exploits()), ("Families", rules.families())] {
        let _ = write!(
            text,
            "\n## {title}\n\n| label | rule | what it is | usual ports | confidence |\n|---|---|---|---|---|\n"
        );
        for Signature { id, name, title, ports, confidence, .. } in rules {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let ports = if ports.is_empty() { "any".to_owned() } else { ports.join(", ") };
            let _ = writeln!(
                text,
                "| `{name}` | `{id}` | {} | {ports} | {} |",
                title.replace('|', "\\|"),
                confidence.name()
            );
        }
    }
    text.push_str("\n## Evidence and limits\n");
    for Signature { id, source, caveat, .. } in rules.exploits().iter().chain(rules.families()) {
        let source = source.trim_end_matches('.');
        let _ = write!(text, "\n### {id}\n\nSource: {source}.\n\nLimits: {caveat}\n");
    }
    text
}
