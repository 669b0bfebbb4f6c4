//! The normal form in which PostgreSQL prints `jsonb`: keys sorted and unique, one space after `:` and `,`, escapes undone.

use super::number::put_int;
use super::numeric;

/// The first byte of a jsonb value in binary.
pub(super) const VERSION: u8 = 1;

/// Deeper JSON is shown as it came: the parser recurses, and a stack overflow ends the process.
const DEPTH_MAX: usize = 128;

/// A number of more digits than this is shown as it came: `1e999999999` must not become a gigabyte of zeros.
const EXPONENT_MAX: i64 = 4_096;

/// Writes the normal form of a JSON text; writes nothing and returns false where it is not JSON.
pub(super) fn put_normal(json: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut parser = Parser { rest: json };
    let parsed = parser.value(DEPTH_MAX, out).is_some() && {
        parser.skip_space();
        parser.rest.is_empty()
    };
    if !parsed {
        out.truncate(start);
    }
    parsed
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn take(&mut self, token: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize, out: &mut Vec<u8>) -> Option<()> {
        self.skip_space();
        match self.rest.first()? {
            b'{' => self.object(depth.checked_sub(1)?, out),
            b'[' => self.array(depth.checked_sub(1)?, out),
            b'"' => {
                let text = self.string()?;
                put_string(&text, out);
                Some(())
            }
            b'-' | b'0'..=b'9' => self.number(out),
            _ => {
                let word = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|word| self.rest.starts_with(word))?;
                out.extend_from_slice(word);
                self.take(word)
            }
        }
    }

    fn array(&mut self, depth: usize, out: &mut Vec<u8>) -> Option<()> {
        self.take(b"[")?;
        out.push(b'[');
        self.skip_space();
        if self.take(b"]").is_none() {
            loop {
                self.value(depth, out)?;
                self.skip_space();
                if self.take(b"]").is_some() {
                    break;
                }
                self.take(b",")?;
                out.extend_from_slice(b", ");
            }
        }
        out.push(b']');
        Some(())
    }

    fn object(&mut self, depth: usize, out: &mut Vec<u8>) -> Option<()> {
        self.take(b"{")?;
        let mut members: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        self.skip_space();
        if self.take(b"}").is_none() {
            loop {
                self.skip_space();
                let key = self.string()?;
                self.skip_space();
                self.take(b":")?;
                let mut value = Vec::new();
                self.value(depth, &mut value)?;
                members.push((key, value));
                self.skip_space();
                if self.take(b"}").is_some() {
                    break;
                }
                self.take(b",")?;
            }
        }
        put_object(members, out);
        Some(())
    }

    /// A string's own bytes, escapes undone.
    fn string(&mut self) -> Option<Vec<u8>> {
        self.take(b"\"")?;
        let mut text = Vec::new();
        loop {
            let end = memchr::memchr2(b'"', b'\\', self.rest)?;
            let (plain, rest) = self.rest.split_at_checked(end)?;
            if plain.iter().any(|byte| *byte < 0x20) {
                return None;
            }
            text.extend_from_slice(plain);
            let (escape, rest) = match rest.split_first()? {
                (b'"', rest) => {
                    self.rest = rest;
                    return Some(text);
                }
                (_, rest) => rest.split_first()?,
            };
            self.rest = rest;
            let byte = match escape {
                b'"' | b'\\' | b'/' => *escape,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let unit = self.hex4()?;
                    let code = if (0xd800..0xdc00).contains(&unit) {
                        self.take(b"\\u")?;
                        let low = self.hex4()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                        0x10000 + ((unit - 0xd800) << 10) + low
                    } else {
                        unit
                    };
                    // PostgreSQL's jsonb refuses \u0000; here it is shown like any other NUL.
                    let shown = char::from_u32(if code == 0 { 0x2400 } else { code })?;
                    text.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                _ => return None,
            };
            text.push(byte);
        }
    }

    fn hex4(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits
            .iter()
            .try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }

    fn digits(&mut self) -> &[u8] {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        digits
    }

    /// A number as numeric: no exponent, the fraction's digits kept.
    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let negative = self.take(b"-").is_some();
        let mut digits = self.digits().to_vec();
        if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
            return None;
        }
        let mut scale = 0i64;
        if self.take(b".").is_some() {
            let fraction = self.digits();
            if fraction.is_empty() {
                return None;
            }
            scale = i64::try_from(fraction.len()).ok()?;
            digits.extend_from_slice(fraction);
        }
        if self.take(b"e").is_some() || self.take(b"E").is_some() {
            let negative = self.take(b"-").is_some();
            if !negative {
                let _ = self.take(b"+");
            }
            let exponent: i64 = std::str::from_utf8(self.digits()).ok()?.parse().ok()?;
            if exponent > EXPONENT_MAX {
                return None;
            }
            scale += if negative { exponent } else { -exponent };
        }
        numeric::put_text(negative, &digits, i32::try_from(scale).ok()?, out);
        Some(())
    }
}

/// Writes an object of keys and values that are already JSON: sorted by length and then by bytes, the last of equal keys.
pub(super) fn put_object(mut members: Vec<(Vec<u8>, Vec<u8>)>, out: &mut Vec<u8>) {
    members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    out.push(b'{');
    let mut is_first = true;
    for (index, (key, value)) in members.iter().enumerate() {
        if members.get(index + 1).is_some_and(|(next, _)| next == key) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
        put_string(key, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
    }
    out.push(b'}');
}

/// `escape_json`: quotes, backslashes and control characters are escaped, all else stands as it is.
pub(super) fn put_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0 => out.extend_from_slice("\u{2400}".as_bytes()),
            1..0x20 => {
                out.extend_from_slice(b"\\u00");
                put_int(byte >> 4, out);
                out.push(char::from_digit(u32::from(byte & 15), 16).map_or(b'0', |digit| digit as u8));
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
