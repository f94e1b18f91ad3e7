//! Documents that are generated from the program, so that they cannot differ from it.

mod signatures;

use std::fmt::Write as _;

use honeyxdp::{config::Kind, pairs::Pair, snapshot::json_schema};
use honeyxdp_common::{Family, family::Confidence};

/// Path from the repository's root, and content.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("docs/use/fingerprints.md", fingerprints()),
        ("docs/snapshot.schema.json", schema()),
        ("docs/reference/settings.md", settings()),
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
         <!-- Generated from the flags of `honeyxdp run` by `cargo xtask docs`. Do not edit. -->\n\n\
         For operators who write a settings file. Flags of `honeyxdp run` take precedence over environment variables, those over\n\
         the file, and that over defaults. The file is `--config` or HONEYXDP_CONFIG, else /etc/honeyxdp/honeyxdp.toml if it\n\
         exists. A key is the flag without dashes. [contrib/honeyxdp.toml](../../contrib/honeyxdp.toml) has all keys to copy.\n",
    );
    let mut section = None;
    for key in honeyxdp::cli::settings() {
        if section.as_ref() != Some(&key.section) {
            let title =
                key.section.as_deref().map_or_else(|| "Before any section".to_owned(), |name| format!("`[{name}]`"));
            let _ =
                write!(text, "\n## {title}\n\n| key | value | variable | default | meaning |\n|---|---|---|---|---|\n");
            section = Some(key.section.clone());
        }
        let value = match key.kind {
            Kind::Switch => "true or false",
            Kind::One => "one value",
            Kind::List => "a list",
        };
        let default = key.default.join(",").replace(',', ", ");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let variable = key.variable.unwrap_or_default();
        let help = key.help.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {value} | `{variable}` | {default} | {help} |", key.name);
    }
    text
}

fn fingerprints() -> String {
    let mut text = String::from(
        "# Fingerprints and signatures\n\n\
         <!-- Generated from honeyxdp-common/src/fingerprints and contrib/signatures.toml by `cargo xtask docs`. Do not edit. -->\n\n\
         For analysts who need the exact rules behind a number, their evidence and their limits.\n\n\
         A fingerprint is a rule over header fields of one TCP SYN: SYN set; ACK, RST and FIN clear. Every rule is evaluated for\n\
         every SYN. The SYN is counted for the first matching family of this table (`packets`), and under `matched` of all\n\
         matching ones. `seq`, `ack`, `dst`, `dport`, `sport`, `ipid`, `win` and `ttl` are header fields as big-endian integers,\n\
         `DF` is IPv4's \"don't fragment\", `opts` the list of TCP options.\n\n\
         | family | rule | condition | confidence | wire id |\n|---|---|---|---|---|\n",
    );
    for family in Family::ALL {
        for rule in family.rules() {
            let (condition, confidence) = (cell(rule.condition), rule.confidence.name());
            let _ = writeln!(
                text,
                "| `{}` | `{}` | {condition} | {confidence} | {} |",
                family.name(),
                rule.id,
                family.wire_id()
            );
        }
    }
    text.push_str("\n| confidence | meaning |\n|---|---|\n");
    for confidence in [Confidence::A, Confidence::B, Confidence::C, Confidence::D] {
        let _ = writeln!(text, "| {} | {} |", confidence.name(), confidence.meaning());
    }
    text.push_str(
        "\n## Multi-packet fingerprints\n\n\
         Two SYNs of one source can show what one does not. These rules are evaluated on flow records, for sources whose SYNs have\n\
         no decisive fingerprint (`other`, `nmap`, `unicornscan`, `naabu`, `hajime`). They attribute a source, and with it all its\n\
         SYNs: `attributed` in the snapshot. Counters of families and ports keep the family of the single SYN. A source is\n\
         remembered for at least an hour after its last SYN; `--memory` bounds how many.\n\n\
         | family | rule | condition | confidence |\n|---|---|---|---|\n",
    );
    for pair in Pair::ALL {
        let rule = pair.rule();
        let (condition, confidence) = (cell(rule.condition), rule.confidence.name());
        let _ = writeln!(text, "| `{}` | `{}` | {condition} | {confidence} |", pair.family().name(), rule.id);
    }
    text.push_str("\n## Evidence and limits\n\n| rule | source | limits |\n|---|---|---|\n");
    let pairs = Pair::ALL.map(Pair::rule);
    for rule in Family::ALL.iter().flat_map(|family| family.rules()).chain(&pairs) {
        let _ = writeln!(text, "| `{}` | {} | {} |", rule.id, cell(rule.source), cell(rule.caveat));
    }
    text.push_str(
        "\n## What no fingerprint can identify\n\n\
         * Bots on kernel sockets (qBot/Gafgyt, Satori, fbot, Mozi, ZGrab, pnscan, RustScan) send ordinary SYNs.\n\
         * Behind 1:1 NAT the destination in the packet is not the one that the scanner used: mirai and masscan do not match\n\
         \x20 there without `--public-addr LOCAL=PUBLIC`.\n",
    );
    text.push_str(&signatures::tables());
    text
}

/// Text of a rule in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
