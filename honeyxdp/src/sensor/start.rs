//! The start of a sensor, step by step, its main loop and its end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{
    Config, Identity, Reload,
    control::{self, Asked},
    drain::{Counted, Drain, Moment},
    hangup::Hangup,
    live::Live,
    notify::Manager,
    output::Output,
    serve::{self, Serving},
    ticks,
    upload::Uploader,
    watch::Watch,
};
use crate::{
    archive::{self, Archiver, Opened},
    sandbox::{self, Directories, Landlock},
    server::{Address, Bound},
    snapshot::{Run, store::Store},
    view,
};

/// Time between two redraws of the live table.
const REFRESH: Duration = Duration::from_secs(1);

/// A process with its final user and all the privileges it was started with.
#[derive(Debug)]
pub struct Privileged {
    identity: Identity,
}

/// A sensor that is attached, has dropped its privileges, and has started no thread yet.
pub struct Confined {
    signals: Signals,
    identity: Identity,
    config: Config,
    store: Arc<Store>,
    output: Output,
    bound: Bound,
    watch: Watch,
    started: Moment,
    archive: Option<Opened>,
    uploader: Option<Uploader>,
}

/// A sensor whose threads run. It counts until a signal ends it.
pub struct Running {
    signals: Signals,
    watch: Watch,
    output: Output,
    store: Arc<Store>,
    drain: Arc<Drain>,
    serving: Serving,
    manager: Manager,
    asked: mpsc::Receiver<Asked>,
    archiver: Option<Archiver>,
    uploader: Option<Uploader>,
    reload: Option<Box<dyn Reload>>,
    interval: Duration,
    /// Directory of the snapshots, if the sandbox would keep the sensor from making it again.
    sandboxed: Option<PathBuf>,
}

/// Registered before anything is attached: a signal ends the main loop and never loses a snapshot.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Hangup,
}

impl Signals {
    fn register() -> anyhow::Result<Self> {
        let hangup = Hangup::watch()?;
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }
}

impl Privileged {
    /// Becomes the user of `identity`, before any file is created or anything is loaded. The process must have one thread.
    ///
    /// # Errors
    /// Returns an error if the user does not exist or the process may not become it.
    pub fn begin(identity: Identity) -> anyhow::Result<Self> {
        identity.user.as_deref().map_or(Ok(()), sandbox::become_user)?;
        if !identity.no_sandbox {
            sandbox::begin()?;
        }
        Ok(Self { identity })
    }

    /// Opens directories and sockets, loads and attaches the program, and then drops the privileges.
    ///
    /// # Errors
    /// Returns an error if any of it fails. Nothing stays attached then.
    pub async fn confine(self, config: Config) -> anyhow::Result<Confined> {
        let Self { identity } = self;
        let signals = Signals::register()?;
        let store = Arc::new(Store::open(&config.out, config.history)?);
        let archive = config.archive.as_ref().map(archive::Options::open).transpose()?;
        let mut output = Output::new(config.quiet, config.trace_per_second > 0);
        let bound = serve::bind(&config.listen, &config.out, &mut output)?;
        let watch = Watch::start(&config).await?;
        let started = Moment::now();
        output.installed(watch.installation());
        let addresses = bound.addresses();
        if !addresses.is_empty() {
            output.note(format!("listening on {}", addresses.join(" and ")));
        }
        let spool = config.archive.as_ref().map(|archive| archive.directory.as_path());
        let uploader = config.upload.as_deref().zip(spool);
        let uploader = uploader.map(|(place, spool)| Uploader::start(spool, place, &config.sensor.id));
        let uploader = uploader.transpose().context("cannot upload the archive")?;
        if !identity.no_sandbox {
            drop_privileges(&directories(&config), identity.user.as_deref(), &output)?;
        }
        Ok(Confined { signals, identity, config, store, output, bound, watch, started, archive, uploader })
    }
}

impl Confined {
    /// Starts the threads: archive writer, drain and HTTP server.
    ///
    /// # Errors
    /// Returns an error if a thread cannot be started or a map cannot be read. Nothing stays attached then.
    pub fn start(self) -> anyhow::Result<Running> {
        let Self { signals, identity, config, store, mut output, bound, mut watch, started, archive, mut uploader } =
            self;
        let installation = watch.installation();
        let maps = installation.maps()?;
        let (started_at, resumed, pinned) = (installation.started_at(), installation.resumed(), installation.pinned());
        let (slots, interfaces) = watch.reports().into_iter().unzip();
        let run = Run {
            sensor: config.sensor,
            interfaces,
            started_at,
            filters: watch.policy().report(),
            ports: config.snapshot_ports,
        };
        let newest = store.newest();
        output.note(format!("snapshot: {} every {}", newest.display(), view::duration(config.interval)));
        let (archiver, queue) = archive.map(Opened::start).transpose()?.unzip();
        if let Some(archive) = &config.archive {
            let upload = config.upload.map(|place| format!(", and from there to {place}")).unwrap_or_default();
            output.note(format!("archive: {}{upload}", archive.directory.display()));
        }
        if let Some(uploader) = &mut uploader {
            uploader.pass_on()?;
        }
        let responds = config.responder.responds();
        let responder = config.payloads.map(|capture| (capture, responds));
        let counted = Counted { maps, run, slots, resumed, pinned, archive: queue, responder };
        let drain = Arc::new(Drain::start(counted, &config.sources, started, Arc::clone(&store))?);
        let (routes, asked) = control::routes();
        let serving = Serving::start(bound, config.interval, &drain, routes)?;
        serving.watched(&watch);
        let mut manager = Manager::new(drain.pulse());
        output.start()?;
        watch.keep();
        output.warn_if(manager.ready("attached, counting"));
        Ok(Running {
            signals,
            watch,
            output,
            store,
            drain,
            serving,
            manager,
            asked,
            archiver,
            uploader,
            reload: config.reload,
            interval: config.interval,
            sandboxed: (!identity.no_sandbox).then_some(config.out),
        })
    }
}

