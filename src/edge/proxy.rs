//! The PROXY protocol, version 2: a load balancer's word for where a connection comes from, in front of all other bytes. Only read where the
//! configuration says that every connection has one: who can reach such a port directly could claim any address.
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>)

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::PROXY_HEADER_SIZE_MAX;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length of the rest.
const HEAD_SIZE: usize = 16;

/// An additional field: type, length, value.
const TLV_HEAD_SIZE: usize = 3;
const TLV_CRC32C: u8 = 0x03;

/// Reads a header, and not a byte more. `None` where the connection is the proxy's own (a health check) or from nowhere that has an
/// address.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut header = vec![0; HEAD_SIZE];
    stream.read_exact(&mut header).await?;
    let rest = rest_size(&header).ok_or_else(malformed)?;
    header.resize(HEAD_SIZE + rest, 0);
    let rest = header.get_mut(HEAD_SIZE..).unwrap_or_default();
    stream.read_exact(rest).await?;
    source(&header).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed PROXY protocol header")
}

/// How long the rest of a header is by its head; `None` where it is none of version 2, or too long. Version 1, a line of text, is
/// none: every load balancer that speaks one can speak the other.
fn rest_size(head: &[u8]) -> Option<usize> {
    let (signature, head) = head.split_first_chunk::<12>()?;
    let &[version, _, high, low] = head.first_chunk::<4>()?;
    let rest = usize::from(u16::from_be_bytes([high, low]));
    let is_v2 = signature == SIGNATURE && version >> 4 == 2;
    (is_v2 && rest <= PROXY_HEADER_SIZE_MAX - HEAD_SIZE).then_some(rest)
}

/// What a whole header says; `None` where it cannot be believed.
fn source(header: &[u8]) -> Option<Option<IpAddr>> {
    let (head, rest) = header.split_first_chunk::<HEAD_SIZE>()?;
    let [.., command, family, _, _] = *head;
    match command & 0x0f {
        // LOCAL: whatever else the header holds is to be ignored.
        0 => return Some(None),
        1 => {}
        _ => return None,
    }
    // Addresses of source and destination, then their ports; a Unix socket has two paths.
    let (address, fields) = match family >> 4 {
        // Nothing says how long an unknown family's addresses are, so what follows cannot be read either.
        0 => return Some(None),
        1 => {
            let (addresses, fields) = rest.split_first_chunk::<12>()?;
            (
                Some(IpAddr::from(Ipv4Addr::from(*addresses.first_chunk::<4>()?))),
                fields,
            )
        }
        2 => {
            let (addresses, fields) = rest.split_first_chunk::<36>()?;
            (
                Some(IpAddr::from(Ipv6Addr::from(*addresses.first_chunk::<16>()?))),
                fields,
            )
        }
        3 => (None, rest.get(216..)?),
        _ => return None,
    };
    are_sound(header, fields)?;
    Some(address)
}

/// Whether the fields behind the addresses end where the header ends, and the checksum among them, if there is one, is right.
fn are_sound(header: &[u8], mut fields: &[u8]) -> Option<()> {
    while !fields.is_empty() {
        let (&[kind, high, low], rest) = fields.split_first_chunk::<TLV_HEAD_SIZE>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        if kind == TLV_CRC32C {
            let told = u32::from_be_bytes(value.try_into().ok()?);
            // Computed with zeros in its own place.
            let start = header.len() - rest.len() - value.len();
            let mut header = header.to_vec();
            header.get_mut(start..start + value.len())?.fill(0);
            if crc32c(&header) != told {
                return None;
            }
        }
        fields = rest;
    }
    Some(())
}

