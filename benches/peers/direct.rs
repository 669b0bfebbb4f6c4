//! `POST /query` without us: a connection that is kept open, as a good client's is, whose replies are read and forgotten.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// What a reply ends with: the end of its last batch's chunk, and the empty chunk.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// A connection to a runtime.
pub struct Direct {
    stream: TcpStream,
    authority: String,
    buffer: Vec<u8>,
    /// Acknowledges at once. A client that does not, such as curl, waits 40 ms for a reply of several chunks.
    quick: bool,
}

impl Direct {
    pub fn connect(url: &str, quick: bool) -> Direct {
        let authority = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&authority).expect("connect to the runtime");
        stream.set_nodelay(true).expect("no delay");
        Direct {
            stream,
            authority,
            buffer: vec![0; 256 * 1024],
            quick,
        }
    }

    /// Sends a query and reads its Arrow stream to the end.
    pub fn query(&mut self, sql: &str) -> Duration {
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
        while tail != END {
            let read = self.stream.read(&mut self.buffer).expect("read");
            assert!(read > 0, "the runtime has closed the connection");
            if self.quick {
                let socket = socket2::SockRef::from(&self.stream);
                socket.set_tcp_quickack(true).expect("quick acknowledgements");
            }
            let piece = &self.buffer[..read];
            if !seen_head {
                assert!(
                    piece.starts_with(b"HTTP/1.1 200"),
                    "{sql}: {}",
                    String::from_utf8_lossy(piece)
                );
                seen_head = true;
            }
            tail.extend_from_slice(&piece[read.saturating_sub(END.len())..]);
            tail.drain(..tail.len().saturating_sub(END.len()));
        }
        begun.elapsed()
    }
}
