use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::*;
use crate::wire::encode::ByteaOutput;

const MISSING: (&str, &str) = ("∅", "∅");

#[test]
fn integers_print_and_pack_at_their_own_width() {
    assert_golden(
        Arc::new(Int16Array::from(vec![Some(-32768), None, Some(7)])),
        "",
        &[("-32768", "8000"), MISSING, ("7", "0007")],
    );
    assert_golden(
        Arc::new(UInt8Array::from(vec![0, 255])),
        "",
        &[("0", "0000"), ("255", "00ff")],
    );
    assert_golden(
        Arc::new(UInt16Array::from(vec![0, 65535])),
        "",
        &[("0", "00000000"), ("65535", "0000ffff")],
    );
    assert_golden(
        Arc::new(Int32Array::from(vec![1, -1])),
        "",
        &[("1", "00000001"), ("-1", "ffffffff")],
    );
    let all = ("4294967295", "00000000ffffffff");
    assert_golden(
        Arc::new(UInt32Array::from(vec![0, u32::MAX])),
        "",
        &[("0", "0000000000000000"), all],
    );
    let min = ("-9223372036854775808", "8000000000000000");
    assert_golden(
        Arc::new(Int64Array::from(vec![1, i64::MIN])),
        "",
        &[("1", "0000000000000001"), min],
    );
    assert_golden(
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        "",
        &[("t", "01"), MISSING, ("f", "00")],
    );
}

#[test]
fn an_unsigned_length_named_bigint_is_int8_or_out_of_range() {
    let array: ArrayRef = Arc::new(UInt64Array::from(vec![0, 1 << 62]));
    assert_golden(
        array,
        "bigint",
        &[("0", "0000000000000000"), ("4611686018427387904", "4000000000000000")],
    );
    let array: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    for format in [Format::Text, Format::Binary] {
        assert_eq!(
            refusal(array.clone(), "bigint", format),
            ("22003", "bigint out of range".into())
        );
    }
}

#[test]
fn oids_come_from_any_integer() {
    let golden = [("1", "00000001"), ("4294967295", "ffffffff")];
    assert_golden(Arc::new(UInt32Array::from(vec![1, u32::MAX])), "oid", &golden);
    assert_golden(Arc::new(Int32Array::from(vec![1, -1])), "oid", &golden);
    assert_golden(Arc::new(Int64Array::from(vec![1, 4_294_967_295])), "oid", &golden);
    assert_golden(
        Arc::new(UInt32Array::from(vec![1259, 1])),
        "regclass",
        &[("1259", "000004eb"), ("1", "00000001")],
    );
    let names: ArrayRef = Arc::new(StringArray::from(vec!["pg_class"]));
    assert_eq!(texts(names.clone(), "regclass", &Style::default()), ["pg_class"]);
    assert_eq!(refusal(names, "regclass", Format::Binary).0, "0A000");
}

