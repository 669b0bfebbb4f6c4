//! Reads one reply to its end, at full speed, in a task of its own, into a [`spool`]; whoever holds the stream decodes it from there.
//! Says whether it is whole, asks again where that may help, and ends the request when the stream is dropped.

use std::{sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    error::DataFusionError,
    execution::SendableRecordBatchStream,
    physical_plan::{metrics::Count, stream::RecordBatchStreamAdapter},
};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::{
    sync::OwnedSemaphorePermit,
    task::coop::consume_budget,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Load,
    client::{self, HttpClient},
    decode::IpcDecoder,
    errors::{self, Failure, Retry},
    shield::Shield,
    spool::{SpoolReader, SpoolWriter, spool},
};
use crate::{Error, Result};

/// How long a failure is answered by asking again, before the first row. A started runtime needs less than a second; after a node's
/// death the others take over in about two, and on a busy machine say themselves that they do not connect for up to six.
const RETRY_BUDGET: Duration = Duration::from_secs(10);

/// The first pause; each one is twice as long as the one before,
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// up to this.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(500);

/// A query and what is counted of its reply.
pub(super) struct Query {
    pub(super) sql: Arc<str>,
    pub(super) load: Load,
    /// Bytes of the reply as they arrive.
    pub(super) received: Count,
    /// Those that went to disk.
    pub(super) spooled: Count,
}

impl Query {
    pub(super) fn new(sql: &str, load: Load) -> Self {
        Query {
            sql: sql.into(),
            load,
            received: Count::new(),
            spooled: Count::new(),
        }
    }
}

/// Runs a query. Returns when its first rows have arrived (or it is known to have none), so that what fails before then fails here.
pub(super) async fn run(client: &Arc<HttpClient>, shield: &Shield, query: Query) -> Result<SendableRecordBatchStream> {
    // The runtime is at work until its reply is read to the end, whether or not a client has taken it.
    let permit = Arc::new(shield.admit(query.load).await?);
    let deadline = Instant::now() + RETRY_BUDGET;
    let mut pause = RETRY_PAUSE_FIRST;
    let mut asked_again = false;
    loop {
        let failure = match ask(client, shield, &query, permit.clone()).await {
            Ok(stream) => return Ok(stream),
            Err(failure) => failure,
        };
        let wait = match failure.retry {
            Retry::Once if !asked_again => Duration::ZERO,
            Retry::No | Retry::Once => return Err(failure.error),
            Retry::Backoff => pause,
            Retry::After(wait) => wait.max(RETRY_PAUSE_FIRST),
        };
        if Instant::now() + wait > deadline {
            return Err(failure.error);
        }
        asked_again = true;
        sleep(wait).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

/// Asks once, and decodes the reply up to its first rows.
async fn ask(
    client: &Arc<HttpClient>,
    shield: &Shield,
    query: &Query,
    permit: Arc<OwnedSemaphorePermit>,
) -> Result<SendableRecordBatchStream, Failure> {
    let reply = client.query(&query.sql).await?;
    let (mut writer, reader) = spool(shield.disk.clone(), query.spooled.clone());
    let (silence_max, received) = (client.silence_max(), query.received.clone());
    let (watch, idle_max) = (writer.watch(), shield.idle_max);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let end = tokio::select! {
            end = drain(reply, &mut writer, silence_max, received) => end,
            failure = watch.idle(idle_max) => Err(failure),
        };
        drop(permit);
        writer.end(end);
        // What was read whole may still wait for its client.
        watch.idle(idle_max).await;
    }));
    let mut reply = Reply {
        decoder: IpcDecoder::default(),
        reader,
        _task: task,
    };
    let first = reply.next().await?;
    let schema = reply.decoder.schema().ok_or_else(not_whole)?;
    Ok(reply.into_stream(schema, first))
}

/// Reads a body to its end as HTTP says it. What it says is kept as Arrow's bytes, and the limits are of those.
async fn drain(
    mut sent: client::Reply,
    writer: &mut SpoolWriter,
    silence_max: Duration,
    received: Count,
) -> Result<(), Failure> {
    loop {
        let frame = match timeout(silence_max, sent.body.frame()).await {
            Err(_) => return Err(Failure::lasting(errors::silent())),
            Ok(None) => return Ok(()),
            Ok(Some(frame)) => frame.map_err(|error| broken_off(error.to_string()))?,
        };
        if let Ok(chunk) = frame.into_data() {
            received.add(chunk.len());
            let Some(inflate) = &mut sent.inflate else {
                writer.push(chunk).await.map_err(Failure::lasting)?;
                continue;
            };
            inflate.feed(chunk);
            while let Some(piece) = inflate.next().map_err(not_zstd)? {
                writer.push(piece).await.map_err(Failure::lasting)?;
                consume_budget().await;
            }
        }
    }
}

/// A reply as it is taken.
struct Reply {
    decoder: IpcDecoder,
    reader: SpoolReader,
    /// Ends the request when the reply is dropped.
    _task: AbortOnDropHandle<()>,
}

impl Reply {
    /// The next rows; `None` when the reply is whole.
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            consume_budget().await;
            match self.decoder.next().map_err(malformed)? {
                // A filter leaves many of them, and they say nothing.
                Some(batch) if batch.num_rows() == 0 => continue,
                Some(batch) => return Ok(Some(batch)),
                None => {}
            }
            match self.reader.next().await? {
                Some(chunk) => self.decoder.feed(chunk).map_err(malformed)?,
                None if self.decoder.is_whole() => return Ok(None),
                None => return Err(not_whole()),
            }
        }
    }

    /// All rows, of which `first` were taken. The reply goes with the first error or the last row.
    fn into_stream(self, schema: SchemaRef, first: Option<RecordBatch>) -> SendableRecordBatchStream {
        let rest = first.is_some().then(|| Box::new(self));
        let rest = stream::unfold(rest, |reply| async {
            let mut reply = reply?;
            match reply.next().await {
                Ok(Some(batch)) => Some((Ok(batch), Some(reply))),
                Ok(None) => None,
                Err(failure) => Some((Err(to_datafusion(failure.error)), None)),
            }
        });
        let rows = stream::iter(first.map(Ok)).chain(rest).fuse();
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }
}

/// Before the first row another attempt may go through: a node that dies cuts its replies.
fn broken_off(log: String) -> Failure {
    Failure {
        error: errors::cut_off().with_log(log),
        retry: Retry::Backoff,
    }
}

fn not_whole() -> Failure {
    broken_off("the body ended without the end-of-stream marker".to_owned())
}

fn not_zstd(error: std::io::Error) -> Failure {
    Failure::lasting(errors::not_a_runtime(&format!("malformed zstd: {error}")))
}

fn malformed(error: arrow::error::ArrowError) -> Failure {
    Failure::lasting(errors::not_a_runtime(&format!("malformed Arrow stream: {error}")))
}

/// How an error of this crate travels through the engine.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