/// CRC-32C (Castagnoli), bit by bit: a header is short and comes once for each connection.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 192.0.2.1:50000 to 192.0.2.2:5432.
    const V4: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0xc3, 0x50, 0x15, 0x38];

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    async fn of(bytes: &[u8]) -> io::Result<Option<String>> {
        let mut bytes = bytes;
        let source = read(&mut bytes).await?;
        assert_eq!(bytes, b"behind", "nothing behind the header is read");
        Ok(source.map(|address| address.to_string()))
    }

    async fn source_of(header: &[u8]) -> Option<String> {
        of(&[header, b"behind"].concat()).await.unwrap()
    }

    async fn is_refused(bytes: &[u8]) -> bool {
        of(bytes).await.is_err()
    }

    #[tokio::test]
    async fn the_source_is_read_in_every_family() {
        assert_eq!(source_of(&header(0x21, 0x11, V4)).await.as_deref(), Some("192.0.2.1"));
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        v6[15] = 1;
        assert_eq!(
            source_of(&header(0x21, 0x21, &v6)).await.as_deref(),
            Some("2001:db8::1")
        );
        assert_eq!(source_of(&header(0x21, 0x31, &[b'x'; 216])).await, None);
    }

    #[tokio::test]
    async fn health_checks_and_unknown_families_have_no_source() {
        assert_eq!(source_of(&header(0x20, 0x00, &[])).await, None, "LOCAL");
        assert_eq!(source_of(&header(0x20, 0x11, V4)).await, None, "LOCAL with an address");
        for (family, rest, what) in [
            (0x11, &V4[..5], "an address cut short"),
            (0x41, V4, "an unknown family"),
            (0x11, &[V4, &[0x03, 0, 9]].concat(), "a field past the end"),
        ] {
            assert_eq!(source_of(&header(0x20, family, rest)).await, None, "LOCAL with {what}");
        }
        assert_eq!(source_of(&header(0x21, 0x00, &[])).await, None, "UNSPEC");
        assert_eq!(
            source_of(&header(0x21, 0x00, b"whatever")).await,
            None,
            "UNSPEC with something"
        );
    }

    #[tokio::test]
    async fn fields_behind_the_address_are_passed_over_if_they_are_sound() {
        let with = |fields: &[u8]| header(0x21, 0x11, &[V4, fields].concat());
        assert!(
            source_of(&with(&[0xea, 0, 3, 1, 2, 3, 0x04, 0, 0])).await.is_some(),
            "one of them empty"
        );
        for (fields, what) in [
            (&[0xea, 0, 4, 1, 2, 3][..], "a value past the end"),
            (&[0xea, 0xff, 0xff], "a length past the end"),
            (&[0xea, 0], "half a head"),
            (&[0x03, 0, 3, 0, 0, 0], "a checksum of three bytes"),
            (&[0x03, 0, 0], "an empty checksum"),
        ] {
            assert!(is_refused(&with(fields)).await, "{what}");
        }
    }

    #[tokio::test]
    async fn a_checksum_is_checked() {
        // The check value of CRC-32C.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let mut whole = header(0x21, 0x11, &[V4, &[0x03, 0, 4, 0, 0, 0, 0], &[0x04, 0, 1, 9]].concat());
        let sum = crc32c(&whole).to_be_bytes();
        let at = HEAD_SIZE + V4.len() + TLV_HEAD_SIZE;
        whole[at..at + 4].copy_from_slice(&sum);
        assert!(source_of(&whole).await.is_some());
        for bit in 0..8 {
            let mut wrong = whole.clone();
            *wrong.last_mut().unwrap() ^= 1 << bit;
            assert!(is_refused(&wrong).await);
        }
    }

    #[tokio::test]
    async fn what_is_no_header_of_version_2_is_refused() {
        let good = header(0x21, 0x11, V4);
        assert!(
            is_refused(b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 5432\r\n").await,
            "version 1"
        );
        assert!(is_refused(b"PROXY UNKNOWN\r\n\0\0\0\0\0\0\0\0").await, "version 1");
        assert!(
            is_refused(&[0, 0, 0, 8, 4, 210, 22, 47, 0, 0, 0, 0, 0, 0, 0, 0]).await,
            "none"
        );
        assert!(
            is_refused(&header(0x11, 0x11, V4)).await,
            "version 1 in the binary form"
        );
        assert!(is_refused(&header(0x22, 0x11, V4)).await, "an unknown command");
        assert!(is_refused(&header(0x21, 0x41, V4)).await, "an unknown family");
        assert!(is_refused(&header(0x21, 0x21, V4)).await, "an address cut short");
        assert!(is_refused(&header(0x21, 0x31, V4)).await, "a path cut short");
        assert!(
            is_refused(&header(0x21, 0x00, &[0; PROXY_HEADER_SIZE_MAX])).await,
            "too long"
        );
        for end in 0..good.len() {
            assert!(is_refused(&good[..end]).await, "{end} bytes");
        }
    }

    #[tokio::test]
    async fn a_header_may_come_byte_by_byte() {
        let (mut client, mut server) = tokio::io::duplex(1);
        let bytes = header(0x21, 0x11, V4);
        let sender = tokio::spawn(async move {
            for byte in bytes {
                tokio::io::AsyncWriteExt::write_all(&mut client, &[byte]).await.unwrap();
            }
            client
        });
        assert_eq!(read(&mut server).await.unwrap(), Some("192.0.2.1".parse().unwrap()));
        drop(sender.await.unwrap());
    }
}