#[test]
fn numerics_are_postgres_digits() {
    let unsigned = UInt64Array::from(vec![
        0,
        1,
        9999,
        10000,
        u64::MAX,
        1 << 63,
        123_456_789_012_345_678,
        100_000_000,
        12_340_000,
    ]);
    assert_golden(
        Arc::new(unsigned),
        "",
        &[
            ("0", "0000000000000000"),
            ("1", "00010000000000000001"),
            ("9999", "0001000000000000270f"),
            ("10000", "00010001000000000001"),
            ("18446744073709551615", "000500040000000007341a5802e103bb064f"),
            ("9223372036854775808", "0005000400000000039a0d2c0170156516b0"),
            ("123456789012345678", "0005000400000000000c0d801ed204d2162e"),
            ("100000000", "00010002000000000001"),
            ("12340000", "000100010000000004d2"),
        ],
    );
    assert_golden(
        Arc::new(Int64Array::from(vec![0, -1])),
        "numeric",
        &[("0", "0000000000000000"), ("-1", "00010000400000000001")],
    );
    let decimal = |values: Vec<i128>, scale| {
        Arc::new(
            Decimal128Array::from(values)
                .with_precision_and_scale(38, scale)
                .unwrap(),
        )
    };
    assert_golden(
        decimal(vec![0, 150, -150, 1], 2),
        "",
        &[
            ("0.00", "0000000000000002"),
            ("1.50", "000200000000000200011388"),
            ("-1.50", "000200004000000200011388"),
            ("0.01", "0001ffff000000020064"),
        ],
    );
    assert_golden(
        decimal(vec![1, 100_000_001, -1_234_567_891], 4),
        "",
        &[
            ("0.0001", "0001ffff000000040001"),
            ("10000.0001", "0003000100000004000100000001"),
            ("-123456.7891", "0003000140000004000c0d801ed3"),
        ],
    );
    assert_golden(
        decimal(vec![1, 1_234_567_890], 5),
        "",
        &[
            ("0.00001", "0001fffe0000000503e8"),
            ("12345.67890", "0003000100000005000109291a85"),
        ],
    );
    assert_golden(
        decimal(vec![0, 99_999_999_999_999_999_999_999_999_999_999_999_999], 3),
        "",
        &[
            ("0.000", "0000000000000003"),
            (
                "99999999999999999999999999999999999.999",
                "000a00080000000303e7270f270f270f270f270f270f270f270f2706",
            ),
        ],
    );
    assert_golden(
        decimal(vec![0, 12], -2),
        "",
        &[("0", "0000000000000000"), ("1200", "000100000000000004b0")],
    );
    assert_golden(
        decimal(vec![0, 1], 37),
        "",
        &[
            ("0.0000000000000000000000000000000000000", "0000000000000025"),
            ("0.0000000000000000000000000000000000001", "0001fff60000002503e8"),
        ],
    );
    let wide = i256::from_string("12345678901234567890123456789012345678901234567890123456789012345").unwrap();
    let wide = Decimal256Array::from(vec![i256::ONE, wide])
        .with_precision_and_scale(70, 5)
        .unwrap();
    assert_golden(
        Arc::new(wide),
        "",
        &[
            ("0.00001", "0001fffe0000000503e8"),
            (
                "123456789012345678901234567890123456789012345678901234567890.12345",
                "0011000e0000000504d2162e23340d801ed204d2162e23340d801ed204d2162e23340d801ed204d21388",
            ),
        ],
    );
    assert_golden(
        Arc::new(Float64Array::from(vec![1e20, 1.5, f64::NAN, f64::INFINITY])),
        "numeric",
        &[
            ("100000000000000000000", "00010005000000000001"),
            ("1.5", "000200000000000100011388"),
            ("NaN", "00000000c0000000"),
            ("Infinity", "00000000d0000020"),
        ],
    );
}

#[test]
fn doubles_print_their_shortest_form() {
    let values = vec![
        0.0,
        -0.0,
        1.0,
        0.1,
        -1.5,
        1e14,
        1e15,
        123_456_789_012_345.0,
        1e20,
        1e-4,
        1e-5,
        1.25e-7,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e23,
        9_007_199_254_740_992.0,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        1e22,
        123456.789,
        1e100,
        8.5e22,
        9.5e21,
    ];
    assert_golden(
        Arc::new(Float64Array::from(values)),
        "",
        &[
            ("0", "0000000000000000"),
            ("-0", "8000000000000000"),
            ("1", "3ff0000000000000"),
            ("0.1", "3fb999999999999a"),
            ("-1.5", "bff8000000000000"),
            ("100000000000000", "42d6bcc41e900000"),
            ("1e+15", "430c6bf526340000"),
            ("123456789012345", "42dc12218377de40"),
            ("1e+20", "4415af1d78b58c40"),
            ("0.0001", "3f1a36e2eb1c432d"),
            ("1e-05", "3ee4f8b588e368f1"),
            ("1.25e-07", "3e80c6f7a0b5ed8d"),
            ("Infinity", "7ff0000000000000"),
            ("-Infinity", "fff0000000000000"),
            ("9.999999999999999e+22", "44b52d02c7e14af6"),
            ("9.007199254740992e+15", "4340000000000000"),
            ("5e-324", "0000000000000001"),
            ("1.7976931348623157e+308", "7fefffffffffffff"),
            ("2.2250738585072014e-308", "0010000000000000"),
            ("1e+22", "4480f0cf064dd592"),
            ("123456.789", "40fe240c9fbe76c9"),
            ("1e+100", "54b249ad2594c37d"),
            ("8.5e+22", "44b1ffdbf6b2b2eb"),
            ("9.500000000000001e+21", "448017f7df96be18"),
        ],
    );
    assert_eq!(
        texts(Arc::new(Float64Array::from(vec![f64::NAN])), "", &Style::default()),
        ["NaN"]
    );
}

