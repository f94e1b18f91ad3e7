//! The attached program, its interfaces and its policy. All can change at run time without losing a frame.

use std::{collections::BTreeMap, future, pin::Pin};

use jiff::Timestamp;

use super::{Config, drain::Drain};
use crate::{
    filter::{Policy, PortSet, Verdict},
    kernel::{self, Change, Installation, Interface, Interfaces, Mode, Plan},
    payloads::Responder,
    snapshot::{InterfaceReport, ModeReport},
};

/// The program's options with a policy.
fn options(policy: &Policy, base: kernel::Options) -> kernel::Options {
    kernel::Options {
        filters: policy.filters.clone(),
        drop_counted: policy.verdict == Verdict::Drop,
        sample: policy.sample_records.get(),
        ..base
    }
}

/// The attached program and the policy it was loaded with.
pub(super) struct Watch {
    interfaces: Interfaces,
    installation: Installation,
    policy: Policy,
    trace: Pin<Box<dyn Future<Output = ()>>>,
}

impl Watch {
    /// Loads the program and attaches it.
    pub(super) async fn start(config: &Config) -> anyhow::Result<Self> {
        let interfaces = Interfaces::open()?;
        let own = interfaces.addresses().await?.into_iter().collect();
        let responder = Responder { own, ..config.responder.clone() };
        log_responder(&responder);
        let plan = Plan {
            options: options(
                &config.policy,
                kernel::Options {
                    responder,
                    trace_per_second: config.trace_per_second,
                    record_memory: config.record_memory,
                    ..kernel::Options::default()
                },
            ),
            interfaces: choose(&interfaces, &config.interfaces).await?,
            mode: config.mode,
            pins: config.pins.clone(),
        };
        let installation = Installation::install(plan, &interfaces, Timestamp::now()).await?;
        let policy = config.policy.clone();
        let mut this = Self { interfaces, installation, policy, trace: Box::pin(future::pending()) };
        this.read_trace()?;
        Ok(this)
    }

    /// Follows the log of the current program.
    fn read_trace(&mut self) -> anyhow::Result<()> {
        if self.installation.options().trace_per_second > 0 {
            self.trace = Box::pin(kernel::trace::lines(self.installation.program())?);
        }
        Ok(())
    }

    /// Prints matched SYNs, for ever.
    pub(super) async fn trace(&mut self) {
        self.trace.as_mut().await;
    }

    /// Applies a policy, whole or not at all. The next snapshot reports it.
    pub(super) async fn apply(&mut self, policy: Policy, drain: &Drain) -> anyhow::Result<()> {
        self.installation.replace(options(&policy, self.installation.options().clone())).await?;
        self.policy = policy;
        self.describe(drain);
        self.read_trace()
    }

    /// Finds interfaces that are gone, and attaches to those that are back. Returns whether anything changed.
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

    /// Excludes addresses that the host has been given since the start from the responder.
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
        drain.describe(self.reports(), self.policy.report());
    }

    /// The attached interfaces as a snapshot reports them, with the slots of their counters.
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

    /// Keeps pins when this is dropped, because the start has succeeded.
    pub(super) fn keep(&mut self) {
        self.installation.keep();
    }

    pub(super) const fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Logs what is observed and answered.
fn log_responder(responder: &Responder) {
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

/// The named interfaces, or that of the default route.
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
