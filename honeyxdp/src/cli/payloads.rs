//! What is observed and answered, on the command line.

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

/// Prefixes that are shorter than this are a slip, and not the addresses of a darknet.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 19;

/// What comes after the SYN: kept at ports of this host, and drawn out at addresses where nobody listens.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "First payloads")]
pub(super) struct PayloadArgs {
    /// Keep the first 512 bytes of connections to these ports of this host, where a honeypot listens
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_OBSERVE")]
    observe: Vec<PortSet>,
    /// Answer SYNs to these ports, as 37215,52869,60001,80,8080,5555, and keep the first payload; the addresses are those of
    /// --respond-to. Answers stop when the sensor ends, also with --pin
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_RESPOND")]
    respond: Vec<PortSet>,
    /// Addresses where nobody listens, and for which SYNs are answered: prefixes, addresses, or @FILE with one a line. Never
    /// one of this host
    #[arg(long, value_name = "CIDR", env = "HONEYXDP_RESPOND_TO", value_delimiter = ',')]
    respond_to: Vec<String>,
    /// Ports of --respond where servers speak first: a login is asked for there, and never granted
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_PROMPT", default_value = "23,2323")]
    prompt: Vec<PortSet>,
    /// Rules that label payloads, in the place of those that are built in; `honeyxdp signatures check FILE` says whether they are
    /// right
    #[arg(long, value_name = "FILE", env = "HONEYXDP_SIGNATURES")]
    signatures: Option<PathBuf>,
    /// Answer so many SYNs of one source in a second
    #[arg(long, value_name = "N", env = "HONEYXDP_RESPOND_RATE_PER_SOURCE", default_value_t = Responder::ANSWERS.of_source)]
    respond_rate_per_source: u32,
    /// Answer so many SYNs in a second
    #[arg(long, value_name = "N", env = "HONEYXDP_RESPOND_RATE", default_value_t = Responder::ANSWERS.of_all)]
    respond_rate: u32,
    /// Keep so many payloads of one source in a second
    #[arg(long, value_name = "N", env = "HONEYXDP_PAYLOAD_RATE_PER_SOURCE", default_value_t = Responder::PAYLOADS.of_source)]
    payload_rate_per_source: u32,
    /// Keep so many payloads in a second
    #[arg(long, value_name = "N", env = "HONEYXDP_PAYLOAD_RATE", default_value_t = Responder::PAYLOADS.of_all)]
    payload_rate: u32,
}

impl PayloadArgs {
    /// Files that are read, and judged again when the settings are read again.
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
