//! Parameters against what PostgreSQL 15 makes of the same text and bytes.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use postgres_types::Type;

use super::*;

fn text_of(ty: &Type, input: &str) -> Result<ScalarValue> {
    decode_parameter(ty, Format::Text, Some(input.as_bytes()))
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn binary_of(ty: &Type, digits: &str) -> Result<ScalarValue> {
    decode_parameter(ty, Format::Binary, Some(&hex(digits)))
}

/// Both forms of a value give the same scalar.
fn assert_both(ty: &Type, input: &str, digits: &str, expected: ScalarValue) {
    assert_eq!(text_of(ty, input).unwrap(), expected, "{ty} {input}");
    assert_eq!(binary_of(ty, digits).unwrap(), expected, "{ty} {input}");
}

fn refusal(ty: &Type, input: &str) -> String {
    let error = text_of(ty, input).unwrap_err();
    format!("{} {}", error.code().code(), error.message())
}

fn utf8(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.into()))
}

#[test]
fn null_has_the_parameters_type() {
    assert_eq!(
        decode_parameter(&Type::INT4, Format::Binary, None).unwrap(),
        ScalarValue::Int32(None)
    );
    assert_eq!(
        decode_parameter(&Type::POINT, Format::Text, None).unwrap(),
        ScalarValue::Utf8(None)
    );
    let list = decode_parameter(&Type::TEXT_ARRAY, Format::Text, None).unwrap();
    assert!(list.is_null());
    assert_eq!(
        list.data_type(),
        DataType::List(Field::new_list_field(DataType::Utf8, true).into())
    );
}

#[test]
fn scalars_of_both_forms() {
    assert_both(&Type::BOOL, "t", "01", ScalarValue::Boolean(Some(true)));
    assert_both(&Type::INT2, " -7 ", "fff9", ScalarValue::Int16(Some(-7)));
    assert_both(&Type::INT4, "+42", "0000002a", ScalarValue::Int32(Some(42)));
    assert_both(
        &Type::INT8,
        "-9223372036854775808",
        "8000000000000000",
        ScalarValue::Int64(Some(i64::MIN)),
    );
    assert_both(
        &Type::OID,
        "4294967295",
        "ffffffff",
        ScalarValue::UInt32(Some(u32::MAX)),
    );
    assert_both(&Type::OID, "-1", "ffffffff", ScalarValue::UInt32(Some(u32::MAX)));
    assert_both(&Type::REGCLASS, "1259", "000004eb", ScalarValue::UInt32(Some(1259)));
    assert_eq!(text_of(&Type::REGCLASS, "pg_class").unwrap(), utf8("pg_class"));
    assert_both(&Type::FLOAT4, "1.5", "3fc00000", ScalarValue::Float32(Some(1.5)));
    assert_both(
        &Type::FLOAT8,
        "-Infinity",
        "fff0000000000000",
        ScalarValue::Float64(Some(f64::NEG_INFINITY)),
    );
    assert_both(&Type::TEXT, "é ", "c3a920", utf8("é "));
    assert_both(
        &Type::BYTEA,
        "\\x00Ff 5c",
        "00ff5c",
        ScalarValue::Binary(Some(vec![0, 255, 92])),
    );
    assert_eq!(
        text_of(&Type::BYTEA, "\\000a\\\\").unwrap(),
        ScalarValue::Binary(Some(vec![0, 97, 92]))
    );
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    assert_both(
        &Type::UUID,
        "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        utf8(uuid),
    );
    assert_both(&Type::JSON, "{\"a\": 1}", "7b2261223a20317d", utf8("{\"a\": 1}"));
    assert_both(&Type::JSONB, "{\"a\": 1}", "017b2261223a20317d", utf8("{\"a\": 1}"));
    for (input, expected) in [
        ("yes", true),
        ("ON", true),
        ("1", true),
        ("fal", false),
        ("of", false),
        ("n", false),
    ] {
        assert_eq!(
            text_of(&Type::BOOL, input).unwrap(),
            ScalarValue::Boolean(Some(expected))
        );
    }
}

