//! Casts to types with a modifier, a length or a precision: `varchar(3)`, `timestamp(0)`; to `numeric`, which has as many digits as
//! its value; and `'now'::timestamptz`, whose value is the statement's.

use datafusion::sql::sqlparser::ast::{BinaryOperator, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr};

use super::{
    build::{binary, nested, number},
    call, cast,
    literals::string,
    take,
};

/// `x::varchar(3)`, `timestamp(0) '…'`.
pub fn expr(expr: &mut Expr) {
    let replacement = match expr {
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: of,
            data_type,
            ..
        } => replaced(of, data_type),
        Expr::TypedString(typed) => replaced(&mut Expr::Value(typed.value.clone()), &mut typed.data_type),
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
}

fn replaced(of: &mut Expr, data_type: &mut DataType) -> Option<Expr> {
    use DataType::*;
    if let Some(moment) = present(of, data_type) {
        return Some(moment);
    }
    let length = |length: &Option<CharacterLength>, default: Option<u64>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) => None,
        None => default,
    };
    Some(match data_type {
        Varchar(cut) | CharacterVarying(cut) | CharVarying(cut) | Nvarchar(cut) => {
            let length = length(cut, None)?;
            call("pg_varchar", vec![cast(take(of), Text), number(length)])
        }
        Char(cut) | Character(cut) => {
            let length = length(cut, Some(1))?;
            call("pg_bpchar", vec![cast(take(of), Text), number(length)])
        }
        Numeric(ExactNumberInfo::None) | Decimal(ExactNumberInfo::None) | Dec(ExactNumberInfo::None) => {
            match string(of).and_then(scale) {
                Some(scale) => cast(take(of), Numeric(ExactNumberInfo::PrecisionAndScale(38, scale))),
                None => call("pg_numeric", vec![take(of)]),
            }
        }
        Bit(length) => call("pg_to_bit", vec![take(of), number(length.unwrap_or(1))]),
        BitVarying(None) | VarBit(None) => call("pg_bits", vec![take(of)]),
        Timestamp(Some(digits), zone) => {
            let plain = cast(take(of), Timestamp(None, *zone));
            call("pg_precision", vec![plain, number(*digits)])
        }
        Time(Some(digits), zone) => {
            let plain = cast(take(of), Time(None, *zone));
            call("pg_precision", vec![plain, number(*digits)])
        }
        _ => return None,
    })
}

/// `'now'::timestamptz`, `'today'::date`: the statement's time, whenever its plan is run.
fn present(literal: &Expr, data_type: &DataType) -> Option<Expr> {
    if !matches!(data_type, DataType::Date | DataType::Timestamp(..)) {
        return None;
    }
    let now = || call("now", Vec::new());
    let day = |distance: i64| {
        let today = cast(now(), DataType::Date);
        nested(binary(today, BinaryOperator::Plus, number(distance)))
    };
    let moment = match string(literal)?.trim().to_ascii_lowercase().as_str() {
        "now" => now(),
        "today" => day(0),
        "tomorrow" => day(1),
        "yesterday" => day(-1),
        _ => return None,
    };
    Some(cast(moment, data_type.clone()))
}

/// The digits behind the point of a number that is written without an exponent.
fn scale(number: &str) -> Option<i64> {
    let number = number.trim();
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    let scale = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    (plain && number.len() < 38).then(|| i64::try_from(scale).ok())?
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_modifier_cuts_pads_and_rounds() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select 'abc'::varchar(2), 'a'::char(2) || '|', b'101'::bit(4), b'101'::varbit",
                "ab|a||1010|101",
            ),
            ("select '1.50'::numeric, 1.25::numeric(3, 1)", "1.50|1.3"),
            (
                "select timestamp(0) '2024-01-01 00:00:00.6', '12:00:00.56'::time(1)",
                "2024-01-01T00:00:01|12:00:00.600",
            ),
            (
                "select 'now'::timestamptz = now(), 'today'::date = current_date, 'tomorrow'::date - 'yesterday'::date",
                "true|true|2",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
