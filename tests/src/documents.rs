//! The documents that are made from the program, so that they cannot say something else.

mod signatures;

use std::fmt::Write as _;

use honeyxdp::{config::Kind, snapshot::json_schema, sources::Pair};
use honeyxdp_common::{Disposition, Family, family::Confidence};

/// Path from the repository's root, and content.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("docs/marks.md", marks()),
        ("docs/label-rules.md", signatures::rules()),
        ("docs/snapshot.schema.json", schema()),
        ("docs/settings.md", settings()),
    ]
}

fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&json_schema()).expect("a value is JSON");
    text.push('\n');
    text
}

fn settings() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         <!-- Made from the flags of `honeyxdp run` by `cargo xtask docs`. Do not edit. -->\n\n\
         What `honeyxdp run` does is set by flags, then by the environment, then by the file that `--config` or HONEYXDP_CONFIG\n\
         names (/etc/honeyxdp/honeyxdp.toml if it exists and none is named), then by defaults. A key of the file is the flag\n\
         without its dashes. [contrib/honeyxdp.toml](../contrib/honeyxdp.toml) has all of them, to copy.\n",
    );
    let mut section = None;
    for key in honeyxdp::cli::settings() {
        if section.as_ref() != Some(&key.section) {
            let title =
                key.section.as_deref().map_or_else(|| "Before all sections".to_owned(), |name| format!("`[{name}]`"));
            let _ = write!(
                text,
                "\n## {title}\n\n| key | takes | variable | default | what it does |\n|---|---|---|---|---|\n"
            );
            section = Some(key.section.clone());
        }
        let takes = match key.kind {
            Kind::Switch => "true or false",
            Kind::One => "one value",
            Kind::List => "a list",
        };
        let default = key.default.join(",").replace(',', ", ");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let variable = key.variable.unwrap_or_default();
        let help = key.help.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {takes} | `{variable}` | {default} | {help} |", key.name);
    }
    text
}

fn marks() -> String {
    let mut text = String::from(
        "# The marks\n\n\
         <!-- Made from honeyxdp-common/src/fingerprints by `cargo xtask docs`. Do not edit. -->\n\n\
         A mark is a property of one TCP SYN that a scanner leaves and ordinary stacks do not. A SYN is a segment with SYN\n\
         set and ACK, RST and FIN clear. Every rule is looked at for every SYN; the SYN is counted under the first family of\n\
         this table whose rule holds (`packets`), and under `matched` of all that hold.\n\n\
         In the rules `seq`, `ack`, `dst`, `dport`, `sport`, `ipid`, `win` and `ttl` are header fields as big-endian integers,\n\
         `DF` is IPv4's \"don't fragment\", `opts` the list of TCP options.\n\n\
         | family | rule | what must hold | confidence | wire id |\n|---|---|---|---|---|\n",
    );
    for family in Family::ALL {
        for rule in family.rules() {
            let confidence = rule.confidence.name();
            let _ = writeln!(
                text,
                "| `{}` | `{}` | {} | {confidence} | {} |",
                family.name(),
                rule.id,
                rule.condition.replace('|', "\\|"),
                family.wire_id()
            );
        }
    }
    text.push_str(
        "\n## Pairs\n\n\
         Two SYNs of one source show what one alone does not. These rules are looked at in flow records, for sources whose\n\
         SYNs have no decisive mark (`other`, `nmap`, `unicornscan`, `naabu`, `hajime`). They settle a source, and with it all its\n\
         SYNs: `attributed` in the snapshot says how many. The counters of families and ports stay by the single packet's mark.\n\
         A source is remembered for an hour after its last SYN at least; --memory bounds how many there can be.\n\n\
         | family | rule | what must hold | confidence |\n|---|---|---|---|\n",
    );
    for pair in Pair::ALL {
        let rule = pair.rule();
        let (test, confidence) = (rule.condition.replace('|', "\\|"), rule.confidence.name());
        let _ = writeln!(text, "| `{}` | `{}` | {test} | {confidence} |", pair.family().name(), rule.id);
    }
    text.push_str("\n## Confidence\n\n");
    let used = |confidence: &Confidence| {
        Family::ALL.iter().any(|family| family.rules().iter().any(|rule| rule.confidence == *confidence))
    };
    for confidence in [Confidence::A, Confidence::B, Confidence::C, Confidence::D].into_iter().filter(used) {
        let _ = writeln!(text, "* **{}**: {}.", confidence.name(), confidence.meaning());
    }
    text.push_str("\n## Evidence, chance hits and misses\n");
    for family in Family::ALL {
        for rule in family.rules() {
            let _ = write!(text, "\n### {}\n\nSource: {}.\n\nLimits: {}.\n", rule.id, rule.source, rule.caveat);
        }
    }
    for rule in Pair::ALL.map(Pair::rule) {
        let _ = write!(text, "\n### {}\n\nSource: {}.\n\nLimits: {}.\n", rule.id, rule.source, rule.caveat);
    }
    text.push_str(
        "\n## What no rule here can tell\n\n\
         * Bots that use the kernel's own sockets (qBot/Gafgyt, Satori, fbot, Mozi, ZGrab, pnscan, RustScan) send ordinary SYNs.\n\
         * Behind 1:1 NAT the destination in the packet is not the one that the scanner wrote into it: mirai and masscan do\n\
         \x20 not show there, unless `--public-addr LOCAL=PUBLIC` says what it was.\n\n\
         ## Dispositions\n\nEvery frame has exactly one:",
    );
    let names: Vec<String> = Disposition::ALL.iter().map(|disposition| format!(" `{}`", disposition.name())).collect();
    let _ = writeln!(text, "{}. docs/snapshot.md says what each means.", names.join(","));
    text
}