#[test]
fn numerics_keep_their_digits() {
    assert_both(
        &Type::NUMERIC,
        "18446744073709551615",
        "000500040000000007341a5802e103bb064f",
        ScalarValue::Decimal128(Some(18_446_744_073_709_551_615), 20, 0),
    );
    assert_both(
        &Type::NUMERIC,
        "-1.50",
        "000200004000000200011388",
        ScalarValue::Decimal128(Some(-150), 3, 2),
    );
    assert_both(
        &Type::NUMERIC,
        "0.00001",
        "0001fffe0000000503e8",
        ScalarValue::Decimal128(Some(1), 5, 5),
    );
    assert_both(
        &Type::NUMERIC,
        "100000000",
        "00010002000000000001",
        ScalarValue::Decimal128(Some(100_000_000), 9, 0),
    );
    assert_both(
        &Type::NUMERIC,
        "12345.67890",
        "0003000100000005000109291a85",
        ScalarValue::Decimal128(Some(1_234_567_890), 10, 5),
    );
    assert_both(
        &Type::NUMERIC,
        "0.00",
        "0000000000000002",
        ScalarValue::Decimal128(Some(0), 2, 2),
    );
    assert_eq!(
        text_of(&Type::NUMERIC, "1.5e3").unwrap(),
        ScalarValue::Decimal128(Some(1_500), 4, 0)
    );
    assert_eq!(
        text_of(&Type::NUMERIC, "15e-3").unwrap(),
        ScalarValue::Decimal128(Some(15), 3, 3)
    );
    let wide = "123456789012345678901234567890123456789012345678901234567890.12345";
    let digits = "0011000e0000000504d2162e23340d801ed204d2162e23340d801ed204d2162e23340d801ed204d21388";
    assert_eq!(
        text_of(&Type::NUMERIC, wide).unwrap(),
        binary_of(&Type::NUMERIC, digits).unwrap()
    );
    assert_eq!(
        text_of(&Type::NUMERIC, wide).unwrap().data_type(),
        DataType::Decimal256(65, 5)
    );
    assert_eq!(refusal(&Type::NUMERIC, "1e77"), "22003 value overflows numeric format");
    assert_eq!(refusal(&Type::NUMERIC, "NaN")[..5], *"22003");
    assert_eq!(
        binary_of(&Type::NUMERIC, "00000000c0000000").unwrap_err().code().code(),
        "22003"
    );
}

#[test]
fn dates_and_times_of_both_forms() {
    assert_both(&Type::DATE, "2026-11-24", "00002660", ScalarValue::Date32(Some(20_781)));
    assert_both(
        &Type::DATE,
        "0044-03-15 BC",
        "fff49d7b",
        ScalarValue::Date32(Some(-735_160)),
    );
    assert_both(
        &Type::TIME,
        "10:00:00.52",
        "0000000861cc5740",
        ScalarValue::Time64Microsecond(Some(36_000_520_000)),
    );
    let stamp = 1_795_514_400_520_000;
    assert_both(
        &Type::TIMESTAMP,
        "2026-11-24 10:00:00.52",
        "000304018ad05740",
        ScalarValue::TimestampMicrosecond(Some(stamp), None),
    );
    let zoned = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("+00:00".into()));
    assert_both(
        &Type::TIMESTAMPTZ,
        "2026-11-24T10:00:00.52Z",
        "000304018ad05740",
        zoned(stamp),
    );
    for input in [
        "2026-11-24 10:00:00.52+00",
        "2026-11-24 15:30:00.52+05:30",
        "2026-11-24 15:30:00.52+0530",
        "2026-11-24T04:00:00.52-06",
        "2026-11-24 11:00:00.52 Europe/Berlin",
        "20261124T100000.52Z",
        "Nov 24 2026 10:00:00.52 UTC",
        "24-Nov-2026 10:00:00.52",
        "Tue Nov 24 10:00:00.52 2026 UTC",
        "11/24/2026 10:00:00.52",
        "2026-11-24 10:00:00.5200004 AM",
    ] {
        assert_eq!(text_of(&Type::TIMESTAMPTZ, input).unwrap(), zoned(stamp), "{input}");
    }
    let whole = |input| text_of(&Type::TIMESTAMP, input).unwrap();
    for input in [
        "2026-11-24 10:00",
        "2026-11-24T10:00:00+05",
        "2026-11-24 10:00 AM",
        "2026/11/24 10:00",
    ] {
        assert_eq!(
            whole(input),
            ScalarValue::TimestampMicrosecond(Some(1_795_514_400_000_000), None),
            "{input}"
        );
    }
    assert_eq!(
        whole("2026-11-24"),
        ScalarValue::TimestampMicrosecond(Some(1_795_478_400_000_000), None)
    );
    assert_eq!(whole("2026-11-24 24:00"), whole("2026-11-25"));
    assert_eq!(whole("2026-11-24 12:30 am"), whole("2026-11-24 00:30"));
    assert_eq!(whole("epoch"), ScalarValue::TimestampMicrosecond(Some(0), None));
}

