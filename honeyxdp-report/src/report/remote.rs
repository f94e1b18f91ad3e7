//! Asking a cluster: whole questions go there, and their answers come back as a stream.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use ballista::prelude::SessionContextExt as _;
use ballista_core::{
    config::{BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, BALLISTA_CLIENT_IO_RETRIES_TIMES},
    extension::SessionConfigExt as _,
};
use datafusion::{
    arrow::{
        compute::cast,
        datatypes::{DataType, SchemaRef},
        record_batch::RecordBatch,
    },
    common::Column,
    dataframe::DataFrame,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, SessionStateBuilder},
    logical_expr::Expr,
    prelude::{SessionConfig, SessionContext},
};
use futures_util::StreamExt as _;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use tokio::runtime::Runtime;
use url::Url;

mod presence;

use self::presence::Presence;
use super::{
    Asked,
    engine::{Question, Words, parquet_files},
    functions,
    table::Table,
};
use crate::{
    cluster::{REFUSAL, Release},
    escape,
};

/// Pauses before a question is asked again, seconds. Who restarts a scheduler needs no longer than all of them.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// Bytes of a message: a plan names all files that it reads.
const MESSAGE: &str = "67108864";
/// Characters of an error that came from elsewhere.
const MOST: usize = 300;

/// What errors say that would come again: another release, a plan that is not understood, a file that is gone (then the archive
/// is listed again), damaged or forbidden, no room for the answer.
const FINAL: [&str; 7] = [
    REFUSAL,
    "Could not parse plan",
    "Object at location",
    "Parquet error",
    "ParquetError",
    "Permission denied",
    CANNOT_WRITE,
];
const CANNOT_WRITE: &str = "cannot write the roll-up";

/// A cluster that answers.
pub(super) struct Cluster {
    presence: Presence,
    runtime: Arc<Runtime>,
    asked: Asked,
    /// Questions that were asked again, and what the first of them got for an answer.
    again: AtomicUsize,
    first_error: Mutex<Option<String>>,
}

/// Tables of the archive's rows, and questions to them.
pub(super) struct Session<'a> {
    cluster: &'a Cluster,
    context: SessionContext,
}

impl Cluster {
    /// Looks for a scheduler and waits for executors.
    ///
    /// # Errors
    /// When there is none within some seconds.
    pub(super) fn find(asked: &Asked, runtime: &Arc<Runtime>) -> anyhow::Result<Self> {
        let presence = Presence::new(&asked.scheduler);
        runtime.block_on(presence.await_first())?;
        let (again, first_error) = (AtomicUsize::new(0), Mutex::new(None));
        Ok(Self { presence, runtime: Arc::clone(runtime), asked: asked.clone(), again, first_error })
    }

    /// Days that it is asked about at a time.
    pub(super) const fn days(&self) -> usize {
        self.asked.days
    }

    /// What the reader of the report should know of it.
    pub(super) fn trouble(&self) -> Option<String> {
        let error = self.first_error.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let count = self.again.load(Ordering::Relaxed);
        Some(format!(
            "the cluster was asked again {count} times, and then it answered. The first time it said: {error}"
        ))
    }

    /// One whose questions are answered by as many tasks each.
    pub(super) fn session(&self, tasks: usize) -> anyhow::Result<Session<'_>> {
        let mut config = SessionConfig::new_with_ballista()
            .with_option_extension(Release::own())
            .with_target_partitions(tasks)
            .with_information_schema(false)
            // What is measured within a question changes nothing of one that has a stage or two.
            .with_ballista_adaptive_query_planner(false)
            .set_str(BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, MESSAGE)
            // A question is asked again as a whole.
            .set_str(BALLISTA_CLIENT_IO_RETRIES_TIMES, "1");
        let options = config.options_mut();
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        // The scheduler would read all files for them.
        options.execution.collect_statistics = false;
        let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
        let scheduler = self.asked.scheduler.to_string();
        let context = self.runtime.block_on(SessionContext::remote_with_state(&scheduler, state))?;
        for function in functions::all() {
            context.register_udf(function);
        }
        Ok(Session { cluster: self, context })
    }

    /// Does something that can be done again, until it is done.
    fn insist<T>(&self, question: &Question, once: impl AsyncFn() -> Result<T, DataFusionError>) -> anyhow::Result<T> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self.runtime.block_on(async {
                tokio::select! {
                    answer = once() => answer.map_err(|error| (Fault::of(&error), words_of(&error))),
                    gone = self.presence.await_loss() => Err((Fault::Final, format!("{gone:#}"))),
                }
            });
            let (fault, error) = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match fault {
                Fault::Memory => {
                    return Err(anyhow!(
                        "an executor's memory was not enough for {}: start executors with more --memory or fewer --slots.",
                        question.name
                    ));
                }
                Fault::Final => return Err(anyhow!(error).context(format!("cannot answer {}", question.name))),
                Fault::Passing => {}
            }
            let Some(pause) = pauses.next() else {
                return Err(anyhow!(error).context(format!("the cluster cannot answer {}", question.name)));
            };
            self.again.fetch_add(1, Ordering::Relaxed);
            self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            thread::sleep(Duration::from_secs(*pause));
        }
    }
}

