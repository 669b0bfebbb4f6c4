//! tokio-postgres: binary parameters and results, portals, cursors, COPY, pipelining.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, future::try_join_all};
use tokio_postgres::{
    SimpleQueryMessage,
    binary_copy::BinaryCopyOutStream,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::support::server::Server;

#[tokio::test]
async fn parameters_of_every_common_type_filter_rows() {
    let client = Server::shared().connect("demo").await;
    let epoch = DateTime::<Utc>::from_timestamp(0, 0).expect("1970");
    let count = async |sql: &str, parameters: &[&(dyn ToSql + Sync)]| -> i64 {
        let sql = format!("select count(*) from sys_invocation where {sql}");
        client
            .query_one(&sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    };
    let all = count("true", &[]).await;
    assert!(all > 0);

    let completed = count("status = 'completed'", &[]).await;
    assert!(completed > 0 && completed < all);
    assert_eq!(count("status = $1", &[&"completed"]).await, completed, "text");
    assert_eq!(count("status <> $1", &[&"completed"]).await, all - completed, "text");
    assert_eq!(
        count("status = any($1)", &[&vec!["completed"]]).await,
        completed,
        "text[]"
    );

    assert_eq!(count("created_at > $1", &[&epoch]).await, all, "timestamptz");
    assert_eq!(count("created_at <= $1", &[&epoch]).await, 0, "timestamptz");

    assert_eq!(
        count("(status = 'completed') = $1", &[&true]).await,
        completed,
        "boolean"
    );
    assert_eq!(count("$1::boolean", &[&false]).await, 0, "boolean");

    let long = count("journal_size > 2", &[]).await;
    assert_eq!(count("journal_size > $1", &[&2_i64]).await, long, "bigint");
    assert_eq!(count("journal_size > $1::bigint", &[&2_i64]).await, long, "bigint");

    let none: Option<&str> = None;
    assert_eq!(count("status = $1", &[&none]).await, 0, "NULL equals nothing");
    assert_eq!(count("$1::text is null or status = $1", &[&none]).await, all, "NULL");
    let never: Option<DateTime<Utc>> = None;
    assert_eq!(count("created_at > $1", &[&never]).await, 0, "NULL timestamptz");
}

#[tokio::test]
async fn parameters_come_back_as_they_went() {
    let client = Server::shared().connect("demo").await;
    let time = DateTime::<Utc>::from_timestamp_micros(1_767_225_600_123_456).expect("2026");
    let sql = "select $1::text, $2::bigint, $3::timestamptz, $4::boolean, $5::bytea, $6::float8, $7::text[], $8::int";
    let texts = vec![Some("a".to_owned()), None, Some("\"b\",{c}\\".to_owned())];
    let bytes = vec![0_u8, 1, 255, 39, 92];
    let row = client
        .query_one(
            sql,
            &[
                &"grüß 🚀 'x'",
                &i64::MIN,
                &time,
                &true,
                &bytes,
                &-0.1_f64,
                &texts,
                &Some(-7_i32),
            ],
        )
        .await
        .expect("one row");
    assert_eq!(row.get::<_, &str>(0), "grüß 🚀 'x'");
    assert_eq!(row.get::<_, i64>(1), i64::MIN);
    assert_eq!(row.get::<_, DateTime<Utc>>(2), time);
    assert!(row.get::<_, bool>(3));
    assert_eq!(row.get::<_, Vec<u8>>(4), bytes);
    assert_eq!(row.get::<_, f64>(5).to_bits(), (-0.1_f64).to_bits());
    assert_eq!(row.get::<_, Vec<Option<String>>>(6), texts);
    assert_eq!(row.get::<_, i32>(7), -7);

    let nothing = client.query_one(
        "select $1::text, $2::bigint, $3::timestamptz, $4::boolean",
        &[&None::<String>, &None::<i64>, &None::<DateTime<Utc>>, &None::<bool>],
    );
    let nothing = nothing.await.expect("one row");
    assert_eq!(nothing.get::<_, Option<String>>(0), None);
    assert_eq!(nothing.get::<_, Option<i64>>(1), None);
    assert_eq!(nothing.get::<_, Option<DateTime<Utc>>>(2), None);
    assert_eq!(nothing.get::<_, Option<bool>>(3), None);
}

#[tokio::test]
async fn a_prepared_statement_is_described_before_it_runs() {
    let client = Server::shared().connect("demo").await;
    let sql = "select id, status, created_at, retry_count, completion_result is null as open \
               from sys_invocation where created_at > $1 and status = $2 and journal_size >= $3 limit $4";
    let statement = client.prepare(sql).await.expect("prepare");
    assert_eq!(
        statement.params(),
        [Type::TIMESTAMPTZ, Type::TEXT, Type::INT8, Type::INT8]
    );
    let columns: Vec<(&str, &Type)> = statement
        .columns()
        .iter()
        .map(|column| (column.name(), column.type_()))
        .collect();
    let expected = [
        ("id", &Type::TEXT),
        ("status", &Type::TEXT),
        ("created_at", &Type::TIMESTAMPTZ),
        ("retry_count", &Type::INT8),
        ("open", &Type::BOOL),
    ];
    assert_eq!(columns, expected);
    let epoch = DateTime::<Utc>::from_timestamp(0, 0).expect("1970");
    for limit in [1_i64, 2, 3] {
        let rows = client
            .query(&statement, &[&epoch, &"completed", &0_i64, &limit])
            .await
            .expect("rows");
        assert_eq!(i64::try_from(rows.len()), Ok(limit));
        assert!(rows.iter().all(|row| row.get::<_, &str>("status") == "completed"));
        assert!(rows.iter().all(|row| row.get::<_, DateTime<Utc>>("created_at") > epoch));
    }
}

#[tokio::test]
async fn a_plan_comes_in_the_type_of_its_format() {
    let client = Server::shared().connect("demo").await;
    for (sql, expected) in [
        ("explain select key from state", Type::TEXT),
        ("explain (format json, verbose) select count(*) from state", Type::JSON),
    ] {
        let statement = client.prepare(sql).await.expect(sql);
        assert_eq!(
            statement.columns().first().map(|column| column.type_()),
            Some(&expected),
            "{sql}"
        );
        let rows = client.query(&statement, &[]).await.expect(sql);
        assert_eq!(
            rows.first().map(|row| row.columns()[0].type_().clone()),
            Some(expected),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn binary_and_text_say_the_same_of_every_table() {
    let client = Server::shared().connect("demo").await;
    let tables = client
        .query(
            // Rows of a view come in no order of their own.
            "select table_name::text from information_schema.tables \
             where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
            &[],
        )
        .await
        .expect("the tables");
    assert!(tables.len() >= 10, "{} tables", tables.len());
    for table in &tables {
        let table: &str = table.get(0);
        let binary = client
            .query(&format!("select * from {table}"), &[])
            .await
            .unwrap_or_else(|error| panic!("{table}: {error:?}"));
        let text = client
            .simple_query(&format!("select * from {table}"))
            .await
            .expect("the same in text");
        let text: Vec<_> = text
            .into_iter()
            .filter_map(|message| {
                if let SimpleQueryMessage::Row(row) = message {
                    Some(row)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(binary.len(), text.len(), "{table}");
        for (binary, text) in binary.iter().zip(&text) {
            for (index, column) in binary.columns().iter().enumerate() {
                let value = text.get(index);
                let name = format!("{table}.{}", column.name());
                match *column.type_() {
                    Type::TEXT => assert_eq!(binary.get::<_, Option<&str>>(index), value, "{name}"),
                    Type::INT8 => {
                        assert_eq!(
                            binary.get::<_, Option<i64>>(index).map(|v| v.to_string()).as_deref(),
                            value,
                            "{name}"
                        )
                    }
                    Type::BOOL => {
                        assert_eq!(
                            binary.get::<_, Option<bool>>(index).map(|v| if v { "t" } else { "f" }),
                            value,
                            "{name}"
                        )
                    }
                    Type::TIMESTAMPTZ => {
                        let read = value
                            .map(|value| DateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S%.f%#z").expect("a time"));
                        assert_eq!(
                            binary.get::<_, Option<DateTime<Utc>>>(index),
                            read.map(|time| time.to_utc()),
                            "{name}"
                        );
                    }
                    Type::BYTEA => {
                        let hex = binary.get::<_, Option<&[u8]>>(index).map(|bytes| {
                            bytes
                                .iter()
                                .fold("\\x".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
                        });
                        assert_eq!(hex.as_deref(), value, "{name}");
                    }
                    // Read as raw bytes elsewhere: numeric has no counterpart here, and arrays have their own test.
                    Type::NUMERIC | Type::INT8_ARRAY | Type::TEXT_ARRAY => {}
                    ref other => panic!("{name}: no table has {other}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_portal_reads_100_000_rows_a_hundred_at_a_time() {
    let mut client = Server::shared().connect("demo").await;
    let transaction = client.transaction().await.expect("begin");
    let portal = transaction
        .bind("select * from generate_series(1, 100000)", &[])
        .await
        .expect("bind");
    let mut expected = 1_i64;
    loop {
        let rows = transaction.query_portal(&portal, 100).await.expect("a hundred rows");
        if rows.is_empty() {
            break;
        }
        assert_eq!(rows.len(), 100);
        for row in rows {
            let value = row
                .try_get::<_, i64>(0)
                .unwrap_or_else(|_| i64::from(row.get::<_, i32>(0)));
            assert_eq!(value, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, 100_001);
    transaction.commit().await.expect("commit");
}

#[tokio::test]
async fn two_portals_are_read_in_turn() {
    let mut client = Server::shared().connect("demo").await;
    let transaction = client.transaction().await.expect("begin");
    let sql = "select n * $1::bigint from generate_series(1, 1000) as t(n)";
    let one = transaction.bind(sql, &[&1_i64]).await.expect("bind");
    let two = transaction.bind(sql, &[&2_i64]).await.expect("bind");
    for turn in 0..10_i64 {
        let first = transaction.query_portal(&one, 100).await.expect("rows");
        let second = transaction.query_portal(&two, 100).await.expect("rows");
        assert_eq!((first.len(), second.len()), (100, 100));
        assert_eq!(first[0].get::<_, i64>(0), turn * 100 + 1);
        assert_eq!(second[99].get::<_, i64>(0), (turn * 100 + 100) * 2);
    }
}

#[tokio::test]
async fn a_sql_cursor_reads_100_000_rows_a_hundred_at_a_time() {
    let mut client = Server::shared().connect("demo").await;
    let transaction = client.transaction().await.expect("begin");
    transaction
        .batch_execute("declare c no scroll cursor for select n::bigint from generate_series(1, 100000) as t(n)")
        .await
        .expect("declare");
    let mut sum = 0_i64;
    let mut fetches = 0;
    loop {
        let rows = transaction.query("fetch forward 100 from c", &[]).await.expect("fetch");
        if rows.is_empty() {
            break;
        }
        fetches += 1;
        sum += rows.iter().map(|row| row.get::<_, i64>(0)).sum::<i64>();
    }
    assert_eq!((sum, fetches), (5_000_050_000, 1000));
}

#[tokio::test]
async fn queries_are_pipelined() {
    let client = Server::shared().connect("demo").await;
    let statement = client.prepare("select $1::bigint * 2").await.expect("prepare");
    // Sent before the first is answered: tokio-postgres pipelines what is polled together.
    let answers = try_join_all((0..500_i64).map(|number| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[&number]).await }
    }));
    for (number, row) in (0_i64..).zip(answers.await.expect("every answer")) {
        assert_eq!(row.get::<_, i64>(0), number * 2);
    }
}

#[tokio::test]
async fn several_statements_are_one_simple_query() {
    let client = Server::shared().connect("demo").await;
    let messages = client
        .simple_query("begin; select 1; select 2; commit")
        .await
        .expect("four statements");
    let values: Vec<String> = messages
        .iter()
        .filter_map(|message| {
            if let SimpleQueryMessage::Row(row) = message {
                row.get(0).map(str::to_owned)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(values, ["1", "2"]);
    let ends = messages
        .iter()
        .filter(|message| matches!(message, SimpleQueryMessage::CommandComplete(_)))
        .count();
    assert_eq!(ends, 4);
}

/// Four rows that every format must escape.
const ODD: &str = "select * from (values (1::bigint, 'plain', true), (2, null, false), (3, E'tab\\there, \"quoted\"\\nline\\\\', null), (4, '', true)) as t(n, s, b) order by n";

async fn copied(client: &tokio_postgres::Client, options: &str) -> String {
    let stream = client
        .copy_out(&format!("copy ({ODD}) to stdout {options}"))
        .await
        .expect("copy");
    let chunks: Vec<_> = stream.try_collect().await.expect("the rows");
    String::from_utf8(chunks.concat()).expect("UTF-8")
}

#[tokio::test]
async fn copy_writes_text_and_csv_as_postgres_does() {
    let client = Server::shared().connect("demo").await;
    let text = "1\tplain\tt\n2\t\\N\tf\n3\ttab\\there, \"quoted\"\\nline\\\\\t\\N\n4\t\tt\n";
    assert_eq!(copied(&client, "").await, text);
    assert_eq!(copied(&client, "(format text)").await, text);
    let csv = "1,plain,t\n2,,f\n3,\"tab\there, \"\"quoted\"\"\nline\\\",\n4,\"\",t\n";
    assert_eq!(copied(&client, "with csv").await, csv);
    assert_eq!(copied(&client, "(format csv, header)").await, format!("n,s,b\n{csv}"));
    assert_eq!(
        copied(&client, "(format csv, delimiter ';', null 'NULL')")
            .await
            .lines()
            .nth(1),
        Some("2;NULL;f")
    );
}

#[tokio::test]
async fn copy_writes_binary_as_drivers_read_it() {
    let client = Server::shared().connect("demo").await;
    let stream = client
        .copy_out(&format!("copy ({ODD}) to stdout (format binary)"))
        .await
        .expect("copy");
    let rows = BinaryCopyOutStream::new(stream, &[Type::INT8, Type::TEXT, Type::BOOL]);
    let rows: Vec<(i64, Option<String>, Option<bool>)> = Box::pin(rows)
        .map(|row| row.map(|row| (row.get(0), row.get(1), row.get(2))))
        .try_collect()
        .await
        .expect("the rows");
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        (1, text("plain"), Some(true)),
        (2, None, Some(false)),
        (3, text("tab\there, \"quoted\"\nline\\"), None),
        (4, text(""), Some(true)),
    ];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn copy_takes_a_table_too() {
    let client = Server::shared().connect("demo").await;
    let stream = client
        .copy_out("copy sys_service (name, deployment_id) to stdout")
        .await
        .expect("copy");
    let chunks: Vec<_> = stream.try_collect().await.expect("the rows");
    let lines = String::from_utf8(chunks.concat()).expect("UTF-8").lines().count();
    let count: i64 = client
        .query_one("select count(*) from sys_service", &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!(i64::try_from(lines), Ok(count));
    assert!(count > 0);
}

#[tokio::test]
async fn a_cancelled_query_ends_and_its_session_goes_on() {
    let server = Server::shared();
    let client = server.connect("demo").await;
    let cancel = client.cancel_token();
    let endless = "select count(*) from generate_series(1, 1000000000000) as a(n) where n % 7 = 8";
    let mut answer = pin!(client.query(endless, &[]));
    let mut asked = Instant::now();
    // A request that comes before the statement begins cancels nothing.
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        asked = Instant::now();
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(server.tls());
        cancel.cancel_query(tls).await.expect("send the request");
    };
    let error = answer.expect_err("cancelled");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    let message = error.as_db_error().map(|error| error.message());
    assert_eq!(message, Some("canceling statement due to user request"));
    assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
    assert_eq!(
        client
            .query_one("select 1::bigint", &[])
            .await
            .expect("the next query")
            .get::<_, i64>(0),
        1
    );
}

#[tokio::test]
async fn a_statement_timeout_ends_a_query() {
    let client = Server::shared().connect("demo").await;
    client.batch_execute("set statement_timeout = 300").await.expect("set");
    let endless = "select count(*) from generate_series(1, 1000000000000) as a(n) where n % 7 = 8";
    let error = client.query(endless, &[]).await.expect_err("too long");
    assert_eq!(
        error.as_db_error().map(|error| error.message()),
        Some("canceling statement due to statement timeout")
    );
    client.batch_execute("reset statement_timeout").await.expect("reset");
}
