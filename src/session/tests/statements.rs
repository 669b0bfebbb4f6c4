//! Statements, transactions, settings and parameters: what is answered, in which order.

use super::*;

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
async fn what_needs_no_upkeep_is_answered_as_if_it_had_it() {
    let mut client = Client::new().await;
    for (sql, answer) in [
        ("vacuum", "C:VACUUM Z:I"),
        ("analyze pg_class (relname, oid), pg_type", "C:ANALYZE Z:I"),
        ("analyze no_table", "E:42P01 Z:I"),
        ("vacuum analyze pg_class (no_column)", "E:42703 Z:I"),
        ("begin; analyze", "C:BEGIN C:ANALYZE Z:T"),
        ("vacuum", "E:25001 Z:E"),
        ("rollback", "C:ROLLBACK Z:I"),
        (&format!("analyze pg_class{}", ", pg_class".repeat(500)), "E:54000 Z:I"),
    ] {
        assert_eq!(client.query(sql).await, answer, "{sql}");
    }
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
async fn a_chained_transaction_has_the_modes_of_the_one_before() {
    let mut client = Client::new().await;
    client.query("begin isolation level serializable, deferrable").await;
    client.query("set default_transaction_deferrable = off").await;
    for end in ["commit", "rollback"] {
        let chained = client
            .query(&format!("{end} and chain; show transaction_isolation"))
            .await;
        let tag = end.to_uppercase();
        assert_eq!(chained, format!("C:{tag} T D:serializable C:SHOW Z:T"));
        assert_eq!(client.query("show transaction_deferrable").await, "T D:on C:SHOW Z:T");
    }
    client.query("commit").await;
    assert_eq!(
        client.query("show transaction_isolation").await,
        "T D:read committed C:SHOW Z:I"
    );
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
        ("select $1::numeric, cast($2 as numeric) + 1", "1700,1700"),
        ("select id from numbers where id = $1", "20"),
        ("select id from numbers where id in ($1, $2)", "20,20"),
        ("select id from numbers where id between $1 and $2", "20,20"),
        ("select id from numbers where id = any($1)", "1016"),
        ("select id from numbers limit $1", "20"),
        ("select id from numbers limit $1 offset $2", "20,20"),
        ("select id from numbers where id = $1 or id = $1 + 1", "20"),
        ("select coalesce(id, $1), nullif($2, id) from numbers", "20,20"),
        ("select coalesce(true, $1)", "16"),
        ("select case when id > 1 then id else $1 end from numbers", "20"),
        ("select case id when $1 then 'a' else $2 end from numbers", "20,25"),
        (
            "select 1 where $1 and not $2 or $3 is true or $4 is not false",
            "16,16,16,16",
        ),
        ("select case when $1 then $2 end", "16,25"),
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

/// The rows of a query, as the client gets them.
async fn rows(client: &mut Client, sql: &str) -> String {
    let answer = client.query(sql).await;
    let rows = answer.split(' ').filter_map(|reply| reply.strip_prefix("D:"));
    match answer.contains("C:SELECT") {
        true => rows.collect::<Vec<_>>().join(" "),
        false => answer,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subqueries_stand_where_the_engine_knows_none() {
    let mut client = Client::new().await;
    for (sql, expected) in [
        (
            "select id, exists (select 1 from numbers m where m.id = n.id and m.id > 3), \
             not exists (select 1 from numbers m where m.id = n.id + 2 limit 1) from numbers n order by id",
            "1,f,f 2,f,f 3,f,f 4,t,t 5,t,t",
        ),
        (
            "select id, id in (select id from numbers where id > 3), id not in (select nullif(id, 2) from numbers where id < 4) \
             from numbers order by id",
            "1,f,f 2,f,NULL 3,f,f 4,t,NULL 5,t,NULL",
        ),
        (
            "select nullif(id, 1) in (select id from numbers), nullif(id, 1) in (select id from numbers where false) \
             from numbers order by id limit 2",
            "NULL,f t,f",
        ),
        (
            "select id from numbers n order by (select count(*) from numbers m where m.id = n.id and m.id % 2 = 0) desc, id",
            "2 4 1 3 5",
        ),
        // By a column that is not in the list.
        (
            "select 'x' || id::text as a from numbers n order by (select max(-m.id) from numbers m where m.id = n.id) limit 2",
            "x5 x4",
        ),
        (
            "select id as a from numbers n order by exists (select 1 from numbers m where m.id = n.id and m.id > 3), a desc",
            "3 2 1 5 4",
        ),
    ] {
        assert_eq!(rows(&mut client, sql).await, expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sorts_and_groups_that_the_engine_fails_on() {
    let mut client = Client::new().await;
    for (sql, expected) in [
        (
            "select id as a, id as b, id as c from numbers where id < 3 union all select id, nullif(id, 4), 9 from numbers where id > 3 \
             order by 3 desc, 2 desc nulls last, 1",
            "5,5,9 4,NULL,9 2,2,2 1,1,1",
        ),
        (
            "select id % 2 as odd, count(*), grouping(id % 2) from numbers group by rollup (id % 2) order by 3, 1",
            "0,2,0 1,3,0 NULL,5,1",
        ),
        (
            "select case when id > 3 then 'big' else 'small' end as size, sum(id) from numbers \
             group by cube (case when id > 3 then 'big' else 'small' end) order by 1",
            "big,9 small,6 NULL,15",
        ),
    ] {
        assert_eq!(rows(&mut client, sql).await, expected, "{sql}");
    }
}
