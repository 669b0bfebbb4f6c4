//! Many statements on one cluster whose rows are computed here: so many at once, so many wait.

use super::*;

/// It never ends, and nobody knows how many rows it reads.
const STUCK: &str = "select id from stuck";

/// Nobody knows how many rows it reads either.
const LARGE: &str = "select count(*) from generate_series(1, 10)";

/// Few rows, of which hundreds of megabytes are made.
const OF_LARGE_VALUES: &str = "select length(repeat('x' || id, 100000000)) from numbers";

/// Of each row every pair of two relations is compared.
const OF_PAIRS: &str =
    "select id, (select count(*) from pg_attribute a, pg_attribute b where a.attnum + b.attnum > n.id) from numbers n";

const ANSWER: &str = "T D:10 C:SELECT 1 Z:I";

/// Lanes of a width of one, and one place to wait.
fn narrow(wait: Duration) -> Arc<Engine> {
    let engine = Engine::new("demo".parse().unwrap(), Arc::new(Tables::new())).unwrap();
    Arc::new(engine.with_turns(1, 1, 1, wait))
}

/// A client whose statement has been begun, or waits.
async fn running(engine: &Arc<Engine>, sql: &str) -> Client {
    let mut client = Client::on(engine).await;
    client.begin(sql).await;
    client
}

#[tokio::test]
async fn large_statements_wait_for_their_turn_and_small_ones_have_their_own() {
    let engine = narrow(Duration::from_secs(60));
    let mut stuck = running(&engine, STUCK).await;
    let mut waiting = running(&engine, LARGE).await;
    let mut client = Client::on(&engine).await;
    assert_eq!(
        client.query("select max(id) from numbers").await,
        "T D:5 C:SELECT 1 Z:I"
    );
    assert_eq!(
        client
            .query("select relname from pg_class where relname = 'numbers'")
            .await,
        "T D:numbers C:SELECT 1 Z:I"
    );
    assert_eq!(client.query(LARGE).await, "T E:53300 Z:I", "one waits already");
    for large in [OF_LARGE_VALUES, OF_PAIRS] {
        assert_eq!(client.query(large).await, "T E:53300 Z:I", "{large}");
    }
    let small = "select (select relname from pg_class c where c.oid = n.id + 1258) from numbers n where id = 1";
    assert_eq!(client.query(small).await, "T D:pg_class C:SELECT 1 Z:I");
    let answer = tokio::time::timeout(Duration::from_millis(100), waiting.message()).await;
    assert!(answer.is_err(), "{answer:?}");

    stuck.cancels.cancel(&stuck.key);
    assert_eq!(stuck.replies(1).await.join(" "), "E:57014 Z:I");
    assert_eq!(waiting.replies(1).await.join(" "), "D:10 C:SELECT 1 Z:I");
    assert_eq!(client.query(LARGE).await, ANSWER);
}

#[tokio::test]
async fn one_that_gives_up_waiting_leaves_its_place_and_says_why() {
    let engine = narrow(Duration::from_secs(60));
    let _stuck = running(&engine, STUCK).await;
    let mut late = Client::on(&engine).await;
    late.query("set statement_timeout = '10ms'").await;
    for _ in 0..2 {
        assert_eq!(late.query(LARGE).await, "T E:57014 Z:I", "waiting counts");
    }
    for _ in 0..2 {
        let mut cancelled = running(&engine, LARGE).await;
        cancelled.cancels.cancel(&cancelled.key);
        assert_eq!(cancelled.replies(1).await.join(" "), "E:57014 Z:I");
    }
    drop(running(&engine, LARGE).await);
    // Its place is free once its end is seen.
    while late.query(LARGE).await == "T E:53300 Z:I" {}

    let engine = narrow(Duration::from_millis(10));
    let _stuck = running(&engine, STUCK).await;
    let mut refused = Client::on(&engine).await;
    for _ in 0..2 {
        assert_eq!(refused.query(LARGE).await, "T E:53300 Z:I");
    }
}

#[tokio::test]
async fn whoever_reads_slowly_holds_no_turn() {
    let engine = narrow(Duration::from_secs(60));
    let long = "select repeat('x', 1000) || n from generate_series(1, 1000000) as t(n)";
    let _stalled = running(&engine, long).await;
    let mut paging = Client::on(&engine).await;
    let page = [parse("", long), bind("", "", false, &[]), execute("", 1)];
    let first = paging.pipeline(&[message(b'Q', &[b"begin\0"])]).await;
    assert_eq!(first, "C:BEGIN Z:T");
    assert_eq!(paging.replies(1).await.join(" "), "Z:T");
    assert!(paging.pipeline(&page).await.ends_with(" s Z:T"));
    let mut client = Client::on(&engine).await;
    assert_eq!(client.query(LARGE).await, ANSWER);
    client.query("begin").await;
    client.query(&format!("declare c cursor for {STUCK}")).await;
    assert_eq!(client.query("commit").await, "C:COMMIT Z:I", "it was never begun");
    assert_eq!(client.query(LARGE).await, ANSWER);
}

#[tokio::test]
async fn rows_on_their_way_to_a_client_count_as_the_clusters_memory() {
    let mut client = Client::new().await;
    client.query("begin").await;
    let wide = "select repeat(chr((97 + n % 2)::int), 60000) from generate_series(1, 100000) as t(n)";
    assert_eq!(client.pipeline(&[parse("wide", wide)]).await, "1 Z:T");
    let open = |number: usize| {
        [
            bind(&format!("p{number}"), "wide", false, &[]),
            execute(&format!("p{number}"), 1),
        ]
    };
    let mut opened = 0;
    let refused = loop {
        let answer = client.pipeline(&open(opened)).await;
        if !answer.ends_with(" s Z:T") {
            break answer;
        }
        opened += 1;
        assert!(opened < 500, "each of them holds megabytes");
    };
    assert_eq!(refused, "2 E:53200 Z:E");
    assert!(opened > 2, "{opened}");
    client.query("rollback").await;
    client.query("begin").await;
    assert!(
        client.pipeline(&open(0)).await.ends_with(" s Z:T"),
        "all was given back"
    );
}
