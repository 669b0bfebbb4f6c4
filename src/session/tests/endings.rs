//! What ends a statement or a session: cancel requests, timeouts, panics, the token, the server, a client that is idle or takes nothing.

use super::*;

#[tokio::test]
async fn a_cancel_request_or_a_timeout_ends_the_statement_alone() {
    let mut client = Client::new().await;
    client.begin("select * from stuck").await;
    client.cancels.cancel(&client.key);
    assert_eq!(client.replies(1).await.join(" "), "E:57014 Z:I");
    client.query("set statement_timeout = 500").await;
    assert_eq!(client.query("select * from stuck").await, "T E:57014 Z:I");
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

/// It never waits for anything, and gives way only where its task has used up its budget.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_computes_hears_of_its_end() {
    let mut client = Client::new().await;
    client.query("set statement_timeout = 500").await;
    let endless = "select count(*) from generate_series(1, 1000000000000) as t(n) where n % 7 = 8";
    assert_eq!(client.query(endless).await, "T E:57014 Z:I");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_session_lives() {
    let mut client = Client::new().await;
    let answer = client.query("select * from broken").await;
    assert!(answer.ends_with("E:XX000 Z:I"), "{answer}");
    assert_eq!(client.query("select 1").await, "T D:1 C:SELECT 1 Z:I");
}

/// Compares millions of pairs of rows for each of some hundred rows, on a thread that waits for it.
const SUBQUERY: &str = "select (select count(*) from pg_attribute a, pg_attribute b where a.attnum + b.attnum > c.oid::int8) \
                        from pg_class c";

#[tokio::test(flavor = "multi_thread")]
async fn a_subquery_that_holds_its_thread_hears_its_timeout_and_cancel_requests() {
    assert_heard_by(SUBQUERY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_large_statement_computes_ends_with_it() {
    let endless = "select n, (select count(*) from pg_proc a, pg_proc b, pg_proc c where a.oid < b.oid + n and b.oid < c.oid + n) \
                   from generate_series(1, 100000) g(n)";
    let mut client = Client::new().await;
    // More than compute at once: one that went on would keep its turn, and its thread.
    for _ in 0..=crate::limits::LARGE_STATEMENTS_MAX {
        client.query("set statement_timeout = '50ms'").await;
        assert_eq!(client.query(endless).await, "T E:57014 Z:I");
        client.query("reset statement_timeout").await;
    }
    let answer = client.query("select count(*) from generate_series(1, 10)").await;
    assert_eq!(answer, "T D:10 C:SELECT 1 Z:I");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_made_ahead_do_not_end_with_another_statement() {
    let mut client = Client::new().await;
    let cursor = "declare c cursor with hold for \
                  select n, (select count(*) from pg_namespace a where a.oid::int8 > g.n) from generate_series(1, 20000) g(n)";
    assert_eq!(client.query(cursor).await, "C:DECLARE CURSOR Z:I");
    for _ in 0..4 {
        assert!(client.query("move 2048 in c").await.starts_with("C:MOVE 2048"));
    }
    client.query("set statement_timeout = '50ms'").await;
    assert_eq!(client.query("select pg_sleep(1000)").await, "T E:57014 Z:I");
    client.query("reset statement_timeout").await;
    assert_eq!(client.query("move all in c").await, "C:MOVE 11808 Z:I");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_hears_its_timeout_and_cancel_requests() {
    assert_heard_by("select pg_sleep(1000)").await;
}

/// A timeout and a cancel request each end `sql`, which would go on for long.
async fn assert_heard_by(sql: &str) {
    let mut client = Client::new().await;
    client.query("set statement_timeout = '100ms'").await;
    assert_eq!(client.query(sql).await, "T E:57014 Z:I");
    client.query("reset statement_timeout").await;
    client.send(&message(b'Q', &[sql.as_bytes(), b"\0"])).await;
    let cancels = Arc::clone(&client.cancels);
    let key = CancelKey {
        pid: client.key.pid,
        secret: client.key.secret.clone(),
    };
    let cancelling = tokio::spawn(async move {
        loop {
            // Heard once the statement has begun.
            cancels.cancel(&key);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(client.replies(1).await.last().map(String::as_str), Some("Z:I"));
    cancelling.abort();
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
    client.begin("select * from stuck; select 1").await;
    client.stop.cancel();
    client.cancels.cancel_all();
    assert_eq!(client.replies(1).await, ["E:57P01", "end"]);
}

#[tokio::test]
async fn what_says_that_rows_will_come_goes_with_them() {
    let mut client = Client::new().await;
    client.send(&message(b'Q', &[b"select * from stuck\0"])).await;
    let nothing = tokio::time::timeout(Duration::from_millis(50), client.message()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    client.cancels.cancel(&client.key);
    assert_eq!(client.replies(1).await, ["T", "E:57014", "Z:I"]);
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

/// It computes without a pause, and the session is there meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn planning_ends_with_its_time() {
    let mut client = Client::new().await;
    // Far more than a millisecond, in any build.
    let sum = vec!["id"; 150].join(" + ");
    let slow = format!("select {sum} from numbers");
    assert_eq!(client.query("set statement_timeout = 1").await, "C:SET Z:I");
    assert_eq!(client.pipeline(&[parse("", &slow)]).await, "E:57014 Z:I");
    assert_eq!(client.query("set statement_timeout = 0").await, "C:SET Z:I");
    assert_eq!(client.pipeline(&[parse("", &slow)]).await, "1 Z:I");
    // Of a plan that is there it is the optimizer that takes its time.
    assert_eq!(client.query("set statement_timeout = 1").await, "C:SET Z:I");
    let run = [bind("", "", false, &[]), execute("", 0)];
    assert_eq!(client.pipeline(&run).await, "2 E:57014 Z:I");
}

/// Texts are parsed before any of their statements runs.
#[tokio::test(flavor = "multi_thread")]
async fn parsing_ends_with_its_time() {
    let mut client = Client::new().await;
    assert_eq!(client.query("set statement_timeout = 1").await, "C:SET Z:I");
    let long = "select 1; ".repeat(9_000);
    assert_eq!(client.query(&long).await, "E:57014 Z:I");
}
