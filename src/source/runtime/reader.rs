//! Reads one reply in a task of its own, into a channel that is bounded in bytes. Rows go to whoever holds the stream; dropping that
//! stream ends the request. The task is the place from which a spool file will later take what a slow client leaves.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    error::DataFusionError,
    execution::{RecordBatchStream, SendableRecordBatchStream},
    physical_plan::metrics::Count,
};
use futures::Stream;
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    client::HttpClient,
    decode::IpcDecoder,
    errors::{self, Failure, Retry},
};
use crate::{Error, Result};

/// Bytes of batches that wait for the reader of a stream: enough that fetching and encoding overlap, little enough that a thousand
/// streams fit.
const CHANNEL_SIZE_MAX: u32 = 1024 * 1024;

/// How long a failure is answered by asking again, before the first row. After a node's death the others take over in about two
/// seconds; a started runtime needs less than one.
const RETRY_BUDGET: Duration = Duration::from_secs(3);

/// The first pause; each one is twice as long as the one before,
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// up to this.
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(500);

enum Item {
    Batch(
        RecordBatch,
        #[allow(dead_code, reason = "held until the batch has been taken")] OwnedSemaphorePermit,
    ),
    /// The reply is whole. Without it, a channel that closes means that the task died.
    End,
}

/// Runs a query. Returns when its first rows have arrived (or it is known to have none), so that what fails before then fails here.
/// `received` counts the bytes of the reply as they arrive.
pub(super) async fn run(client: Arc<HttpClient>, sql: String, received: Count) -> Result<SendableRecordBatchStream> {
    let (schema_sender, schema) = oneshot::channel();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(CHANNEL_SIZE_MAX as usize));
    let mut sink = Sink {
        schema: Some(schema_sender),
        sender,
        room,
        received,
    };
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let end = read_with_retries(&client, &sql, &mut sink).await;
        // Nobody listens any more if the statement was given up: then there is nobody to tell.
        let _ = sink.sender.send(end.map(|()| Item::End));
    }));
    match schema.await {
        Ok(schema) => Ok(Box::pin(ReplyStream {
            schema,
            receiver,
            done: false,
            _task: task,
        })),
        Err(_) => match receiver.recv().await {
            Some(Err(error)) => Err(error),
            _ => Err(task_died()),
        },
    }
}

fn task_died() -> Error {
    Error::internal("the task that reads a reply ended without a verdict")
}

/// Where a reply goes.
struct Sink {
    /// Taken when the first rows arrive: from then on the reply has begun and is never asked for again.
    schema: Option<oneshot::Sender<SchemaRef>>,
    sender: mpsc::UnboundedSender<Result<Item>>,
    /// One permit for each byte that the channel has room for.
    room: Arc<Semaphore>,
    received: Count,
}

impl Sink {
    fn has_begun(&self) -> bool {
        self.schema.is_none()
    }

    fn begin(&mut self, schema: SchemaRef) {
        if let Some(sender) = self.schema.take() {
            let _ = sender.send(schema);
        }
    }

    /// Waits for room, for `size` bytes or for all that there is.
    async fn push(&mut self, batch: RecordBatch, size: usize) -> Result<()> {
        let size = u32::try_from(size)
            .unwrap_or(CHANNEL_SIZE_MAX)
            .clamp(1, CHANNEL_SIZE_MAX);
        let permit = self
            .room
            .clone()
            .acquire_many_owned(size)
            .await
            .map_err(Error::internal)?;
        // The receiver is gone only when this task is being ended.
        let _ = self.sender.send(Ok(Item::Batch(batch, permit)));
        Ok(())
    }
}

async fn read_with_retries(client: &HttpClient, sql: &str, sink: &mut Sink) -> Result<()> {
    let deadline = Instant::now() + RETRY_BUDGET;
    let mut pause = RETRY_PAUSE_FIRST;
    let mut asked_again = false;
    loop {
        let failure = match read(client, sql, sink).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let wait = match failure.retry {
            Retry::Once if !asked_again => Duration::ZERO,
            Retry::No | Retry::Once => return Err(failure.error),
            Retry::Backoff => pause,
            Retry::After(wait) => wait.max(RETRY_PAUSE_FIRST),
        };
        if sink.has_begun() || Instant::now() + wait > deadline {
            return Err(failure.error);
        }
        asked_again = true;
        sleep(wait).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

/// Asks once and reads the reply to its end.
async fn read(client: &HttpClient, sql: &str, sink: &mut Sink) -> Result<(), Failure> {
    let mut body = client.query(sql).await?;
    let mut decoder = IpcDecoder::default();
    loop {
        let frame = match timeout(client.silence_max(), body.frame()).await {
            Err(_) => return Err(Failure::lasting(errors::silent())),
            Ok(None) => break,
            Ok(Some(frame)) => frame.map_err(|error| broken_off(sink, error.to_string()))?,
        };
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        sink.received.add(chunk.len());
        decoder.feed(chunk).map_err(malformed)?;
        while let Some((batch, size)) = decoder.next().map_err(malformed)? {
            if batch.num_rows() == 0 {
                continue;
            }
            sink.begin(batch.schema());
            sink.push(batch, size).await.map_err(Failure::lasting)?;
        }
    }
    match decoder.schema() {
        Some(schema) if decoder.is_whole() => {
            sink.begin(schema);
            Ok(())
        }
        _ => Err(broken_off(
            sink,
            "the body ended without the end-of-stream marker".to_owned(),
        )),
    }
}

/// Before the first row another attempt may go through: a node that dies cuts its replies.
fn broken_off(sink: &Sink, log: String) -> Failure {
    let retry = if sink.has_begun() { Retry::No } else { Retry::Backoff };
    Failure {
        error: errors::cut_off().with_log(log),
        retry,
    }
}

fn malformed(error: arrow::error::ArrowError) -> Failure {
    Failure::lasting(errors::not_a_runtime(&format!("malformed Arrow stream: {error}")))
}

/// The receiving end.
struct ReplyStream {
    schema: SchemaRef,
    receiver: mpsc::UnboundedReceiver<Result<Item>>,
    done: bool,
    /// Ends the request when the stream is dropped.
    _task: AbortOnDropHandle<()>,
}

impl Stream for ReplyStream {
    type Item = datafusion::error::Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let item = std::task::ready!(self.receiver.poll_recv(cx));
        Poll::Ready(match item {
            Some(Ok(Item::Batch(batch, _))) => Some(Ok(batch)),
            Some(Ok(Item::End)) => {
                self.done = true;
                None
            }
            Some(Err(error)) => {
                self.done = true;
                Some(Err(to_datafusion(error)))
            }
            None => {
                self.done = true;
                Some(Err(to_datafusion(task_died())))
            }
        })
    }
}

impl RecordBatchStream for ReplyStream {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// How an error of this crate travels through the engine.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
