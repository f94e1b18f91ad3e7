//! `honeyxdp cluster`: the processes that a report can be asked of.

use std::{net::SocketAddr, num::NonZero, path::PathBuf, time::Duration};

use clap::Subcommand;

use super::report::memory;
use crate::cluster::{Address, Executor, Scheduler};

/// Run the query engine on several machines: a scheduler, and executors that read the archive
///
/// `honeyxdp report --engine ballista://HOST:PORT` has it read the rows of an archive. The archive is
/// on object storage, which every process opens by its own environment (AWS_ACCESS_KEY_ID,
/// AWS_ENDPOINT and so on), or in a directory that all of them have at the same path.
///
/// There is no password: whoever reaches these ports can have the processes read all that they may
/// read. So they listen on loopback unless --bind says otherwise; then let nobody else in, by a
/// firewall or a network of their own. All of them and `honeyxdp report` must be the same release.
///
/// Examples:
///
///   honeyxdp cluster scheduler --bind 10.0.0.1:50050
///   honeyxdp cluster executor --scheduler 10.0.0.1:50050 --bind 10.0.0.2:50051 --memory 8GiB
///   honeyxdp report --archive s3://bucket/archive --engine ballista://10.0.0.1:50050 --out report
///
/// docs/operate/fleet-and-privacy.md has more.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scheduler(SchedulerArgs),
    Executor(ExecutorArgs),
}

/// Take questions, plan them, and give their tasks to executors
///
/// Runs until SIGTERM. A client needs to reach this process alone: answers come by way of it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct SchedulerArgs {
    /// Where to listen, for reports and executors. There is no password: see `honeyxdp cluster --help`
    #[arg(long, value_name = "ADDR:PORT", env = "HONEYXDP_SCHEDULER_BIND", default_value = "127.0.0.1:50050")]
    bind: SocketAddr,
    /// Seconds of silence after which an executor is dead; its tasks are given to another one. Executors give a sign
    /// at least every 5 s
    #[arg(
        long,
        value_name = "SECONDS",
        env = "HONEYXDP_EXECUTOR_TIMEOUT",
        default_value_t = 12,
        value_parser = clap::value_parser!(u64).range(7..=3600)
    )]
    executor_timeout: u64,
    /// Tell all that happens
    #[arg(long, short)]
    verbose: bool,
}

/// Do tasks for a scheduler: read files of archives
///
/// Runs until SIGTERM; what it does then is finished first, if that takes no longer than 20 s. Other
/// executors and the scheduler must reach its port.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct ExecutorArgs {
    /// The scheduler
    #[arg(long, value_name = "HOST:PORT", env = "HONEYXDP_SCHEDULER")]
    scheduler: Address,
    /// Where to listen, for the scheduler and other executors. There is no password: see `honeyxdp cluster --help`
    #[arg(long, value_name = "ADDR:PORT", env = "HONEYXDP_EXECUTOR_BIND", default_value = "127.0.0.1:50051")]
    bind: SocketAddr,
    /// Name or address that the others reach it by. Default: where the scheduler sees it come from
    #[arg(long, value_name = "HOST", env = "HONEYXDP_EXECUTOR_ADVERTISE")]
    advertise: Option<String>,
    /// Tasks at a time. Default: as many as there are CPUs
    #[arg(long, value_name = "N", env = "HONEYXDP_EXECUTOR_SLOTS")]
    slots: Option<NonZero<usize>>,
    /// Directory for answers until they are fetched, and for what has no room in memory: in a directory of its own, which is
    /// removed at the end. Default: that of temporary files
    #[arg(long, value_name = "DIR", env = "HONEYXDP_EXECUTOR_WORK_DIR")]
    work_dir: Option<PathBuf>,
    /// Memory for the query engine, for all slots together; it goes on in files when that is full
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_EXECUTOR_MEMORY", value_parser = memory, default_value = "2GiB")]
    memory: usize,
    /// Tell all that happens
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn cluster(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Scheduler(SchedulerArgs { bind, executor_timeout, verbose }) => {
            Scheduler { bind, executor_timeout: Duration::from_secs(executor_timeout), verbose }.run()
        }
        Command::Executor(ExecutorArgs { scheduler, bind, advertise, slots, work_dir, memory, verbose }) => {
            let slots = slots.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
            let work = work_dir.unwrap_or_else(std::env::temp_dir);
            Executor { scheduler, bind, advertise, slots, work, memory, verbose }.run()
        }
    }
}