#[test]
fn reals_print_their_shortest_form() {
    let values = vec![
        0.0,
        1.5,
        0.1,
        1e5,
        1e6,
        16_777_216.0,
        f32::MAX,
        1e-45,
        1e-5,
        8_388_608.0,
        33_554_432.0,
        9.8e9,
        f32::MIN_POSITIVE,
    ];
    assert_golden(
        Arc::new(Float32Array::from(values)),
        "",
        &[
            ("0", "00000000"),
            ("1.5", "3fc00000"),
            ("0.1", "3dcccccd"),
            ("100000", "47c35000"),
            ("1e+06", "49742400"),
            ("1.6777216e+07", "4b800000"),
            ("3.4028235e+38", "7f7fffff"),
            ("1e-45", "00000001"),
            ("1e-05", "3727c5ac"),
            ("8.388608e+06", "4b000000"),
            ("3.3554432e+07", "4c000000"),
            ("9.799999e+09", "50120808"),
            ("1.1754944e-38", "00800000"),
        ],
    );
    let halves = Float32Array::from(vec![1.5, -0.25]);
    let halves = arrow::compute::cast(&halves, &DataType::Float16).unwrap();
    assert_golden(halves, "", &[("1.5", "3fc00000"), ("-0.25", "be800000")]);
}

#[test]
fn fewer_float_digits_round_as_c_does() {
    let doubles = |digits, values: &[f64]| {
        let style = Style {
            extra_float_digits: digits,
            ..Style::default()
        };
        texts(Arc::new(Float64Array::from(values.to_vec())), "", &style)
    };
    let values = [
        0.0,
        -0.0,
        0.1,
        1e14,
        1e15,
        0.30000000000000004,
        1e-4,
        1e-5,
        123_456.789_012_345_68,
        1e100,
        99999999999999.95,
        999999999999999.9,
    ];
    let golden = [
        "0",
        "-0",
        "0.1",
        "100000000000000",
        "1e+15",
        "0.3",
        "0.0001",
        "1e-05",
        "123456.789012346",
        "1e+100",
        "100000000000000",
        "1e+15",
    ];
    assert_eq!(doubles(0, &values), golden);
    let values = [0.1, 1e14, 1e15, 0.30000000000000004, 1e-4, 1e-5, 123_456.789_012_345_68];
    assert_eq!(
        doubles(-10, &values),
        ["0.1", "1e+14", "1e+15", "0.3", "0.0001", "1e-05", "1.2346e+05"]
    );
    let style = Style {
        extra_float_digits: 0,
        ..Style::default()
    };
    let reals = Float32Array::from(vec![0.1, 1e5, 1e6, 16_777_216.0, f32::MAX]);
    assert_eq!(
        texts(Arc::new(reals), "", &style),
        ["0.1", "100000", "1e+06", "1.67772e+07", "3.40282e+38"]
    );
}

#[test]
fn strings_of_every_layout_are_the_same_cells() {
    let values = vec![Some("a"), None, Some(""), Some("žluť – longer than twelve bytes")];
    let golden = [
        ("a", "61"),
        MISSING,
        ("", ""),
        (
            "žluť – longer than twelve bytes",
            "c5be6c75c5a520e28093206c6f6e676572207468616e207477656c7665206279746573",
        ),
    ];
    assert_golden(Arc::new(StringArray::from(values.clone())), "", &golden);
    assert_golden(Arc::new(LargeStringArray::from(values.clone())), "", &golden);
    assert_golden(Arc::new(StringViewArray::from(values.clone())), "", &golden);
    assert_golden(
        Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>()),
        "",
        &golden,
    );
    let runs: RunArray<Int32Type> = vec![Some("a"), Some("a"), None].into_iter().collect();
    assert_eq!(texts(Arc::new(runs), "", &Style::default()), ["a", "a", "∅"]);
    let tail = RunArray::<Int32Type>::from_iter([Some("x"), Some("a"), Some("a"), None]).slice(2, 2);
    assert_eq!(texts(Arc::new(tail), "", &Style::default()), ["a", "∅"]);
    // A type that the column cannot stand for is passed over.
    assert_eq!(
        texts(Arc::new(BooleanArray::from(vec![true])), "interval", &Style::default()),
        ["t"]
    );
    assert_eq!(texts(Arc::new(NullArray::new(2)), "", &Style::default()), ["∅", "∅"]);
}

