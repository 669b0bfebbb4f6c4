//! Splits the byte stream into frames. A frame is handed on only whole, and its size is judged from its head, before any
//! of its body is waited for.

use bytes::{Buf, Bytes, BytesMut};

use crate::{Error, Result, SqlState, limits};

/// A message after startup: its type byte and its body, without the length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: u8,
    pub body: Bytes,
}

/// The shortest startup packet: length and protocol number.
const STARTUP_PACKET_SIZE_MIN: usize = 8;

/// The body of a startup packet (all behind its length), or `None` while bytes are missing.
pub fn startup_packet(buf: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some(length) = length_at(buf, 0) else {
        return Ok(None);
    };
    match usize::try_from(length) {
        Ok(length) if (STARTUP_PACKET_SIZE_MIN..=limits::STARTUP_PACKET_SIZE_MAX).contains(&length) => {
            if buf.len() < length {
                return Ok(None);
            }
            let mut packet = buf.split_to(length);
            packet.advance(4);
            Ok(Some(packet.freeze()))
        }
        _ => Err(Error::fatal(
            SqlState::PROTOCOL_VIOLATION,
            "invalid length of startup packet",
        )),
    }
}

/// The password message, or `None` while bytes are missing. Any other message is refused by its first byte.
pub fn password_message(buf: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some(&tag) = buf.first() else {
        return Ok(None);
    };
    if tag != b'p' {
        return Err(Error::fatal(
            SqlState::PROTOCOL_VIOLATION,
            format!("expected password response, got message type {}", printable(tag)),
        ));
    }
    // And its NUL.
    Ok(take(buf, limits::PASSWORD_SIZE_MAX + 1, SqlState::PROTOCOL_VIOLATION)?.map(|frame| frame.body))
}

/// A message of a session, or `None` while bytes are missing.
pub fn message(buf: &mut BytesMut) -> Result<Option<Frame>> {
    take(buf, limits::MESSAGE_SIZE_MAX, SqlState::PROGRAM_LIMIT_EXCEEDED)
}

/// Whether `buf` starts with a whole message, or with a head that [`message`] refuses.
pub fn has_message(buf: &[u8]) -> bool {
    match length_at(buf, 1).map(usize::try_from) {
        None => false,
        Some(Ok(length)) if length <= limits::MESSAGE_SIZE_MAX => buf.len() > length,
        Some(_) => true,
    }
}

fn take(buf: &mut BytesMut, size_max: usize, too_large: SqlState) -> Result<Option<Frame>> {
    let (Some(&tag), Some(length)) = (buf.first(), length_at(buf, 1)) else {
        return Ok(None);
    };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length >= 4) else {
        return Err(Error::fatal(SqlState::PROTOCOL_VIOLATION, "invalid message length"));
    };
    if length - 4 > size_max {
        return Err(Error::fatal(
            too_large,
            format!("message of {} bytes exceeds the limit of {size_max} bytes", length - 4),
        ));
    }
    if buf.len() <= length {
        return Ok(None);
    }
    let mut frame = buf.split_to(length + 1);
    frame.advance(5);
    Ok(Some(Frame {
        tag,
        body: frame.freeze(),
    }))
}

fn length_at(buf: &[u8], offset: usize) -> Option<i32> {
    let bytes = buf.get(offset..offset + 4)?;
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

/// A type byte as an error may show it: in quotes when it is printable, else as a number.
pub fn printable(tag: u8) -> String {
    if tag.is_ascii_graphic() {
        format!("\"{}\"", char::from(tag))
    } else {
        tag.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buf(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn startup_packets_are_judged_by_their_length_alone() {
        for length in [0, 3, 4, 7, 10_001, i32::MAX, -1, i32::MIN] {
            let error = startup_packet(&mut buf(&length.to_be_bytes())).unwrap_err();
            assert_eq!(error.message(), "invalid length of startup packet", "{length}");
            assert!(error.is_fatal());
        }
        assert_eq!(startup_packet(&mut buf(&[0, 0, 0])).unwrap(), None);
        assert_eq!(startup_packet(&mut buf(&[0, 0, 0, 8, 4, 210, 22])).unwrap(), None);
    }

    #[test]
    fn a_startup_packet_is_split_from_what_follows() {
        let mut bytes = buf(&[0, 0, 0, 8, 4, 210, 22, 47, 99]);
        assert_eq!(startup_packet(&mut bytes).unwrap().unwrap().as_ref(), [4, 210, 22, 47]);
        assert_eq!(bytes.as_ref(), [99]);
    }

    #[test]
    fn only_a_password_is_taken_before_login_and_by_its_first_byte() {
        let error = password_message(&mut buf(b"Q")).unwrap_err();
        assert_eq!(error.message(), "expected password response, got message type \"Q\"");
        let error = password_message(&mut buf(&[7])).unwrap_err();
        assert_eq!(error.message(), "expected password response, got message type 7");
        for length in [0, 3, -1] {
            let mut bytes = vec![b'p'];
            bytes.extend_from_slice(&i32::to_be_bytes(length));
            assert_eq!(
                password_message(&mut buf(&bytes)).unwrap_err().code(),
                SqlState::PROTOCOL_VIOLATION
            );
        }
        let mut bytes = vec![b'p'];
        bytes.extend_from_slice(&(64 * 1024 + 5i32).to_be_bytes());
        assert_eq!(
            password_message(&mut buf(&bytes)).unwrap(),
            None,
            "64 KiB and the NUL may come"
        );
        bytes.truncate(1);
        bytes.extend_from_slice(&(64 * 1024 + 6i32).to_be_bytes());
        assert_eq!(
            password_message(&mut buf(&bytes)).unwrap_err().code(),
            SqlState::PROTOCOL_VIOLATION
        );
    }

    #[test]
    fn a_message_is_refused_by_its_head_before_its_body_arrives() {
        let mut bytes = vec![b'Q'];
        bytes.extend_from_slice(&(1i32 << 30).to_be_bytes());
        let error = message(&mut buf(&bytes)).unwrap_err();
        assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(error.is_fatal());
        assert!(has_message(&bytes));
    }

    #[test]
    fn messages_come_out_one_by_one_whatever_the_chunking() {
        let bytes = b"S\0\0\0\x04Q\0\0\0\x09hi!\0\0H\0\0\0\x04";
        let mut arrived = BytesMut::new();
        let mut tags = Vec::new();
        for byte in bytes {
            arrived.extend_from_slice(&[*byte]);
            assert_eq!(has_message(&arrived), message(&mut arrived.clone()).unwrap().is_some());
            while let Some(frame) = message(&mut arrived).unwrap() {
                tags.push((frame.tag, frame.body.len()));
            }
        }
        assert_eq!(tags, [(b'S', 0), (b'Q', 5), (b'H', 0)]);
    }
}