impl Running {
    /// Counts until SIGINT or SIGTERM, or until SIGHUP if no settings file can be read again. Then detaches and writes the
    /// last snapshot.
    ///
    /// # Errors
    /// Returns an error if the last snapshot cannot be stored, or if not everything is archived or uploaded.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { signals, mut watch, mut output, store, drain, serving, mut manager, asked, archiver, .. } = self;
        let (mut uploader, reload, sandboxed) = (self.uploader, self.reload, self.sandboxed);
        let Signals { mut interrupt, mut terminate, hangup } = signals;
        let mut intervals = ticks(self.interval);
        let mut refreshes = ticks(REFRESH);
        {
            let live = Live { watch: &mut watch, drain: &drain, serving: &serving, reload, hangup, asked };
            let mut hung_up = std::pin::pin!(live.serve());
            loop {
                tokio::select! {
                    _ = interrupt.recv() => break,
                    _ = terminate.recv() => break,
                    () = &mut hung_up => break,
                    () = manager.look() => output.warn_if(manager.looked()),
                    _ = refreshes.tick(), if output.is_live() => output.draw(&drain).await,
                    _ = intervals.tick() => {
                        output.warn_if(uploader.as_mut().and_then(Uploader::look));
                        let drained = drain.publish().await;
                        serving.publish(&drained);
                        match drained {
                            Ok(drained) => {
                                output.warn_if(manager.interval(&drained.snapshot));
                                output.interval(drained);
                            }
                            // Counting continues: the next snapshot has what this one would have had.
                            Err(error) => {
                                let text = explain(&error, sandboxed.as_deref());
                                let text = format!("{text}; trying again at the next interval");
                                output.warn_if(manager.trouble(&text));
                                output.warn(text);
                            }
                        }
                    }
                }
            }
        }

        output.warn_if(manager.stopping());
        let pinned = watch.installation().pinned();
        // Detach before the last drain, so that every counted frame is in the last snapshot.
        drop(watch);
        let last = drain.publish_last().await;
        // Not earlier: a stopped terminal must not hold up the snapshot.
        output.stop();
        let archived = archiver.is_none_or(Archiver::end);
        let uploaded = uploader.is_none_or(Uploader::end);
        let last = match last {
            Ok(last) => last,
            Err(error) => {
                // The totals would be lost with the kernel's counters, so the log gets them.
                let totals = drain.look().await.map(|drained| view::totals(&drained.snapshot))?;
                output.warn(format!("the last snapshot cannot be stored; in all: {totals}"));
                return Err(error);
            }
        };
        output.end(last, &store, pinned);
        anyhow::ensure!(uploaded, "not everything is uploaded yet: it waits in the spool for the next start");
        anyhow::ensure!(archived, "not everything is in the archive; its losses and the log say what is missing");
        Ok(())
    }
}

/// Enters the sandbox. The process must have one thread.
fn drop_privileges(directories: &Directories, user: Option<&str>, output: &Output) -> anyhow::Result<()> {
    let confined = sandbox::enter(directories)?;
    if let (Some(directory), Some(user)) = (&confined.foreign, user) {
        let directory = directory.display();
        anyhow::bail!("{user} cannot write to {directory}; run `chown -R {user} {directory}`");
    }
    if let Some(directory) = &confined.foreign {
        output.warn(format!(
            "{} belongs to another user, so CAP_DAC_OVERRIDE is kept to write to it; change its owner, or use --user",
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

/// Directories that a running sensor writes to, or reads files in again.
fn directories(config: &Config) -> Directories {
    // Editors replace a file by a new one of the same name, so the directory must be readable.
    let readable = config.reread.iter().map(|file| directory_of(file)).collect();
    let sockets = config.listen.iter().filter_map(|address| match address {
        Address::Unix(path) => Some(directory_of(path)),
        _ => None,
    });
    let writable = [config.out.clone()]
        .into_iter()
        .chain(config.pins.clone())
        .chain(sockets)
        .chain(config.archive.as_ref().map(|archive| archive.directory.clone()))
        .collect();
    Directories { writable, readable }
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(directory) if directory != Path::new("") => directory.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// An error of the store, with the sandbox's part in it.
fn explain(error: &anyhow::Error, sandboxed: Option<&Path>) -> String {
    match sandboxed {
        Some(directory) if !directory.exists() => {
            let directory = directory.display();
            format!(
                "{directory} was removed, and the sandbox keeps the sensor from making it again: make it and restart"
            )
        }
        _ => format!("{error:#}"),
    }
}
