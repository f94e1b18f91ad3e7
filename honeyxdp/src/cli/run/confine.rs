//! The rights of a running sensor.

use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};

use super::{Args, output::Output, watch::pin_directories};
use crate::{
    config,
    sandbox::{self, Directories, Landlock},
};

/// What a running sensor may do.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ConfineArgs {
    /// Go on as this user, who then owns the files. Needs root, and leaves CAP_BPF and CAP_NET_ADMIN, before Linux 6.18 CAP_PERFMON too
    #[arg(long, value_name = "NAME", env = "HONEYXDP_USER", value_parser = NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Keep all rights. Else the sensor keeps, once it is attached, what filters and interfaces take, and its own directories
    #[arg(long, env = "HONEYXDP_NO_SANDBOX", value_parser = FalseyValueParser::new())]
    no_sandbox: bool,
}

impl ConfineArgs {
    /// Before anything is made, so that it belongs to the user, and before anything is loaded.
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        self.user.as_deref().map_or(Ok(()), sandbox::become_user)?;
        if !self.no_sandbox {
            sandbox::begin()?;
        }
        Ok(())
    }

    /// Gives away what the sensor needs no more. To be called while there is one thread.
    pub(super) fn give_away(&self, args: &Args, output: &Output) -> anyhow::Result<()> {
        if self.no_sandbox {
            return Ok(());
        }
        let confined = sandbox::enter(&directories(args))?;
        if let (Some(directory), Some(user)) = (&confined.foreign, &self.user) {
            let directory = directory.display();
            anyhow::bail!("{user} cannot write to {directory}; give it the directory by `chown -R {user} {directory}`");
        }
        if let Some(directory) = &confined.foreign {
            output.warn(format!(
                "{} belongs to another user, so CAP_DAC_OVERRIDE is kept to write to it; give it to this one, or use --user",
                directory.display()
            ));
        }
        match confined.landlock {
            Landlock::Missing => output.warn(confined),
            Landlock::Partial(_) => tracing::info!("{confined}"),
            Landlock::Full => tracing::debug!("{confined}"),
        }
        Ok(())
    }

    /// An error of the store, with what the sandbox has to do with it.
    pub(super) fn explain(&self, args: &Args, error: &anyhow::Error) -> String {
        if !self.no_sandbox && !args.out.exists() {
            let directory = args.out.display();
            return format!(
                "{directory} was removed, and the rights that are left do not let it be made again: make it and restart the sensor"
            );
        }
        format!("{error:#}")
    }
}

/// Everything that a running sensor writes to or reads again.
fn directories(args: &Args) -> Directories {
    // An editor replaces a file by another one of the same name, so it is the directory that has to be readable.
    let file = args.config.clone().unwrap_or_else(|| config::DEFAULT_FILE.into());
    let readable = args
        .filters
        .files()
        .chain(args.payloads.files())
        .chain(args.archive.files())
        .chain([file.as_path()])
        .map(directory_of)
        .collect();
    let sockets = args.serve.sockets().map(directory_of);
    let writable = [args.out.clone()]
        .into_iter()
        .chain(pin_directories(args))
        .chain(sockets)
        // Contradictions were found before.
        .chain(args.archive_directory().ok().flatten())
        .collect();
    Directories { writable, readable }
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(directory) if directory != Path::new("") => directory.to_owned(),
        _ => PathBuf::from("."),
    }
}
