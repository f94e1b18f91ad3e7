//! `honeyxdp doctor`: what stands in a sensor's way on this machine, and the commands that fix it.

use std::path::PathBuf;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::{DEFAULT_DIRECTORY, snapshot::print};
use crate::doctor::{Finding, Level, Subject, examine};

/// Check whether this machine suits a sensor, and say what to fix
///
/// Looks at the kernel, the rights of this process, memory, the interface (driver, queues, MTU, offloads, other XDP
/// programs), the directory and the clock. Each line is ok, warn (a sensor runs, but slower or with less to show) or bad (it
/// cannot run, or would count wrongly), and has the command that fixs it. It loads the XDP program on trial where it may, attaches it
/// to nothing, and changes nothing. Run it as the user that the sensor will run as. Exit status 1 if anything is bad.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Interface to look at; repeat it, or separate with commas, for several. Default: that of the default route
    #[arg(short, long = "interface", value_name = "IFACE", env = "HONEYXDP_INTERFACE", value_delimiter = ',')]
    interfaces: Vec<String>,
    /// Directory that the sensor writes to
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", default_value = DEFAULT_DIRECTORY)]
    out: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    generated_at: Timestamp,
    version: &'static str,
    level: Level,
    checks: &'a [Finding],
}

pub(super) fn doctor(args: Args) -> anyhow::Result<()> {
    let names = args.interfaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    let subject = Subject { interfaces: names.map(str::to_owned).collect(), directory: args.out };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    let findings = runtime.block_on(examine(&subject));
    if args.json {
        print(&serde_json::to_string_pretty(&Report {
            schema: "honeyxdp.doctor/1",
            generated_at: Timestamp::now(),
            version: env!("CARGO_PKG_VERSION"),
            level: findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok),
            checks: &findings,
        })?)?;
    } else {
        print(&lines(&findings))?;
    }
    match findings.iter().filter(|finding| finding.level == Level::Bad).count() {
        0 => Ok(()),
        1 => anyhow::bail!("one check is bad: fix it before you start a sensor"),
        bad => anyhow::bail!("{bad} checks are bad: fix them before you start a sensor"),
    }
}

fn lines(findings: &[Finding]) -> String {
    let titles: Vec<String> = findings
        .iter()
        .map(|finding| match &finding.interface {
            Some(interface) => format!("{} {}", shown(interface), finding.check),
            None => finding.check.to_owned(),
        })
        .collect();
    let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (finding, title) in findings.iter().zip(&titles) {
        lines.push(format!("{:<4}  {title:<width$}  {}", finding.level.name(), shown(&finding.text)));
        if let Some(command) = &finding.fix {
            lines.push(format!("{:<4}  {:<width$}  -> {}", "", "", shown(command)));
        }
    }
    lines.join("\n")
}

/// Without control characters: names of interfaces, programs and drivers are other people's.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_harmless() {
        let finding = |check, interface: Option<&str>, level, fix: Option<&str>| Finding {
            check,
            interface: interface.map(str::to_owned),
            level,
            text: "text\x1b[2J\n".to_owned(),
            fix: fix.map(str::to_owned),
        };
        let findings =
            [finding("kernel", None, Level::Ok, None), finding("mtu", Some("eth0"), Level::Bad, Some("ip link"))];
        let expected =
            "ok    kernel    text\\u{1b}[2J\\n\nbad   eth0 mtu  text\\u{1b}[2J\\n\n                -> ip link";
        assert_eq!(lines(&findings), expected);
    }
}
