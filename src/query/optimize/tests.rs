//! What is sent for a statement with the rules (after) and where what they go by is not known (before). The runtime answers questions
//! only; statements are planned, not run. That the rows stay the same, `tests/it/rewrites.rs` holds against real runtimes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use arrow::{
    array::{LargeStringArray, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    ipc::writer::StreamWriter,
};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    physical_plan::{ExecutionPlan, displayable},
    sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    Result, SqlState,
    catalog::facts::SessionFacts,
    query::{
        Engine, Plan, Scope,
        explain::{Explain, explain},
        optimize::Purpose,
        route::Route,
        turns::Lane,
        views::NoSettings,
        walk::plan::Walk,
    },
    source::{
        Introspection, RuntimeSource,
        runtime::{INVOCATION_VIEW_DEFINITION, RuntimeExec},
    },
};

const ONE: &str = "inv_17RK9GoGEU7f29nWTSLWSHYSxeg2TNJSjm";
const TWO: &str = "inv_1lYGhA16ahyf7N42dgm5tFLK9N8MT7fHC7";

fn schema(columns: &[&str]) -> SchemaRef {
    let field = |name: &&str| {
        let ty = match *name {
            "created_at" => DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
            "in_flight" => DataType::Boolean,
            "retry_count" | "partition_key" => DataType::UInt64,
            _ => DataType::LargeUtf8,
        };
        Field::new(*name, ty, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// As 1.7.12 has them, but for most of their columns; before 1.7 without scopes.
fn tables(version: &str) -> Introspection {
    let scoped = version >= "1.7";
    let table = |columns: &[&str]| {
        let columns: Vec<&str> = columns
            .iter()
            .copied()
            .filter(|name| scoped || *name != "scope")
            .collect();
        schema(&columns)
    };
    let stored = [
        "partition_key",
        "id",
        "target",
        "target_service_key",
        "scope",
        "created_at",
        "status",
        "completion_failure",
    ];
    let viewed = [
        "id",
        "target",
        "target_service_key",
        "scope",
        "created_at",
        "retry_count",
        "last_failure",
        "status",
        "completion_failure",
    ];
    let state = [
        "partition_key",
        "service_name",
        "scope",
        "service_key",
        "key",
        "value_utf8",
    ];
    Introspection {
        version: version.to_owned(),
        tables: BTreeMap::from([
            ("state".to_owned(), table(&state)),
            ("sys_invocation".to_owned(), table(&viewed)),
            (
                "sys_invocation_state".to_owned(),
                table(&["id", "in_flight", "retry_count", "last_failure"]),
            ),
            ("sys_invocation_status".to_owned(), table(&stored)),
            ("sys_journal".to_owned(), table(&["partition_key", "id", "name"])),
        ]),
        functions: ["count", "max", "lower", "btrim"].map(str::to_owned).into(),
    }
}

/// Gives these ids, or other texts, to whatever is asked.
async fn answering(texts: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::LargeUtf8, true)]));
    let ids = RecordBatch::try_new(schema.clone(), vec![Arc::new(LargeStringArray::from(texts.to_vec()))]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&ids).unwrap();
    let body = writer.into_inner().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.apache.arrow.stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let reply = [head.as_bytes(), &body].concat();
    let questions = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (reply, questions) = (reply.clone(), questions.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = socket.read(&mut request).await {
                    let text = String::from_utf8_lossy(&request[..read]).into_owned();
                    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
                    let body: serde_json::Value = serde_json::from_str(body).unwrap();
                    questions
                        .lock()
                        .unwrap()
                        .push(body["query"].as_str().unwrap().to_owned());
                    socket.write_all(&reply).await.unwrap();
                }
            });
        }
    });
    (url, asked)
}

/// A session over such a runtime. `knows`: its view's definition, and that it has no scoped rows.
async fn session(version: &str, url: &str, knows: bool) -> Scope {
    let definition = match version >= "1.7" {
        true => INVOCATION_VIEW_DEFINITION.to_owned(),
        false => INVOCATION_VIEW_DEFINITION.replace("ss.scope, ", ""),
    };
    let definition = knows.then_some(definition.as_str());
    let unscoped: &[&str] = if knows {
        &["state", "sys_invocation_status"]
    } else {
        &[]
    };
    let source = RuntimeSource::knowing(url, tables(version), definition, unscoped);
    let engine = Engine::new("demo".parse().unwrap(), Arc::new(source)).unwrap();
    let facts = SessionFacts {
        backend_pid: 1,
        start_time_us: 0,
        settings: Arc::new(NoSettings),
        catalog: engine.catalog("demo").await.unwrap(),
    };
    engine.scope(facts, "UTC", Route::Auto)
}

