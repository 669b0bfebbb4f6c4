//! The first packet of a connection: a request for encryption, a cancel request, or a startup message.

use bytes::{Buf, Bytes};

use crate::{Error, Result, SqlState};

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// The newest minor version of protocol 3 that this server speaks.
pub const PROTOCOL_MINOR_MAX: u16 = 2;

/// A secret key of protocol 3.2 has 4 to 256 bytes; one of 3.0 has 4.
const SECRET_KEY_SIZE: std::ops::RangeInclusive<usize> = 4..=256;

/// What a startup packet asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Tls,
    GssEncryption,
    Cancel(CancelKey),
    Startup(Startup),
}

/// Whose statement a CancelRequest names.
#[derive(Debug, PartialEq, Eq)]
pub struct CancelKey {
    pub pid: i32,
    pub secret: Bytes,
}

/// A startup message of protocol 3.
#[derive(Debug, PartialEq, Eq)]
pub struct Startup {
    /// Minor version to go on with: what was asked for, at most [`PROTOCOL_MINOR_MAX`].
    pub minor: u16,
    /// Whether the client must be told by NegotiateProtocolVersion: it asked for a newer minor or unknown options.
    pub negotiate: bool,
    /// Protocol options (`_pq_.…`) that this server does not know: all of them.
    pub unknown_options: Vec<String>,
    /// Parameters in the order sent, `user` and `database` included.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// The value of a parameter, where it was sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Decodes the body of a startup packet (all behind its length; at least four bytes).
pub fn decode(mut body: Bytes) -> Result<Request> {
    if body.len() < 4 {
        return Err(fault("invalid length of startup packet"));
    }
    match body.get_u32() {
        SSL_REQUEST if body.is_empty() => Ok(Request::Tls),
        GSSENC_REQUEST if body.is_empty() => Ok(Request::GssEncryption),
        CANCEL_REQUEST => Ok(Request::Cancel(cancel(body))),
        version => startup(version, body),
    }
}

fn cancel(mut body: Bytes) -> CancelKey {
    // A cancel request is never answered: one of a wrong length names nobody.
    let is_sized = body
        .len()
        .checked_sub(4)
        .is_some_and(|size| SECRET_KEY_SIZE.contains(&size));
    let (pid, secret) = if is_sized {
        (body.get_i32(), body)
    } else {
        (0, Bytes::new())
    };
    CancelKey { pid, secret }
}

fn startup(version: u32, mut body: Bytes) -> Result<Request> {
    let (major, minor) = (version >> 16, u16::try_from(version & 0xffff).unwrap_or(u16::MAX));
    if major != 3 {
        return Err(Error::fatal(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{PROTOCOL_MINOR_MAX}"),
        ));
    }
    let mut parameters: Vec<(String, String)> = Vec::new();
    let mut unknown_options = Vec::new();
    loop {
        let name = string(&mut body)?;
        if name.is_empty() {
            break;
        }
        let value = string(&mut body)?;
        if name.starts_with("_pq_.") {
            unknown_options.push(name);
        } else if parameters.iter().any(|(known, _)| *known == name) {
            return Err(fault(format!(
                "invalid startup packet layout: parameter \"{}\" given twice",
                name.escape_debug()
            )));
        } else {
            parameters.push((name, value));
        }
    }
    if !body.is_empty() {
        return Err(fault("invalid startup packet layout: expected terminator as last byte"));
    }
    Ok(Request::Startup(Startup {
        minor: minor.min(PROTOCOL_MINOR_MAX),
        negotiate: minor > PROTOCOL_MINOR_MAX || !unknown_options.is_empty(),
        unknown_options,
        parameters,
    }))
}

fn string(body: &mut Bytes) -> Result<String> {
    let end = memchr::memchr(0, body)
        .ok_or_else(|| fault("invalid startup packet layout: expected terminator as last byte"))?;
    let bytes = body.split_to(end);
    body.advance(1);
    String::from_utf8(bytes.into()).map_err(|_| fault("invalid startup packet: parameters are not UTF-8"))
}

fn fault(message: impl Into<String>) -> Error {
    Error::fatal(SqlState::PROTOCOL_VIOLATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(version: u32, rest: &[u8]) -> Bytes {
        [&version.to_be_bytes(), rest].concat().into()
    }

    fn startup_of(version: u32, rest: &[u8]) -> Startup {
        match decode(packet(version, rest)) {
            Ok(Request::Startup(startup)) => startup,
            other => panic!("not a startup: {other:?}"),
        }
    }

    #[test]
    fn newer_minors_and_unknown_options_are_negotiated_down() {
        let plain = startup_of(0x3_0000, b"user\0demo\0\0");
        assert_eq!((plain.minor, plain.negotiate), (0, false));
        assert_eq!(plain.parameter("user"), Some("demo"));
        let newer = startup_of(0x3_270f, b"user\0demo\0_pq_.foo\x001\0\0");
        assert_eq!((newer.minor, newer.negotiate), (2, true));
        assert_eq!(newer.unknown_options, ["_pq_.foo"]);
        assert_eq!(newer.parameters.len(), 1);
        assert!(!startup_of(0x3_0002, b"user\0demo\0\0").negotiate);
    }

    #[test]
    fn other_majors_are_refused_by_name() {
        for (version, shown) in [(0x2_0000, "2.0"), (0x4_0000, "4.0"), (0xffff_ffff, "65535.65535")] {
            let error = decode(packet(version, b"user\0demo\0\0")).unwrap_err();
            assert_eq!(error.code(), SqlState::FEATURE_NOT_SUPPORTED);
            assert_eq!(
                error.message(),
                format!("unsupported frontend protocol {shown}: server supports 3.0 to 3.2")
            );
        }
    }

    #[test]
    fn malformed_parameters_are_protocol_violations() {
        for rest in [
            &b"user\0demo"[..],
            b"user\0demo\0",
            b"user\0\0",
            b"user\0a\0user\0b\0\0",
            b"user\0demo\0\0x",
            b"user\0\xff\0\0",
        ] {
            let error = decode(packet(0x3_0000, rest)).unwrap_err();
            assert_eq!(error.code(), SqlState::PROTOCOL_VIOLATION, "{rest:?}");
        }
    }

    #[test]
    fn a_cancel_request_of_a_wrong_length_names_nobody() {
        let key = |size: usize| decode(packet(CANCEL_REQUEST, &vec![7; 4 + size]));
        for size in [4, 32, 256] {
            assert!(matches!(key(size), Ok(Request::Cancel(key)) if key.secret.len() == size));
        }
        let nobody = Request::Cancel(CancelKey {
            pid: 0,
            secret: Bytes::new(),
        });
        for size in [0, 1, 3, 257] {
            assert_eq!(key(size).unwrap(), nobody, "{size}");
        }
        assert_eq!(decode(packet(CANCEL_REQUEST, &[7; 3])).unwrap(), nobody);
    }
}
