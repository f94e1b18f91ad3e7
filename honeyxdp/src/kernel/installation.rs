//! The program on its interfaces: installed once, then replaced, reattached and detached over the same map set.

use std::{collections::BTreeSet, io, net::IpAddr, path::PathBuf, sync::Arc};

use honeyxdp_common::counters::INTERFACES;
use jiff::Timestamp;

use super::{
    attach::{self, AttachError, Attachment},
    filters::FilterMapsError,
    interfaces::{Interface, InterfaceError, Interfaces},
    map_set::{MapSet, MapSetError},
    maps::Maps,
    memory::MapsError,
    mode::ModeChoice,
    pins::{About, Opened, PinError, Pins},
    program::{self, LoadError, OBJECT, Options, Program},
};

/// Why the program cannot be installed, or replaced.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The pins cannot be used.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// The kernel does not replace the old program, which keeps running.
    #[error("the kernel does not replace the program on {interface}: {source}")]
    Replace {
        /// Where.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The thread that loads programs has died.
    #[error("the thread that loads the program has ended: {0}")]
    Thread(String),
}

impl From<MapSetError> for InstallError {
    fn from(error: MapSetError) -> Self {
        Self::Load(error.into())
    }
}

/// Plan of an installation.
#[derive(Debug)]
pub struct Plan {
    /// Load-time options; the interface indices are set from `interfaces`.
    pub options: Options,
    /// Interfaces to attach to.
    pub interfaces: Vec<Interface>,
    /// Requested attach mode.
    pub mode: ModeChoice,
    /// Directory of pins, if the program shall outlive the process.
    pub pins: Option<PathBuf>,
}

/// An installed program. Dropping it detaches the program, unless it is pinned.
#[derive(Debug)]
pub struct Installation {
    map_set: Arc<MapSet>,
    options: Options,
    mode: ModeChoice,
    program: Program,
    slots: Vec<Slot>,
    pins: Option<Pins>,
    about: About,
    resumed: bool,
}

/// An interface with its own counters.
#[derive(Debug)]
struct Slot {
    name: String,
    /// Whether the interface is watched. One that an earlier process watched may not be.
    wanted: bool,
    attachment: Option<Attachment>,
    /// The last reported reason why it is not attached.
    trouble: Option<String>,
}

/// A change of an interface.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// The interface is gone, or the program was detached by others.
    Lost {
        /// Its name.
        interface: String,
        /// Whether the interface still exists.
        taken_off: bool,
    },
    /// The interface is attached again.
    Back {
        /// Its name.
        interface: String,
    },
    /// The interface exists but cannot be attached.
    Refused {
        /// Its name.
        interface: String,
        /// Why.
        reason: String,
    },
}

impl Installation {
    /// Loads and attaches the program. With pins it resumes on existing pinned maps and links.
    ///
    /// # Errors
    /// Returns an error if loading, attaching or pinning fails. A new installation leaves nothing attached or pinned; on existing
    /// pins, interfaces that were attached before the error stay attached.
    pub async fn install(plan: Plan, interfaces: &Interfaces, now: Timestamp) -> Result<Self, InstallError> {
        let Plan { mut options, interfaces: chosen, mode, pins } = plan;
        let cpus = program::prepare()?;
        let sizes = options.sizes(cpus);
        let create = || MapSet::create(sizes, program::seed());
        let (map_set, pins, mut about, resumed) = match pins {
            Some(directory) => {
                let Opened { pins, map_set, about, resumed } = Pins::open(&directory, sizes.cpus, now, create)?;
                (map_set, Some(pins), about, resumed)
            }
            None => {
                let map_set = create()?;
                let about = About::begin(&map_set, now);
                (map_set, None, about, false)
            }
        };
        for interface in &chosen {
            if !about.interfaces.contains(&interface.name) {
                about.interfaces.push(interface.name.clone());
            }
        }
        if about.interfaces.len() > INTERFACES {
            // Checked before pinning: interfaces of earlier starts count too.
            return Err(LoadError::TooManyInterfaces(about.interfaces.len()).into());
        }
        let find = |name: &String| chosen.iter().find(|interface| interface.name == *name);
        options.interfaces = about.interfaces.iter().map(|name| find(name).map_or(0, |found| found.index)).collect();
        if let Some(pins) = &pins {
            // The owner of a slot is recorded before the program writes to it.
            pins.write_about(&about)?;
        }
        let map_set = Arc::new(map_set);
        // On this thread: another one would keep the capabilities that this one drops later.
        let program = Program::load_with(OBJECT, &options, &map_set)?;
        let slots = about.interfaces.iter().map(|name| Slot {
            name: name.clone(),
            wanted: find(name).is_some(),
            attachment: None,
            trouble: None,
        });
        let slots = slots.collect();
        let mut this = Self { map_set, options, mode, program, slots, pins, about, resumed };
        for slot in 0..this.slots.len() {
            match chosen.iter().find(|interface| interface.name == this.slots[slot].name) {
                Some(interface) => this.attach(slot, interfaces, interface.clone()).await?,
                None => {
                    this.pins.as_ref().map_or(Ok(()), |pins| pins.drop_link(slot))?;
                }
            }
        }
        Ok(this)
    }

    /// Confirms the start: from now on pins outlive the process. Before, dropping this removes new pins.
    pub fn keep(&mut self) {
        if let Some(pins) = &mut self.pins {
            pins.keep();
        }
    }