async fn planned(scope: &Scope, sql: &str) -> Result<Arc<dyn ExecutionPlan>> {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
    Plan::new(scope, statement, &[])?
        .physical(scope, Vec::new(), Purpose::Run)
        .await
}

/// What a plan sends, without quotes and without the name of its one table, which only some ways of writing it give.
fn sends(plan: &Arc<dyn ExecutionPlan>) -> Vec<String> {
    let mut sent = Vec::new();
    plan.walk(&mut |step| {
        sent.extend(step.downcast_ref::<RuntimeExec>().map(|exec| bare(exec.sql())));
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    sent
}

fn bare(sql: &str) -> String {
    sql.replace('"', "").replace("t0.", "").replace(" AS t0", "")
}

/// What is sent for a statement that asks nothing first.
async fn sent(version: &str, knows: bool, sql: &str) -> String {
    let scope = session(version, "http://127.0.0.1:9", knows).await;
    let sent = sends(&planned(&scope, sql).await.unwrap());
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.into_iter().next().unwrap()
}

#[tokio::test]
async fn what_is_computed_of_a_runtimes_rows_has_its_turn() {
    let scope = session("1.7.12", "http://127.0.0.1:9", true).await;
    for (sql, lane) in [
        ("select * from state", None),
        (
            "select key as k, value_utf8 from state where value_utf8 is not null limit 3",
            None,
        ),
        (
            "select regexp_replace(md5(value_utf8), 'a', 'b') from state",
            Some(Lane::Large),
        ),
        (
            "select key from state where regexp_replace(value_utf8, 'a', 'b') = 'b'",
            Some(Lane::Large),
        ),
    ] {
        let plan = planned(&scope, sql).await.unwrap();
        assert_eq!(
            Lane::of(plan.as_ref()),
            lane,
            "{sql}\n{}",
            displayable(plan.as_ref()).indent(false)
        );
    }
}

#[tokio::test]
async fn a_plan_that_is_shown_asks_nothing() {
    let (url, asked) = answering(&[ONE]).await;
    let scope = Arc::new(session("1.7.12", &url, true).await);
    for sql in [
        "select id, target from sys_invocation where status = 'running'",
        "select name from sys_journal where id = (select max(id) from sys_invocation_status)",
    ] {
        let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        let plan = Plan::new(&scope, statement, &[]).unwrap();
        let lines = explain(&scope, &plan, Vec::new(), Explain::default()).await.unwrap();
        assert!(lines.iter().any(|line| line.contains("RuntimeExec")), "{lines:?}");
        assert_eq!(*asked.lock().unwrap(), [""; 0], "{sql}");
        planned(&scope, sql).await.unwrap();
        assert_eq!(std::mem::take(&mut *asked.lock().unwrap()).len(), 1, "{sql}");
    }
}

#[tokio::test]
async fn a_lookup_in_the_view_reads_the_stored_table() {
    let sql = format!("select target, created_at from sys_invocation where id = '{ONE}'");
    assert_eq!(
        sent("1.7.12", false, &sql).await,
        format!("SELECT target, created_at FROM sys_invocation WHERE (id = '{ONE}')")
    );
    assert_eq!(
        sent("1.7.12", true, &sql).await,
        format!("SELECT target, created_at FROM sys_invocation_status WHERE (id = '{ONE}')")
    );
}

#[tokio::test]
async fn a_status_that_is_stored_is_said_in_the_tables_words() {
    let sql = "select count(*) from sys_invocation where status in ('pending', 'completed')";
    let after = sent("1.6.1", true, sql).await;
    assert!(after.contains("FROM sys_invocation_status"), "{after}");
    assert!(
        after.contains("(status = 'inboxed')") && after.contains("(status = 'completed')"),
        "{after}"
    );
}

#[tokio::test]
async fn what_the_view_alone_knows_is_read_from_the_view() {
    for sql in [
        "select id, status from sys_invocation",
        "select id from sys_invocation where retry_count > 1",
        "select id, last_failure from sys_invocation where target = 'x'",
        "select id from sys_invocation where status in ('completed', 'ready')",
        "select id from sys_invocation where status <> 'completed'",
        "select id from sys_invocation where status > 'completed'",
        "select id from sys_invocation where lower(status) = 'completed'",
    ] {
        let sent = sent("1.7.12", true, sql).await;
        assert!(!sent.contains("sys_invocation_status"), "{sent}");
    }
}

#[tokio::test]
async fn a_service_key_says_that_it_has_no_scope_where_none_has() {
    let sql = "select key from state where service_name = 'Counter' and service_key = 'ada'";
    assert_eq!(
        sent("1.7.12", false, sql).await,
        "SELECT key FROM state WHERE (service_name = 'Counter') AND (service_key = 'ada')"
    );
    assert_eq!(
        sent("1.7.12", true, sql).await,
        "SELECT key FROM state WHERE (service_name = 'Counter') AND (service_key = 'ada') \
         AND (scope IS NULL)"
    );
    // The view, by way of the table that its rows are stored in.
    let sql = "select target from sys_invocation where target_service_key in ('ada', 'bob')";
    let after = sent("1.7.12", true, sql).await;
    assert!(
        after.contains("FROM sys_invocation_status") && after.ends_with("(scope IS NULL)"),
        "{after}"
    );
}

#[tokio::test]
async fn a_scope_that_is_asked_for_or_does_not_exist_is_left_alone() {
    for sql in [
        "select key from state where service_key = 'ada' and scope = 'tenant'",
        "select key from state where service_key = 'ada' or key = 'x'",
        "select key from state where service_key > 'ada'",
        "select key from state where service_name = 'Counter'",
    ] {
        let sent = sent("1.7.12", true, sql).await;
        assert!(!sent.contains("scope IS NULL"), "{sent}");
    }
    let sent = sent("1.6.1", true, "select key from state where service_key = 'ada'").await;
    assert!(!sent.contains("scope"), "{sent}");
}

#[tokio::test]
async fn invocations_in_memory_are_asked_for_first() {
    let (url, asked) = answering(&[ONE, TWO]).await;
    let scope = session("1.7.12", &url, true).await;
    let plan = planned(&scope, "select id, target from sys_invocation where status = 'running'")
        .await
        .unwrap();
    let question = "SELECT id FROM sys_invocation_state WHERE (in_flight) LIMIT 301";
    let sent = sends(&plan);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[0], question);
    assert!(
        sent[1].starts_with("SELECT id, target FROM sys_invocation WHERE"),
        "{}",
        sent[1]
    );
    assert!(sent[1].contains("(status = 'running')"), "{}", sent[1]);
    assert!(sent[1].contains(ONE) && sent[1].contains(TWO), "{}", sent[1]);
    assert_eq!(asked.lock().unwrap().len(), 1, "the statement itself was planned only");

    let before = session("1.7.12", &url, false).await;
    let plan = planned(
        &before,
        "select id, target from sys_invocation where status = 'running'",
    )
    .await
    .unwrap();
    assert_eq!(
        sends(&plan),
        ["SELECT id, target FROM sys_invocation WHERE (status = 'running')"]
    );
}

#[tokio::test]
async fn statuses_that_differ_in_what_they_take_are_asked_for_together() {
    let (url, _) = answering(&[ONE]).await;
    let scope = session("1.7.12", &url, true).await;
    let sql = "select id from sys_invocation where status in ('running', 'backing-off') and target = 'x'";
    let sent = sends(&planned(&scope, sql).await.unwrap());
    assert_eq!(sent[0], "SELECT id FROM sys_invocation_state LIMIT 301");
    assert!(sent[1].contains(ONE), "{}", sent[1]);
}

#[tokio::test]
async fn a_status_that_takes_no_row_in_memory_asks_nothing() {
    for sql in [
        "select id, retry_count from sys_invocation where status = 'ready'",
        "select id, retry_count from sys_invocation where status in ('running', 'ready')",
        "select id, retry_count from sys_invocation where status <> 'running'",
        "select id, retry_count from sys_invocation where status = 'running' or target = 'x'",
    ] {
        let sent = sent("1.7.12", true, sql).await;
        assert!(!sent.contains("sys_invocation_state"), "{sent}");
    }
}

#[tokio::test]
async fn where_nothing_is_in_memory_nothing_is_sent() {
    let (url, _) = answering(&[]).await;
    let scope = session("1.7.12", &url, true).await;
    let plan = planned(&scope, "select id, target from sys_invocation where status = 'running'")
        .await
        .unwrap();
    assert_eq!(sends(&plan).len(), 1, "the question only");
}

#[tokio::test]
async fn a_key_from_a_subquery_is_looked_up() {
    let (url, _) = answering(&[ONE]).await;
    let scope = session("1.7.12", &url, true).await;
    let sql = "select name from sys_journal where id = (select max(id) from sys_invocation_status)";
    let sent = sends(&planned(&scope, sql).await.unwrap());
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[1], format!("SELECT name FROM sys_journal WHERE (id = '{ONE}')"));

    let sql = "select name from sys_journal where id in (select id from sys_invocation_state)";
    let sent = sends(&planned(&scope, sql).await.unwrap());
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[1], format!("SELECT name FROM sys_journal WHERE (id = '{ONE}')"));
}

