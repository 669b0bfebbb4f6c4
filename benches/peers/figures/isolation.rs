//! What one cluster's worst statements do to another's point lookups on the same server: alone and beside each bomb, in turns.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{Bed, DEMO, LIVE, SNAPSHOT, ms};
use crate::{
    measure::{Sample, Table, number},
    stream::{As, Stream},
    support::raw::{self, Raw},
};

/// Turns of each side, and lookups in a turn: the 99th percentile is that of a thousand.
const TURNS: usize = 5;
const LOOKUPS: usize = 200;

/// From the start of a bomb to the first lookup: by then it has planned, and fills what it may fill.
const FUSE: Duration = Duration::from_millis(500);

/// Sessions that drop the same bomb, one and more than this machine is likely to have cores for a cluster.
const BOMBERS: [usize; 2] = [1, 4];

/// A turn of a bomb that does not end by itself.
const TIMEOUT: &str = "set statement_timeout = '5s'";

/// Name and statement.
const BOMBS: [(&str, &str); 6] = [
    (
        "a sort",
        "select * from generate_series(1, 1000000000000) as a(n) order by n desc",
    ),
    (
        "a cross join",
        "select count(*) from generate_series(1, 100000) a(n) cross join generate_series(1, 1000000) b(n) where a.n + b.n > 5",
    ),
    (
        "a join of few values",
        "select count(*) from generate_series(1, 1000000) a(n) join generate_series(1, 1000000) b(n) on a.n % 2 = b.n % 2",
    ),
    ("repeat('x', 1e9)", "select length(repeat('x', 1000000000))"),
    (
        "values of 100 MB",
        "select length(upper(repeat('x', 100000000))) from generate_series(1, 100)",
    ),
    (
        HUGE,
        "select n, repeat('x', 1000) from generate_series(1, 1000000000) as t(n)",
    ),
];

/// The one whose client reads nothing.
const HUGE: &str = "a huge result that nobody reads";

/// Milliseconds of lookups by id, on a real runtime where there is one, else on the demo's snapshot.
pub fn isolation(bed: &Bed, table: &mut Table) {
    let good = if bed.runtime.is_some() { LIVE } else { DEMO };
    let mut lookups = Lookups::on(bed, good);
    lookups.turn();
    for (name, sql) in BOMBS {
        for bombers in BOMBERS {
            let (mut alone, mut beside) = (vec![], vec![]);
            for _ in 0..TURNS {
                alone.extend(lookups.turn());
                beside.extend(under(bed, name, sql, bombers, || lookups.turn()));
            }
            let (alone, beside) = (Sample::new(alone), Sample::new(beside));
            for (percentile, q) in [("p50", 0.5), ("p99", 0.99)] {
                let (beside, alone) = (beside.quantile(q), alone.quantile(q));
                table.line(
                    format!("lookup on {good} beside {bombers} × {name}, {percentile}, ms"),
                    number(beside),
                    format!("alone {}", number(alone)),
                    format!("{:.2} ×", alone / beside),
                );
            }
        }
    }
}

/// A session of the good cluster, and what it looks up.
struct Lookups {
    stream: Stream,
    sql: String,
}

impl Lookups {
    fn on(bed: &Bed, cluster: &str) -> Lookups {
        let mut raw = Raw::login(&bed.door, cluster);
        let answer = raw.query("select id from sys_invocation_status limit 1");
        let row = answer.iter().find(|message| message.tag == 'D').expect("an invocation");
        let id = row.values()[0].clone().expect("an id");
        let id = String::from_utf8(id).expect("UTF-8");
        Lookups {
            stream: bed.ours(cluster),
            sql: format!("select * from sys_invocation_status where id = '{id}'"),
        }
    }

    fn turn(&mut self) -> Vec<f64> {
        let lookup = |_| {
            let seen = self.stream.run(&self.sql, As::Text);
            assert_eq!(seen.rows, 1);
            ms(seen.whole)
        };
        (0..LOOKUPS).map(lookup).collect()
    }
}

/// What `measured` gives while so many sessions of the other cluster drop the bomb again and again.
fn under<T>(bed: &Bed, name: &str, sql: &str, bombers: usize, measured: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let sessions: Vec<Raw> = (0..bombers).map(|_| Raw::login(&bed.door, SNAPSHOT)).collect();
    thread::scope(|scope| {
        for mut raw in sessions {
            let over = &over;
            scope.spawn(move || {
                if name == HUGE {
                    raw.send(&raw::query(sql));
                    while !over.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(20));
                    }
                    return;
                }
                raw.query(TIMEOUT);
                while !over.load(Ordering::Relaxed) {
                    raw.query(sql);
                }
            });
        }
        thread::sleep(FUSE);
        let result = measured();
        over.store(true, Ordering::Relaxed);
        result
    })
}
