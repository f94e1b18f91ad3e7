//! Sentences that are made of numbers and names, in the languages of the report.

use super::{svg::grouped, text::Texts};
use crate::period::Step;

impl Texts {
    /// What stands between sentences.
    pub(super) fn space(&self) -> &'static str {
        if self.japanese() { "" } else { " " }
    }

    /// What an axis counts.
    pub(super) fn axis(&self, unit: &str, step: Step, place: Option<&str>) -> String {
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        let step = match (step, self.japanese()) {
            (Step::Day, true) => "日",
            (Step::Week, true) => "週",
            (Step::Month, true) => "月",
            (Step::Year, true) => "年",
            (step, false) => step.name(),
        };
        if self.japanese() { format!("{unit} / {step}{place}") } else { format!("{unit} per {step}{place}") }
    }

    /// A family as a reader knows it.
    pub(super) fn family<'a>(&self, family: &'a str) -> &'a str {
        match family {
            "other" if self.japanese() => "特徴なし",
            "other" => "no known family",
            "masscan" => "Masscan",
            "nmap" => "Nmap",
            "zmap" => "ZMap",
            "mirai" => "Mirai",
            "hajime" => "Hajime",
            "mozi" => "Mozi",
            "qbot" => "qBot",
            "unknown" if self.japanese() => "不明",
            other => other,
        }
    }

    /// The title of a table.
    pub(super) fn table<'a>(&self, name: &'a str) -> &'a str {
        match (name, self.japanese()) {
            ("totals", false) => "The period by family",
            ("totals", true) => "期間全体の集計 (ファミリー別)",
            ("against", false) => "The period and the other one by family",
            ("against", true) => "比較期間との対比 (ファミリー別)",
            ("against_countries", false) => "The first ten countries in either period",
            ("against_countries", true) => "比較期間との対比 (国別、いずれかの期間の上位10か国)",
            ("peaks", false) => "Days with most SYNs and with most sources",
            ("peaks", true) => "SYN パケット数と送信元アドレス数が最大の日",
            ("new_ports", false) => "New among the first ten ports, against the other period",
            ("new_ports", true) => "比較期間と比べて新たに上位10位に入ったポート",
            ("new_ports_by_month", false) => "New among the first ten ports of a month",
            ("new_ports_by_month", true) => "前月と比べて新たに上位10位に入ったポート",
            ("profile_totals", false) => "Sources by port profile",
            ("profile_totals", true) => "ポートの組み合わせ別の送信元アドレス数",
            ("profile_rules", false) => "What the port profiles ask for",
            ("profile_rules", true) => "ポートの組み合わせの定義",
            ("countries", false) => "Sources and SYNs by family and country",
            ("countries", true) => "ファミリー別・国別の送信元アドレス数と SYN パケット数",
            ("networks", false) => "Autonomous systems with most sources",
            ("networks", true) => "送信元アドレス数の多い自律システム",
            ("port_totals", false) => "SYNs and flows by family and port",
            ("port_totals", true) => "ファミリー別・ポート別の SYN パケット数とフロー数",
            ("losses", false) => "SYNs by sensor, and what became of them",
            ("losses", true) => "センサー別の SYN とその内訳",
            ("sensors", false) => "SYNs and sources by sensor",
            ("sensors", true) => "センサー別の SYN パケット数と送信元アドレス数",
            ("rules", false) => "Rules behind the families",
            ("rules", true) => "ファミリーの判定規則",
            ("payloads", false) => "Payloads by exploit, family and port",
            ("payloads", true) => "攻撃コード・ファミリー・ポート別のペイロード数",
            ("droppers", false) => "URLs that payloads load something from, the first 100",
            ("droppers", true) => "ペイロードが取得しようとする URL (上位100件)",
            ("logins", false) => "Users and passwords, the first 100",
            ("logins", true) => "ユーザー名とパスワード (上位100組)",
            ("payload_rules", false) => "Rules behind exploits and families of payloads",
            ("payload_rules", true) => "ペイロードの判定規則",
            (other, _) => other,
        }
    }

    /// A text of a table as the page shows it; the files keep what the archive says.
    pub(super) fn cell<'a>(&self, column: &str, text: &'a str) -> &'a str {
        match (column, text) {
            ("family", family) => self.family(family),
            ("exploit", "") if self.japanese() => "該当なし",
            ("exploit", "") => "none known",
            ("username" | "password", "") if self.japanese() => "(空)",
            ("username" | "password", "") => "(empty)",
            ("tells", "exploit") if self.japanese() => "攻撃コード",
            ("tells", "family") if self.japanese() => "ファミリー",
            ("country", "") if self.japanese() => "不明",
            ("country", "") => "not known",
            ("scope", "world") if self.japanese() => "全世界",
            ("scope", "home") if self.japanese() => "対象国",
            // Its first day, in the files.
            ("month", text) => text.get(..7).unwrap_or(text),
            ("confidence", text) => self.confidence(text),
            (_, other) => other,
        }
    }

    /// What a letter of confidence means; the rules say it in English.
    pub(super) fn confidence<'a>(&self, text: &'a str) -> &'a str {
        match text.get(..2) {
            Some("A:") if self.japanese() => "A: ツール自身のソースコードで確認",
            Some("B:") if self.japanese() => "B: 複数の公開情報が一致",
            Some("C:") if self.japanese() => "C: 単一の情報源、または情報源間に不一致あり",
            Some("D:") if self.japanese() => "D: 推測",
            _ => text,
        }
    }

    /// A heading over the figures of a family that has numbered ones.
    pub(super) fn numbered(&self, family: &str, first: usize, last: usize) -> String {
        let name = self.family(family);
        if self.japanese() {
            format!("{name} (図{first}～図{last})")
        } else {
            format!("{name} (figures {first} to {last})")
        }
    }

    /// The mark of a family that has numbered figures: what is looked at, how certain it is and what it does not tell.
    pub(super) fn mark(&self, family: &str, rule: &str, test: &str, confidence: &str, caveat: &str) -> String {
        if !self.japanese() {
            return format!("Mark {rule}: {test}. Confidence {confidence}. Limits: {caveat}.");
        }
        let limits = match family {
            "mirai" => {
                "初期シーケンス番号が宛先アドレスと一致する SYN です。Mirai のコードを流用した他のボットも同じ特徴を示すため、\
                 単一のボットネットではなくコードの系統を示します。無関係な SYN が偶然一致する確率は 2^-32 です。"
            }
            "hajime" => {
                "ウィンドウサイズが 14600 で、シーケンス番号の上位または下位16ビットが 0 の SYN です。同じウィンドウサイズの無関係な SYN が\
                 偶然一致する確率は約 3×10^-5 であり、単一の SYN だけでは送信元を判定しません。"
            }
            _ => "",
        };
        format!("判定規則 {rule}: {test}。確度 {}。{limits}", self.confidence(confidence))
    }

    /// The highest bucket of a figure, and how many times the median that is.
    pub(super) fn highest(&self, bucket: &str, value: u64, times: f64) -> String {
        let value = grouped(value);
        match (self.japanese(), telling(times)) {
            (true, true) => format!("最大は {bucket} の {value} (中央値の {times:.1} 倍) です。"),
            (true, false) => format!("最大は {bucket} の {value} です。"),
            (false, true) => format!("The peak is {value} on {bucket}, {times:.1} times the median."),
            (false, false) => format!("The peak is {value} on {bucket}."),
        }
    }

    /// The series with most, and their shares.
    pub(super) fn shares(&self, shares: &[(String, f64)]) -> String {
        let shares: Vec<_> = shares.iter().map(|(name, share)| format!("{name} ({})", percent(*share))).collect();
        if self.japanese() {
            format!("期間を通じた構成比の上位: {}。", shares.join("、"))
        } else {
            format!("Largest shares, all points together: {}.", shares.join(", "))
        }
    }

    /// The first line about a family: sources, countries, SYNs, ports; and those at home.
    pub(super) fn overview(
        &self,
        family: &str,
        [sources, countries, packets, ports]: [u64; 4],
        home: (&str, u64),
    ) -> String {
        let name = self.family(family);
        let (country, at_home) = home;
        let share = percent(part(at_home, sources));
        let [sources, countries, packets, ports, at_home] = [sources, countries, packets, ports, at_home].map(grouped);
        if self.japanese() {
            format!(
                "{name}: {countries} か国の {sources} アドレスから {ports} ポートへ {packets} の SYN パケットを観測しました。\
                 うち {country} は {at_home} アドレス ({share}) です。"
            )
        } else {
            format!(
                "{name}: {sources} sources in {countries} countries sent {packets} SYNs to {ports} ports. {at_home} of the \
                 sources ({share}) were in {country}."
            )
        }
    }

    /// The day with most sources.
    pub(super) fn most_sources(&self, day: &str, sources: u64, times: f64) -> String {
        let sources = grouped(sources);
        match (self.japanese(), telling(times)) {
            (true, true) => {
                format!("送信元アドレス数は {day} に最大の {sources} (中央値の {times:.1} 倍) となりました。")
            }
            (true, false) => format!("送信元アドレス数は {day} に最大の {sources} となりました。"),
            (false, true) => format!("Most sources came on {day}: {sources}, {times:.1} times the median day."),
            (false, false) => format!("Most sources came on {day}: {sources}."),
        }
    }

    /// The first countries by sources.
    pub(super) fn first_countries(&self, shares: &[(String, f64)]) -> String {
        let shares: Vec<_> = shares.iter().map(|(name, share)| format!("{name} ({})", percent(*share))).collect();
        if self.japanese() {
            format!("送信元の多い国は {} です。", shares.join("、"))
        } else {
            format!("Countries with most sources: {}.", shares.join(", "))
        }
    }

    /// Ports that came among the first ten, as port and month.
    pub(super) fn risen(&self, ports: &[(String, String)]) -> String {
        let ports: Vec<_> =
            ports.iter().map(|(port, month)| format!("{port}/tcp ({})", month.get(..7).unwrap_or(month))).collect();
        if self.japanese() {
            format!("新たに上位10ポートに入ったのは {} です。", ports.join("、"))
        } else {
            format!("New among its first ten ports: {}.", ports.join(", "))
        }
    }

    /// Sources against those of another period.
    pub(super) fn compared(&self, other: &str, before: u64, change: f64, stayed: u64) -> String {
        let (before, stayed) = (grouped(before), grouped(stayed));
        if self.japanese() {
            format!(
                "{other} の送信元は {before} アドレスで、増減率は {change:+.1} %、{stayed} アドレスは両方の期間で観測されました。"
            )
        } else {
            format!("{other} had {before} sources: {change:+.1} %; {stayed} were seen in both.")
        }
    }

    /// What was sent: payloads, logins among them, those that tell a family; exploits and their shares; what was lost.
    pub(super) fn captured(&self, counts: [u64; 4], exploits: &[(String, f64)]) -> String {
        let lost = counts[3];
        let [payloads, logins, decided, _] = counts.map(grouped);
        let exploits: Vec<_> = exploits.iter().map(|(name, share)| format!("{name} ({})", percent(*share))).collect();
        let mut sentences = Vec::new();
        if self.japanese() {
            sentences.push(format!(
                "ペイロードは {payloads} 件取得し、うち {logins} 件はログイン試行、{decided} 件はファミリーが判明するものでした。"
            ));
        } else {
            sentences.push(format!(
                "{payloads} payloads were captured; {logins} of them were logins, and {decided} told their family."
            ));
        }
        if !exploits.is_empty() && self.japanese() {
            sentences.push(format!("多い攻撃コードは {} です。", exploits.join("、")));
        } else if !exploits.is_empty() {
            sentences.push(format!("Exploits seen most: {}.", exploits.join(", ")));
        }
        if lost > 0 && self.japanese() {
            sentences.push(format!("ほかに {} 件のペイロードが失われました。", grouped(lost)));
        } else if lost > 0 {
            sentences.push(format!("{} more payloads were lost.", grouped(lost)));
        }
        sentences.join(self.space())
    }

    /// What the sensors counted, and what of it was lost.
    pub(super) fn counted(&self, syns: u64, lost: u64) -> String {
        let share = percent(part(lost, syns));
        let (syns, lost) = (grouped(syns), grouped(lost));
        if self.japanese() {
            format!("センサーは {syns} の SYN パケットを計数し、そのうち {lost} ({share}) が失われました。")
        } else {
            format!("The sensors counted {syns} SYNs; {lost} of them ({share}) were lost.")
        }
    }
}

/// Whether it says something how many times the median a peak is: not of what is level, and not of what was hardly there
/// most of the time.
fn telling(times: f64) -> bool {
    (1.05..=50.0).contains(&times)
}

/// A part of a whole, from 0 to 1; 0 of nothing.
pub(super) fn part(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share has few digits")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share as people read it: what is not nothing never reads as nothing.
pub(super) fn percent(share: f64) -> String {
    let share = share * 100.0;
    if share > 0.0 && share < 0.1 { format!("{share:.4} %") } else { format!("{share:.1} %") }
}