/// As `timestamptz_in` under `TimeZone = 'Europe/Berlin'`.
#[test]
fn a_timestamp_without_a_zone_is_in_the_sessions() {
    let berlin = Zone::Named(chrono_tz::Tz::Europe__Berlin);
    let utc = |input: &str| match decode_parameter_in(&Type::TIMESTAMPTZ, Format::Text, Some(input.as_bytes()), &berlin)
        .unwrap()
    {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => micros / 1_000_000,
        other => panic!("{other}"),
    };
    assert_eq!(utc("2026-11-24 11:00"), 1_795_514_400);
    assert_eq!(utc("2026-07-01 12:00"), 1_782_900_000);
    // Skipped (02:30 on 29 March is 03:30), and repeated (02:30 on 25 October is the second one).
    assert_eq!(utc("2026-03-29 02:30"), utc("2026-03-29 01:30Z"));
    assert_eq!(utc("2026-10-25 02:30"), utc("2026-10-25 01:30Z"));
}

#[test]
fn intervals_of_both_forms() {
    let interval = |months, days, micros: i64| ScalarValue::new_interval_mdn(months, days, micros * 1_000);
    assert_both(
        &Type::INTERVAL,
        "1 year 2 mons 3 days 04:05:06.789",
        "000000036c97ca88000000030000000e",
        interval(14, 3, 14_706_789_000),
    );
    assert_both(
        &Type::INTERVAL,
        "-1 days +02:00:00",
        "00000001ad274800ffffffff00000000",
        interval(0, -1, 7_200_000_000),
    );
    for (input, expected) in [
        ("1.5 days", interval(0, 1, 43_200_000_000)),
        ("1day 2h", interval(0, 1, 7_200_000_000)),
        ("1-2", interval(14, 0, 0)),
        ("3 4:05", interval(0, 3, 14_700_000_000)),
        ("1.5 mons", interval(1, 15, 0)),
        ("-1 day ago", interval(0, 1, 0)),
        ("@ 1 day ago", interval(0, -1, 0)),
        ("P1Y2M3DT4H5M6.5S", interval(14, 3, 14_706_500_000)),
        ("1 week", interval(0, 7, 0)),
        ("90", interval(0, 0, 90_000_000)),
        ("1:02", interval(0, 0, 3_720_000_000)),
        ("0.7 sec", interval(0, 0, 700_000)),
        ("1.5 years", interval(18, 0, 0)),
        ("-1-2 +3 -4:05:06", interval(-14, 3, -14_706_000_000)),
        ("1 mon -1 day +02:03", interval(1, -1, 7_380_000_000)),
        ("7 DAYS", interval(0, 7, 0)),
    ] {
        assert_eq!(text_of(&Type::INTERVAL, input).unwrap(), expected, "{input}");
    }
}

