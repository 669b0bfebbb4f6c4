//! Bodies of frontend messages. A body is decoded only inside its own frame and must be used up.

use bytes::{Buf, Bytes};
use pgwire::messages::{
    PgWireFrontendMessage as Message,
    copy::{CopyData, CopyDone, CopyFail},
    extendedquery::{Bind, Close, Describe, Execute, Flush, Parse, Sync},
    simplequery::Query,
    terminate::Terminate,
};

use super::frame::{Frame, printable};
use crate::{Error, Result, SqlState, limits};

/// Decodes a message of a session. A fault inside a known message is an ERROR: the frame is already off the stream, so
/// the session goes on (behind the next Sync). An unknown type is FATAL: nothing behind it can be trusted.
pub fn decode(frame: Frame) -> Result<Message> {
    let mut body = Body(frame.body);
    let message = match frame.tag {
        b'Q' => Message::Query(Query::new(body.string()?)),
        b'P' => {
            let (name, query) = (body.name()?, body.string()?);
            let count = body.u16()?;
            let type_oids = (0..count).map(|_| body.u32()).collect::<Result<_>>()?;
            Message::Parse(Parse::new(name, query, type_oids))
        }
        b'B' => {
            let (portal, statement) = (body.name()?, body.name()?);
            let count = body.u16()?;
            let parameter_formats = (0..count).map(|_| body.i16()).collect::<Result<_>>()?;
            let count = body.u16()?;
            let parameters = (0..count).map(|_| body.parameter()).collect::<Result<_>>()?;
            let count = body.u16()?;
            let result_formats = (0..count).map(|_| body.i16()).collect::<Result<_>>()?;
            Message::Bind(Bind::new(
                portal,
                statement,
                parameter_formats,
                parameters,
                result_formats,
            ))
        }
        b'D' => {
            let (target, name) = (body.target("DESCRIBE")?, body.name()?);
            Message::Describe(Describe::new(target, name))
        }
        b'C' => {
            let (target, name) = (body.target("CLOSE")?, body.name()?);
            Message::Close(Close::new(target, name))
        }
        b'E' => {
            let (name, max_rows) = (body.name()?, body.i32()?);
            Message::Execute(Execute::new(name, max_rows))
        }
        b'S' => Message::Sync(Sync::new()),
        b'H' => Message::Flush(Flush::new()),
        b'X' => Message::Terminate(Terminate::new()),
        b'd' => Message::CopyData(CopyData::new(std::mem::take(&mut body.0))),
        b'c' => Message::CopyDone(CopyDone::new()),
        b'f' => Message::CopyFail(CopyFail::new(body.string()?)),
        tag => {
            return Err(Error::fatal(
                SqlState::PROTOCOL_VIOLATION,
                format!("invalid frontend message type {}", printable(tag)),
            ));
        }
    };
    body.end()?;
    Ok(message)
}

/// The password of a password message's body: one string, nothing behind it, no NUL within.
pub fn password(body: Bytes) -> Result<String> {
    let mut body = Body(body);
    let password = body.string().map_err(|_| password_fault())?;
    body.end().map_err(|_| password_fault())?;
    Ok(password)
}

fn password_fault() -> Error {
    Error::fatal(SqlState::PROTOCOL_VIOLATION, "invalid password packet size")
}

/// What is left of a body.
struct Body(Bytes);

impl Body {
    /// A NUL-terminated string.
    fn string(&mut self) -> Result<String> {
        let end = memchr::memchr(0, &self.0).ok_or_else(|| fault("invalid string in message"))?;
        let bytes = self.0.split_to(end);
        self.0.advance(1);
        String::from_utf8(bytes.into())
            .map_err(|error| invalid_utf8(error.as_bytes(), error.utf8_error().valid_up_to()))
    }

