//! What the report says, in its languages.

/// A language of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
}

/// The texts of a language.
pub(super) struct Texts {
    language: Language,
    /// Its tag.
    pub(super) tag: &'static str,
    /// Fonts that have its letters, the best first.
    pub(super) fonts: &'static str,
    /// What to install on Debian for a picture to have them.
    pub(super) font_package: &'static str,
    /// Heading of the page.
    pub(super) heading: &'static str,
    /// Units.
    pub(super) syns: &'static str,
    pub(super) sources: &'static str,
    /// The series of what has none of its own.
    pub(super) others: &'static str,
    /// The word before the highest stack.
    pub(super) peak: &'static str,
    /// Headings of the parts.
    pub(super) contents: &'static str,
    pub(super) findings: &'static str,
    pub(super) totals: &'static str,
    pub(super) other_families: &'static str,
    pub(super) peaks: &'static str,
    pub(super) new_ports: &'static str,
    pub(super) kinds: &'static str,
    pub(super) payloads: &'static str,
    pub(super) domestic: &'static str,
    pub(super) against: &'static str,
    pub(super) profiles: &'static str,
    pub(super) networks: &'static str,
    pub(super) countries: &'static str,
    pub(super) ports: &'static str,
    pub(super) losses: &'static str,
    pub(super) rules: &'static str,
    pub(super) files: &'static str,
    /// Labels of the first lines.
    pub(super) period: &'static str,
    pub(super) zone: &'static str,
    pub(super) home: &'static str,
    pub(super) sensors: &'static str,
    pub(super) site: &'static str,
    pub(super) days_with_rows: &'static str,
    /// Sentences.
    pub(super) limits: &'static str,
    pub(super) no_losses_known: &'static str,
    pub(super) nothing: &'static str,
    pub(super) script_hint: &'static str,
    pub(super) kinds_note: &'static str,
    pub(super) payloads_note: &'static str,
    pub(super) passwords_hidden: &'static str,
    pub(super) domestic_note: &'static str,
    pub(super) against_note: &'static str,
    pub(super) new_ports_note: &'static str,
    pub(super) profiles_note: &'static str,
    pub(super) networks_note: &'static str,
    pub(super) losses_note: &'static str,
    pub(super) rules_note: &'static str,
    pub(super) peaks_note: &'static str,
    pub(super) countries_note: &'static str,
    pub(super) ports_note: &'static str,
    pub(super) sensors_note: &'static str,
}

const ENGLISH: Texts = Texts {
    language: Language::En,
    tag: "en",
    fonts: "Noto Sans, DejaVu Sans, Liberation Sans, Noto Sans CJK JP, IPAGothic, VL Gothic, sans-serif",
    font_package: "fonts-dejavu-core",
    heading: "Observation report",
    syns: "SYNs",
    sources: "sources",
    others: "others",
    peak: "Peak",
    contents: "Contents",
    findings: "Findings",
    totals: "Totals",
    other_families: "Every other family",
    peaks: "Peaks",
    new_ports: "New among the first ports",
    kinds: "Kinds of malware at a port",
    payloads: "Payloads and logins",
    domestic: "Domestic view",
    against: "Set beside",
    profiles: "Port profiles",
    networks: "Networks",
    countries: "Countries",
    ports: "Ports",
    losses: "What was lost or not looked at",
    rules: "Rules and their confidence",
    files: "Files beside this page",
    period: "Period",
    zone: "Time zone",
    home: "Home country",
    sensors: "Sensors",
    site: "Site",
    days_with_rows: "Days with records",
    limits: "A mark shows the code that made a packet, not the botnet: other bots reuse Mirai's scanner and show its mark. A \
             sensor sees a part of the whole. Sources are addresses, not devices, and addresses of SYNs can be forged. \
             Unique sources are counted exactly.",
    no_losses_known: "The archive does not say what was lost in this period: nothing is known, which is not the same as \
                      nothing lost.",
    nothing: "Nothing was seen.",
    script_hint: "Choose an entry of a legend to hide it or show it. Point at a figure, or focus it and use the arrow keys, \
                  to read its numbers.",
    kinds_note: "A source is what it showed on that day at any port: first the family that a payload of it tells, then Mirai's \
                 mark, then Hajime's, then that of a scanning tool. Unknown showed nothing: bots that use the kernel's own \
                 sockets and left no payload that tells, qBot among them, and all ordinary traffic.",
    payloads_note: "The first payloads of connections, and logins, as far as a sensor captured them. Family by payload counts \
                    those that tell their family themselves; else it is that of the mark that the source's SYNs left in the 24 \
                    hours before, or not known. Hosts of URLs are what payloads say. Texts are those of whoever sent them.",
    passwords_hidden: "Passwords are not shown without --show-passwords.",
    domestic_note: "Sources and SYNs from the home country. A source that showed the marks of two families counts under both.",
    against_note: "The period beside another one. Sources that stayed were seen in both. Days without records are missing in \
                   the numbers of their period.",
    new_ports_note: "Ports that came into a family's first ten: in the period against the other one, if there is one, and in a \
                     month against the month before.",
    profiles_note: "Sources that knocked, on one day, at as many ports of a profile as it asks for. A source may match several \
                    profiles; a profile shows habits, not who it is.",
    networks_note: "The autonomous systems with most sources, worldwide and in the home country. Sources that GeoIP did not \
                    know are left out.",
    losses_note: "SYNs that the sensors counted, and what became of them. Lost and not looked at are missing in the sources \
                  and flows of this report.",
    rules_note: "The letter of a rule is its confidence: A read in the tool's own source, B two or more public sources agree, C one \
                 source or sources that disagree, D recall or inference.",
    peaks_note: "Of every family, the day with most SYNs and the day with most sources.",
    countries_note: "Unique sources and SYNs of the whole period. A source has one country.",
    ports_note: "SYNs of the whole period by family and destination port.",
    sensors_note: "The sensors beside each other. A source that several of them saw is counted for each; what only one saw is told apart.",
};