#[test]
fn bad_text_is_refused_in_postgres_words() {
    for (ty, input, words) in [
        (
            Type::INT4,
            "abc",
            "22P02 invalid input syntax for type integer: \"abc\"",
        ),
        (Type::INT4, "", "22P02 invalid input syntax for type integer: \"\""),
        (
            Type::INT2,
            "99999",
            "22003 value \"99999\" is out of range for type smallint",
        ),
        (
            Type::INT8,
            "99999999999999999999",
            "22003 value \"99999999999999999999\" is out of range for type bigint",
        ),
        (
            Type::OID,
            "99999999999",
            "22003 value \"99999999999\" is out of range for type oid",
        ),
        (Type::OID, "x", "22P02 invalid input syntax for type oid: \"x\""),
        (
            Type::FLOAT8,
            "x",
            "22P02 invalid input syntax for type double precision: \"x\"",
        ),
        (
            Type::FLOAT8,
            "1e400",
            "22003 \"1e400\" is out of range for type double precision",
        ),
        (
            Type::FLOAT8,
            "1e-400",
            "22003 \"1e-400\" is out of range for type double precision",
        ),
        (Type::FLOAT4, "1e40", "22003 \"1e40\" is out of range for type real"),
        (Type::NUMERIC, "x", "22P02 invalid input syntax for type numeric: \"x\""),
        (
            Type::NUMERIC,
            "1.2.3",
            "22P02 invalid input syntax for type numeric: \"1.2.3\"",
        ),
        (Type::BOOL, "o", "22P02 invalid input syntax for type boolean: \"o\""),
        (Type::UUID, "x", "22P02 invalid input syntax for type uuid: \"x\""),
        (Type::JSONB, "{", "22P02 invalid input syntax for type json"),
        (Type::BYTEA, "\\xzz", "22023 invalid hexadecimal digit: \"z\""),
        (
            Type::BYTEA,
            "\\x1",
            "22023 invalid hexadecimal data: odd number of digits",
        ),
        (Type::BYTEA, "a\\b", "22P02 invalid input syntax for type bytea"),
        (
            Type::TIMESTAMP,
            "abc",
            "22007 invalid input syntax for type timestamp: \"abc\"",
        ),
        (
            Type::TIMESTAMPTZ,
            "abc",
            "22007 invalid input syntax for type timestamp with time zone: \"abc\"",
        ),
        (
            Type::TIMESTAMP,
            "2026-13-45",
            "22008 date/time field value out of range: \"2026-13-45\"",
        ),
        (
            Type::DATE,
            "2026-02-30",
            "22008 date/time field value out of range: \"2026-02-30\"",
        ),
        (
            Type::TIME,
            "25:00",
            "22008 date/time field value out of range: \"25:00\"",
        ),
        (
            Type::TIMESTAMP,
            "300000-01-01",
            "22008 timestamp out of range: \"300000-01-01\"",
        ),
        (
            Type::INTERVAL,
            "x",
            "22007 invalid input syntax for type interval: \"x\"",
        ),
        (
            Type::INT4_ARRAY,
            "{x}",
            "22P02 invalid input syntax for type integer: \"x\"",
        ),
        (Type::INT4_ARRAY, "{1,2", "22P02 malformed array literal: \"{1,2\""),
        (Type::INT4_ARRAY, "x", "22P02 malformed array literal: \"x\""),
        (Type::INT4_ARRAY, "{1,}", "22P02 malformed array literal: \"{1,}\""),
        (
            Type::INT4_ARRAY,
            "{{1},{2,3}}",
            "22P02 malformed array literal: \"{{1},{2,3}}\"",
        ),
        (
            Type::INT4_ARRAY,
            "{1,{2}}",
            "22P02 malformed array literal: \"{1,{2}}\"",
        ),
        (
            Type::INT4_ARRAY,
            "{{},{}}",
            "22P02 malformed array literal: \"{{},{}}\"",
        ),
    ] {
        assert_eq!(refusal(&ty, input), words);
    }
    let error = decode_parameter(&Type::TEXT, Format::Text, Some(b"a\xff")).unwrap_err();
    assert_eq!(
        (error.code().code(), error.message()),
        ("22021", "invalid byte sequence for encoding \"UTF8\": 0xff")
    );
    let error = decode_parameter(&Type::TEXT, Format::Binary, Some(b"a\0")).unwrap_err();
    assert_eq!(
        (error.code().code(), error.message()),
        ("22021", "invalid byte sequence for encoding \"UTF8\": 0x00")
    );
}

#[test]
fn bad_binary_is_refused() {
    for (ty, digits) in [
        (Type::INT4, "0000"),
        (Type::INT8, ""),
        (Type::FLOAT8, "000000000000000000"),
        (Type::UUID, "00"),
        (Type::INTERVAL, "00"),
        (Type::NUMERIC, "0001"),
        (Type::NUMERIC, "000100000000000027ff0000"),
        (Type::JSONB, ""),
        (Type::BOOL, "0101"),
        // A count of elements that the message does not hold.
        (Type::INT4_ARRAY, "0000000100000000000000177fffffff00000001"),
        (
            Type::INT4_ARRAY,
            "000000010000000000000017000000010000000100000004000000",
        ),
    ] {
        assert_eq!(
            binary_of(&ty, digits).unwrap_err().code().code(),
            "22P03",
            "{ty} {digits}"
        );
    }
    assert_eq!(binary_of(&Type::POINT, "00").unwrap_err().code().code(), "0A000");
    assert_eq!(
        binary_of(&Type::TIMESTAMP, "7fffffffffffffff")
            .unwrap_err()
            .code()
            .code(),
        "22008"
    );
    assert_eq!(
        binary_of(&Type::INT4_ARRAY, "000000000000000000000019")
            .unwrap_err()
            .code()
            .code(),
        "42804"
    );
}

