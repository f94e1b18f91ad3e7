//! Flags about first payloads.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::signatures;
use crate::{
    config::Fault,
    filter::{PortSet, PrefixSet},
    payloads::{PayloadCapture, Rate, Responder},
};

/// Shorter prefixes are a mistake, and not the addresses of a darknet.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 19;

/// Capture of first payloads: observed on this host, or answered on unused addresses.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "First payloads")]
pub(super) struct PayloadArgs {
    /// Keep the first 512 bytes of connections to these ports of this host, where a honeypot listens
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_OBSERVE")]
    observe: Vec<PortSet>,
    /// Answer SYNs to these ports of the addresses of --respond-to, as 37215,52869,60001,80,8080,5555, and keep the first
    /// payload. Answers stop when the sensor ends, even with --pin
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_RESPOND")]
    respond: Vec<PortSet>,
    /// Unused addresses to answer SYNs for: prefixes, addresses, or @FILE with one per line. This host's own are never
    /// answered for
    #[arg(long, value_name = "CIDR", env = "HONEYXDP_RESPOND_TO", value_delimiter = ',')]
    respond_to: Vec<String>,
    /// Ports of --respond where the server speaks first: a login is requested there, and never granted
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_PROMPT", default_value = "23,2323")]
    prompt: Vec<PortSet>,
    /// Signatures that classify payloads, instead of the built-in ones; `honeyxdp signatures check FILE` checks them
    #[arg(long, value_name = "FILE", env = "HONEYXDP_SIGNATURES")]
    signatures: Option<PathBuf>,
    /// Maximum answered SYNs of one source per second
    #[arg(long, value_name = "N", env = "HONEYXDP_RESPOND_RATE_PER_SOURCE", default_value_t = Responder::ANSWERS.of_source)]
    respond_rate_per_source: u32,
    /// Maximum answered SYNs per second
    #[arg(long, value_name = "N", env = "HONEYXDP_RESPOND_RATE", default_value_t = Responder::ANSWERS.of_all)]
    respond_rate: u32,
    /// Maximum payloads of one source per second
    #[arg(long, value_name = "N", env = "HONEYXDP_PAYLOAD_RATE_PER_SOURCE", default_value_t = Responder::PAYLOADS.of_source)]
    payload_rate_per_source: u32,
    /// Maximum payloads per second
    #[arg(long, value_name = "N", env = "HONEYXDP_PAYLOAD_RATE", default_value_t = Responder::PAYLOADS.of_all)]
    payload_rate: u32,
}

impl PayloadArgs {
    /// Files that are read again with the settings.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let prefixes = self.respond_to.iter().filter_map(|word| word.trim().strip_prefix('@')).map(Path::new);
        prefixes.chain(self.signatures.as_deref())
    }

    /// The classifier of payloads; none if no payload is captured.
    pub(super) fn payload_capture(&self) -> Result<Option<PayloadCapture>, Fault> {
        if self.observe.is_empty() && self.respond.is_empty() {
            return Ok(None);
        }
        let signatures = signatures::rules(self.signatures.as_deref());
        let signatures =
            signatures.map_err(|error| Fault::new(["signatures"], format!(": {}", honeyxdp_cli::describe(&error))))?;
        Ok(Some(PayloadCapture::new(signatures)))
    }

    /// The settings, with the files read.
    pub(super) fn responder(&self) -> Result<Responder, Fault> {
        let ports = |sets: &[PortSet]| sets.iter().fold(PortSet::none(), |all, ports| all.with(ports));
        let (observed, answered) = (ports(&self.observe), ports(&self.respond));
        let respond_to = PrefixSet::parse(self.respond_to.iter().map(String::as_str));
        let respond_to = respond_to.map_err(|error| Fault::new(["respond-to"], format!(": {error}")))?;
        let shortest = respond_to.v4().iter().map(|prefix| (prefix.prefix_len(), SHORTEST_V4));
        let shortest = shortest.chain(respond_to.v6().iter().map(|prefix| (prefix.prefix_len(), SHORTEST_V6)));
        if let Some((length, least)) = shortest.into_iter().find(|(length, least)| length < least) {
            let what = format!(" has a prefix of /{length}: name those of your darknet, /{least} at least");
            return Err(Fault::new(["respond-to"], what));
        }
        if answered.is_none() != respond_to.is_empty() {
            let what = " go together: ports to answer, and the addresses to answer for";
            return Err(Fault::new(["respond", "respond-to"], what));
        }
        let rate = |of_source, of_all| Rate { of_source, of_all };
        Ok(Responder {
            observed,
            prompted: ports(&self.prompt),
            answered,
            respond_to,
            own: BTreeSet::new(),
            answers: rate(self.respond_rate_per_source, self.respond_rate),
            payloads: rate(self.payload_rate_per_source, self.payload_rate),
        })
    }
}
