//! What a statement costs by way of the server, against asking the runtime for it directly: those that runtimes do badly, which the
//! planner says in another way, and those that they do well, which it must not slow down.

use super::{Bed, LIVE, ms};
use crate::{
    direct::Direct,
    measure::{Sample, Table},
    stream::As,
    support::http,
};

/// How often each statement is asked of each side.
const ROUNDS: usize = 30;

/// Name and text. `$ID`, `$IDS`, `$SERVICE` and `$KEY` are taken from the runtime's own rows.
const STATEMENTS: &[(&str, &str)] = &[
    ("select 1", "select 1"),
    ("status id=", "select * from sys_invocation_status where id = '$ID'"),
    ("view id=, all columns", "select * from sys_invocation where id = '$ID'"),
    (
        "view id=, stored columns",
        "select id, target, created_at from sys_invocation where id = '$ID'",
    ),
    (
        "view id in 100",
        "select id, target, status from sys_invocation where id in ($IDS)",
    ),
    (
        "journal id=",
        "select id, index, entry_type from sys_journal where id = '$ID'",
    ),
    (
        "status lower(id)=",
        "select id from sys_invocation_status where lower(id) = lower('$ID')",
    ),
    (
        "status id like",
        "select id from sys_invocation_status where id like '$ID%'",
    ),
    (
        "status id = (subquery)",
        "select target from sys_invocation_status where id = (select max(id) from sys_invocation_status where id = '$ID')",
    ),
    (
        "status id = trim(…)::varchar",
        "select target from sys_invocation_status where id = trim(' $ID ')::varchar",
    ),
    (
        "journal id in (live ids)",
        "select id, index from sys_journal where id in (select id from sys_invocation_state)",
    ),
    (
        "status service key",
        "select id, target from sys_invocation_status where target_service_key = '$KEY'",
    ),
    (
        "view service key",
        "select id, status from sys_invocation where target_service_key = '$KEY'",
    ),
    (
        "state service key",
        "select key, value_utf8 from state where service_name = '$SERVICE' and service_key = '$KEY'",
    ),
    (
        "state service key, one key",
        "select value_utf8 from state where service_name = '$SERVICE' and service_key = '$KEY' and key = '$STATE'",
    ),
    ("view limit 1", "select * from sys_invocation limit 1"),
    ("view limit 100", "select * from sys_invocation limit 100"),
    (
        "view status = running",
        "select id, target from sys_invocation where status = 'running'",
    ),
    (
        "view status = backing-off",
        "select id, retry_count from sys_invocation where status = 'backing-off'",
    ),
    (
        "view count of running",
        "select count(*) as n from sys_invocation where status = 'running'",
    ),
    ("state table", "select * from sys_invocation_state"),
    ("count of status", "select count(*) as n from sys_invocation_status"),
    ("count of view", "select count(*) as n from sys_invocation"),
    (
        "count of completed",
        "select count(*) as n from sys_invocation where status = 'completed'",
    ),
    ("count of journal", "select count(*) as n from sys_journal"),
    ("count of state", "select count(*) as n from state"),
    (
        "group by status",
        "select status, count(*) as n from sys_invocation group by status",
    ),
    (
        "group by service",
        "select target_service_name, count(*) as n from sys_invocation group by 1",
    ),
    (
        "view top 10",
        "select id, status from sys_invocation order by created_at desc limit 10",
    ),
];

/// Medians of each statement: through the server, as curl asks (acknowledgements as the kernel sends them), and with quick ones. The
/// ratio is to curl's; whether it is within 1.1 × that + 1 ms stands behind it.
pub fn rewrites(bed: &Bed, table: &mut Table) {
    let Some(url) = &bed.runtime else {
        return table.skipped("statements of a runtime", "RESTATE_PG_BENCH_RUNTIME is not set");
    };
    let values = values(url);
    let mut ours = bed.ours(LIVE);
    let (mut as_curl, mut quick) = (Direct::connect(url, false), Direct::connect(url, true));
    for (name, sql) in STATEMENTS {
        let sql = values
            .iter()
            .fold((*sql).to_owned(), |sql, (name, value)| sql.replace(name, value));
        let mut times: [Vec<f64>; 3] = Default::default();
        // The first round is not counted: it opens what is opened once, and lets the server learn what it asks a cluster once.
        for round in 0..=ROUNDS {
            let measured = [ours.run(&sql, As::Text).whole, as_curl.query(&sql), quick.query(&sql)];
            for (times, time) in times.iter_mut().zip(measured).filter(|_| round > 0) {
                times.push(ms(time));
            }
        }
        let [ours, curl, quick] = times.map(|times| Sample::new(times).median());
        let within = if ours <= 1.1 * curl + 1.0 { "yes" } else { "NO" };
        table.line(
            format!("{name}, ms"),
            format!("{ours:.2}"),
            format!("curl {curl:.2}, quick {quick:.2}"),
            format!("{:.2} ×, within: {within}", curl / ours),
        );
    }
}

/// What takes the place of `$…` in the statements: an invocation that is completed, a hundred of them, an object and one of its keys.
fn values(url: &str) -> Vec<(&'static str, String)> {
    let rows = |sql: &str| http::query(url, sql).expect("a row to start from");
    let text = |row: &http::Row, name: &str| row[name].as_str().expect("a text").to_owned();
    let ids = rows("select id from sys_invocation_status where status = 'completed' limit 100");
    let ids: Vec<String> = ids.iter().map(|row| text(row, "id")).collect();
    let object = rows(
        "select s.service_name, s.service_key, min(s.key) as key, count(*) as n from state s \
         group by 1, 2 order by 4 desc, 1, 2 limit 1",
    );
    let quoted: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    vec![
        ("$IDS", quoted.join(", ")),
        ("$ID", ids[0].clone()),
        ("$SERVICE", text(&object[0], "service_name")),
        ("$KEY", text(&object[0], "service_key")),
        ("$STATE", text(&object[0], "key")),
    ]
}
