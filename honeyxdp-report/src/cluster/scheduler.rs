//! The process that gets questions, plans them, and gives their tasks to executors.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use ballista_core::{
    config::TaskSchedulingPolicy,
    extension::{
        SessionConfigExt as _, ballista_aggregate_functions, ballista_scalar_functions, ballista_window_functions,
    },
};
use ballista_scheduler::{
    cluster::BallistaCluster,
    config::{SchedulerConfig, TaskDistributionPolicy},
    scheduler_process::{create_scheduler, start_grpc_service_with_listener},
};
use datafusion::{
    error::Result,
    execution::{SessionState, SessionStateBuilder, runtime_env::RuntimeEnvBuilder},
    prelude::SessionConfig,
};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use super::{MESSAGE, Release, STACK, Stores, listen, log, plain, stop};
use crate::report::functions;

/// How long executors keep the answer to a question, for the client to fetch it.
const ANSWERS: Duration = Duration::from_mins(2);
/// How long the scheduler remembers what became of a question.
const MEMORY: Duration = Duration::from_mins(10);

/// A scheduler that is to run.
#[derive(Clone, Copy, Debug)]
pub struct Scheduler {
    /// Where it listens, for clients and executors. Port 0 is a free one.
    pub bind: SocketAddr,
    /// After how much silence an executor is dead, and its tasks are given to another one. Executors give a sign at least every
    /// 5 s.
    pub executor_timeout: Duration,
    /// Whether it tells all that happens.
    pub verbose: bool,
}

impl Scheduler {
    /// Runs until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn run(self) -> anyhow::Result<()> {
        log::begin(self.verbose);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
        let done = runtime.block_on(async {
            let listener = listen(self.bind)?;
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let config = Arc::new(self.config(bound));
            let cluster = BallistaCluster::new_from_config(&config).await.map_err(plain)?;
            let scheduler =
                create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await.map_err(plain)?;
            eprintln!("honeyxdp-report: the scheduler listens on {bound}");
            tokio::select! {
                served = start_grpc_service_with_listener(listener, scheduler) => {
                    served.map_err(plain).context("the scheduler ended")
                }
                stopped = stop::asked() => stopped,
            }
        });
        runtime.shutdown_background();
        done
    }

    fn config(&self, bound: SocketAddr) -> SchedulerConfig {
        let timeout = self.executor_timeout.as_secs();
        SchedulerConfig {
            bind_host: bound.ip().to_string(),
            bind_port: bound.port(),
            // Executors fetch tasks: so they need no port for the scheduler, and what another one leaves is fetched at once.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            task_distribution: TaskDistributionPolicy::Bias,
            executor_timeout_seconds: timeout,
            expire_dead_executor_interval_seconds: 1,
            no_executors_grace_period_seconds: timeout.max(30),
            // Clients get answers by way of the scheduler, and need not reach executors.
            enable_embedded_flight_proxy: true,
            finished_job_data_clean_up_interval_seconds: ANSWERS.as_secs(),
            finished_job_state_clean_up_interval_seconds: MEMORY.as_secs(),
            grpc_server_max_decoding_message_size: MESSAGE,
            grpc_server_max_encoding_message_size: MESSAGE,
            grpc_client_max_message_size: MESSAGE,
            override_config_producer: Some(Arc::new(server_config)),
            override_session_builder: Some(session_builder()),
            ..SchedulerConfig::default()
        }
    }
}

/// Settings of a server before a client's come to them.
pub(super) fn server_config() -> SessionConfig {
    SessionConfig::new_with_ballista().with_option_extension(Release::unknown())
}

fn session_builder() -> Arc<dyn Fn(SessionConfig) -> Result<SessionState> + Send + Sync> {
    let stores = Arc::new(Stores::default());
    Arc::new(move |config| {
        Release::check(&config, "scheduler")?;
        let environment = RuntimeEnvBuilder::new().with_object_store_registry(stores.clone()).build_arc()?;
        let mut scalar = ballista_scalar_functions();
        scalar.extend(functions::all().map(Arc::new));
        Ok(SessionStateBuilder::new()
            .with_runtime_env(environment)
            .with_config(config)
            .with_default_features()
            .with_scalar_functions(scalar)
            .with_aggregate_functions(ballista_aggregate_functions())
            .with_window_functions(ballista_window_functions())
            .build())
    })
}
