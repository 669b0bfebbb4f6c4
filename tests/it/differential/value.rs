//! Values as both answers mean them: an Arrow value of the runtime is read as the PostgreSQL type that the client was told, text and
//! binary as their bytes say. Then they are equal or not; floats within [`TOLERANCE`].

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};

/// Relative difference of two floats that are the same: sums in another order, and averages that one side keeps in decimal.
const TOLERANCE: f64 = 1e-9;

/// OIDs of PostgreSQL's types, from its `pg_type.dat`.
pub mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const INT8_ARRAY: u32 = 1016;
    pub const TEXT_ARRAY: u32 = 1009;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const NUMERIC: u32 = 1700;
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    /// `digits × 10^-scale`, without trailing zeros.
    Number(i128, u32),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Microseconds since 1970, of a timestamp with a zone or without.
    Time(i64),
    /// Days since 1970.
    Date(i32),
    /// Microseconds; a month has 30 days, as where PostgreSQL compares intervals.
    Interval(i128),
    List(Vec<Value>),
}

impl Value {
    /// Decimal text: `-12.50`.
    pub fn number(text: &str) -> Option<Value> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        Some(Value::scaled(digits, u32::try_from(fraction.len()).ok()?))
    }

    pub fn scaled(mut digits: i128, mut scale: u32) -> Value {
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Value::Number(digits, scale)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number beside a float is compared as a float"
    )]
    fn as_float(&self) -> Option<f64> {
        match self {
            Value::Number(digits, scale) => Some(*digits as f64 / 10_f64.powi(i32::try_from(*scale).ok()?)),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// As a person would write it.
    pub fn shown(&self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Text(text) => text.clone(),
            Value::Number(digits, 0) => digits.to_string(),
            Value::Number(..) | Value::Float(_) => self.as_float().unwrap_or(f64::NAN).to_string(),
            other => format!("{other:?}"),
        }
    }

    /// Something to sort rows by: equal for values that are the same.
    pub fn sort_key(&self) -> String {
        match self {
            Value::Number(..) | Value::Float(_) => format!("{:.12e}", self.as_float().unwrap_or(f64::NAN) + 0.0),
            Value::List(values) => values.iter().map(Value::sort_key).collect::<Vec<_>>().join("\u{1}"),
            other => format!("{other:?}"),
        }
    }

    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a, s), Value::Number(b, t)) => (a, s) == (b, t),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::Interval(a), Value::Interval(b)) => a == b,
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b)),
            _ => match (self.as_float(), other.as_float()) {
                (Some(a), Some(b)) => {
                    a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) || a.is_nan() && b.is_nan()
                }
                _ => false,
            },
        }
    }
}

/// A value of the runtime's answer as the PostgreSQL type `ty` has it; an error where that type cannot hold it.
pub fn from_arrow(array: &dyn Array, row: usize, ty: u32) -> Result<Value, String> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    let array = array.slice(row, 1);
    let as_type = |to: &DataType| cast(&array, to).map_err(|error| error.to_string());
    let millis = |unit: &TimeUnit| {
        as_type(&DataType::Duration(*unit)).and_then(|array| {
            cast(&array, &DataType::Int64)
                .map(|array| array.as_primitive::<Int64Type>().value(0))
                .map_err(|error| error.to_string())
        })
    };
    let wrong = || Err(format!("{} where {ty} was described", array.data_type()));
    let text = || -> Result<String, String> {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(&array, &options).map_err(|error| error.to_string())?;
        formatter.value(0).try_to_string().map_err(|error| error.to_string())
    };
    match (ty, array.data_type()) {
        (oid::BOOL, DataType::Boolean) => Ok(Value::Bool(array.as_boolean().value(0))),
        (oid::BYTEA, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) => {
            let bytes = as_type(&DataType::LargeBinary)?;
            Ok(Value::Bytes(bytes.as_binary::<i64>().value(0).to_vec()))
        }
        // U+0000, which no PostgreSQL text can hold, is shown as its symbol.
        (oid::TEXT | oid::VARCHAR, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
            Ok(Value::Text(text()?.replace('\0', "\u{2400}")))
        }
        (oid::INT2 | oid::INT4 | oid::INT8, DataType::Duration(_)) => {
            Ok(Value::scaled(i128::from(millis(&TimeUnit::Millisecond)?), 0))
        }
        (oid::INTERVAL, DataType::Duration(_)) => Ok(Value::Interval(i128::from(millis(&TimeUnit::Microsecond)?))),
        (oid::INTERVAL, DataType::Interval(_)) => interval(&text()?).ok_or("an interval".to_owned()),
        (oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC | oid::FLOAT4 | oid::FLOAT8, from) if from.is_floating() => {
            Ok(Value::Float(
                as_type(&DataType::Float64)?.as_primitive::<Float64Type>().value(0),
            ))
        }
        (oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC | oid::FLOAT4 | oid::FLOAT8, from) if from.is_numeric() => {
            Value::number(&text()?).ok_or("a number".to_owned())
        }
        (oid::TIMESTAMP | oid::TIMESTAMPTZ, DataType::Timestamp(..) | DataType::Date32) => {
            // A finer instant is cut, as it is on the wire.
            let nanos = as_type(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let micros = cast(&nanos, &DataType::Int64).map_err(|error| error.to_string())?;
            Ok(Value::Time(micros.as_primitive::<Int64Type>().value(0)))
        }
        (oid::DATE, DataType::Date32 | DataType::Date64) => {
            let days = as_type(&DataType::Date32)?;
            let days = cast(&days, &DataType::Int32).map_err(|error| error.to_string())?;
            Ok(Value::Date(days.as_primitive::<arrow::datatypes::Int32Type>().value(0)))
        }
        (oid::INT8_ARRAY | oid::TEXT_ARRAY, DataType::List(_)) => {
            let items = array.as_list::<i32>().value(0);
            let item = if ty == oid::TEXT_ARRAY { oid::TEXT } else { oid::INT8 };
            let items: Result<Vec<Value>, String> = (0..items.len()).map(|i| from_arrow(&items, i, item)).collect();
            items.map(Value::List)
        }
        _ => wrong(),
    }
}