const JAPANESE: Texts = Texts {
    language: Language::Ja,
    tag: "ja",
    fonts: "Noto Sans CJK JP, Noto Sans JP, IPAexGothic, IPAGothic, VL PGothic, VL Gothic, Noto Sans, DejaVu Sans, sans-serif",
    font_package: "fonts-vlgothic",
    heading: "観測レポート",
    syns: "SYN パケット数",
    sources: "送信元アドレス数",
    others: "その他",
    peak: "最大",
    contents: "目次",
    findings: "概要",
    totals: "集計",
    other_families: "その他のファミリー",
    peaks: "最大値",
    new_ports: "上位に新しく現れたポート",
    kinds: "ポート別のマルウェア種別",
    payloads: "ペイロードとログイン試行",
    domestic: "国内の状況",
    against: "比較期間",
    profiles: "ポートの組み合わせ",
    networks: "ネットワーク別",
    countries: "国別",
    ports: "ポート別",
    losses: "欠測と対象外",
    rules: "判定規則と確度",
    files: "付属ファイル",
    period: "期間",
    zone: "タイムゾーン",
    home: "対象国",
    sensors: "センサー",
    site: "設置場所",
    days_with_rows: "記録のある日数",
    limits: "特徴はパケットを生成したコードを示すもので、ボットネットそのものを示すものではありません。他のボットも Mirai のスキャナを流用しており、\
             同じ特徴を示します。センサーで観測できるのは全体の一部です。送信元はアドレスの数であり機器の台数ではなく、SYN の送信元アドレスは詐称が可能です。\
             ユニーク送信元アドレス数は厳密な値です。",
    no_losses_known: "この期間の欠測の記録がアーカイブにありません。欠測がなかったことを意味するものではありません。",
    nothing: "観測されませんでした。",
    script_hint: "凡例を選ぶと系列の表示と非表示を切り替えられます。図を指すか、選択して矢印キーを使うと数値を表示します。",
    kinds_note: "送信元の種別は、その日に任意のポートで示したものにより、ペイロードから判明したファミリー、Mirai の特徴、Hajime の特徴、調査ツールの順で\
                 決めています。不明はいずれも示さなかったもので、カーネルのソケットを使い、判定できるペイロードが得られなかったボット (qBot など) や\
                 通常の通信を含みます。",
    payloads_note: "センサーが取得した、接続の最初のペイロードとログイン試行です。「ペイロードで判明」はペイロード自体からファミリーが判明した数です。それ以外の\
                    ファミリーは、直前24時間の SYN の特徴によるものか、不明です。URL のホストはペイロードに書かれていたものです。文字列は送信者によるものです。",
    passwords_hidden: "パスワードは --show-passwords を指定した場合だけ表示します。",
    domestic_note: "対象国を送信元とするアドレス数と SYN 数です。複数のファミリーの特徴を示した送信元は、それぞれに数えています。",
    against_note: "別の期間との比較です。継続は両方の期間で観測された送信元です。記録のない日は、その期間の数値に含まれません。",
    new_ports_note: "新たに上位10ポートに入ったポートです。比較期間がある場合は期間どうし、および各月と前月とを比べています。",
    profiles_note: "1日のうちに、組み合わせのポートのうち所定の数以上へスキャンした送信元です。複数の組み合わせに該当することがあります。\
                    ポートの傾向を示すもので、主体を特定するものではありません。",
    networks_note: "送信元の多い自律システムです (全世界と対象国)。GeoIP で判明しなかった送信元は含みません。",
    losses_note: "センサーが数えた SYN とその内訳です。失われたものと対象外のものは、このレポートの送信元とフローに含まれません。",
    rules_note: "確度 A はツール自身のソースコードで確認、B は複数の公開情報が一致、C は単一の情報源または情報源間に不一致あり、D は推測です。\
                 条件、出典、限界は原文 (英語) のまま掲載しています。",
    peaks_note: "ファミリーごとの、SYN パケット数が最大の日と送信元アドレス数が最大の日です。",
    countries_note: "期間全体のユニーク送信元アドレス数と SYN パケット数です。一つの送信元は一つの国に数えています。",
    ports_note: "期間全体の SYN パケット数を、ファミリーと宛先ポートで分けたものです。",
    sensors_note: "センサー別の集計です。複数のセンサーで観測した送信元は、それぞれのセンサーで数えています。",
};