impl Session<'_> {
    /// Makes a table of files, of which there must be some, in the place of one with the same name.
    pub(super) fn table(&self, name: &str, files: Vec<Url>, schema: &SchemaRef) -> anyhow::Result<()> {
        self.context.deregister_table(name)?;
        self.context.register_table(name, Arc::new(parquet_files(files, schema)?))?;
        Ok(())
    }

    /// Writes the answer to a question, which has these columns, to a Parquet file.
    pub(super) fn write(
        &self,
        question: &Question,
        words: Words,
        columns: &SchemaRef,
        file: &Path,
    ) -> anyhow::Result<()> {
        let sql = question.with(words);
        let cannot = || format!("{CANNOT_WRITE} {}", file.display());
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?)).build();
        self.cluster.insist(question, async || {
            let mut answer = self.stream(&sql).await?;
            // What an answer that broke off left is written over.
            let made = fs::File::create(file).with_context(cannot).map_err(|e| DataFusionError::External(e.into()))?;
            let mut writer = ArrowWriter::try_new(made, Arc::clone(columns), Some(properties.clone()))?;
            while let Some(batch) = answer.next().await {
                writer.write(&with_columns(&batch?, columns)?)?;
            }
            writer.close()?;
            Ok(())
        })
    }

    /// The answer to a question.
    pub(super) fn ask(&self, question: &Question, words: Words) -> anyhow::Result<Table> {
        let sql = question.with(words);
        let (columns, batches) = self.cluster.insist(question, async || {
            let mut answer = self.stream(&sql).await?;
            let columns = answer.schema().fields().iter().map(|field| field.name().clone()).collect();
            let mut batches = Vec::new();
            while let Some(batch) = answer.next().await {
                batches.push(batch?);
            }
            Ok((columns, batches))
        })?;
        Table::from_batches(question.name, columns, &batches)
    }

    async fn stream(&self, sql: &str) -> Result<SendableRecordBatchStream, DataFusionError> {
        without_views(self.context.sql(sql).await?)?.execute_stream().await
    }
}

/// The same answer without views: on the wire each part of a column of views takes all texts of the column along.
fn without_views(answer: DataFrame) -> Result<DataFrame, DataFusionError> {
    let columns = answer.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::from((table, field)));
        let plain = match field.data_type() {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            _ => return column,
        };
        datafusion::logical_expr::cast(column, plain).alias(field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    answer.select(columns)
}

/// A batch with the types of these columns, which are as many and in the same order.
fn with_columns(batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let cast = batch.columns().iter().zip(columns.fields()).map(|(column, field)| cast(column, field.data_type()));
    let cast: Result<Vec<_>, _> = cast.collect();
    Ok(RecordBatch::try_new(Arc::clone(columns), cast?)?)
}

/// What can be done about an error.
enum Fault {
    /// It would come again.
    Final,
    /// An executor needs more memory.
    Memory,
    /// Ask again: an executor or the scheduler went away.
    Passing,
}

impl Fault {
    /// An error of a cluster is a text.
    fn of(error: &DataFusionError) -> Self {
        let text = error.to_string();
        if text.contains("Resources exhausted") {
            return Self::Memory;
        }
        let is_final = FINAL.iter().any(|part| text.contains(part));
        if is_final { Self::Final } else { Self::Passing }
    }
}

fn words_of(error: &DataFusionError) -> String {
    escape::short(&error.strip_backtrace(), MOST)
}