    /// Attaches the program by the interface's pinned link, or by a new one.
    async fn attach(&mut self, slot: usize, interfaces: &Interfaces, interface: Interface) -> Result<(), InstallError> {
        let pinned = self.pins.as_ref().and_then(|pins| pins.link(slot));
        let pinned = pinned.filter(|(_, info)| info.interface == interface.index);
        let attachment = match pinned {
            Some((link, _)) => attach::adopt(&self.program, interfaces, interface, self.mode, link).await?,
            None => {
                // A link of an interface that is gone.
                self.pins.as_ref().map_or(Ok(()), |pins| pins.drop_link(slot))?;
                let attachment = attach::attach(&self.program, interfaces, interface, self.mode).await?;
                self.pins.as_ref().map_or(Ok(()), |pins| pins.keep_link(slot, attachment.link()))?;
                attachment
            }
        };
        self.slots[slot].attachment = Some(attachment);
        Ok(())
    }

    /// Replaces the program by one with other options, atomically for each interface.
    ///
    /// # Errors
    /// Returns an error if the new program cannot be loaded or linked. The old one then stays on every interface.
    pub async fn replace(&mut self, mut options: Options) -> Result<(), InstallError> {
        options.interfaces.clone_from(&self.options.interfaces);
        let next = load(options.clone(), &self.map_set).await?;
        if let Err(error) = self.point_links_at(&next) {
            // All links have the new program, or none.
            self.point_links_at(&self.program)?;
            return Err(error);
        }
        (self.program, self.options) = (next, options);
        Ok(())
    }

    fn point_links_at(&self, program: &Program) -> Result<(), InstallError> {
        for (_, attachment) in self.attachments() {
            attachment
                .replace(program)
                .map_err(|source| InstallError::Replace { interface: attachment.interface.name.clone(), source })?;
        }
        Ok(())
    }

    /// Detects lost interfaces and reattaches to those that came back.
    ///
    /// # Errors
    /// Returns an error if the kernel does not list its interfaces.
    pub async fn survey(&mut self, interfaces: &Interfaces) -> Result<Vec<Change>, InterfaceError> {
        let there = interfaces.all().await?;
        let mut changes = Vec::new();
        for slot in 0..self.slots.len() {
            if !self.slots[slot].wanted {
                continue;
            }
            let name = self.slots[slot].name.clone();
            let found = there.iter().find(|interface| interface.name == name);
            if let Some(attachment) = &self.slots[slot].attachment {
                let present = there.iter().find(|interface| interface.index == attachment.interface.index);
                let ours = present
                    .is_some_and(|interface| interface.xdp.is_some_and(|xdp| xdp.program_id == self.program.id()));
                if ours {
                    continue;
                }
                self.slots[slot].attachment = None;
                if let Some(pins) = &self.pins {
                    // A link without an interface would block the next one.
                    let _ = pins.drop_link(slot);
                }
                changes.push(Change::Lost { interface: name.clone(), taken_off: present.is_some() });
            }
            let Some(interface) = found else {
                self.slots[slot].trouble = None;
                continue;
            };
            match self.attach_again(slot, interfaces, interface.clone()).await {
                Ok(()) => {
                    self.slots[slot].trouble = None;
                    changes.push(Change::Back { interface: name });
                }
                Err(error) => {
                    let reason = error.to_string();
                    // Reported once, not at every attempt.
                    if self.slots[slot].trouble.as_ref() != Some(&reason) {
                        self.slots[slot].trouble = Some(reason.clone());
                        changes.push(Change::Refused { interface: name, reason });
                    }
                }
            }
        }
        Ok(changes)
    }

    async fn attach_again(
        &mut self,
        slot: usize,
        interfaces: &Interfaces,
        interface: Interface,
    ) -> Result<(), InstallError> {
        let index = std::mem::replace(&mut self.options.interfaces[slot], interface.index);
        // The program identifies several interfaces by their indices.
        if index != interface.index && self.slots.len() > 1 {
            self.replace(self.options.clone()).await?;
        }
        self.attach(slot, interfaces, interface).await
    }

    /// Updates the host's own addresses, which the responder never answers for. A removed address stays excluded until the next
    /// program is loaded.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses an address.
    pub fn own(&mut self, addresses: BTreeSet<IpAddr>) -> Result<(), FilterMapsError> {
        if self.options.responder.responds() && addresses != self.options.responder.own {
            self.program.except(addresses.difference(&self.options.responder.own))?;
            self.options.responder.own = addresses;
        }
        Ok(())
    }

    /// Maps the map set into memory.
    ///
    /// # Errors
    /// Returns an error if mmap(2) fails.
    pub fn maps(&self) -> Result<Maps, MapsError> {
        Maps::take(&self.map_set)
    }

    /// The current program.
    pub const fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The kernel's id of the program, and its hash over the instructions.
    pub const fn program_id(&self) -> (u32, u64) {
        (self.program.id(), self.program.tag())
    }

    /// Load-time options of the current program.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Attachments, with the counter slot of each interface.
    pub fn attachments(&self) -> impl Iterator<Item = (usize, &Attachment)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.attachment.as_ref()?)))
    }

    /// Names of watched interfaces that are not attached.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().filter(|slot| slot.wanted && slot.attachment.is_none()).map(|slot| slot.name.as_str())
    }

    /// Start time of the counters.
    pub const fn started_at(&self) -> Timestamp {
        self.about.started_at
    }

    /// Whether this resumed on the pins of an earlier process.
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Whether the program outlives this process.
    pub const fn pinned(&self) -> bool {
        self.pins.is_some()
    }
}

/// Loads on a separate thread: it takes half a second.
async fn load(options: Options, map_set: &Arc<MapSet>) -> Result<Program, InstallError> {
    let map_set = Arc::clone(map_set);
    let thread = tokio::task::spawn_blocking(move || Program::load_with(OBJECT, &options, &map_set));
    Ok(thread.await.map_err(|error| InstallError::Thread(error.to_string()))??)
}
