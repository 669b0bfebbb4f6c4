//! Places in a write-ahead log, `X/Y` in hexadecimal. Nothing here has one; clients measure how far others lag behind.

use arrow::datatypes::i256;

use super::{
    typed::{Row, Typed, numeric},
    value::Value,
};
use crate::{Error, Result, SqlState};

pub const FUNCTIONS: &[Typed] = &[Typed::new("pg_wal_lsn_diff", |_| Ok(numeric(0)), difference)];

/// Bytes from the second place to the first.
fn difference(row: &Row<'_>) -> Result<Value> {
    let (late, early) = (place(row.text(0))?, place(row.text(1))?);
    Ok(Value::Numeric(i256::from_i128(i128::from(late) - i128::from(early)), 0))
}

fn place(text: &str) -> Result<u64> {
    let invalid = || {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type pg_lsn: \"{text}\""),
        )
    };
    let (high, low) = text.split_once('/').ok_or_else(invalid)?;
    let half = |digits: &str| u32::from_str_radix(digits, 16).map_err(|_| invalid());
    Ok(u64::from(half(high)?) << 32 | u64::from(half(low)?))
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn places_are_subtracted() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select pg_wal_lsn_diff('1/0', '0/FF')", "4294967041"),
            ("select '0/A'::pg_lsn - '0/1', pg_lsn('0/A') - '0/1'::pg_lsn", "9|9"),
            ("select coalesce(pg_last_wal_receive_lsn(), '0/0') - '0/0'", "0"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
        let error = engine.error("select pg_wal_lsn_diff('x', '0/0')").await;
        assert!(error.contains("22P02"), "{error}");
    }
}
