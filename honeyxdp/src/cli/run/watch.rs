//! What a running sensor watches, and by which rules: changed while it runs, without a frame lost.

use std::{collections::BTreeMap, future, num::NonZeroU32, path::PathBuf, pin::Pin};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Args, drain::Drain};
use crate::{
    cli::filters,
    filter::{Filters, PortSet},
    kernel::{self, Change, Installation, Interface, Interfaces, Mode, Plan},
    payloads::Responder,
    snapshot::{InterfaceReport, ModeReport},
};

/// What happens to a counted SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Verdict {
    /// It goes on.
    Pass,
    /// It ends here, before the network stack sees it.
    Drop,
}

/// The rules by which SYNs are counted and recorded: what can be changed while the sensor runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) filters: Filters,
    pub(super) verdict: Verdict,
    pub(super) sample: NonZeroU32,
}

impl Rules {
    /// Those of the command line and the file, with the lists of prefixes read.
    pub(super) fn of(args: &Args) -> anyhow::Result<Self> {
        Ok(Self { filters: args.filters.filters()?, verdict: args.verdict, sample: args.sample_records })
    }

    /// What snapshots say of them.
    pub(super) fn report(&self) -> BTreeMap<String, serde_json::Value> {
        let mut report = filters::report(&self.filters);
        if self.verdict == Verdict::Drop {
            report.insert("verdict".to_owned(), "drop".into());
        }
        if self.sample.get() > 1 {
            report.insert("sample_records".to_owned(), self.sample.get().into());
        }
        report
    }

    /// The same in one line.
    pub(super) fn shown(&self) -> String {
        let report = self.report();
        let shown: Vec<String> = report.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }

    fn options(&self, base: kernel::Options) -> kernel::Options {
        kernel::Options {
            filters: self.filters.clone(),
            drop_counted: self.verdict == Verdict::Drop,
            sample: self.sample.get(),
            ..base
        }
    }
}

/// The program on its interfaces, and the rules it was loaded with.
pub(super) struct Watch {
    interfaces: Interfaces,
    installation: Installation,
    rules: Rules,
    trace: Pin<Box<dyn Future<Output = ()>>>,
}

impl Watch {
    /// Loads the program and attaches it.
    pub(super) async fn start(args: &Args, rules: Rules) -> anyhow::Result<Self> {
        let interfaces = Interfaces::open()?;
        let responder = args.payloads.responder(interfaces.addresses().await?)?;
        say(&responder);
        let plan = Plan {
            options: rules.options(kernel::Options {
                responder,
                trace_per_second: args.traces(),
                record_memory: usize::try_from(args.record_buffer.as_u64()).unwrap_or(usize::MAX),
                ..kernel::Options::default()
            }),
            interfaces: choose(&interfaces, &args.interfaces).await?,
            mode: args.mode,
            pins: args.pin.then(|| args.pin_path.clone()),
        };
        let installation = Installation::install(plan, &interfaces, Timestamp::now()).await?;
        let mut this = Self { interfaces, installation, rules, trace: Box::pin(future::pending()) };
        this.read_trace()?;
        Ok(this)
    }

    /// Each program has its own log.
    fn read_trace(&mut self) -> anyhow::Result<()> {
        if self.installation.options().trace_per_second > 0 {
            self.trace = Box::pin(kernel::trace::lines(self.installation.program())?);
        }
        Ok(())
    }

    /// Prints what `--trace-matches` asked for, for ever.
    pub(super) async fn trace(&mut self) {
        self.trace.as_mut().await;
    }

    /// Puts other rules into force, or none of them. From the next snapshot on, they are what it says.
    pub(super) async fn apply(&mut self, rules: Rules, drain: &Drain) -> anyhow::Result<()> {
        self.installation.replace(rules.options(self.installation.options().clone())).await?;
        self.rules = rules;
        self.describe(drain);
        self.read_trace()
    }

    /// Looks which interfaces are gone, and watches those that came back. Returns whether anything changed.
    pub(super) async fn survey(&mut self, drain: &Drain) -> bool {
        self.survey_addresses().await;
        let program = self.installation.program_id();
        let changes = match self.installation.survey(&self.interfaces).await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!("{error}");
                return false;
            }
        };
        if changes.is_empty() {
            return false;
        }
        for change in changes {
            match change {
                Change::Lost { interface, taken_off: false } => {
                    tracing::warn!("{interface} is gone: its frames are not counted until it is back");
                }
                Change::Lost { interface, taken_off: true } => {
                    tracing::warn!("somebody took the program off {interface}: attaching it again");
                }
                Change::Back { interface } => tracing::info!("{interface} is watched again"),
                Change::Refused { interface, reason } => {
                    tracing::warn!("{interface} is there, but is not watched: {reason}");
                }
            }
        }
        self.describe(drain);
        if self.installation.program_id() != program
            && let Err(error) = self.read_trace()
        {
            tracing::warn!("{error:#}");
        }
        true
    }

    /// Nobody answers for an address that the host has got meanwhile.
    async fn survey_addresses(&mut self) {
        if !self.installation.options().responder.responds() {
            return;
        }
        let surveyed = match self.interfaces.addresses().await {
            Ok(addresses) => self.installation.own(addresses).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = surveyed {
            tracing::warn!("the host's own addresses are not known, and may be answered for: {error}");
        }
    }

    fn describe(&self, drain: &Drain) {
        drain.describe(self.reports(), self.rules.report());
    }

    /// The interfaces that are watched now, as snapshots have them, and the slots of their counters.
    pub(super) fn reports(&self) -> Vec<(usize, InterfaceReport)> {
        let (program_id, tag) = self.installation.program_id();
        let report = |attachment: &kernel::Attachment| InterfaceReport {
            name: attachment.interface.name.clone(),
            index: attachment.interface.index,
            mode: match attachment.mode {
                Mode::Native => ModeReport::Native,
                Mode::Generic => ModeReport::Generic,
            },
            program_id,
            program_tag: format!("{tag:016x}"),
            frames: BTreeMap::new(),
            families: Vec::new(),
        };
        self.installation.attachments().map(|(slot, attachment)| (slot, report(attachment))).collect()
    }

    pub(super) const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The start has succeeded: what is pinned stays when this ends.
    pub(super) fn keep(&mut self) {
        self.installation.keep();
    }

    pub(super) const fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// Says what is observed and answered.
fn say(responder: &Responder) {
    let ports = |ports: &PortSet| ports.to_string();
    if !responder.observed.is_none() {
        tracing::info!("first payloads are kept at ports {}", ports(&responder.observed));
    }
    if responder.responds() {
        let (named, answered) = (responder.respond_to.len(), ports(&responder.answered));
        tracing::info!(
            "SYNs to ports {answered} of {named} prefixes are answered, but to none of this host's addresses"
        );
    }
}

/// Directories that pins are in, which the sensor goes on writing to.
pub(super) fn pin_directories(args: &Args) -> impl Iterator<Item = PathBuf> {
    args.pin.then(|| args.pin_path.clone()).into_iter()
}

/// The interfaces that were named, or that of the default route.
async fn choose(interfaces: &Interfaces, names: &[String]) -> anyhow::Result<Vec<Interface>> {
    let mut chosen: Vec<Interface> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let interface = interfaces.named(name).await?;
        if chosen.iter().all(|other| other.index != interface.index) {
            chosen.push(interface);
        }
    }
    if chosen.is_empty() {
        chosen.push(interfaces.of_default_route().await?);
    }
    Ok(chosen)
}