impl Texts {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::Ja => &JAPANESE,
        }
    }

    pub(super) fn japanese(&self) -> bool {
        self.language == Language::Ja
    }

    pub(super) fn figure(&self, number: usize, title: &str) -> String {
        if self.japanese() { format!("図{number} {title}") } else { format!("Figure {number}: {title}") }
    }

    pub(super) fn packets_by_port(&self, family: &str) -> String {
        if self.japanese() {
            format!("{} と推定される通信パケット数の推移", self.family(family))
        } else {
            format!("SYNs of {} by destination port", self.family(family))
        }
    }

    /// How Japanese names the sources of a family.
    fn variants(&self, family: &str) -> String {
        match family {
            "mirai" => "Mirai 亜種".into(),
            other => format!("{} ", self.family(other)),
        }
    }

    pub(super) fn unique_sources(&self, family: &str) -> String {
        if self.japanese() {
            format!("{}ユニーク送信元アドレス数の推移", self.variants(family))
        } else {
            format!("Unique sources of {}", self.family(family))
        }
    }

    pub(super) fn by_country(&self, family: &str) -> String {
        if self.japanese() {
            format!("{}ユニーク送信元アドレス数の国別推移", self.variants(family))
        } else {
            format!("Unique sources of {} by country", self.family(family))
        }
    }

    pub(super) fn domestic_sources(&self, home: &str) -> String {
        if self.japanese() {
            format!("{home} のユニーク送信元アドレス数の推移 (ファミリー別)")
        } else {
            format!("Unique sources in {home} by family")
        }
    }

    pub(super) fn domestic_packets(&self, home: &str) -> String {
        if self.japanese() {
            format!("{home} からの SYN パケット数の推移 (ファミリー別)")
        } else {
            format!("SYNs from {home} by family")
        }
    }

    pub(super) fn profile(&self, name: &str) -> String {
        if self.japanese() {
            format!("ポートの組み合わせ {name} のユニーク送信元アドレス数の推移")
        } else {
            format!("Unique sources with the port profile {name}")
        }
    }

    pub(super) fn by_payload(&self) -> &'static str {
        if self.japanese() {
            "ペイロードからファミリーが判明したユニーク送信元アドレス数の推移"
        } else {
            "Unique sources whose payload tells their family"
        }
    }

    /// `place` is a country, or empty for everywhere.
    pub(super) fn kinds_at(&self, port: u16, place: &str) -> String {
        match (self.japanese(), place) {
            (true, "") => format!("{port}/tcp へのスキャン送信元アドレスのマルウェア種別 (全世界)"),
            // The axis says which country.
            (true, _) => format!("{port}/tcp へのスキャン送信元アドレスのマルウェア種別"),
            (false, "") => format!("Sources that scan {port}/tcp by kind of malware, worldwide"),
            (false, place) => format!("Sources that scan {port}/tcp by kind of malware, in {place}"),
        }
    }

    pub(super) fn kind<'a>(&self, kind: &'a str) -> &'a str {
        match (kind, self.japanese()) {
            ("mirai", true) => "Mirai 亜種",
            ("mirai", false) => "Mirai variant",
            ("hajime" | "mozi" | "qbot", _) => self.family(kind),
            ("tool", true) => "調査ツール",
            ("tool", false) => "scanning tool",
            ("unknown", true) => "不明",
            ("unknown", false) => "unknown",
            (other, _) => other,
        }
    }
}
