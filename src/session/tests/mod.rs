//! Sessions driven over a pipe, message by message: what a client sends, what it is told, in which order. A reply is
//! written as its messages' type bytes with what matters of each (`D:1`, `C:SELECT 1`, `E:22012`, `Z:I`).

mod bounds;
mod crowd;
mod cursors;
mod endings;
mod statements;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arrow::{
    array::{Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::{
    catalog::{TableProvider, streaming::StreamingTable},
    datasource::MemTable,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Admitted, Connection, Session,
    interrupt::{Ends, Stop},
    kept::Kept,
};
use crate::{
    Result,
    edge::cancel::Registry,
    query::Engine,
    source::{Introspection, Source},
    wire::{frame::Frame, startup::CancelKey},
};

/// Three tables of one column `id`: `numbers` has 1 to 5, `stuck` never gives a row, `broken` panics.
#[derive(Debug)]
struct Tables(Arc<Introspection>);

impl Tables {
    fn new() -> Self {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
        let tables = ["numbers", "stuck", "broken"].map(|name| (name.to_owned(), Arc::clone(&schema)));
        Tables(Arc::new(Introspection {
            version: "1.7.12".into(),
            tables: BTreeMap::from(tables),
            functions: BTreeSet::new(),
        }))
    }
}

#[derive(Debug)]
struct Trouble {
    schema: SchemaRef,
    panics: bool,
}

impl PartitionStream for Trouble {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        assert!(!self.panics, "the table is broken");
        let never = futures::stream::pending();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), never))
    }
}

#[async_trait]
impl Source for Tables {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        Ok(Arc::clone(&self.0))
    }

    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        if table == "numbers" {
            let ids = Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![ids]).unwrap();
            return Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap());
        }
        let trouble = Trouble {
            schema: Arc::clone(&schema),
            panics: table == "broken",
        };
        Arc::new(StreamingTable::try_new(schema, vec![Arc::new(trouble)]).unwrap())
    }
}

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new("demo".parse().unwrap(), Arc::new(Tables::new())).unwrap())
}

/// A session before it runs, and its client's end.
struct Served {
    session: Session<DuplexStream>,
    stream: DuplexStream,
    cancels: Arc<Registry>,
    key: CancelKey,
    stop: CancellationToken,
}

impl Served {
    fn new(expires_at: SystemTime) -> Self {
        Self::on(engine(), expires_at)
    }

    fn on(engine: Arc<Engine>, expires_at: SystemTime) -> Self {
        let cancels = Arc::<Registry>::default();
        let registration = cancels.register(0).unwrap();
        let key = CancelKey {
            pid: registration.pid,
            secret: registration.secret.clone(),
        };
        let admitted = Admitted {
            engine,
            user: "demo".into(),
            database: "demo".into(),
            parameters: Vec::new(),
            expires_at,
            registration,
        };
        let (stream, server) = tokio::io::duplex(1 << 20);
        let stop = CancellationToken::new();
        let session = Session::new(Connection::new(server), admitted, stop.clone());
        let session = session.map_err(|(_, error)| error).unwrap();
        Served {
            session,
            stream,
            cancels,
            key,
            stop,
        }
    }
}

struct Client {
    stream: DuplexStream,
    cancels: Arc<Registry>,
    key: CancelKey,
    stop: CancellationToken,
    session: JoinHandle<io::Result<()>>,
}

impl Client {
    async fn new() -> Self {
        Self::until(SystemTime::now() + Duration::from_secs(3600)).await
    }

    async fn until(expires_at: SystemTime) -> Self {
        Self::with(expires_at, |_, _| {}).await
    }

    /// A session that was changed before it began.
    async fn with(expires_at: SystemTime, change: impl FnOnce(&mut Session<DuplexStream>, &CancellationToken)) -> Self {
        let mut served = Served::new(expires_at);
        change(&mut served.session, &served.stop);
        Self::of(served).await
    }

    /// A session on an engine that it shares with others.
    async fn on(engine: &Arc<Engine>) -> Self {
        let later = SystemTime::now() + Duration::from_secs(3600);
        Self::of(Served::on(Arc::clone(engine), later)).await
    }