/// A value in PostgreSQL's text format.
pub fn from_text(bytes: &[u8], ty: u32) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    match ty {
        oid::BOOL => match text {
            "t" => Some(Value::Bool(true)),
            "f" => Some(Value::Bool(false)),
            _ => None,
        },
        oid::BYTEA => hex(text.strip_prefix("\\x")?).map(Value::Bytes),
        oid::TEXT | oid::VARCHAR => Some(Value::Text(text.to_owned())),
        oid::INT2 | oid::INT4 | oid::INT8 => text.parse::<i64>().ok().map(|number| Value::scaled(number.into(), 0)),
        oid::NUMERIC => Value::number(text),
        oid::FLOAT4 | oid::FLOAT8 => text.parse().ok().map(Value::Float),
        oid::TIMESTAMP => time(text),
        oid::TIMESTAMPTZ => time(text.strip_suffix("+00")?),
        oid::DATE => {
            let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
            i32::try_from(days).ok().map(Value::Date)
        }
        oid::INTERVAL => interval(text),
        oid::INT8_ARRAY | oid::TEXT_ARRAY => list(text, if ty == oid::TEXT_ARRAY { oid::TEXT } else { oid::INT8 }),
        _ => None,
    }
}

fn time(text: &str) -> Option<Value> {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(Value::Time(time.and_utc().timestamp_micros()))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// `1 mon -2 days 03:04:05.6`, and as Arrow prints it: `1 mons -2 days 3 hours 4 mins 5.600 secs`.
fn interval(text: &str) -> Option<Value> {
    const SECOND: f64 = 1_000_000.0;
    let mut micros = 0.0;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (sign, clock) = word.strip_prefix('-').map_or((1.0, word), |clock| (-1.0, clock));
            let seconds = clock
                .split(':')
                .try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?;
            micros += sign * seconds * SECOND;
            continue;
        }
        let number: f64 = word.parse().ok()?;
        let unit = match words.next()?.trim_end_matches('s') {
            "year" => 360.0 * 86_400.0,
            "mon" => 30.0 * 86_400.0,
            "day" => 86_400.0,
            "hour" => 3_600.0,
            "min" => 60.0,
            "sec" => 1.0,
            _ => return None,
        };
        micros += number * unit * SECOND;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a sum of whole microseconds below 2^53")]
    Some(Value::Interval(micros.round() as i128))
}

/// `{1,NULL,"a\"b"}`.
fn list(text: &str, item: u32) -> Option<Value> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut characters = inner.chars().peekable();
    while characters.peek().is_some() {
        let mut word = String::new();
        let quoted = characters.next_if_eq(&'"').is_some();
        loop {
            match characters.next() {
                None => break,
                Some('"') if quoted => {
                    characters.next_if_eq(&',');
                    break;
                }
                Some(',') if !quoted => break,
                Some('\\') => word.extend(characters.next()),
                Some(other) => word.push(other),
            }
        }
        items.push(match quoted || word != "NULL" {
            true => from_text(word.as_bytes(), item)?,
            false => Value::Null,
        });
    }
    Some(Value::List(items))
}

