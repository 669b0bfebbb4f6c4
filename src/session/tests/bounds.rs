//! What a session may keep at its client's wish, and what gives it back.

use super::*;

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
