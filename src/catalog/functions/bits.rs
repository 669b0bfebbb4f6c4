//! Strings of bits: literals, casts from and to integers, and the operators between two of them. A value is its digits, as text of type `bit`.

use arrow::datatypes::{DataType, Field};

use super::{
    typed::{Inputs, Row, Typed, plain},
    value::{Value, out_of_range},
};
use crate::{Error, Result, SqlState};

pub const FUNCTIONS: &[Typed] = &[
    Typed::new(
        "pg_bits",
        |_| Ok(plain("bit")),
        |row| digits(row.text(0)).map(Value::Text),
    ),
    Typed::new("pg_to_bit", sized, to_bit),
    Typed::new(
        "pg_bit_integer",
        |_| Ok(plain("bigint")),
        |row| integer(row.text(0)).map(Value::Int),
    ),
    Typed::new(
        "pg_bits_and",
        |_| Ok(plain("bit")),
        |row| combined(row, "AND", |one, other| one && other),
    ),
    Typed::new(
        "pg_bits_or",
        |_| Ok(plain("bit")),
        |row| combined(row, "OR", |one, other| one || other),
    ),
    Typed::new(
        "pg_bits_xor",
        |_| Ok(plain("bit")),
        |row| combined(row, "XOR", |one, other| one != other),
    ),
];

/// `bit(n)`, or `bit varying` of any length.
fn sized(inputs: &Inputs<'_>) -> Result<Field> {
    Ok(match inputs.constant_integer(1) {
        Some(length) => plain(&format!("bit({length})")),
        None => plain("bit varying"),
    })
}

fn digits(text: &str) -> Result<String> {
    match text.chars().find(|c| !matches!(c, '0' | '1')) {
        None => Ok(text.to_owned()),
        Some(other) => {
            let words = format!("\"{other}\" is not a valid binary digit");
            Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, words))
        }
    }
}

/// The longest string of bits that a cast makes (PostgreSQL: 83,886,080): each bit is a character here.
const LENGTH_MAX: i64 = 1024 * 1024;

/// A cast to `bit(n)`: an integer's last bits, the first of a string, filled up with zeros behind it.
fn to_bit(row: &Row<'_>) -> Result<Value> {
    let length = match row.integer(1) {
        ..1 => Err("length for type bit must be at least 1".to_owned()),
        length if length > LENGTH_MAX => Err(format!("length for type bit cannot exceed {LENGTH_MAX}")),
        length => usize::try_from(length).map_err(|error| error.to_string()),
    };
    let length = length.map_err(|words| Error::new(SqlState::INVALID_PARAMETER_VALUE, words))?;
    let bits = match row.get(0) {
        Value::Int(value) => {
            let all = format!("{value:064b}");
            let sign = if *value < 0 { '1' } else { '0' };
            let start = all.len().saturating_sub(length);
            let missing = length.saturating_sub(all.len());
            let filled: String = std::iter::repeat_n(sign, missing).collect();
            filled + all.get(start..).unwrap_or_default()
        }
        Value::Text(text) => {
            let mut bits: String = digits(text)?.chars().take(length).collect();
            bits.extend(std::iter::repeat_n('0', length - bits.len()));
            bits
        }
        _ => return Err(Error::internal("a cast to bit got neither a number nor text")),
    };
    Ok(Value::Text(bits))
}

fn integer(bits: &str) -> Result<i64> {
    let bits = bits.trim_start_matches('0');
    match bits {
        "" => Ok(0),
        bits => u64::from_str_radix(bits, 2)
            .map(u64::cast_signed)
            .map_err(|_| out_of_range("bigint")),
    }
}

fn combined(row: &Row<'_>, name: &str, bit: fn(bool, bool) -> bool) -> Result<Value> {
    let (one, other) = (row.text(0), row.text(1));
    if one.len() != other.len() {
        let words = format!("cannot {name} bit strings of different sizes");
        return Err(Error::new(SqlState::STRING_DATA_LENGTH_MISMATCH, words));
    }
    let bits = one.chars().zip(other.chars());
    Ok(Value::Text(
        bits.map(|(one, other)| if bit(one == '1', other == '1') { '1' } else { '0' })
            .collect(),
    ))
}

/// Whether a field is a string of bits.
pub fn is_bits(field: &Field) -> bool {
    let text = matches!(field.data_type(), DataType::Utf8);
    text && crate::catalog::types::pg_type_of(field)
        .is_some_and(|name| name == "bit" || name.starts_with("bit(") || name.starts_with("bit "))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn bits_are_taken_together_and_counted_as_integers() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select B'101', X'1F', 5::bit(4), (-1)::bit(3), B'101'::bit(5), B'101'::bit(2)",
                "101|00011111|0101|111|10100|10",
            ),
            (
                "select B'101' & B'110', B'101' | B'110', B'101' # B'110', B'101' = B'101'",
                "100|111|011|true",
            ),
            (
                "select (20::int::bit(7) & b'0000100')::int, B'00000101'::int, '11'::bit(2)::bigint",
                "4|5|3",
            ),
            (
                "select (pg_relation_is_updatable('sys_journal'::regclass, true)::bit(8) operator(pg_catalog.&) B'00010000') = B'00010000'",
                "false",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        let types = engine.run("select B'1', 1::bit(3)").await.unwrap().types;
        assert_eq!(types, [Some("bit".to_owned()), Some("bit(3)".to_owned())]);
        assert_eq!(engine.rows("select length('1'::bit(70000)::text)").await, ["70000"]);
        for (length, words) in [
            ("0", "must be at least 1"),
            ("2000000000", "cannot exceed"),
            ("18446744073709551615", ""),
        ] {
            for value in ["5", "'1'"] {
                let error = engine.error(&format!("select {value}::bit({length})")).await;
                assert!(error.contains(words), "{error}");
            }
        }
        let error = engine.error("select B'1' & B'10'").await;
        assert!(
            error.contains("cannot AND bit strings of different sizes (22026)"),
            "{error}"
        );
    }
}
