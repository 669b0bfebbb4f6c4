//! Text and bytes: `concat` and the like with PostgreSQL's text of every type, functions of `bytea`, identifiers.

use arrow::datatypes::DataType;
use datafusion::{
    error::Result as EngineResult,
    functions::string,
    logical_expr::{Expr, simplify::SimplifyContext},
};
use postgres_types::Type;

use super::{
    returns,
    typed::{Row, Typed, plain},
    value::Value,
};
use crate::{Error, Result, SqlState, wire::encode::Zone};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new("pg_bytes_concat", returns::bytea, |row| {
        Ok(Value::Bytes([bytes(row, 0)?, bytes(row, 1)?].concat()))
    }),
    Typed::new("encode", returns::text, |row| {
        let bytes = bytes(row, 0)?;
        Ok(Value::Text(match row.text(1).to_ascii_lowercase().as_str() {
            "hex" => hex(&bytes),
            "base64" => base64(&bytes),
            "escape" => escape(&bytes),
            other => return Err(unknown_encoding(other)),
        }))
    }),
    Typed::new("decode", returns::bytea, |row| {
        let text = row.text(0);
        Ok(Value::Bytes(match row.text(1).to_ascii_lowercase().as_str() {
            "hex" => decoded(&format!("\\x{text}"))?,
            "escape" => decoded(text)?,
            "base64" => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                let plain: String = text.split_whitespace().collect();
                let words = "invalid base64 end sequence";
                STANDARD
                    .decode(plain)
                    .map_err(|_| Error::new(SqlState::INVALID_PARAMETER_VALUE, words))?
            }
            other => return Err(unknown_encoding(other)),
        }))
    }),
    Typed::new("convert_from", returns::text, |row| {
        let words = "invalid byte sequence for encoding \"UTF8\"";
        String::from_utf8(bytes(row, 0)?)
            .map(Value::Text)
            .map_err(|_| Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, words))
    }),
    Typed::new("convert_to", returns::bytea, |row| {
        Ok(Value::Bytes(row.text(0).as_bytes().to_vec()))
    }),
    Typed::new("get_byte", returns::integer, |row| {
        let (bytes, index) = (bytes(row, 0)?, row.integer(1));
        let byte = usize::try_from(index).ok().and_then(|index| bytes.get(index));
        let last = bytes.len().saturating_sub(1);
        let out_of_range = || {
            let words = format!("index {index} out of valid range, 0..{last}");
            Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, words)
        };
        Ok(Value::Int(i64::from(*byte.ok_or_else(out_of_range)?)))
    }),
    Typed::new("octet_length", returns::integer, |row| length(row, |text| text.len())).simplified(engine_octet_length),
    Typed::new(
        "pg_bit_not",
        |inputs| Ok(inputs.first_or("bigint")),
        |row| Ok(Value::Int(!row.integer(0))),
    ),
    Typed::new("chr", returns::text, |row| {
        let code = row.integer(0);
        if code == 0 {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                "null character not permitted",
            ));
        }
        let out_of_range = || {
            let words = format!("requested character too large for encoding: {code}");
            Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, words)
        };
        let c = u32::try_from(code).ok().and_then(char::from_u32);
        Ok(Value::Text(c.ok_or_else(out_of_range)?.to_string()))
    }),
    Typed::new("unistr", returns::text, |row| {
        unescaped(row.text(0), '\\').map(Value::Text)
    }),
    Typed::new(
        "gen_random_uuid",
        |_| Ok(plain("uuid")),
        |_| {
            let mut bytes = [0u8; 16];
            aws_lc_rs::rand::fill(&mut bytes).map_err(Error::internal)?;
            // Version 4, variant 1.
            let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
            *version = *version & 0x0f | 0x40;
            *variant = *variant & 0x3f | 0x80;
            let digits = hex(&bytes);
            let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
            Ok(Value::Text(format!(
                "{}-{}-{}-{}-{}",
                part(0..8),
                part(8..12),
                part(12..16),
                part(16..20),
                part(20..32)
            )))
        },
    )
    .volatile(),
    Typed::new("host", returns::text, |row| {
        Ok(Value::Text(
            row.text(0).split('/').next().unwrap_or_default().to_owned(),
        ))
    }),
    Typed::new(
        "trim_array",
        |inputs| Ok(inputs.first_or("text[]")),
        |row| {
            let Value::List(items) = row.get(0) else {
                return Ok(Value::Null);
            };
            let kept = usize::try_from(row.integer(1))
                .ok()
                .and_then(|count| items.len().checked_sub(count));
            let words = "number of elements to trim must be between 0 and the array's length";
            let kept = kept.ok_or_else(|| Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, words))?;
            Ok(Value::List(items.iter().take(kept).cloned().collect()))
        },
    ),
];

fn unknown_encoding(name: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unrecognized encoding: \"{name}\""),
    )
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    match Value::read(text, &Type::BYTEA, &Zone::UTC)? {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Ok(Vec::new()),
    }
}

/// An argument's bytes; a quoted literal is read as `bytea` reads it.
fn bytes(row: &Row<'_>, index: usize) -> Result<Vec<u8>> {
    match row.get(index) {
        Value::Bytes(bytes) => Ok(bytes.clone()),
        Value::Text(text) => decoded(text),
        _ => Ok(Vec::new()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 in lines of 76 characters, as MIME and PostgreSQL break them.
fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(76)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    lines.join("\n")
}

fn escape(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'\\' => "\\\\".to_owned(),
            0 | 0x80.. => format!("\\{byte:03o}"),
            byte => char::from(*byte).to_string(),
        })
        .collect()
}

fn length(row: &Row<'_>, of_text: fn(&str) -> usize) -> Result<Value> {
    let length = match row.get(0) {
        Value::Bytes(bytes) => bytes.len(),
        _ => of_text(row.text(0)),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn engine_octet_length(args: &[Expr], info: &SimplifyContext) -> EngineResult<Option<Expr>> {
    let [argument] = args else { return Ok(None) };
    Ok(match info.get_data_type(argument)? {
        DataType::Utf8 => Some(string::octet_length().call(args.to_vec())),
        _ => None,
    })
}

/// `\XXXX`, `\+XXXXXX`, and the escape itself when it comes twice.
pub fn unescaped(text: &str, escape: char) -> Result<String> {
    let invalid = || Error::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape");
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(escape) {
        let (before, after) = rest.split_at_checked(at).ok_or_else(invalid)?;
        out.push_str(before);
        let after = after.get(escape.len_utf8()..).ok_or_else(invalid)?;
        if let Some(doubled) = after.strip_prefix(escape) {
            out.push(escape);
            rest = doubled;
            continue;
        }
        let (digits, skip) = match after.strip_prefix('+') {
            Some(long) => (long.get(..6), 7),
            None => (after.get(..4), 4),
        };
        let code = u32::from_str_radix(digits.ok_or_else(invalid)?, 16).map_err(|_| invalid())?;
        out.push(char::from_u32(code).ok_or_else(invalid)?);
        rest = after.get(skip..).ok_or_else(invalid)?;
    }
    out.push_str(rest);
    Ok(out)
}
