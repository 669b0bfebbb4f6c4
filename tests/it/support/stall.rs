//! A runtime that stops answering on purpose, or answers something else: it stands in front of a real one and holds back every query
//! whose text has a marker in it, until its client goes away.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Which part of an answer is held back.
#[derive(Clone, Copy, Debug)]
pub enum Hold {
    /// All of it: the query is never sent on.
    Answer,
    /// What follows the head and the first bytes: the client is in the middle of a stream.
    Rest,
    /// What follows so many bytes: then the connection ends.
    Beyond(usize),
    /// So many bytes at its end: what comes before them goes on, then the connection ends.
    End(usize),
    /// All of it, and this is said in its place: then the connection ends.
    Saying(&'static [u8]),
}

/// The stalling runtime; its threads end with the test process.
#[derive(Debug)]
pub struct Stalling {
    pub url: String,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    held: AtomicUsize,
    dropped: AtomicUsize,
}

impl Stalling {
    /// In front of the runtime at `upstream` (`http://host:port`).
    pub fn start(upstream: &str, marker: &'static str, hold: Hold) -> Stalling {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, super::free_port())).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let counts = Arc::new(Counts::default());
        let upstream = upstream.strip_prefix("http://").expect("an http:// URL").to_owned();
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, counts) = (upstream.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(client, &upstream, marker, hold, &counts));
            }
        });
        Stalling { url, counts }
    }

    /// How many queries have been held so far.
    pub fn held(&self) -> usize {
        self.counts.held.load(Ordering::SeqCst)
    }

    /// How many of them have lost their client.
    pub fn dropped(&self) -> usize {
        self.counts.dropped.load(Ordering::SeqCst)
    }
}

/// One connection, which carries one request: its answer tells the client that it closes.
fn serve(mut client: TcpStream, upstream: &str, marker: &str, hold: Hold, counts: &Counts) -> Option<()> {
    let mut requests = BufReader::new(client.try_clone().ok()?);
    let (head, body) = request(&mut requests)?;
    let held = String::from_utf8_lossy(&body).contains(marker);
    match hold {
        Hold::Answer if held => return wait(&mut requests, counts),
        Hold::Saying(words) if held => return client.write_all(words).ok(),
        _ => {}
    }
    let mut runtime = TcpStream::connect(upstream).ok()?;
    runtime.write_all(head.as_bytes()).ok()?;
    runtime.write_all(&body).ok()?;
    if let Hold::Beyond(count) = hold
        && held
    {
        let mut start = runtime.take(count.try_into().ok()?);
        std::io::copy(&mut start, &mut client).ok()?;
        return Some(());
    }
    if let Hold::End(count) = hold
        && held
    {
        // Whichever of the runtime's partitions answers first, all of its batches but the last are whole.
        let mut reply = Vec::new();
        runtime.read_to_end(&mut reply).ok()?;
        let sent = reply.len().checked_sub(count)?;
        return client.write_all(&reply[..sent]).ok();
    }
    if held {
        let mut first = [0; 1024];
        let count = runtime.read(&mut first).ok()?;
        client.write_all(&first[..count]).ok()?;
        return wait(&mut requests, counts);
    }
    std::io::copy(&mut runtime, &mut client).ok()?;
    Some(())
}

/// A request's head, changed to ask the runtime to close behind its answer, and its body.
fn request(client: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if name == "content-length" {
            length = line.split(':').nth(1)?.trim().parse().ok()?;
        }
        if name != "connection" {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    Some((head + "connection: close\r\n\r\n", body))
}

/// Answers nothing until the client closes.
fn wait(client: &mut impl Read, counts: &Counts) -> Option<()> {
    counts.held.fetch_add(1, Ordering::SeqCst);
    let mut byte = [0];
    while matches!(client.read(&mut byte), Ok(1)) {}
    counts.dropped.fetch_add(1, Ordering::SeqCst);
    Some(())
}
