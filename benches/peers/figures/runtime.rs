//! What the door adds to a real runtime: a lookup by id, and a whole journal, beside the same text sent to `POST /query` by a client
//! that acknowledges at once and does nothing with the Arrow stream.

use super::{Bed, LIVE, ms};
use crate::{
    direct::Direct,
    measure::{Better, Sample, Table, pair},
    stream::As,
    support::http,
};

/// Lookups of each side, and as many before that are not measured.
const LOOKUPS: usize = 500;
const WARMING: usize = 20;

pub fn lookups(bed: &Bed, table: &mut Table) {
    let Some(url) = &bed.runtime else {
        return table.skipped("lookup by id", "RESTATE_PG_BENCH_RUNTIME is not set");
    };
    let found = http::query(url, "SELECT id FROM sys_invocation_status LIMIT 1").expect("an answer");
    let id = found[0]["id"].as_str().expect("an invocation");
    let sql = format!("SELECT * FROM sys_invocation_status WHERE id = '{id}'");
    let (mut ours, mut direct) = (bed.ours(LIVE), Direct::connect(url, true));
    let (mut through, mut straight) = (vec![], vec![]);
    for turn in 0..WARMING + LOOKUPS {
        let seen = ours.run(&sql, As::Text);
        assert_eq!(seen.rows, 1);
        let time = direct.query(&sql);
        if turn >= WARMING {
            through.push(ms(seen.whole));
            straight.push(ms(time));
        }
    }
    let (through, straight) = (Sample::new(through), Sample::new(straight));
    for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
        let (ours, peer) = (through.quantile(q), straight.quantile(q));
        table.line(
            format!("lookup by id, {name}, ms"),
            format!("{ours:.3}"),
            format!("{peer:.3}"),
            format!("{:+.3} ms", ours - peer),
        );
    }
}

pub fn journal(bed: &Bed, table: &mut Table) {
    let Some(url) = &bed.runtime else {
        return table.skipped("full sys_journal", "RESTATE_PG_BENCH_RUNTIME is not set");
    };
    let sql = "SELECT * FROM sys_journal";
    let (mut ours, mut direct) = (bed.ours(LIVE), Direct::connect(url, true));
    let both = pair(|| ms(ours.run(sql, As::Text).whole), || ms(direct.query(sql)));
    table.pair("full sys_journal", "ms", Better::Less, both);
}