/// Microseconds and days from 1970 to PostgreSQL's epoch, 2000.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 10_957;

/// A value in PostgreSQL's binary format.
pub fn from_binary(bytes: &[u8], ty: u32) -> Option<Value> {
    let whole = |number: i64| Value::scaled(number.into(), 0);
    match ty {
        oid::BOOL => match bytes {
            [flag @ (0 | 1)] => Some(Value::Bool(*flag == 1)),
            _ => None,
        },
        oid::BYTEA => Some(Value::Bytes(bytes.to_vec())),
        oid::TEXT | oid::VARCHAR => std::str::from_utf8(bytes).ok().map(|text| Value::Text(text.to_owned())),
        oid::INT2 => Some(whole(i16::from_be_bytes(bytes.try_into().ok()?).into())),
        oid::INT4 => Some(whole(i32::from_be_bytes(bytes.try_into().ok()?).into())),
        oid::INT8 => Some(whole(i64::from_be_bytes(bytes.try_into().ok()?))),
        oid::NUMERIC => numeric(bytes),
        oid::FLOAT4 => Some(Value::Float(f32::from_be_bytes(bytes.try_into().ok()?).into())),
        oid::FLOAT8 => Some(Value::Float(f64::from_be_bytes(bytes.try_into().ok()?))),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            Some(Value::Time(i64::from_be_bytes(bytes.try_into().ok()?) + EPOCH_MICROS))
        }
        oid::DATE => Some(Value::Date(i32::from_be_bytes(bytes.try_into().ok()?) + EPOCH_DAYS)),
        oid::INTERVAL => {
            let (micros, rest) = bytes.split_first_chunk::<8>()?;
            let (days, months) = rest.split_first_chunk::<4>()?;
            let days =
                i128::from(i32::from_be_bytes(*days)) + 30 * i128::from(i32::from_be_bytes(months.try_into().ok()?));
            Some(Value::Interval(
                i128::from(i64::from_be_bytes(*micros)) + days * 86_400_000_000,
            ))
        }
        oid::INT8_ARRAY | oid::TEXT_ARRAY => array(bytes, if ty == oid::TEXT_ARRAY { oid::TEXT } else { oid::INT8 }),
        _ => None,
    }
}

/// ndigits, weight, sign, dscale, then digits of base 10,000.
fn numeric(bytes: &[u8]) -> Option<Value> {
    let words: Vec<u16> = bytes
        .chunks(2)
        .map(|word| Some(u16::from_be_bytes(word.try_into().ok()?)))
        .collect::<Option<_>>()?;
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else {
        return None;
    };
    let weight = i32::from(weight.cast_signed());
    if usize::from(*count) != digits.len() {
        return None;
    }
    let mut number: i128 = 0;
    for digit in digits {
        number = number.checked_mul(10_000)?.checked_add(i128::from(*digit))?;
    }
    // Decimal places of the last digit; those beyond the scale are zeros.
    let places = 4 * (i32::from(*count) - 1 - weight);
    let number = if *sign == 0x4000 { -number } else { number };
    let value = match u32::try_from(places) {
        Ok(places) => Value::scaled(number, places),
        Err(_) => Value::scaled(
            number.checked_mul(10_i128.checked_pow(u32::try_from(-places).ok()?)?)?,
            0,
        ),
    };
    match value {
        Value::Number(_, places) if places > u32::from(*scale) => None,
        value => Some(value),
    }
}

/// One dimension: ndim, flags, element type, length, lower bound, then each element with its length.
fn array(bytes: &[u8], item: u32) -> Option<Value> {
    let (head, mut rest) = bytes.split_first_chunk::<12>()?;
    let word = |bytes: &[u8]| Some(i32::from_be_bytes(bytes.try_into().ok()?));
    if word(&head[8..])? != i32::try_from(item).ok()? {
        return None;
    }
    if word(&head[..4])? == 0 {
        return Some(Value::List(Vec::new()));
    }
    rest = rest.get(8..)?;
    let mut items = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        if length < 0 {
            items.push(Value::Null);
            rest = after;
        } else {
            let (value, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
            items.push(from_binary(value, item)?);
            rest = after;
        }
    }
    Some(Value::List(items))
}
