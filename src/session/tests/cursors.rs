//! Cursors and portals: one name space, moved through in all directions, open as long as their transaction or HOLD says.

use super::*;

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
