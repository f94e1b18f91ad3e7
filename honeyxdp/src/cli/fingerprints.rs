//! `honeyxdp fingerprints`: the built-in rules.

use honeyxdp_common::{Family, family::Rule};
use serde_json::{Value, json};

use super::snapshot::print;
use crate::pairs::Pair;

/// List the built-in fingerprints
///
/// For each rule: its id, the condition on header fields, the confidence in it (A: read in the tool's own source, B: two or
/// more public sources agree, C: one source, or sources that disagree, D: recall or inference), the evidence, and when it
/// is wrong. Families are in the order in which a SYN that matches several is counted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        honeyxdp fingerprints\n  \
                        honeyxdp fingerprints mirai zmap\n  \
                        honeyxdp fingerprints --json | jq -r '.[] | [.id, .confidence, .condition] | @tsv'")]
pub(super) struct Args {
    /// Only the fingerprints of these families
    #[arg(value_name = "FAMILY", value_parser = family)]
    families: Vec<Family>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn fingerprints(args: &Args) -> anyhow::Result<()> {
    let single = Family::ALL.iter().flat_map(|&family| family.rules().iter().map(move |rule| (family, *rule, false)));
    let pairs = Pair::ALL.into_iter().map(|pair| (pair.family(), pair.rule(), true));
    let is_asked = |family: &Family| args.families.is_empty() || args.families.contains(family);
    let rules: Vec<_> = single.chain(pairs).filter(|(family, ..)| is_asked(family)).collect();
    if args.json {
        let rules: Vec<Value> = rules.iter().map(|(family, rule, pair)| json_of(*family, rule, *pair)).collect();
        return print(&serde_json::to_string_pretty(&rules)?);
    }
    let texts: Vec<String> = rules.iter().map(|(family, rule, pair)| text(*family, rule, *pair)).collect();
    print(&texts.join("\n\n"))
}

fn json_of(family: Family, rule: &Rule, is_pair: bool) -> Value {
    json!({
        "id": rule.id, "family": family.name(), "packets": if is_pair { "multiple" } else { "one" },
        "condition": rule.condition, "confidence": rule.confidence.name(), "source": rule.source, "caveat": rule.caveat,
    })
}

fn text(family: Family, rule: &Rule, is_pair: bool) -> String {
    let packets = if is_pair { ", over several SYNs of a source" } else { "" };
    format!(
        "{}  family {}, confidence {} ({}){packets}\n    condition  {}\n    source     {}\n    caveat     {}",
        rule.id,
        family.name(),
        rule.confidence.name(),
        rule.confidence.meaning(),
        rule.condition,
        rule.source,
        rule.caveat
    )
}

fn family(name: &str) -> Result<Family, String> {
    crate::filter::change::family(name).map_err(|error| error.to_string())
}