    /// The name of a statement or portal: empty is the unnamed one.
    fn name(&mut self) -> Result<Option<String>> {
        let name = self.string()?;
        if name.len() > limits::NAME_SIZE_MAX {
            let words = format!(
                "name of {} bytes exceeds the limit of {} bytes",
                name.len(),
                limits::NAME_SIZE_MAX
            );
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, words));
        }
        Ok(Some(name).filter(|name| !name.is_empty()))
    }

    /// The target of Describe and Close: a statement or a portal.
    fn target(&mut self, message: &str) -> Result<u8> {
        match self.take::<1>()? {
            [target @ (b'S' | b'P')] => Ok(target),
            [other] => Err(fault(format!("invalid {message} message subtype {other}"))),
        }
    }

    fn u16(&mut self) -> Result<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn i16(&mut self) -> Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    /// A parameter's value: its length (−1 is NULL) and its bytes.
    fn parameter(&mut self) -> Result<Option<Bytes>> {
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) if length <= self.0.len() => Ok(Some(self.0.split_to(length))),
                _ => Err(fault("insufficient data left in message")),
            },
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self
            .0
            .first_chunk::<N>()
            .copied()
            .ok_or_else(|| fault("insufficient data left in message"))?;
        self.0.advance(N);
        Ok(bytes)
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(fault("invalid message format"))
        }
    }
}

fn fault(message: impl Into<String>) -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, message)
}

/// PostgreSQL's error for text that is not UTF-8: the first bad byte and up to three behind it.
fn invalid_utf8(bytes: &[u8], valid_up_to: usize) -> Error {
    let shown: Vec<_> = bytes
        .iter()
        .skip(valid_up_to)
        .take(4)
        .map(|byte| format!("0x{byte:02x}"))
        .collect();
    Error::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_body(tag: u8, body: &[u8]) -> Result<Message> {
        decode(Frame {
            tag,
            body: Bytes::copy_from_slice(body),
        })
    }

    #[test]
    fn a_query_is_one_string_and_nothing_else() {
        assert!(matches!(decode_body(b'Q', b"select 1\0"), Ok(Message::Query(query)) if query.query == "select 1"));
        for (body, message) in [
            (&b"select 1"[..], "invalid string in message"),
            (b"", "invalid string in message"),
            (b"a\0b\0", "invalid message format"),
            (b"\xff\xfe\0", "invalid byte sequence for encoding \"UTF8\": 0xff 0xfe"),
        ] {
            let error = decode_body(b'Q', body).unwrap_err();
            assert_eq!(error.message(), message);
            assert!(!error.is_fatal());
        }
    }

    #[test]
    fn counts_and_lengths_never_reach_past_the_body() {
        // Parse that announces 65,535 parameter types and brings none; Bind lengths of −2 and past the end.
        for (tag, body) in [
            (b'P', &b"\0select 1\0\xff\xff"[..]),
            (b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe"),
            (b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"),
            (b'E', b"\0\0\0"),
            (b'D', b""),
        ] {
            let error = decode_body(tag, body).unwrap_err();
            assert_eq!(
                error.message(),
                "insufficient data left in message",
                "{}",
                char::from(tag)
            );
        }
        assert_eq!(
            decode_body(b'D', b"Z\0").unwrap_err().message(),
            "invalid DESCRIBE message subtype 90"
        );
        assert_eq!(decode_body(b'S', b"x").unwrap_err().message(), "invalid message format");
        assert!(decode_body(b'z', b"").unwrap_err().is_fatal());
    }

    #[test]
    fn a_name_has_a_limit() {
        let body = |size: usize| [&vec![b'n'; size][..], b"\0select 1\0\0\0"].concat();
        assert!(decode_body(b'P', &body(limits::NAME_SIZE_MAX)).is_ok());
        let error = decode_body(b'P', &body(limits::NAME_SIZE_MAX + 1)).unwrap_err();
        assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(!error.is_fatal());
    }

    #[test]
    fn bind_carries_nulls_values_and_formats() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02hi\0\x01\0\0";
        let Ok(Message::Bind(bind)) = decode_body(b'B', body) else {
            panic!("not a Bind")
        };
        assert_eq!(
            (bind.portal_name.as_deref(), bind.statement_name.as_deref()),
            (Some("p"), Some("s"))
        );
        assert_eq!(bind.parameters, [None, Some(Bytes::from_static(b"hi"))]);
        assert_eq!(
            (bind.parameter_format_codes, bind.result_column_format_codes),
            (vec![1], vec![0])
        );
    }

    #[test]
    fn a_password_is_one_string() {
        assert_eq!(password(Bytes::from_static(b"secret\0")).unwrap(), "secret");
        assert_eq!(password(Bytes::from_static(b"\0")).unwrap(), "");
        for body in [&b"secret"[..], b"se\0cret\0", b"secret\0x", b""] {
            assert_eq!(
                password(Bytes::copy_from_slice(body)).unwrap_err().code(),
                SqlState::PROTOCOL_VIOLATION
            );
        }
    }
}
