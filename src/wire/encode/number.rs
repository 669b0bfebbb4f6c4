//! Integers and byte strings in PostgreSQL's text form.

use super::style::ByteaOutput;

#[inline]
pub(super) fn put_int<I: itoa::Integer>(value: I, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Two digits, zero-padded; `value` is below 100.
#[inline]
pub(super) fn put_two(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&two(value));
}

#[inline]
pub(super) fn two(value: u32) -> [u8; 2] {
    // Both quotient and remainder are below 10 for a value below 100: the conversions cannot lose anything.
    let tens = value / 10;
    [b'0' + (tens % 10) as u8, b'0' + (value - 10 * tens) as u8]
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `byteaout`.
pub(super) fn put_bytea(value: &[u8], output: ByteaOutput, out: &mut Vec<u8>) {
    match output {
        ByteaOutput::Hex => {
            out.reserve(2 + 2 * value.len());
            out.extend_from_slice(b"\\x");
            out.extend(
                value
                    .iter()
                    .flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)]),
            );
        }
        ByteaOutput::Escape => {
            for &byte in value {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    0x20..=0x7e => out.push(byte),
                    _ => out.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]),
                }
            }
        }
    }
}

#[inline]
fn hex_digit(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')
}
