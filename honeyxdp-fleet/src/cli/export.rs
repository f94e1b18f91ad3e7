//! `honeyxdp fleet export`, and `honeyxdp fleet key`, which makes its key.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;
use serde_json::json;
use url::Url;

use crate::{
    Place,
    export::{Amount, COMPLETE, Exported, Key, LeftOut, Options, export},
};

/// Copy an archive so that the copy may be given away
///
/// The copy is an archive too: honeyxdp report, honeyxdp archive check and DuckDB read it. Choose what becomes of sources:
///
/// --pseudonymise --key-file FILE: each address becomes another one, the same in all files and exports with this key, so that
/// sources can still be counted and followed. Sensors get other names. Who has the key can undo it.
///
/// --truncate: the network is left, /24 or /48 of IPv6. With --pseudonymise the network becomes another network.
///
/// --no-pseudonyms: sources stay.
///
/// What the sensors' addresses can be read from is never in the copy: sequence numbers and IP ids are 0, bytes of payloads are
/// gone, and texts that may hold an address are left out. What that protects from, and what it does not, is in
/// docs/operate/fleet-and-privacy.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example: make a key once and keep it; give last year's archive to a university.\n\n  \
                       honeyxdp fleet key /etc/honeyxdp/export.key\n  \
                       honeyxdp fleet export --pseudonymise --key-file /etc/honeyxdp/export.key \\\n    \
                       --without-logins /srv/honeyxdp/archive /srv/for-the-university\n  \
                       honeyxdp archive check /srv/for-the-university\n\n\
                       Without a key, say which addresses the sensors have, so that forged ones can be told:\n\n  \
                       honeyxdp fleet export --truncate --sensor-address 192.0.2.0/24 /srv/honeyxdp/archive /srv/for-all")]
pub(super) struct Args {
    /// Directory of the archive
    archive: String,
    /// Directory of the copy: empty, or not there
    out: String,
    /// Give each source another address, by the key of --key-file
    #[arg(long, alias = "pseudonymize", requires = "key_file", help_heading = "Sources")]
    pseudonymise: bool,
    /// File of the key of --pseudonymise, which its owner alone may read; `honeyxdp fleet key` makes one
    #[arg(long, value_name = "FILE", requires = "pseudonymise", help_heading = "Sources")]
    key_file: Option<PathBuf>,
    /// Give away networks of sources alone: /24, and /48 of IPv6
    #[arg(long, help_heading = "Sources")]
    truncate: bool,
    /// Give sources away as they are
    #[arg(long, conflicts_with_all = ["pseudonymise", "truncate"], help_heading = "Sources")]
    no_pseudonyms: bool,
    /// Leave out countries and networks (country, asn), which are those of the real sources
    #[arg(long, help_heading = "Left out")]
    without_places: bool,
    /// Leave out names and passwords of logins: one can be somebody's own
    #[arg(long, help_heading = "Left out")]
    without_logins: bool,
    /// Leave out URLs that something was to be loaded from: their writers can hide a sensor's address in them
    #[arg(long, help_heading = "Left out")]
    without_urls: bool,
    /// Addresses of the sensors, as 192.0.2.7 or 192.0.2.0/24, several with commas. Hosts of URLs that are there are left out,
    /// and without a key so are forged sources that claim to be there. Without a key and without this, every host that is an
    /// address is left out
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', value_parser = prefix, help_heading = "Left out")]
    sensor_address: Vec<IpNet>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Make a key for the pseudonyms of exports
///
/// Writes 64 hexadecimal digits from the system's random numbers to a file that its owner alone may read. A file that is there
/// is never overwritten. Keep it as long as exports shall be comparable, and give it to nobody: who has it can make sources of
/// pseudonyms. A new key makes pseudonyms that nobody can join with the old ones.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n\n  honeyxdp fleet key /etc/honeyxdp/export.key")]
pub(super) struct KeyArgs {
    /// File that is to be made
    file: PathBuf,
}

pub(super) fn make_key(args: &KeyArgs) -> anyhow::Result<()> {
    let key = Key::make(&args.file)?;
    print(&format!("{} holds a new key; exports with it say key {}\n", args.file.display(), key.id()))
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if !(args.pseudonymise || args.truncate || args.no_pseudonyms) {
        bail!(
            "say what becomes of sources, which are addresses of people: --pseudonymise --key-file FILE makes other addresses of \
             them that can be counted and followed, --truncate leaves their networks, both together do both; --no-pseudonyms \
             leaves them"
        );
    }
    let (source, out) = (directory(&args.archive)?, directory(&args.out)?);
    if !source.is_dir() {
        bail!("{} is no directory; name that of an archive, as given to `honeyxdp run --archive`", source.display());
    }
    let key = args.key_file.as_deref().map(Key::read).transpose()?;
    let options = Options {
        key,
        truncate: args.truncate,
        places: !args.without_places,
        logins: !args.without_logins,
        urls: !args.without_urls,
        own: args.sensor_address.clone(),
    };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} rows {per_sec} {eta}")?;
    // Drawn on a terminal alone.
    let bar = ProgressBar::new(0).with_style(style).with_message("export");
    let exported = export(&source, &out, &options, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let exported = exported?;
    if args.json {
        let mut text = serde_json::to_string_pretty(&json!(exported))?;
        text.push('\n');
        return print(&text);
    }
    let mut text = in_words(&exported);
    if options.key.is_none() && options.own.is_empty() {
        text.push_str(
            "No --sensor-address was given: hosts of URLs that are addresses are left out, and a forged source that claims to \
             be a sensor would be among the sources.\n",
        );
    }
    text.push_str(&format!("{} is complete; {COMPLETE} says what was done.\n", out.display()));
    print(&text)
}

/// The directory that a text names.
fn directory(text: &str) -> anyhow::Result<PathBuf> {
    if Place::is_remote(text) {
        bail!(
            "{text} is no directory: fetch an archive on object storage first, `honeyxdp fleet fetch {text} DIRECTORY`, and export that"
        );
    }
    if text.starts_with("file://") {
        let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
        return path.with_context(|| format!("{text} names no directory"));
    }
    Ok(PathBuf::from(text))
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    network.map_err(|_| "write an address or a prefix, as 192.0.2.7 or 192.0.2.0/24".to_owned())
}

fn in_words(exported: &Exported) -> String {
    let Exported { treated, tables, sensors, sensors_renamed, left_out, .. } = exported;
    let by = treated.key.as_ref().map(|key| format!(" by key {key}")).unwrap_or_default();
    let mut text =
        format!("Sources are {}{by}; of {sensors} sensors {sensors_renamed} have other names.\n", treated.sources);
    for (table, Amount { files, rows, bytes }) in tables {
        text.push_str(&format!("{table}: {rows} rows in {files} files of {bytes} bytes\n"));
    }
    let LeftOut { payloads, url_hosts, url_paths, url_files, usernames, passwords } = left_out;
    text.push_str(&format!(
        "Left out, as an address may be in them: the bytes of {payloads} payloads; of URLs {url_hosts} hosts, {url_paths} paths \
         and {url_files} files; of logins {usernames} names and {passwords} passwords.\n"
    ));
    text
}

/// Writes to standard output. Who reads it may have gone.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
