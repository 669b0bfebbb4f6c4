//! Whole results, their first rows, and aggregates, of the same million rows.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{Bed, SNAPSHOT, ms};
use crate::{
    measure::{Better, Sample, Table, number, pair},
    stream::{As, Stream},
};

const ALL_ROWS: &str = "SELECT * FROM sys_invocation";

/// Rows a second, in millions, of `SELECT *`. Ours is always encrypted; PostgreSQL is measured in the clear as well.
pub fn whole(bed: &Bed, table: &mut Table) {
    let Some(postgres) = &bed.postgres else {
        return table.skipped("full SELECT *", "no PostgreSQL");
    };
    for (name, shape) in [
        ("text", As::Text),
        ("binary", As::Binary),
        ("COPY binary", As::CopyBinary),
    ] {
        for (terms, tls) in [("TLS both", true), ("TLS against clear", false)] {
            let mut ours = bed.ours(SNAPSHOT);
            let mut peer = Stream::connect(postgres.port(), tls, "demo", "demo", "");
            let rate = |stream: &mut Stream| {
                let seen = stream.run(ALL_ROWS, shape);
                // COPY adds a header and a trailer, which may be messages of their own.
                assert!(
                    (bed.rows..=bed.rows + 2).contains(&seen.rows),
                    "all rows: {}",
                    seen.rows
                );
                bed.rows as f64 / seen.whole.as_secs_f64() / 1e6
            };
            let both = pair(|| rate(&mut ours), || rate(&mut peer));
            table.pair(
                &format!("full SELECT *, {name}, {terms}"),
                "million rows/s",
                Better::More,
                both,
            );
        }
    }
}

/// Time to the first row of ten times all rows, and what the server's memory does meanwhile.
pub fn first_row(bed: &Bed, table: &mut Table) {
    let tenfold = [ALL_ROWS; 10].join(" UNION ALL ");
    let mut ours = bed.ours(SNAPSHOT);
    ours.run(ALL_ROWS, As::Text);
    let done = AtomicBool::new(false);
    let before = bed.door.process.resident();
    let (first, most) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !done.load(Ordering::Relaxed) {
                most = most.max(bed.door.process.resident());
                thread::sleep(Duration::from_millis(20));
            }
            most
        });
        let first = (0..3)
            .map(|_| {
                let seen = ours.run(&tenfold, As::Text);
                assert_eq!(seen.rows, 10 * bed.rows);
                ms(seen.first)
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        (Sample::new(first), watch.join().expect("the watch"))
    });
    let mib = |bytes: u64| number(bytes as f64 / 1024.0 / 1024.0);
    table.line(
        format!(
            "first row of {} rows, ms; resident memory, MiB",
            number(10.0 * bed.rows as f64)
        ),
        format!("{first}; {} before, {} at most", mib(before), mib(most)),
        String::new(),
        String::new(),
    );
}

/// Milliseconds of aggregates over all rows.
pub fn aggregates(bed: &Bed, table: &mut Table) {
    let Some(postgres) = &bed.postgres else {
        return table.skipped("aggregates", "no PostgreSQL");
    };
    for (name, sql) in [
        (
            "by status",
            "SELECT status, count(*) FROM sys_invocation GROUP BY 1 ORDER BY 1",
        ),
        (
            "by service and hour",
            "SELECT target_service_name, date_trunc('hour', created_at), count(*), max(journal_size), avg(retry_count) \
             FROM sys_invocation GROUP BY 1, 2 ORDER BY 1, 2",
        ),
        (
            "distinct keys, filtered",
            "SELECT count(DISTINCT target_service_key), count(*) FILTER (WHERE status = 'running') FROM sys_invocation \
             WHERE retry_count > 3 OR status <> 'completed'",
        ),
    ] {
        let mut ours = bed.ours(SNAPSHOT);
        let mut peer = Stream::connect(postgres.port(), true, "demo", "demo", "");
        let (one, other) = (ours.run(sql, As::Text).rows, peer.run(sql, As::Text).rows);
        assert_eq!(one, other, "{sql}");
        let time = |stream: &mut Stream| ms(stream.run(sql, As::Text).whole);
        let both = pair(|| time(&mut ours), || time(&mut peer));
        table.pair(&format!("aggregate {name}"), "ms", Better::Less, both);
    }
}
