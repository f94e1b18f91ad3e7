//! The program on its interfaces: installed once, then replaced, attached again and taken off while the map_set goes on.

use std::{collections::BTreeSet, io, net::IpAddr, path::PathBuf, sync::Arc};

use honeyxdp_common::counters::INTERFACES;
use jiff::Timestamp;

use super::{
    attach::{self, AttachError, Attachment},
    filters::FilterMapsError,
    interfaces::{Interface, InterfaceError, Interfaces},
    map_set::{MapSet, MapSetError},
    maps::{Maps, MapsError},
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
    /// The kernel does not put the new program in the place of the old one. The old one goes on.
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

/// What is to be installed.
#[derive(Debug)]
pub struct Plan {
    /// How the program is loaded; its interfaces are filled in from `interfaces`.
    pub options: Options,
    /// Where it is attached.
    pub interfaces: Vec<Interface>,
    /// How.
    pub mode: ModeChoice,
    /// Directory of pins, if the program is to outlive the process.
    pub pins: Option<PathBuf>,
}

/// The program on its interfaces. Dropping it takes it off, unless it is pinned.
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

/// An interface that has counters of its own.
#[derive(Debug)]
struct Slot {
    name: String,
    /// Whether it is to be watched: one that was watched by a process before may not be.
    wanted: bool,
    attachment: Option<Attachment>,
    /// What was said last about why it is not attached.
    trouble: Option<String>,
}

/// What became of an interface.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It is gone, or somebody took the program off.
    Lost {
        /// Its name.
        interface: String,
        /// Whether it is still there.
        taken_off: bool,
    },
    /// It is watched again.
    Back {
        /// Its name.
        interface: String,
    },
    /// It is there, and cannot be watched.
    Refused {
        /// Its name.
        interface: String,
        /// Why.
        reason: String,
    },
}

impl Installation {
    /// Loads the program and attaches it. With pins it goes on with what is pinned.
    ///
    /// # Errors
    /// See [`InstallError`]. What was not attached before is not attached then, and what was not pinned is not pinned; but on pins that are
    /// there already, what was attached before the error goes on with them.
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
            // Before it is written down: those of earlier starts have their counters here too.
            return Err(LoadError::TooManyInterfaces(about.interfaces.len()).into());
        }
        let find = |name: &String| chosen.iter().find(|interface| interface.name == *name);
        options.interfaces = about.interfaces.iter().map(|name| find(name).map_or(0, |found| found.index)).collect();
        if let Some(pins) = &pins {
            // Before the program writes to a slot, it is known whose the slot is.
            pins.write_about(&about)?;
        }
        let map_set = Arc::new(map_set);
        // Here and not on another thread, which would keep rights that this one gives away afterwards.
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

    /// The start has succeeded: what is pinned outlives the process from now on. Before, it goes with this.
    pub fn keep(&mut self) {
        if let Some(pins) = &mut self.pins {
            pins.keep();
        }
    }

    /// Puts the program on an interface: into the link that is pinned for it, or into a new one.
    async fn attach(&mut self, slot: usize, interfaces: &Interfaces, interface: Interface) -> Result<(), InstallError> {
        let pinned = self.pins.as_ref().and_then(|pins| pins.link(slot));
        let pinned = pinned.filter(|(_, info)| info.interface == interface.index);
        let attachment = match pinned {
            Some((link, _)) => attach::adopt(&self.program, interfaces, interface, self.mode, link).await?,
            None => {
                // One of an interface that is gone.
                self.pins.as_ref().map_or(Ok(()), |pins| pins.drop_link(slot))?;
                let attachment = attach::attach(&self.program, interfaces, interface, self.mode).await?;
                self.pins.as_ref().map_or(Ok(()), |pins| pins.keep_link(slot, attachment.link()))?;
                attachment
            }
        };
        self.slots[slot].attachment = Some(attachment);
        Ok(())
    }

    /// Puts a program with other options in the place of the present one. No frame meets none, or both.
    ///
    /// # Errors
    /// When it cannot be loaded, or the kernel does not take it: then the old one goes on, on every interface.
    pub async fn replace(&mut self, mut options: Options) -> Result<(), InstallError> {
        options.interfaces.clone_from(&self.options.interfaces);
        let next = load(options.clone(), &self.map_set).await?;
        if let Err(error) = self.point_links_at(&next) {
            // Either all links have the new one, or none.
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

    /// Looks which interfaces are gone, and attaches to those that came back.
    ///
    /// # Errors
    /// When the kernel does not tell its interfaces.
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
                    // A link that is on nothing is only in the way of the next one.
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
                    // Once, and not every time that it is tried.
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
        // The program tells several interfaces apart by their indices.
        if index != interface.index && self.slots.len() > 1 {
            self.replace(self.options.clone()).await?;
        }
        self.attach(slot, interfaces, interface).await
    }

    /// Says which addresses are the host's own now: nobody answers for those. One that it no longer has stays out until another
    /// program is loaded.
    ///
    /// # Errors
    /// When the kernel does not take one.
    pub fn own(&mut self, addresses: BTreeSet<IpAddr>) -> Result<(), FilterMapsError> {
        if self.options.responder.responds() && addresses != self.options.responder.own {
            self.program.except(addresses.difference(&self.options.responder.own))?;
            self.options.responder.own = addresses;
        }
        Ok(())
    }

    /// The maps, to read them.
    ///
    /// # Errors
    /// When they cannot be mapped.
    pub fn maps(&self) -> Result<Maps, MapsError> {
        Maps::take(&self.map_set)
    }

    /// The program as it is now.
    pub const fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The kernel's id of the program, and its hash over the instructions.
    pub const fn program_id(&self) -> (u32, u64) {
        (self.program.id(), self.program.tag())
    }

    /// How the program was loaded.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Where it is attached, with the slot of each interface's counters.
    pub fn attachments(&self) -> impl Iterator<Item = (usize, &Attachment)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.attachment.as_ref()?)))
    }

    /// Names of the interfaces that it should be attached to and is not.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().filter(|slot| slot.wanted && slot.attachment.is_none()).map(|slot| slot.name.as_str())
    }

    /// Since when the map_set counts.
    pub const fn started_at(&self) -> Timestamp {
        self.about.started_at
    }

    /// Whether it goes on with what a process before it had pinned.
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Whether the program goes on when this is dropped.
    pub const fn pinned(&self) -> bool {
        self.pins.is_some()
    }
}

/// Loads on a thread of its own: it takes half a second, and meanwhile there is other work.
async fn load(options: Options, map_set: &Arc<MapSet>) -> Result<Program, InstallError> {
    let map_set = Arc::clone(map_set);
    let thread = tokio::task::spawn_blocking(move || Program::load_with(OBJECT, &options, &map_set));
    Ok(thread.await.map_err(|error| InstallError::Thread(error.to_string()))??)
}
