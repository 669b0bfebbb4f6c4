//! SQL text up to its plan: parsed, guarded, rewritten, planned and described, never run. Any text gets a description or an error.

use std::sync::{LazyLock, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::session::{RUNTIME, check, start};

/// One session for all of them: nothing but descriptions is asked for, so none leaves a trace in it.
static CLIENT: LazyLock<Mutex<DuplexStream>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let (mut client, _) = start();
        ready(&mut client).await;
        Mutex::new(client)
    })
});

pub fn run(data: &[u8]) {
    let Ok(sql) = std::str::from_utf8(data) else { return };
    if sql.contains('\0') {
        return;
    }
    let mut client = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    let parse = [b"\0", sql.as_bytes(), &[0, 0, 0]].concat();
    let request = [message(b'P', &parse), message(b'D', b"S\0"), message(b'S', b"")].concat();
    RUNTIME.block_on(async {
        client.write_all(&request).await.expect("a session that lives");
        check(&ready(&mut client).await);
    });
}

/// All messages up to ReadyForQuery.
async fn ready(client: &mut DuplexStream) -> Vec<u8> {
    let mut answer = vec![];
    loop {
        let mut head = [0; 5];
        client.read_exact(&mut head).await.expect("an answer");
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).expect("a length") - 4];
        client.read_exact(&mut body).await.expect("a whole message");
        answer.extend_from_slice(&head);
        answer.extend_from_slice(&body);
        if head[0] == b'Z' {
            return answer;
        }
    }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}