#[tokio::test]
async fn a_text_that_is_no_id_finds_nothing_rather_than_fail() {
    let (url, _) = answering(&["Greeter/greet"]).await;
    let scope = session("1.7.12", &url, true).await;
    for sql in [
        "select name from sys_journal where id = (select max(target) from sys_invocation_status)",
        "select name from sys_journal where id in (select last_failure from sys_invocation_state)",
    ] {
        assert_eq!(
            sends(&planned(&scope, sql).await.unwrap()).len(),
            1,
            "the question only: {sql}"
        );
    }
}

#[tokio::test]
async fn a_subquery_of_two_rows_is_no_value() {
    let (url, _) = answering(&[ONE, TWO]).await;
    let scope = session("1.7.12", &url, true).await;
    let sql = "select name from sys_journal where id = (select id from sys_invocation_state)";
    let error = planned(&scope, sql).await.unwrap_err();
    assert_eq!(error.code(), SqlState::CARDINALITY_VIOLATION);
}

#[tokio::test]
async fn an_in_over_a_scan_stays_a_join() {
    let sql = "select name from sys_journal where id in (select id from sys_invocation_status where target = 'x')";
    let sent = sent("1.7.12", true, sql).await;
    assert!(sent.contains("LEFT SEMI JOIN"), "{sent}");
}