    async fn of(served: Served) -> Self {
        let Served {
            session,
            stream,
            cancels,
            key,
            stop,
        } = served;
        let session = tokio::spawn(session.run());
        let mut client = Client {
            stream,
            cancels,
            key,
            stop,
            session,
        };
        client.replies(1).await;
        client
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// What comes up to the `count`th ReadyForQuery, or the end of the session.
    async fn replies(&mut self, count: usize) -> Vec<String> {
        let (mut replies, mut ready) = (Vec::new(), 0);
        while ready < count {
            let Some((tag, body)) = tokio::time::timeout(Duration::from_secs(30), self.message())
                .await
                .unwrap()
            else {
                replies.push("end".into());
                break;
            };
            ready += usize::from(tag == 'Z');
            replies.push(shown(tag, &body));
        }
        replies
    }

    async fn message(&mut self) -> Option<(char, Vec<u8>)> {
        let tag = self.stream.read_u8().await.ok()?;
        let length = self.stream.read_u32().await.ok()?;
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((char::from(tag), body))
    }

    async fn query(&mut self, sql: &str) -> String {
        self.send(&message(b'Q', &[sql.as_bytes(), b"\0"])).await;
        self.replies(1).await.join(" ")
    }

    /// Sends a statement, and returns once it waits for something: that is when the end of the one before it is sent, and with it what
    /// has gathered of this one.
    async fn begin(&mut self, sql: &str) {
        let sql = format!("select 1; {sql}\0");
        self.send(&message(b'Q', &[sql.as_bytes()])).await;
        for tag in ['T', 'D', 'C', 'T'] {
            assert_eq!(self.message().await.map(|(tag, _)| tag), Some(tag));
        }
    }

    async fn pipeline(&mut self, messages: &[Vec<u8>]) -> String {
        self.send(&[messages.concat(), sync()].concat()).await;
        self.replies(1).await.join(" ")
    }
}

fn shown(tag: char, body: &[u8]) -> String {
    let strings: Vec<String> = body
        .split(|byte| *byte == 0)
        .map(|part| String::from_utf8_lossy(part).into())
        .collect();
    match tag {
        'C' => format!("C:{}", strings[0]),
        'Z' => format!("Z:{}", char::from(body[0])),
        'S' => format!("S:{}={}", strings[0], strings[1]),
        'E' | 'N' => {
            let code = strings.iter().find_map(|field| field.strip_prefix('C')).unwrap();
            format!("{tag}:{code}")
        }
        't' => {
            let oids = body[2..]
                .chunks(4)
                .map(|oid| u32::from_be_bytes(oid.try_into().unwrap()).to_string());
            format!("t:{}", oids.collect::<Vec<_>>().join(","))
        }
        'D' => {
            let (mut values, mut rest) = (Vec::new(), &body[2..]);
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(4);
                match usize::try_from(i32::from_be_bytes(head.try_into().unwrap())) {
                    Ok(length) => {
                        values.push(String::from_utf8_lossy(&tail[..length]).into_owned());
                        rest = &tail[length..];
                    }
                    Err(_) => {
                        values.push("NULL".into());
                        rest = tail;
                    }
                }
            }
            format!("D:{}", values.join(","))
        }
        _ => tag.to_string(),
    }
}

fn message(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], &body].concat()
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"])
}

/// Binds text (or, with `binary`, binary) parameters.
fn bind(portal: &str, statement: &str, binary: bool, values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = [
        portal.as_bytes(),
        b"\0",
        statement.as_bytes(),
        b"\0\0\x01\0",
        &[u8::from(binary)],
    ]
    .concat();
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or_default());
    }
    body.extend([0, 0]);
    message(b'B', &[&body])
}

fn describe(target: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[target], name.as_bytes(), b"\0"])
}

fn close(target: u8, name: &str) -> Vec<u8> {
    message(b'C', &[&[target], name.as_bytes(), b"\0"])
}

fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &rows_max.to_be_bytes()])
}

fn sync() -> Vec<u8> {
    message(b'S', &[])
}

/// A query whose rows come in this order, and the three messages that run it.
const NUMBERS: &str = "select id from numbers order by id";

fn run(sql: &str, values: &[Option<&[u8]>]) -> Vec<u8> {
    [parse("", sql), bind("", "", false, values), execute("", 0)].concat()
}
