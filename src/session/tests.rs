//! Sessions driven over a pipe, message by message: what a client sends, what it is told, in which order. A reply is
//! written as its messages' type bytes with what matters of each (`D:1`, `C:SELECT 1`, `E:22012`, `Z:I`).

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
        let cancels = Arc::<Registry>::default();
        let registration = cancels.register(0).unwrap();
        let key = CancelKey {
            pid: registration.pid,
            secret: registration.secret.clone(),
        };
        let engine = Engine::new("demo".parse().unwrap(), Arc::new(Tables::new())).unwrap();
        let admitted = Admitted {
            engine: Arc::new(engine),
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
        let Served {
            mut session,
            stream,
            cancels,
            key,
            stop,
        } = Served::new(expires_at);
        change(&mut session, &stop);
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

#[tokio::test]
async fn simple_queries_answer_statement_by_statement() {
    let mut client = Client::new().await;
    assert_eq!(client.query("").await, "I Z:I");
    assert_eq!(
        client.query("select 1; select 2").await,
        "T D:1 C:SELECT 1 T D:2 C:SELECT 1 Z:I"
    );
    assert_eq!(
        client.query("select 1; select no_column; select 3").await,
        "T D:1 C:SELECT 1 E:42703 Z:I"
    );
    assert_eq!(client.query("select $1").await, "E:42P02 Z:I");
    assert_eq!(client.query("explain select $1").await, "E:42P02 Z:I");
}

#[tokio::test]
async fn a_failed_transaction_takes_only_its_end() {
    let mut client = Client::new().await;
    assert_eq!(client.query("begin").await, "C:BEGIN Z:T");
    assert_eq!(client.query("savepoint a").await, "C:SAVEPOINT Z:T");
    assert_eq!(client.query("select no_column").await, "E:42703 Z:E");
    assert_eq!(client.query("select 1").await, "E:25P02 Z:E");
    assert_eq!(client.query("rollback to a").await, "C:ROLLBACK Z:T");
    assert_eq!(client.query("select no_column").await, "E:42703 Z:E");
    assert_eq!(client.query("commit").await, "C:ROLLBACK Z:I");
    assert_eq!(client.query("commit").await, "N:25P01 C:COMMIT Z:I");
}

#[tokio::test]
async fn settings_follow_their_transaction_and_are_reported() {
    let mut client = Client::new().await;
    let set = "S:application_name=";
    assert_eq!(
        client.query("set application_name = 'x'").await,
        format!("C:SET {set}x Z:I")
    );
    assert_eq!(
        client.query("begin; set application_name = 'y'").await,
        format!("C:BEGIN C:SET {set}y Z:T")
    );
    assert_eq!(client.query("rollback").await, format!("C:ROLLBACK {set}x Z:I"));
    let undone = client
        .query("set application_name = 'z'; rollback; show application_name")
        .await;
    assert_eq!(undone, "C:SET N:25P01 C:ROLLBACK T D:x C:SHOW Z:I");
    assert_eq!(client.query("discard all").await, format!("C:DISCARD ALL {set} Z:I"));
}

#[tokio::test]
async fn a_warning_comes_before_its_own_statements_error() {
    let mut client = Client::new().await;
    assert_eq!(
        client.query("set local no_such_parameter = 1").await,
        "N:25P01 E:42704 Z:I"
    );
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn portals_suspend_and_resume_within_their_transaction() {
    let mut client = Client::new().await;
    let all = [
        parse("", "select id from numbers order by id"),
        bind("p", "", false, &[]),
        execute("p", 2),
    ];
    let rest = [execute("p", 2), execute("p", -1), execute("p", 0)];
    let answer = client.pipeline(&[all.concat(), rest.concat()]).await;
    assert_eq!(answer, "1 2 D:1 D:2 s D:3 D:4 s D:5 C:SELECT 1 C:SELECT 0 Z:I");
    assert_eq!(client.pipeline(&[execute("p", 0)]).await, "E:34000 Z:I");
}

#[tokio::test]
async fn behind_an_error_all_is_skipped_up_to_sync() {
    let mut client = Client::new().await;
    let bad = [
        parse("s", "select no_column"),
        bind("", "s", false, &[]),
        execute("", 0),
    ];
    assert_eq!(client.pipeline(&bad).await, "E:42703 Z:I");
    assert_eq!(
        client
            .pipeline(&[parse("s", ""), bind("", "s", false, &[]), execute("", 0)])
            .await,
        "1 2 I Z:I"
    );
    assert_eq!(client.pipeline(&[parse("s", "")]).await, "E:42P05 Z:I");
    assert_eq!(
        client
            .pipeline(&[close(b'S', "s"), close(b'S', "s"), parse("s", "")])
            .await,
        "3 3 1 Z:I"
    );
    assert_eq!(client.pipeline(&[bind("", "none", false, &[])]).await, "E:26000 Z:I");
}

#[tokio::test]
async fn a_malformed_sync_ends_the_skipping_as_well() {
    let mut client = Client::new().await;
    client
        .send(&[parse("", "select no_column"), message(b'S', &[b"x"])].concat())
        .await;
    assert_eq!(client.replies(1).await.join(" "), "E:42703 E:08P01 Z:I");
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn parameters_have_the_types_of_what_they_stand_beside() {
    let mut client = Client::new().await;
    for (sql, oids) in [
        ("select $1", "25"),
        ("select $1::int + 1", "23"),
        ("select id from numbers where id = $1", "20"),
        ("select id from numbers where id in ($1, $2)", "20,20"),
        ("select id from numbers where id between $1 and $2", "20,20"),
        ("select id from numbers where id = any($1)", "1016"),
        ("select id from numbers limit $1", "20"),
        ("select id from numbers limit $1 offset $2", "20,20"),
        ("select id from numbers where id = $1 or id = $1 + 1", "20"),
    ] {
        let answer = client.pipeline(&[parse("", sql), describe(b'S', "")]).await;
        assert_eq!(answer, format!("1 t:{oids} T Z:I"), "{sql}");
    }
}

#[tokio::test]
async fn parameters_are_bound_in_the_sessions_zone_and_faults_name_them() {
    let mut client = Client::new().await;
    client.query("set timezone = 'Europe/Berlin'").await;
    let zoned = [
        parse("", "select $1::timestamptz"),
        bind("", "", false, &[Some(b"2024-01-02 03:04:05")]),
        execute("", 0),
    ];
    assert_eq!(
        client.pipeline(&zoned).await,
        "1 2 D:2024-01-02 03:04:05+01 C:SELECT 1 Z:I"
    );
    let short = [
        parse("", "select $1::int, $2::int"),
        bind("", "", true, &[None, Some(b"\0\0\x01")]),
    ];
    client.send(&[short.concat(), sync()].concat()).await;
    client.message().await;
    let (_, body) = client.message().await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("incorrect binary data format in bind parameter 2\0"));
    client.replies(1).await;
}

/// A query whose rows come in this order, and the three messages that run it.
const NUMBERS: &str = "select id from numbers order by id";

fn run(sql: &str, values: &[Option<&[u8]>]) -> Vec<u8> {
    [parse("", sql), bind("", "", false, values), execute("", 0)].concat()
}

#[tokio::test]
async fn cursors_and_portals_share_their_names() {
    let mut client = Client::new().await;
    client.query(&format!("begin; declare c cursor for {NUMBERS}")).await;
    assert_eq!(
        client
            .pipeline(&[parse("", "select 1"), close(b'P', "c"), bind("c", "", false, &[])])
            .await,
        "1 3 2 Z:T"
    );
    assert_eq!(client.query("declare c cursor for select 1").await, "E:42P03 Z:E");
    client.query("rollback").await;
    client.query("begin; declare c cursor for select 1").await;
    assert_eq!(
        client
            .pipeline(&[parse("", "select 1"), bind("c", "", false, &[])])
            .await,
        "1 E:42P03 Z:E"
    );
}

#[tokio::test]
async fn a_portal_is_fetched_from_and_a_cursor_is_executed() {
    let mut client = Client::new().await;
    client.query("begin").await;
    let portal = [parse("", NUMBERS), bind("p", "", false, &[]), execute("p", 1)];
    assert_eq!(client.pipeline(&portal).await, "1 2 D:1 s Z:T");
    assert_eq!(client.query("fetch 2 from p").await, "T D:2 D:3 C:FETCH 2 Z:T");
    assert_eq!(client.query("move p").await, "C:MOVE 1 Z:T");
    assert_eq!(client.pipeline(&[execute("p", 1)]).await, "D:5 s Z:T");
    assert_eq!(client.query("fetch backward 1 from p").await, "E:55000 Z:E");
    client.query("rollback; begin").await;
    // Not run before it is fetched from.
    client
        .pipeline(&[parse("", "show work_mem"), bind("p", "", false, &[])])
        .await;
    assert_eq!(client.query("fetch 2 from p").await, "T D:4MB C:FETCH 1 Z:T");
    assert_eq!(client.query("close p").await, "C:CLOSE CURSOR Z:T");
    assert_eq!(client.pipeline(&[execute("p", 0)]).await, "E:34000 Z:E");
    client.query("rollback; begin").await;
    client.query(&format!("declare c cursor for {NUMBERS}")).await;
    let cursor = [describe(b'P', "c"), execute("c", 3), execute("c", 3), execute("c", 3)];
    assert_eq!(
        client.pipeline(&cursor).await,
        "T D:1 D:2 D:3 s D:4 D:5 C:SELECT 2 C:SELECT 0 Z:T"
    );
    // Its own rows, and those of a portal that would run others.
    let own = [parse("", "fetch p"), bind("p", "", false, &[]), execute("p", 0)];
    assert_eq!(client.pipeline(&own).await, "1 2 E:55000 Z:E");
    client.query("rollback").await;
    let execute_itself = [
        parse("e", "execute e"),
        describe(b'S', "e"),
        bind("", "e", false, &[]),
        execute("", 0),
    ];
    assert_eq!(client.pipeline(&execute_itself).await, "1 t: n 2 E:0A000 Z:I");
}

#[tokio::test]
async fn a_cursor_and_an_explanation_take_parameters() {
    let mut client = Client::new().await;
    client.query("begin").await;
    let declare = [
        parse(
            "",
            "declare c cursor for select id from numbers where id > $1 order by id",
        ),
        describe(b'S', ""),
        bind("", "", false, &[Some(b"2")]),
        describe(b'P', ""),
        execute("", 0),
    ];
    assert_eq!(client.pipeline(&declare).await, "1 t:20 n 2 n C:DECLARE CURSOR Z:T");
    let fetch = [
        parse("", "fetch 2 from c"),
        describe(b'S', ""),
        bind("", "", false, &[]),
        describe(b'P', ""),
        execute("", 0),
    ];
    assert_eq!(client.pipeline(&fetch).await, "1 t: T 2 T D:3 D:4 C:FETCH 2 Z:T");
    assert_eq!(client.query("declare d cursor for select $1::int").await, "E:42P02 Z:E");
    client.query("rollback").await;
    let explain = client
        .pipeline(&[run("explain select id from numbers where id = $1", &[Some(b"2")])])
        .await;
    assert!(
        explain.starts_with("1 2 D:") && explain.ends_with("C:EXPLAIN Z:I"),
        "{explain}"
    );
    let copy = [
        parse("", "copy (select id from numbers where id = $1) to stdout"),
        bind("", "", false, &[Some(b"2")]),
    ];
    assert_eq!(client.pipeline(&copy).await, "1 E:08P01 Z:I");
    let prepared = parse(
        "p",
        "declare c cursor for select id from numbers where id > $1 order by id",
    );
    assert_eq!(client.pipeline(&[prepared]).await, "1 Z:I");
    assert_eq!(
        client.query("begin; execute p(3); fetch all c; rollback").await,
        "C:BEGIN C:DECLARE CURSOR T D:4 D:5 C:FETCH 2 C:ROLLBACK Z:I"
    );
}

#[tokio::test]
async fn a_finished_portal_gives_no_more_rows_and_a_spent_one_cannot_be_run() {
    let mut client = Client::new().await;
    client
        .query(&format!(
            "begin; declare c cursor for {NUMBERS}; prepare q as {NUMBERS}"
        ))
        .await;
    for (sql, answer) in [
        ("show work_mem", "D:4MB C:SHOW C:SHOW C:SHOW"),
        ("fetch 3 from c", "D:1 D:2 s D:3 C:FETCH 1 C:FETCH 0"),
        ("execute q", "D:1 D:2 s D:3 D:4 s D:5 C:SELECT 1"),
        ("set work_mem = 64", "C:SET E:55000"),
    ] {
        let messages = [
            parse("", sql),
            bind("", "", false, &[]),
            execute("", 2),
            execute("", 2),
            execute("", 2),
        ];
        let status = if sql.starts_with("set") { "E" } else { "T" };
        assert_eq!(
            client.pipeline(&messages).await,
            format!("1 2 {answer} Z:{status}"),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_told_when_it_is_run() {
    let mut client = Client::new().await;
    for (sql, code) in [("fetch c", "34000"), ("execute nope", "26000")] {
        let messages = [
            parse("", sql),
            describe(b'S', ""),
            bind("", "", false, &[]),
            describe(b'P', ""),
            execute("", 0),
        ];
        assert_eq!(client.pipeline(&messages).await, format!("1 t: n 2 n E:{code} Z:I"));
    }
}

#[tokio::test]
async fn a_rollback_to_a_savepoint_ends_the_cursors_that_came_after_it() {
    let mut client = Client::new().await;
    let declare = |name: &str| format!("declare {name} cursor for {NUMBERS}");
    for (sql, answer) in [
        ("begin", "C:BEGIN Z:T"),
        (&declare("a"), "C:DECLARE CURSOR Z:T"),
        ("savepoint s; savepoint t", "C:SAVEPOINT C:SAVEPOINT Z:T"),
        (&declare("b"), "C:DECLARE CURSOR Z:T"),
        ("fetch a", "T D:1 C:FETCH 1 Z:T"),
        ("release t", "C:RELEASE Z:T"),
        ("rollback to s", "C:ROLLBACK Z:T"),
        ("fetch b", "E:34000 Z:E"),
        ("rollback to s", "C:ROLLBACK Z:T"),
        ("fetch a", "T D:2 C:FETCH 1 Z:T"),
        (&declare("d"), "C:DECLARE CURSOR Z:T"),
        ("release s", "C:RELEASE Z:T"),
        (
            "savepoint u; rollback to u; fetch d",
            "C:SAVEPOINT C:ROLLBACK T D:1 C:FETCH 1 Z:T",
        ),
    ] {
        assert_eq!(client.query(sql).await, answer, "{sql}");
    }
}

#[tokio::test]
async fn a_cursor_that_failed_cannot_be_run_and_a_held_one_outlives_a_timeout() {
    let mut client = Client::new().await;
    for (sql, answer) in [
        ("begin", "C:BEGIN Z:T"),
        (
            "declare a cursor for select 1 / (id - 3) from numbers",
            "C:DECLARE CURSOR Z:T",
        ),
        ("declare b cursor for select * from stuck", "C:DECLARE CURSOR Z:T"),
        (
            "declare h cursor with hold for select * from stuck",
            "C:DECLARE CURSOR Z:T",
        ),
        ("savepoint s", "C:SAVEPOINT Z:T"),
        ("fetch all a", "T E:22012 Z:E"),
        ("rollback to s", "C:ROLLBACK Z:T"),
        ("fetch a", "E:55000 Z:E"),
        ("rollback to s; set statement_timeout = 20", "C:ROLLBACK C:SET Z:T"),
        ("move all b", "E:57014 Z:E"),
        ("rollback to s", "C:ROLLBACK Z:T"),
        ("fetch b", "E:55000 Z:E"),
        (
            "rollback to s; close b; commit",
            "C:ROLLBACK C:CLOSE CURSOR C:COMMIT Z:I",
        ),
        ("set statement_timeout = 20", "C:SET Z:I"),
        ("move all h", "E:57014 Z:I"),
        ("move all h", "E:57014 Z:I"),
        ("close h", "C:CLOSE CURSOR Z:I"),
    ] {
        assert_eq!(client.query(sql).await, answer, "{sql}");
    }
}

#[tokio::test]
async fn in_a_failed_transaction_it_is_the_failure_that_is_told() {
    let mut client = Client::new().await;
    client
        .pipeline(&[parse("ok", "select 1"), parse("end", "rollback"), parse("empty", "")])
        .await;
    client
        .query("begin; declare c cursor for select 1; select no_column")
        .await;
    for sql in [
        "insert into numbers values (1)",
        "drop table numbers",
        "checkpoint",
        "copy numbers from stdin",
    ] {
        assert_eq!(client.query(sql).await, "E:25P02 Z:E", "{sql}");
        assert_eq!(client.pipeline(&[parse("", sql)]).await, "E:25P02 Z:E", "{sql}");
    }
    assert_eq!(client.query("selekt").await, "E:42601 Z:E");
    for (message, answer) in [
        (describe(b'S', "ok"), "E:25P02"),
        (describe(b'P', "c"), "E:25P02"),
        (execute("c", 0), "E:25P02"),
        (bind("", "empty", false, &[]), "E:25P02"),
        (bind("", "ok", false, &[Some(b"1")]), "E:08P01"),
        (describe(b'S', "end"), "t: n"),
    ] {
        assert_eq!(client.pipeline(&[message]).await, format!("{answer} Z:E"));
    }
    assert_eq!(
        client.query("rollback; drop table numbers").await,
        "C:ROLLBACK E:25006 Z:I"
    );
}

#[tokio::test]
async fn only_a_syntax_error_comes_before_the_first_statement_runs() {
    let mut client = Client::new().await;
    for (second, code) in [
        ("insert into numbers values (1)", "25006"),
        ("select id from numbers for update", "25006"),
        ("declare c scroll no scroll cursor for select 1", "42P11"),
        ("copy numbers from '/x'", "42501"),
    ] {
        let answer = client.query(&format!("select 1; {second}; select 2")).await;
        assert_eq!(answer, format!("T D:1 C:SELECT 1 E:{code} Z:I"), "{second}");
    }
    assert_eq!(client.query("select 1; selekt").await, "E:42601 Z:I");
}

#[tokio::test]
async fn cursors_move_in_all_directions() {
    let mut client = Client::new().await;
    assert_eq!(client.query("declare c cursor for select 1").await, "E:25P01 Z:I");
    client
        .query("begin; declare c scroll cursor for select id from numbers order by id")
        .await;
    for (sql, answer) in [
        ("fetch 2 from c", "T D:1 D:2 C:FETCH 2 Z:T"),
        ("fetch prior from c", "T D:1 C:FETCH 1 Z:T"),
        ("fetch last from c", "T D:5 C:FETCH 1 Z:T"),
        ("fetch next from c", "T C:FETCH 0 Z:T"),
        ("fetch backward 2 from c", "T D:5 D:4 C:FETCH 2 Z:T"),
        ("fetch absolute 2 from c", "T D:2 C:FETCH 1 Z:T"),
        ("fetch relative 0 from c", "T D:2 C:FETCH 1 Z:T"),
        ("move all in c", "C:MOVE 3 Z:T"),
        ("move backward all in c", "C:MOVE 5 Z:T"),
        ("close c", "C:CLOSE CURSOR Z:T"),
        ("fetch c", "E:34000 Z:E"),
    ] {
        assert_eq!(client.query(sql).await, answer, "{sql}");
    }
}

#[tokio::test]
async fn a_cursor_goes_back_unless_it_must_not() {
    let mut client = Client::new().await;
    for (options, sql, answer) in [
        (
            "",
            "fetch 2 a; fetch backward 1 a; fetch last a",
            "T D:1 D:2 C:FETCH 2 T D:1 C:FETCH 1 T D:5 C:FETCH 1 Z:T",
        ),
        (
            "no scroll",
            "fetch 0 a; fetch absolute 0 a",
            "T C:FETCH 0 T C:FETCH 0 Z:T",
        ),
        (
            "no scroll",
            "fetch absolute 1 a; move 0 a; fetch relative 2 a",
            "T D:1 C:FETCH 1 C:MOVE 1 T D:3 C:FETCH 1 Z:T",
        ),
        ("no scroll", "fetch a; fetch 0 a", "T D:1 C:FETCH 1 E:55000 Z:E"),
        (
            "no scroll",
            "fetch a; fetch absolute 1 a",
            "T D:1 C:FETCH 1 E:55000 Z:E",
        ),
        ("no scroll", "fetch a; fetch last a", "T D:1 C:FETCH 1 E:55000 Z:E"),
        ("no scroll", "fetch relative -1 a", "E:55000 Z:E"),
        (
            "scroll",
            "move 2 a; move 0 a; move absolute 9 a; move last a",
            "C:MOVE 2 C:MOVE 1 C:MOVE 0 C:MOVE 1 Z:T",
        ),
        (
            "scroll",
            "move all a; move 0 a; move relative -1 a; fetch 0 a",
            "C:MOVE 5 C:MOVE 0 C:MOVE 1 T D:5 C:FETCH 1 Z:T",
        ),
    ] {
        client
            .query(&format!("begin; declare a {options} cursor for {NUMBERS}"))
            .await;
        assert_eq!(client.query(sql).await, answer, "{options}: {sql}");
        client.query("rollback").await;
    }
    // What was given and is much is not kept for whom did not ask.
    let long = "select repeat('x', 100000) from numbers";
    client
        .query(&format!(
            "begin; declare a cursor for {long}; declare b scroll cursor for {long}"
        ))
        .await;
    client.query("move all a; move all b").await;
    assert_eq!(client.query("move backward 1 b").await, "C:MOVE 1 Z:T");
    assert_eq!(client.query("move backward 1 a").await, "E:55000 Z:E");
}

#[tokio::test]
async fn a_held_cursor_outlives_a_commit_and_no_rollback() {
    let mut client = Client::new().await;
    client
        .query("begin; declare c cursor with hold for select id from numbers order by id; commit")
        .await;
    assert_eq!(client.query("fetch c").await, "T D:1 C:FETCH 1 Z:I");
    client
        .query("begin; declare d cursor with hold for select 1; rollback")
        .await;
    assert_eq!(client.query("fetch c").await, "T D:2 C:FETCH 1 Z:I");
    assert_eq!(client.query("fetch d").await, "E:34000 Z:I");
}

#[tokio::test]
async fn prepared_statements_are_those_of_the_protocol() {
    let mut client = Client::new().await;
    assert_eq!(client.query("prepare p(int) as select $1 + 1").await, "C:PREPARE Z:I");
    assert_eq!(client.query("execute p(2)").await, "T D:3 C:SELECT 1 Z:I");
    assert_eq!(client.query("execute p").await, "E:42601 Z:I");
    assert_eq!(
        client
            .pipeline(&[bind("", "p", false, &[Some(b"4")]), execute("", 0)])
            .await,
        "2 D:5 C:SELECT 1 Z:I"
    );
    assert_eq!(client.query("deallocate p").await, "C:DEALLOCATE Z:I");
    assert_eq!(client.query("execute p(2)").await, "E:26000 Z:I");
}

#[tokio::test]
async fn copy_sends_its_rows_between_its_own_messages() {
    let mut client = Client::new().await;
    let copy = client
        .query("copy (select id from numbers where id < 3 order by id) to stdout")
        .await;
    assert_eq!(copy.replace("d d ", "d "), "H d c C:COPY 2 Z:I");
}

#[tokio::test]
async fn a_cancel_request_or_a_timeout_ends_the_statement_alone() {
    let mut client = Client::new().await;
    client.send(&message(b'Q', &[b"select * from stuck\0"])).await;
    assert_eq!(client.message().await.unwrap().0, 'T');
    client.cancels.cancel(&client.key);
    assert_eq!(client.replies(1).await.join(" "), "E:57014 Z:I");
    client.query("set statement_timeout = 20").await;
    assert_eq!(client.query("select * from stuck").await, "T E:57014 Z:I");
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_session_lives() {
    let mut client = Client::new().await;
    let answer = client.query("select * from broken").await;
    assert!(answer.ends_with("E:XX000 Z:I"), "{answer}");
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn an_expired_token_ends_an_idle_session() {
    let mut client = Client::until(SystemTime::now() + Duration::from_millis(100)).await;
    assert_eq!(client.replies(1).await, ["E:28000", "end"]);
}

#[tokio::test]
async fn an_expired_token_ends_a_statement_that_does_not_end() {
    let mut client = Client::with(SystemTime::now() + Duration::from_secs(3600), |session, stop| {
        let soon = Instant::now() + Duration::from_millis(300);
        let ends = Ends::new(soon, CancellationToken::new(), stop.clone());
        session.backend.ends = Arc::new(ends.with_grace(Duration::from_millis(50)));
    })
    .await;
    assert_eq!(client.query("select * from stuck").await, "T E:28000 end");
}

#[tokio::test]
async fn a_stopping_server_lets_nothing_begin() {
    let mut client = Client::new().await;
    client.stop.cancel();
    assert_eq!(client.replies(1).await, ["E:57P01", "end"]);
    let mut client = Client::new().await;
    client.send(&message(b'Q', &[b"select * from stuck; select 1\0"])).await;
    assert_eq!(client.message().await.unwrap().0, 'T');
    client.stop.cancel();
    client.cancels.cancel_all();
    assert_eq!(client.replies(1).await, ["E:57P01", "end"]);
}

#[tokio::test]
async fn an_idle_client_is_let_go_of_when_it_asked_for_that() {
    let mut client = Client::new().await;
    assert_eq!(client.query("set idle_session_timeout = 20").await, "C:SET Z:I");
    assert_eq!(client.replies(1).await, ["E:57P05", "end"]);
    let mut client = Client::new().await;
    client.query("set idle_in_transaction_session_timeout = 20").await;
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
    assert_eq!(client.query("begin; select no_column").await, "C:BEGIN E:42703 Z:E");
    assert_eq!(client.replies(1).await, ["E:25P03", "end"]);
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_session() {
    let later = SystemTime::now() + Duration::from_secs(3600);
    let mut client = Client::with(later, |session, _| {
        session.connection.write_stall_max = Duration::from_millis(50);
    })
    .await;
    client
        .send(&message(b'Q', &[b"select repeat('x', 1000000) from numbers\0"]))
        .await;
    let ended = tokio::time::timeout(Duration::from_secs(30), &mut client.session).await;
    assert_eq!(ended.unwrap().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// A session that may keep 100,000 bytes.
async fn small() -> Client {
    let later = SystemTime::now() + Duration::from_secs(3600);
    Client::with(later, |session, _| session.backend.kept = Kept::new(100_000)).await
}

#[tokio::test]
async fn bound_values_count_until_their_portals_are_closed_or_their_transaction_ends() {
    let mut client = small().await;
    assert_eq!(client.pipeline(&[parse("p", "select $1::text")]).await, "1 Z:I");
    let text = "x".repeat(30_000);
    let bound = |portal| bind(portal, "p", false, &[Some(text.as_bytes())]);
    let three = [bound("a"), bound("b"), bound("c")];
    for _ in 0..2 {
        assert_eq!(client.pipeline(&three).await, "2 2 E:53400 Z:I");
    }
    let unnamed = [bound("a"), bound("b"), bound(""), close(b'P', "a"), bound("c")];
    assert_eq!(client.pipeline(&unnamed).await, "2 2 2 3 2 Z:I");
}

#[tokio::test]
async fn statements_count_by_their_texts_and_plans_until_they_are_deallocated() {
    let mut client = small().await;
    let long = format!("select '{}'", "x".repeat(20_000));
    for _ in 0..2 {
        let mut kept = 0;
        while client.query(&format!("prepare p{kept} as {long}")).await == "C:PREPARE Z:I" {
            kept += 1;
        }
        // Some 40,000 bytes each: the text, and the plan with the value in it.
        assert_eq!(kept, 2);
        assert_eq!(client.query("prepare q as select 1").await, "C:PREPARE Z:I");
        let utility = format!("prepare q1 as {long}");
        assert_eq!(client.pipeline(&[parse("u", &utility)]).await, "E:53400 Z:I");
        assert_eq!(client.pipeline(&[parse("", &utility)]).await, "1 Z:I");
        assert_eq!(client.query("deallocate all").await, "C:DEALLOCATE ALL Z:I");
    }
}

#[tokio::test]
async fn rows_that_a_cursor_may_go_back_to_count_with_the_rest() {
    let mut client = small().await;
    let rows = "cursor for select repeat('x', 30000) from numbers";
    let begin = format!("begin; declare a scroll {rows}; declare b {rows}; savepoint s");
    assert!(client.query(&begin).await.ends_with("Z:T"));
    assert_eq!(client.query("move 2 a").await, "C:MOVE 2 Z:T");
    // What only might go back does not from here on.
    assert_eq!(client.query("move 5 b").await, "C:MOVE 5 Z:T");
    assert_eq!(client.query("move prior b").await, "E:55000 Z:E");
    assert_eq!(client.query("rollback to s").await, "C:ROLLBACK Z:T");
    assert_eq!(client.query("move 2 a").await, "E:53400 Z:E");
    assert_eq!(client.query("rollback").await, "C:ROLLBACK Z:I");
    assert!(client.query(&begin).await.ends_with("Z:T"));
    assert_eq!(client.query("move 2 a").await, "C:MOVE 2 Z:T");
}

#[tokio::test]
async fn savepoints_count_with_the_settings_that_they_go_back_to() {
    let mut client = small().await;
    let set = format!("begin; set a.b = '{}'", "x".repeat(20_000));
    assert_eq!(client.query(&set).await, "C:BEGIN C:SET Z:T");
    let five = "savepoint s; ".repeat(5);
    assert_eq!(
        client.query(&five).await,
        format!("{}E:53400 Z:E", "C:SAVEPOINT ".repeat(4))
    );
    assert_eq!(
        client.query("rollback to s; release s; savepoint s").await,
        "C:ROLLBACK C:RELEASE C:SAVEPOINT Z:T"
    );
    assert_eq!(client.query("rollback").await, "C:ROLLBACK Z:I");
    assert_eq!(
        client.query("begin; set a.b = 'x'; savepoint s").await,
        "C:BEGIN C:SET C:SAVEPOINT Z:T"
    );
}

#[tokio::test]
async fn a_portal_whose_rows_did_not_all_reach_the_client_cannot_be_run() {
    let rows = "select repeat('x', 500000) from numbers";
    for fetch in ["fetch all c", "fetch 4 c"] {
        let mut client = Client::new().await;
        let declared = client
            .query(&format!("begin; declare c cursor for {rows}; savepoint s"))
            .await;
        assert!(declared.ends_with("Z:T"), "{declared}");
        client.send(&message(b'Q', &[fetch.as_bytes(), b"\0"])).await;
        assert_eq!(client.message().await.unwrap().0, 'T');
        // One row has come, and no more than two others have room on the way.
        assert_eq!(client.message().await.unwrap().0, 'D');
        client.cancels.cancel(&client.key);
        let replies = client.replies(1).await;
        assert_eq!(replies[replies.len() - 2..], ["E:57014", "Z:E"]);
        assert_eq!(client.query("rollback to s").await, "C:ROLLBACK Z:T");
        assert_eq!(client.query("fetch c").await, "E:55000 Z:E");
    }
}

#[tokio::test]
async fn a_portal_that_was_suspended_can_go_on_whatever_fails_behind_it() {
    let mut client = Client::new().await;
    let begin = [parse("", "begin"), bind("", "", false, &[]), execute("", 0)];
    assert_eq!(client.pipeline(&begin).await, "1 2 C:BEGIN Z:T");
    let open = [
        parse("p", "select id from numbers order by id"),
        bind("c", "p", false, &[]),
    ];
    assert_eq!(client.pipeline(&open).await, "1 2 Z:T");
    assert_eq!(client.query("savepoint s").await, "C:SAVEPOINT Z:T");
    let failing = [execute("c", 2), describe(b'P', "none")];
    assert_eq!(client.pipeline(&failing).await, "D:1 D:2 s E:34000 Z:E");
    assert_eq!(client.query("rollback to s").await, "C:ROLLBACK Z:T");
    assert_eq!(client.pipeline(&[execute("c", 2)]).await, "D:3 D:4 s Z:T");
}

#[tokio::test]
async fn a_flush_that_the_client_does_not_take_ends_with_the_server() {
    let later = SystemTime::now() + Duration::from_secs(3600);
    let Served {
        mut session,
        stream: _stream,
        stop,
        ..
    } = Served::new(later);
    session.connection.out.extend_from_slice(&[0; 2 << 20]);
    let flush = Frame {
        tag: b'H',
        body: Bytes::new(),
    };
    // The flush is polled first, and waits for room by the time that the server stops.
    let both = async { tokio::join!(session.answer_to(flush), async { stop.cancel() }) };
    match tokio::time::timeout(Duration::from_secs(30), both).await.unwrap() {
        (Err(Stop::Error(error)), ()) => assert_eq!(error.code().code(), "57P01"),
        other => panic!("{other:?}"),
    }
}
