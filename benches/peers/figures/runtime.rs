//! What the door adds to a real runtime: a lookup by id, and a whole journal, beside the same text sent to `POST /query` by a client
//! that reads the Arrow stream and does nothing with it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{Bed, LIVE};
use crate::{
    measure::{Better, Sample, Table, pair},
    stream::As,
    support::http,
};

/// Lookups of each side.
const LOOKUPS: usize = 500;

pub fn lookups(bed: &Bed, table: &mut Table) {
    let Some(url) = &bed.runtime else {
        return table.skipped("lookup by id", "RESTATE_PG_BENCH_RUNTIME is not set");
    };
    let found = http::query(
        url.trim_end_matches('/'),
        "SELECT id FROM sys_invocation_status LIMIT 1",
    );
    let id = found.expect("an answer")[0]["id"]
        .as_str()
        .expect("an invocation")
        .to_owned();
    let sql = format!("SELECT * FROM sys_invocation_status WHERE id = '{id}'");
    let (mut ours, mut direct) = (bed.ours(LIVE), Direct::connect(url));
    let (mut through, mut straight) = (vec![], vec![]);
    for turn in 0..LOOKUPS + 20 {
        let seen = ours.run(&sql, As::Text);
        assert_eq!(seen.rows, 1);
        let time = direct.query(&sql);
        if turn >= 20 {
            through.push(seen.whole.as_secs_f64() * 1e3);
            straight.push(time.as_secs_f64() * 1e3);
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
    let (mut ours, mut direct) = (bed.ours(LIVE), Direct::connect(url));
    let both = pair(
        || ours.run(sql, As::Text).whole.as_secs_f64() * 1e3,
        || direct.query(sql).as_secs_f64() * 1e3,
    );
    table.pair("full sys_journal", "ms", Better::Less, both);
}

/// A connection to a runtime that is kept open, as a good client's is.
struct Direct {
    stream: TcpStream,
    authority: String,
    buffer: Vec<u8>,
}

impl Direct {
    fn connect(url: &str) -> Direct {
        let authority = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&authority).expect("connect to the runtime");
        stream.set_nodelay(true).expect("no delay");
        Direct {
            stream,
            authority,
            buffer: vec![0; 256 * 1024],
        }
    }

    /// Sends a query and reads its reply to the end of the last chunk.
    fn query(&mut self, sql: &str) -> Duration {
        let body = serde_json::json!({ "query": sql }).to_string();
        let request = format!(
            "POST /query HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes()).expect("send");
        let mut tail = Vec::new();
        let mut seen_head = false;
        loop {
            let read = self.stream.read(&mut self.buffer).expect("read");
            assert!(read > 0, "the runtime has closed the connection");
            // Acknowledged at once: the runtime's small writes wait for it otherwise.
            socket2::SockRef::from(&self.stream)
                .set_tcp_quickack(true)
                .expect("quick acknowledgements");
            let piece = &self.buffer[..read];
            if !seen_head {
                assert!(piece.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(piece));
                seen_head = true;
            }
            tail.extend_from_slice(&piece[read.saturating_sub(7)..]);
            tail.drain(..tail.len().saturating_sub(7));
            if tail == b"\r\n0\r\n\r\n" {
                return begun.elapsed();
            }
        }
    }
}
