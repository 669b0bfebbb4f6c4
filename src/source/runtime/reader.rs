//! Reads one reply to its end, at full speed: a short one where it is asked for, a longer one in a task of its own, into a [`spool`] from
//! which whoever holds the stream decodes it. Says whether it is whole, asks again where that may help, and ends the request when the
//! stream is dropped.

use std::{pin::pin, sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use datafusion::{
    error::DataFusionError,
    execution::SendableRecordBatchStream,
    physical_plan::{metrics::Count, stream::RecordBatchStreamAdapter},
};
use futures::{StreamExt, future::OptionFuture, stream};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::coop::consume_budget,
    time::{Instant, sleep},
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

/// The pauses before a reply that was cut is asked for again, once each.
const CUT_PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// How much of a reply is read before any of it is handed on,
const BEGINNING_SIZE_MAX: usize = 256 * 1024;
/// and for how long at most from its first rows on: rows that come slowly are wanted as they come.
pub(super) const BEGINNING_HELD_MAX: Duration = Duration::from_millis(250);

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
    let mut cut_pauses = CUT_PAUSES.into_iter();
    loop {
        let failure = match ask(client, shield, &query, permit.clone()).await {
            Ok(stream) => return Ok(stream),
            Err(failure) => failure,
        };
        let wait = match failure.retry {
            Retry::Once if !asked_again => Duration::ZERO,
            Retry::No | Retry::Once => return Err(failure.error),
            Retry::Backoff => pause,
            Retry::Seldom => match cut_pauses.next() {
                Some(pause) => pause,
                None => return Err(failure.error),
            },
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

/// Asks once, and decodes the reply up to its first rows, or all of it if it is short.
async fn ask(
    client: &Arc<HttpClient>,
    shield: &Shield,
    query: &Query,
    permit: Arc<OwnedSemaphorePermit>,
) -> Result<SendableRecordBatchStream, Failure> {
    let mut sent = client.query(&query.sql).await?;
    let Beginning {
        mut decoder,
        batches,
        is_all,
    } = Beginning::read(&mut sent, &query.received).await?;
    if is_all {
        let schema = decoder
            .is_whole()
            .then(|| decoder.schema())
            .flatten()
            .ok_or_else(not_whole)?;
        let rows = stream::iter(batches.into_iter().map(Ok));
        return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
    }
    let (mut writer, reader) = spool(shield.disk.clone(), query.spooled.clone());
    let received = query.received.clone();
    let (watch, idle_max) = (writer.watch(), shield.idle_max);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let end = tokio::select! {
            end = drain(sent, &mut writer, received) => end,
            failure = watch.idle(idle_max) => Err(failure),
        };
        drop(permit);
        writer.end(end);
        // What was read whole may still wait for its client.
        watch.idle(idle_max).await;
    }));
    let reply = Reply {
        decoder,
        reader,
        _task: task,
    };
    reply.into_stream(batches).await
}

/// The first rows of a reply, read by whoever asked: most replies are no longer. None of them was handed on, so a reply that is cut
/// there is asked for again, and nobody hears of it.
#[derive(Default)]
struct Beginning {
    decoder: IpcDecoder,
    batches: Vec<RecordBatch>,
    /// The body has ended.
    is_all: bool,
}

impl Beginning {
    async fn read(sent: &mut client::Reply, received: &Count) -> Result<Self, Failure> {
        let (mut beginning, mut size) = (Beginning::default(), 0);
        let mut held = pin!(None);
        while size < BEGINNING_SIZE_MAX {
            consume_budget().await;
            let next = tokio::select! {
                biased;
                next = sent.next(received) => next?,
                Some(()) = OptionFuture::from(held.as_mut().as_pin_mut()) => break,
            };
            let Some(piece) = next else {
                beginning.is_all = true;
                break;
            };
            size += piece.len();
            beginning.decoder.feed(piece).map_err(malformed)?;
            while let Some(batch) = next_rows(&mut beginning.decoder)? {
                beginning.batches.push(batch);
            }
            // Not before: the runtime says of which columns its rows will be before it has any.
            if held.is_none() && !beginning.batches.is_empty() {
                held.set(Some(sleep(BEGINNING_HELD_MAX)));
            }
        }
        Ok(beginning)
    }
}

/// The next rows that are here as a whole. A filter leaves many batches without any, and they say nothing.
fn next_rows(decoder: &mut IpcDecoder) -> Result<Option<RecordBatch>, Failure> {
    while let Some(batch) = decoder.next().map_err(malformed)? {
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

/// Reads a body to its end as HTTP says it. What it says is kept as Arrow's bytes, and the limits are of those.
async fn drain(mut sent: client::Reply, writer: &mut SpoolWriter, received: Count) -> Result<(), Failure> {
    while let Some(piece) = sent.next(&received).await? {
        writer.push(piece).await.map_err(Failure::lasting)?;
        consume_budget().await;
    }
    Ok(())
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
            if let Some(batch) = next_rows(&mut self.decoder)? {
                return Ok(Some(batch));
            }
            match self.reader.next().await? {
                Some(chunk) => self.decoder.feed(chunk).map_err(malformed)?,
                None if self.decoder.is_whole() => return Ok(None),
                None => return Err(not_whole()),
            }
        }
    }

    /// All rows, of which `batches` were taken, and one more is if there are none. The reply goes with the first error or the last row.
    async fn into_stream(mut self, mut batches: Vec<RecordBatch>) -> Result<SendableRecordBatchStream, Failure> {
        if batches.is_empty() {
            batches.extend(self.next().await?);
        }
        let schema = self.decoder.schema().ok_or_else(not_whole)?;
        let rest = (!batches.is_empty()).then(|| Box::new(self));
        let rest = stream::unfold(rest, |reply| async {
            let mut reply = reply?;
            match reply.next().await {
                Ok(Some(batch)) => Some((Ok(batch), Some(reply))),
                Ok(None) => None,
                Err(failure) => Some((Err(to_datafusion(failure.error)), None)),
            }
        });
        let rows = stream::iter(batches.into_iter().map(Ok)).chain(rest).fuse();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

fn not_whole() -> Failure {
    errors::broken_off("the body ended without the end-of-stream marker".to_owned())
}

fn malformed(error: arrow::error::ArrowError) -> Failure {
    Failure::lasting(errors::not_a_runtime(&format!("malformed Arrow stream: {error}")))
}

/// How an error of this crate travels through the engine.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
