//! Payload signatures, for readers.

use std::fmt::Write as _;

use honeyxdp_signatures::{Signature, Signatures};

use super::cell;

/// The last sections of docs/use/fingerprints.md.
pub(super) fn tables() -> String {
    let signatures = Signatures::built_in().expect("a test parses them");
    let mut text = String::from(
        "\n## Payload signatures\n\n\
         [Signatures and responder](signatures-and-responder.md) explains how payloads are captured and how to write signatures.\n\
         The first matching signature of each table wins.\n",
    );
    for (title, signatures) in [("Exploits", signatures.exploits()), ("Families", signatures.families())] {
        let _ = write!(
            text,
            "\n### {title}\n\n| name | signature | meaning | usual ports | confidence | source | limits |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for Signature { id, name, title, ports, confidence, source, caveat, .. } in signatures {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let ports = if ports.is_empty() { "any".to_owned() } else { ports.join(", ") };
            let _ = writeln!(
                text,
                "| `{name}` | `{id}` | {} | {ports} | {} | {} | {} |",
                cell(title),
                confidence.name(),
                cell(source),
                cell(caveat)
            );
        }
    }
    text
}