#[tokio::test]
async fn constants_are_folded_into_a_literal_id() {
    for written in [
        format!("id = '{ONE}'::varchar"),
        format!("id = trim('  {ONE} ')"),
        format!("id = 'inv_' || '{}'", &ONE[4..]),
        format!("'{ONE}'::text = id"),
        format!("id::text = '{ONE}'"),
        format!("id in ('{ONE}')"),
        format!("id = any(array['{ONE}'])"),
        format!("id = (select '{ONE}')"),
        format!("id = coalesce(null, '{ONE}')"),
        format!("id = case when 1 = 1 then '{ONE}' end"),
    ] {
        let sql = format!("select target from sys_invocation where {written}");
        assert_eq!(
            sent("1.7.12", true, &sql).await,
            format!("SELECT target FROM sys_invocation_status WHERE (id = '{ONE}')"),
            "{written}"
        );
    }
}

/// What 1.6.1 does wrong never reaches it.
#[tokio::test]
async fn faults_of_1_6_are_kept_from_it() {
    for sql in [
        "select id from sys_invocation_status where partition_key = 5",
        "select id from sys_invocation_status where partition_key > 5",
        "select id from sys_invocation_status where partition_key in (5, 6)",
    ] {
        let sent = sent("1.6.1", true, sql).await;
        assert!(!sent.contains("WHERE"), "{sent}");
        let sent = self::sent("1.7.12", true, sql).await;
        assert!(sent.contains("WHERE"), "{sent}");
    }
    let sent = sent(
        "1.6.1",
        true,
        "select id from sys_invocation_status fetch first 3 rows only",
    )
    .await;
    assert!(sent.ends_with("LIMIT 3"), "{sent}");
}

#[tokio::test]
async fn a_repeated_statement_is_planned_once_and_what_it_goes_by_is_asked_each_time() {
    let (url, asked) = answering(&[ONE]).await;
    let scope = session("1.7.12", &url, true).await;
    let sql = "select id from sys_invocation where status = 'running'";
    planned(&scope, sql).await.unwrap();
    planned(&scope, sql).await.unwrap();
    assert_eq!(scope.shared_plans.len(), 1);
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert_eq!(asked.lock().unwrap().iter().collect::<BTreeSet<_>>().len(), 1);
}
