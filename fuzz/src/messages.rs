//! The frames of a session and the bodies of its messages: each ends in a message or an error, decoded from its own frame alone.

use bytes::BytesMut;
use restate_pg::{
    limits,
    wire::{frame, frontend},
};

pub fn run(data: &[u8]) {
    let mut buffer = BytesMut::new();
    for piece in super::pieces(data) {
        buffer.extend_from_slice(piece);
        loop {
            let whole = frame::has_message(&buffer);
            match frame::message(&mut buffer) {
                Err(error) => return assert!(error.is_fatal() && whole),
                Ok(Some(frame)) => {
                    assert!(whole);
                    let _ = frontend::decode(frame);
                }
                Ok(None) => break,
            }
        }
        assert!(buffer.len() <= limits::MESSAGE_SIZE_MAX + 5 + piece.len());
    }
}
