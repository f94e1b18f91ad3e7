//! DataFusion: tables over files, questions from the directory `sql`, and a bound on the memory.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow};
use datafusion::arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::{
    datasource::{
        MemTable,
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    logical_expr::ScalarUDF,
    prelude::{SessionConfig, SessionContext},
};
use tokio::{runtime::Runtime, sync::Semaphore};
use url::Url;

use super::{files::url_of, table::Table};
use crate::cluster::Stores;

/// What questions have in braces, and what stands there.
pub(super) type Words<'a> = &'a [(&'a str, &'a str)];

/// A query engine with its threads.
pub(super) struct Engine {
    runtime: Arc<Runtime>,
    environment: Arc<RuntimeEnv>,
    config: SessionConfig,
    functions: Vec<ScalarUDF>,
    context: SessionContext,
    /// As many questions are answered at a time as there are threads: each takes of the same memory.
    turns: Arc<Semaphore>,
}

impl Engine {
    /// An engine that takes `memory` bytes for what it groups, sorts and joins, and goes on in files in `spill` beyond that.
    /// Its questions may call the functions.
    pub(super) fn new(
        runtime: Arc<Runtime>,
        memory: usize,
        threads: usize,
        spill: &Path,
        functions: Vec<ScalarUDF>,
    ) -> anyhow::Result<Self> {
        let environment = RuntimeEnvBuilder::new()
            .with_memory_limit(memory, 1.0)
            .with_temp_file_path(spill)
            .with_object_store_registry(Arc::new(Stores::default()))
            .build_arc()?;
        let mut config = SessionConfig::new().with_target_partitions(threads).with_information_schema(false);
        let options = config.options_mut();
        // Files never change while they are read, and their order says nothing.
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.execution.collect_statistics = true;
        // A spilled sort keeps this much back for merging: the default of 10 MiB per thread is too much of a small limit.
        options.execution.sort_spill_reservation_bytes = (memory / threads / 16).min(10 << 20);
        Ok(Self::with(runtime, environment, config, functions, Arc::new(Semaphore::new(threads))))
    }

    fn with(
        runtime: Arc<Runtime>,
        environment: Arc<RuntimeEnv>,
        config: SessionConfig,
        functions: Vec<ScalarUDF>,
        turns: Arc<Semaphore>,
    ) -> Self {
        let context = SessionContext::new_with_config_rt(config.clone(), Arc::clone(&environment));
        for function in &functions {
            context.register_udf(function.clone());
        }
        Self { runtime, environment, config, functions, context, turns }
    }

    /// One with the same memory and threads and with tables of its own. It answers a question by one thread, so several of
    /// them answer several questions at a time: with small ones that is faster than sharing each.
    pub(super) fn one_thread(&self) -> Self {
        let config = self.config.clone().with_target_partitions(1);
        let (runtime, environment) = (Arc::clone(&self.runtime), Arc::clone(&self.environment));
        Self::with(runtime, environment, config, self.functions.clone(), Arc::clone(&self.turns))
    }

    /// Makes a table of files of this machine, in the place of one with the same name. Without files it has no rows.
    pub(super) fn table(&self, name: &str, files: &[PathBuf], schema: &SchemaRef) -> anyhow::Result<()> {
        let urls = files.iter().map(|file| url_of(file)).collect::<anyhow::Result<Vec<_>>>()?;
        self.table_at(name, urls, schema)
    }

    /// The same of files anywhere.
    pub(super) fn table_at(&self, name: &str, files: Vec<Url>, schema: &SchemaRef) -> anyhow::Result<()> {
        self.context.deregister_table(name)?;
        if files.is_empty() {
            self.context.register_table(name, Arc::new(MemTable::try_new(schema.clone(), vec![vec![]])?))?;
            return Ok(());
        }
        self.context.register_table(name, Arc::new(parquet_files(files, schema)?))?;
        Ok(())
    }

    /// Writes the answer to a question to a Parquet file. The file appears when it is whole.
    pub(super) fn write(&self, question: &Question, words: Words, file: &Path) -> anyhow::Result<()> {
        let name = file.to_str().with_context(|| format!("{} is no name in UTF-8", file.display()))?;
        let sql = format!(
            "COPY ({}) TO '{}' STORED AS PARQUET OPTIONS ('format.compression' 'zstd(1)')",
            question.with(words),
            name.replace('\'', "''")
        );
        self.run(question, &sql).map(drop)
    }

    /// Makes a table of the answer to a question: it is asked again wherever the table is read.
    pub(super) fn view(&self, name: &str, question: &Question, words: Words) -> anyhow::Result<()> {
        self.context.deregister_table(name)?;
        let frame = self.runtime.block_on(self.context.sql(&question.with(words))).map_err(|e| failed(question, e))?;
        self.context.register_table(name, frame.into_view())?;
        Ok(())
    }

    /// The answer to a question.
    pub(super) fn ask(&self, question: &Question, words: Words) -> anyhow::Result<Table> {
        let (columns, batches) = self.run(question, &question.with(words))?;
        Table::from_batches(question.name, columns, &batches)
    }

    /// The columns of a table.
    pub(super) fn schema(&self, table: &str) -> anyhow::Result<SchemaRef> {
        Ok(self.runtime.block_on(self.context.table_provider(table))?.schema())
    }

    fn run(&self, question: &Question, sql: &str) -> anyhow::Result<(Vec<String>, Vec<RecordBatch>)> {
        let answer = self.runtime.block_on(async {
            // Only a semaphore that is closed gives none, and nobody closes it.
            let _turn = self.turns.acquire().await;
            let frame = self.context.sql(sql).await?;
            let columns: Vec<String> = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
            datafusion::error::Result::Ok((columns, frame.collect().await?))
        });
        answer.map_err(|e| failed(question, e))
    }
}

/// A table over Parquet files.
pub(super) fn parquet_files(files: Vec<Url>, schema: &SchemaRef) -> anyhow::Result<ListingTable> {
    let files = files.into_iter().map(|file| ListingTableUrl::try_new(file, None));
    let files = files.collect::<datafusion::error::Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config =
        ListingTableConfig::new_with_multi_paths(files).with_listing_options(options).with_schema(schema.clone());
    Ok(ListingTable::try_new(config)?)
}

fn failed(question: &Question, error: datafusion::error::DataFusionError) -> anyhow::Error {
    use datafusion::error::DataFusionError as Error;
    match error.find_root() {
        Error::ResourcesExhausted(_) => {
            anyhow!("the memory was not enough for {}: give more with --memory, or a shorter --period.", question.name)
        }
        _ => anyhow!(error.strip_backtrace()).context(format!("cannot answer {}", question.name)),
    }
}

/// A file of the directory `sql`.
pub(super) struct Question {
    /// Its name without the ending.
    pub(super) name: &'static str,
    sql: &'static str,
}

impl Question {
    /// Its SQL, with the words in it.
    pub(super) fn with(&self, words: Words) -> String {
        words.iter().fold(self.sql.to_owned(), |sql, (word, value)| sql.replace(&format!("{{{word}}}"), value))
    }
}

macro_rules! questions {
    ($($constant:ident $name:literal,)+) => {
        $(pub(super) const $constant: Question =
            Question { name: $name, sql: include_str!(concat!("../../sql/", $name, ".sql")) };)+
    };
}

questions! {
    DAY_PORTS "day_ports",
    DAY_SENSORS "day_sensors",
    SENSORS "sensors",
    DAY_SOURCES "day_sources",
    DAY_KINDS "day_kinds",
    DAY_PROFILES "day_profiles",
    DAY_EXPLOITS "day_exploits",
    DAY_DROPPERS "day_droppers",
    DAY_LOGINS "day_logins",
    MONTH_PORTS "month_ports",
    MONTH_SOURCES "month_sources",
    MONTH_PROFILES "month_profiles",
    MONTH_EXPLOITS "month_exploits",
    MONTH_DROPPERS "month_droppers",
    MONTH_LOGINS "month_logins",
    MONTH_COUNTS "month_counts",
    MONTH_KIND_COUNTS "month_kind_counts",
    MONTH_PROFILE_COUNTS "month_profile_counts",
    MONTH_EVIDENCE_COUNTS "month_evidence_counts",
    BUCKET_COUNTS "bucket_counts",
    BUCKET_KINDS "bucket_kinds",
    BUCKET_PROFILES "bucket_profiles",
    BUCKET_EVIDENCE "bucket_evidence",
    DAY_IS_BUCKET "day_is_bucket",
    PERIOD_SOURCES "period_sources",
    PACKETS_BY_PORT "packets_by_port",
    SOURCES "sources",
    SOURCES_BY_COUNTRY "sources_by_country",
    KINDS "kinds",
    EVIDENCE "evidence",
    PAYLOADS "payloads",
    DROPPERS "droppers",
    LOGINS "logins",
    PAYLOAD_RULES "payload_rules",
    PROFILES "profiles",
    PROFILE_TOTALS "profile_totals",
    TOTALS "totals",
    COUNTRIES "countries",
    NETWORKS "networks",
    PORT_TOTALS "port_totals",
    PEAKS "peaks",
    NEW_PORTS_BY_MONTH "new_ports_by_month",
    AGAINST "against",
    AGAINST_COUNTRIES "against_countries",
    NEW_PORTS "new_ports",
    LOSSES "losses",
}

/// The questions whose answers are tables of the report, in order.
pub(super) const QUESTIONS: &[&Question] = &[
    &TOTALS,
    &PACKETS_BY_PORT,
    &SOURCES,
    &SOURCES_BY_COUNTRY,
    &KINDS,
    &EVIDENCE,
    &PAYLOADS,
    &DROPPERS,
    &LOGINS,
    &PAYLOAD_RULES,
    &PROFILES,
    &PROFILE_TOTALS,
    &PEAKS,
    &NEW_PORTS_BY_MONTH,
    &COUNTRIES,
    &NETWORKS,
    &PORT_TOTALS,
];

/// Those that set the period beside another one.
pub(super) const QUESTIONS_OF_TWO_PERIODS: &[&Question] = &[&AGAINST, &AGAINST_COUNTRIES, &NEW_PORTS];
