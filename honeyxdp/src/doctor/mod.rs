//! Whether this machine suits a sensor, and the command that fixes what does not.
//!
//! [`read`] asks the kernel and touches nothing; every other file here is a group of checks, pure functions of what was read.

mod bpffs;
mod clock;
mod directory;
mod finding;
mod interface;
mod kernel;
mod memory;
mod offloads;
mod read;
mod rights;

use std::path::PathBuf;

pub use self::finding::{Finding, Level};

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Names of the interfaces; that of the default route if there is none.
    pub interfaces: Vec<String>,
    /// Directory that the sensor writes to.
    pub directory: PathBuf,
}

/// Everything that was read, before anything is made of it.
#[derive(Clone, Debug)]
struct Facts {
    kernel: kernel::Kernel,
    rights: rights::Process,
    memory: memory::Memory,
    bpffs: bpffs::Bpffs,
    directory: directory::Directory,
    clock: clock::Clock,
    interfaces: Vec<Result<interface::Interface, String>>,
}

/// Reads what there is to read, and judges it. Must be called in a Tokio runtime.
pub async fn examine(subject: &Subject) -> Vec<Finding> {
    judge(&read::facts(subject).await)
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = kernel::check(&facts.kernel);
    findings.extend(rights::check(&facts.rights));
    findings.extend(memory::check(&facts.memory));
    findings.extend(bpffs::check(&facts.bpffs));
    for interface in &facts.interfaces {
        match interface {
            Ok(interface) => {
                let about = interface::check(interface).into_iter().chain(offloads::check(interface));
                findings.extend(about.map(|finding| finding.about(&interface.name)));
            }
            Err(error) => findings.push(Finding::bad("interface", error, "ip -brief link")),
        }
    }
    findings.extend(directory::check(&facts.directory));
    findings.extend(clock::check(&facts.clock));
    findings
}
