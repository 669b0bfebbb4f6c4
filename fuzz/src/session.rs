//! A logged-in session over the demo's snapshot: any bytes in any pieces get well-formed messages, and when the client has gone the
//! session ends.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use restate_pg::{
    edge::cancel::Registry,
    query::Engine,
    session::{Admitted, Connection, Session},
    source::SnapshotSource,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::{Builder, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Longer than any statement of a few hundred bytes may keep a client that waits; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes between client and session: smaller than what a message may be, so that both wait for each other at times.
const PIPE_SIZE: usize = 16 * 1024;

pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/demo");
    let source = SnapshotSource::open(demo).expect("the demo's snapshot");
    Arc::new(Engine::new("demo".parse().expect("a name"), Arc::new(source)).expect("an engine"))
});

pub fn run(data: &[u8]) {
    RUNTIME.block_on(async {
        let (client, session) = start();
        let (mut input, mut output) = tokio::io::split(client);
        let pieces: Vec<Vec<u8>> = super::pieces(data).map(<[u8]>::to_vec).collect();
        let send = async {
            for piece in pieces {
                // A session that has ended takes no more, which is its right.
                if output.write_all(&piece).await.is_err() {
                    break;
                }
            }
            let _ = output.shutdown().await;
        };
        let mut answer = vec![];
        let both = async { tokio::join!(send, input.read_to_end(&mut answer)) };
        let (_, read) = tokio::time::timeout(PATIENCE, both)
            .await
            .expect("an end within a minute");
        read.expect("a pipe that can be read");
        let _ = tokio::time::timeout(PATIENCE, session)
            .await
            .expect("the session's end");
        check(&answer);
    });
}

/// A client's end of a new session.
pub(crate) fn start() -> (DuplexStream, JoinHandle<std::io::Result<()>>) {
    let admitted = Admitted {
        engine: Arc::clone(&ENGINE),
        user: "demo".to_owned(),
        database: "demo".to_owned(),
        parameters: vec![],
        expires_at: SystemTime::now() + Duration::from_secs(24 * 3600),
        registration: Arc::<Registry>::default().register(0).expect("a cancel key"),
    };
    let (client, server) = tokio::io::duplex(PIPE_SIZE);
    let session = Session::new(Connection::new(server), admitted, CancellationToken::new()).map_err(|(_, error)| error);
    let session = session.expect("a session");
    (client, tokio::spawn(session.run()))
}

/// Whole messages of kinds that a backend sends, one after the other. The last may be cut where the client left in its midst.
pub(crate) fn check(mut answer: &[u8]) {
    while let Some((head, rest)) = answer.split_first_chunk::<5>() {
        let tag = head[0];
        assert!(b"123CDEGHINSTVWZKRcdnst".contains(&tag), "a message of type {tag}");
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let body = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
        let body = body.expect("a length that counts itself");
        let Some((body, after)) = rest.split_at_checked(body) else {
            return;
        };
        if tag == b'E' {
            assert!(
                body.contains(&b'C') && body.ends_with(&[0, 0]),
                "an error without a code"
            );
        }
        answer = after;
    }
}
