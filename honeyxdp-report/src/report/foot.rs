//! The lines under a picture: what stays with it when it is published alone.

use super::{phrase::percent, text::Texts};

/// So many rules are named.
const MOST: usize = 8;

/// Rules with their confidence.
pub(super) type Rules = [(String, String)];

impl Texts {
    /// The marks that a figure rests on.
    pub(super) fn marks(&self, marks: &Rules) -> String {
        match marks {
            [] if self.japanese() => "判定規則: 該当なし".into(),
            [] => "Mark: none was seen".into(),
            [(rule, confidence)] if self.japanese() => {
                format!("判定規則: {rule}、確度 {}", self.confidence(confidence))
            }
            [(rule, confidence)] => format!("Mark: {rule}, confidence {confidence}"),
            several if self.japanese() => format!("判定規則と確度: {}", letters(several)),
            several => format!("Marks and confidence: {}", letters(several)),
        }
    }

    /// The rules that told families by payloads; there can be more of them than a line has room for.
    pub(super) fn payload_rules(&self, rules: &Rules) -> String {
        let more = if rules.len() > MOST { ", …" } else { "" };
        let rules = letters(&rules[..rules.len().min(MOST)]);
        let label = if self.japanese() {
            "ペイロードの判定規則と確度"
        } else {
            "Rules of payloads and confidence"
        };
        format!("{label}: {rules}{more}")
    }

    /// The share of SYNs that was lost, if it is known, and the program.
    pub(super) fn lost_syns(&self, lost: Option<f64>) -> String {
        let lost = match (lost, self.japanese()) {
            (Some(lost), true) => format!("欠測 {}", percent(lost)),
            (Some(lost), false) => format!("Lost SYNs: {}", percent(lost)),
            (None, true) => "欠測は不明".into(),
            (None, false) => "Lost SYNs: not known".into(),
        };
        signed(&lost)
    }

    /// The same of payloads.
    pub(super) fn lost_payloads(&self, lost: Option<f64>) -> String {
        let lost = match (lost, self.japanese()) {
            (Some(lost), true) => format!("失われたペイロード {}", percent(lost)),
            (Some(lost), false) => format!("Lost payloads: {}", percent(lost)),
            (None, true) => "失われたペイロードは不明".into(),
            (None, false) => "Lost payloads: not known".into(),
        };
        signed(&lost)
    }
}

fn signed(text: &str) -> String {
    format!("{text} · honeyxdp {}", env!("CARGO_PKG_VERSION"))
}

/// Each rule with the letter of its confidence.
fn letters(rules: &Rules) -> String {
    let letter = |confidence: &String| confidence.chars().take(1).collect::<String>();
    let rules: Vec<_> = rules.iter().map(|(rule, confidence)| format!("{rule} {}", letter(confidence))).collect();
    rules.join(", ")
}
