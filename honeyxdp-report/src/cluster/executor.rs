//! The process that does tasks: it reads files of the archive, and keeps what came of them until it is fetched.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use ballista_core::{RuntimeProducer, config::TaskSchedulingPolicy, registry::BallistaFunctionRegistry};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::{execution::runtime_env::RuntimeEnvBuilder, prelude::SessionConfig};

use super::{Address, MESSAGE, Release, STACK, Stores, listen, log, plain, scheduler::server_config, stop};
use crate::report::functions;

/// How long tasks may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(20);
/// After which age files are removed that no scheduler asked to remove.
const FORGOTTEN: Duration = Duration::from_hours(6);
/// How often is looked for them.
const TIDYING: Duration = Duration::from_mins(10);
/// How long a scheduler is waited for.
const PATIENCE_SECONDS: u16 = 60;

/// An executor that is to run.
#[derive(Clone, Debug)]
pub struct Executor {
    /// The scheduler that it does tasks for.
    pub scheduler: Address,
    /// Where it listens, for the scheduler and other executors, that fetch what it keeps. Port 0 is a free one.
    pub bind: SocketAddr,
    /// Name or address that they reach it by. Without: the address that it comes to the scheduler from.
    pub advertise: Option<String>,
    /// Tasks at a time.
    pub slots: usize,
    /// Directory for what it keeps, in a directory of its own that is removed at the end.
    pub work: PathBuf,
    /// Bytes that the engine may take for all slots together. It goes on in files in the work directory when that is full.
    pub memory: usize,
    /// Whether it tells all that happens.
    pub verbose: bool,
}

impl Executor {
    /// Runs until SIGTERM or SIGINT. What it does then is finished, if that takes no longer than 20 s.
    ///
    /// # Errors
    /// When it cannot listen, cannot write to its work directory, or does not reach the scheduler within a minute.
    pub fn run(&self) -> anyhow::Result<()> {
        log::begin(self.verbose);
        let cannot = || format!("cannot write to {}: name another directory with --work-dir", self.work.display());
        std::fs::create_dir_all(&self.work).with_context(cannot)?;
        let work = tempfile::Builder::new().prefix("honeyxdp-executor-").tempdir_in(&self.work).with_context(cannot)?;
        let config = Arc::new(self.config(work.path())?);
        let port = config.port;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
        eprintln!(
            "honeyxdp-report: the executor listens on {}, and does {} tasks at a time for {}",
            SocketAddr::new(self.bind.ip(), port),
            self.slots,
            self.scheduler
        );
        let done = runtime.block_on(async {
            let late = async {
                stop::asked().await?;
                tokio::time::sleep(GRACE).await;
                anyhow::Ok(())
            };
            tokio::select! {
                // It hears the signals itself.
                ended = start_executor_process(config) => ended.map_err(plain).context("the executor ended"),
                late = late => late,
            }
        });
        runtime.shutdown_background();
        work.close().with_context(cannot)?;
        done
    }

    fn config(&self, work: &Path) -> anyhow::Result<ExecutorProcessConfig> {
        let name = |path: &Path| {
            let name = path.to_str().map(ToOwned::to_owned);
            name.with_context(|| {
                format!("{} is no name in UTF-8: name another directory with --work-dir", path.display())
            })
        };
        // The engine binds later, and tells the scheduler the port as it was given.
        let port = listen(self.bind)?.local_addr()?.port();
        let ip = self.bind.ip();
        let (kept, spill) = (work.join("kept"), work.join("spill"));
        for directory in [&kept, &spill] {
            std::fs::create_dir(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        Ok(ExecutorProcessConfig {
            bind_host: if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() },
            external_host: self.advertise.clone(),
            port,
            scheduler_host: self.scheduler.host.clone(),
            scheduler_port: self.scheduler.port,
            scheduler_connect_timeout_seconds: PATIENCE_SECONDS,
            vcores: self.slots,
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(name(&kept)?),
            job_data_ttl_seconds: FORGOTTEN.as_secs(),
            job_data_clean_up_interval_seconds: TIDYING.as_secs(),
            grpc_max_decoding_message_size: MESSAGE,
            grpc_max_encoding_message_size: MESSAGE,
            memory_pool_size: Some(u64::try_from(self.memory).map_err(|_| anyhow!("too much memory"))?),
            override_function_registry: Some(Arc::new(registry())),
            override_config_producer: Some(Arc::new(server_config)),
            override_runtime_producer: Some(environments(&spill)),
            ..ExecutorProcessConfig::default()
        })
    }
}

/// The engine's functions and the report's.
fn registry() -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    registry.scalar_functions.extend(functions::all().map(|function| (function.name().to_owned(), Arc::new(function))));
    registry
}

fn environments(spill: &Path) -> RuntimeProducer {
    let stores = Arc::new(Stores::default());
    let spill = spill.to_owned();
    Arc::new(move |config: &SessionConfig| {
        Release::check(config, "executor")?;
        RuntimeEnvBuilder::new().with_temp_file_path(&spill).with_object_store_registry(stores.clone()).build_arc()
    })
}