fn list(items: &[ScalarValue], ty: DataType) -> ScalarValue {
    ScalarValue::List(ScalarValue::new_list(items, &ty, true))
}

#[test]
fn arrays_of_both_forms() {
    let int = |value| ScalarValue::Int32(value);
    let expected = list(&[int(Some(1)), int(None), int(Some(3))], DataType::Int32);
    let digits = "00000001000000010000001700000003000000010000000400000001ffffffff0000000400000003";
    assert_both(&Type::INT4_ARRAY, "{1,NULL, 3}", digits, expected.clone());
    assert_eq!(text_of(&Type::INT4_ARRAY, "[0:2]={1,null,3}").unwrap(), expected);
    assert_both(
        &Type::INT4_ARRAY,
        "{}",
        "000000000000000000000017",
        list(&[], DataType::Int32),
    );
    let inner = |a, b| list(&[int(Some(a)), int(Some(b))], DataType::Int32);
    let nested = DataType::List(Field::new_list_field(DataType::Int32, true).into());
    let digits = "000000020000000000000017000000020000000100000002000000010000000400000001000000040000000200000004000000030000000400000004";
    assert_both(
        &Type::INT4_ARRAY,
        "{{1,2},{3,4}}",
        digits,
        list(&[inner(1, 2), inner(3, 4)], nested),
    );
    let texts = ["a b", "", "NULL", "x\"y", "a\\b", "{,}", "é"].map(utf8);
    let input = r#"{ a b , "", "NULL" ,"x\"y",a\\b,"{,}",é}"#;
    assert_eq!(text_of(&Type::TEXT_ARRAY, input).unwrap(), list(&texts, DataType::Utf8));
    let numerics = [Some(1_500), None, Some(-20_000)].map(|value| ScalarValue::Decimal128(value, 5, 3));
    assert_eq!(
        text_of(&Type::NUMERIC_ARRAY, "{1.5,NULL,-20.000}").unwrap(),
        list(&numerics, DataType::Decimal128(5, 3))
    );
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    assert_eq!(
        text_of(&Type::UUID_ARRAY, &format!("{{{uuid}}}")).unwrap(),
        list(&[utf8(uuid)], DataType::Utf8)
    );
}

/// Overflow checks are on in tests: arithmetic that could wrap panics here.
#[test]
fn no_bytes_panic() {
    let types = [
        Type::BOOL,
        Type::INT2,
        Type::INT8,
        Type::OID,
        Type::FLOAT4,
        Type::NUMERIC,
        Type::BYTEA,
        Type::DATE,
        Type::TIME,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::UUID,
        Type::JSONB,
        Type::CHAR,
        Type::REGCLASS,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::NUMERIC_ARRAY,
        Type::INT2_VECTOR,
    ];
    let seeds: [&[u8]; 14] = [
        b"2026-11-24T10:00:00.52+05:30",
        b"24-Nov-2026 10:00 pm BC",
        b"1 year -2 mons 3.5 days 04:05:06.789 ago",
        b"P1Y2M3DT4H5M6.5S",
        b"[1:2]={{1,NULL},{\"a\\\"b\",-1.5e3}}",
        b"-18446744073709551615.00001e-12",
        b"\\x00ff \\377",
        b"{\"a\": [1, 2]}",
        b"99999999999999999999-12-31 24:59:60",
        b"9223372036854775807 years 9e9 microseconds",
        b"20261124 101500 Europe/Berlin",
        &[0, 2, 0, 1, 0x40, 0, 0, 2, 0, 1, 0x13, 0x88],
        &[
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1,
        ],
        &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..40_000 {
        let mut bytes = seeds[random(seeds.len())].to_vec();
        for _ in 0..random(4) {
            let other = seeds[random(seeds.len())];
            match (random(4), bytes.is_empty()) {
                (0, false) => drop(bytes.remove(random(bytes.len()))),
                (1, false) => {
                    let at = random(bytes.len());
                    bytes[at] = random(256) as u8;
                }
                (2, _) => bytes.insert(random(bytes.len() + 1), other[random(other.len())]),
                _ => bytes.truncate(random(bytes.len() + 1)),
            }
        }
        let ty = &types[random(types.len())];
        let format = if random(2) == 0 { Format::Text } else { Format::Binary };
        match decode_parameter(ty, format, Some(&bytes)) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
}
