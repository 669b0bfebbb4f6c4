//! The first packets and the password, before anyone is known: any bytes end in a request, an error, or a wait for more, and no more
//! than the limit is ever waited for.

use bytes::BytesMut;
use restate_pg::{
    limits,
    wire::{frame, frontend, startup},
};

pub fn run(data: &[u8]) {
    let mut buffer = BytesMut::new();
    for piece in super::pieces(data) {
        buffer.extend_from_slice(piece);
        loop {
            match frame::startup_packet(&mut buffer) {
                Err(_) => return password(&buffer),
                Ok(Some(packet)) => drop(startup::decode(packet)),
                Ok(None) => break,
            }
        }
        assert!(buffer.len() <= limits::STARTUP_PACKET_SIZE_MAX + piece.len());
    }
}

/// What was no startup packet may be a password message.
fn password(data: &[u8]) {
    let mut buffer = BytesMut::from(data);
    while let Ok(Some(body)) = frame::password_message(&mut buffer) {
        let _ = frontend::password(body);
    }
}