#[test]
fn a_null_slot_that_holds_bytes_is_null() {
    let nulls = arrow::buffer::NullBuffer::from(vec![true, false, true]);
    let array = StringArray::from(vec!["a", "hidden", "c"]);
    let array = StringArray::new(array.offsets().clone(), array.values().clone(), Some(nulls));
    assert_golden(Arc::new(array), "", &[("a", "61"), MISSING, ("c", "63")]);
}

#[test]
fn a_nul_in_a_text_is_shown_by_its_picture_and_kept_in_bytea() {
    for ty in ["text", "name"] {
        let array: ArrayRef = Arc::new(StringArray::from(vec!["plain", "a\0b\0"]));
        assert_golden(
            array,
            ty,
            &[("plain", "706c61696e"), ("a\u{2400}b\u{2400}", "61e2908062e29080")],
        );
    }
    assert_eq!(
        texts(Arc::new(StringViewArray::from(vec!["\0"])), "", &Style::default()),
        ["\u{2400}"]
    );
    assert_golden(
        Arc::new(BinaryArray::from(vec![&b""[..], b"a\0"])),
        "",
        &[("\\x", ""), ("\\x6100", "6100")],
    );
}

#[test]
fn byte_strings_print_as_hex_or_escaped() {
    let value: &[u8] = b"\0\xff\\A'\x7f ";
    let array: ArrayRef = Arc::new(BinaryArray::from(vec![value, b""]));
    assert_golden(
        array.clone(),
        "",
        &[("\\x00ff5c41277f20", "00ff5c41277f20"), ("\\x", "")],
    );
    let style = Style {
        bytea_output: ByteaOutput::Escape,
        ..Style::default()
    };
    assert_eq!(texts(array, "", &style), ["\\000\\377\\\\A'\\177 ", ""]);
    let fixed = FixedSizeBinaryArray::try_from_iter([b"\x01\x02", b"\x03\x04"].into_iter()).unwrap();
    assert_golden(Arc::new(fixed), "", &[("\\x0102", "0102"), ("\\x0304", "0304")]);
}

#[test]
fn catalogue_types_have_their_own_binary_forms() {
    let chars: ArrayRef = Arc::new(StringArray::from(vec!["r", ""]));
    assert_golden(chars, "\"char\"", &[("r", "72"), ("", "00")]);
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    assert_golden(
        Arc::new(StringArray::from(vec![uuid, uuid])),
        "uuid",
        &[(uuid, "a0eebc999c0b4ef8bb6d6bb9bd380a11"); 2],
    );
    let vectors: ArrayRef = Arc::new(StringArray::from(vec!["1 2 3", ""]));
    let golden = [
        (
            "1 2 3",
            "0000000100000000000000150000000300000000000000020001000000020002000000020003",
        ),
        ("", "0000000100000000000000150000000000000000"),
    ];
    assert_golden(vectors, "int2vector", &golden);
    let lists =
        ListArray::from_iter_primitive::<Int16Type, _, _>([Some(vec![Some(1), Some(2), Some(3)]), Some(vec![])]);
    assert_golden(Arc::new(lists), "int2vector", &golden);
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([None, Some(vec![Some(1), Some(26)])]);
    let golden = (
        "1 26",
        "00000001000000000000001a00000002000000000000000400000001000000040000001a",
    );
    assert_golden(Arc::new(lists), "oidvector", &[MISSING, golden]);
    let acl: ArrayRef = Arc::new(StringArray::from(vec!["a=r/b"]));
    assert_eq!(texts(acl.clone(), "aclitem", &Style::default()), ["a=r/b"]);
    assert_eq!(
        refusal(acl, "aclitem", Format::Binary),
        ("42883", "no binary output function available for type aclitem".into())
    );
}
