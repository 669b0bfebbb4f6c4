use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;

use super::*;

fn list(items: ArrayRef, offsets: &[i32]) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    Arc::new(ListArray::new(
        field,
        OffsetBuffer::new(offsets.to_vec().into()),
        items,
        None,
    ))
}

#[test]
fn array_elements_are_quoted_where_postgres_quotes_them() {
    let items = StringArray::from(vec![
        Some("a"),
        Some("b c"),
        Some(""),
        Some("NULL"),
        Some("null"),
        Some("x\"y"),
        Some("a\\b"),
        Some("{"),
        Some("}"),
        Some(","),
        None,
        Some("\t"),
        Some("v"),
        Some("é"),
    ]);
    assert_golden(
        list(Arc::new(items), &[0, 0, 14]),
        "",
        &[
            ("{}", "000000000000000000000019"),
            (
                "{a,\"b c\",\"\",\"NULL\",\"null\",\"x\\\"y\",\"a\\\\b\",\"{\",\"}\",\",\",NULL,\"\t\",v,é}",
                "0000000100000001000000190000000e0000000100000001610000000362206300000000000000044e554c4c000000046e756c6c0000000378227900000003615c62000000017b000000017d000000012cffffffff0000000109000000017600000002c3a9",
            ),
        ],
    );
}

const ONE_NULL_THREE: (&str, &str) = (
    "{1,NULL,3}",
    "00000001000000010000001700000003000000010000000400000001ffffffff0000000400000003",
);
const EMPTY: (&str, &str) = ("{}", "000000000000000000000017");

#[test]
fn lists_of_every_layout_are_arrays() {
    let values = || [Some(vec![]), None, Some(vec![Some(1), None, Some(3)])];
    let golden = [EMPTY, ("∅", "∅"), ONE_NULL_THREE];
    assert_golden(
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(values())),
        "",
        &golden,
    );
    assert_golden(
        Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>(values())),
        "",
        &golden,
    );
    let fixed = [None, Some(vec![Some(1), None, Some(3)])];
    assert_golden(
        Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(fixed, 3)),
        "",
        &golden[1..],
    );
    // A view's slots may lie in any order.
    let items: ArrayRef = Arc::new(Int32Array::from(vec![Some(9), Some(1), None, Some(3)]));
    let field = Arc::new(Field::new_list_field(DataType::Int32, true));
    let (offsets, sizes) = (ScalarBuffer::from(vec![1, 3, 0]), ScalarBuffer::from(vec![3, 0, 1]));
    let view = ListViewArray::new(field, offsets, sizes, items, None);
    assert_eq!(
        texts(Arc::new(view), "", &Style::default()),
        ["{1,NULL,3}", "{}", "{9}"]
    );
}

#[test]
fn lists_of_lists_are_one_array_of_more_dimensions() {
    let inner = list(Arc::new(Int32Array::from(vec![9, 1, 2, 3, 4])), &[0, 1, 3, 5]);
    let golden = "000000020000000000000017000000020000000100000002000000010000000400000001000000040000000200000004000000030000000400000004";
    let outer = list(inner, &[0, 0, 1, 3]);
    assert_eq!(
        texts(outer.clone(), "", &Style::default()),
        ["{}", "{{9}}", "{{1,2},{3,4}}"]
    );
    assert_eq!(binaries(outer.clone(), "")[2], golden);
    assert_golden(outer.slice(0, 1), "", &[EMPTY]);
    let cube = list(
        list(
            list(
                Arc::new(Int32Array::from(vec![Some(1), Some(2), Some(3), None])),
                &[0, 1, 2, 3, 4],
            ),
            &[0, 2, 4],
        ),
        &[0, 2],
    );
    assert_golden(
        cube,
        "",
        &[(
            "{{{1},{2}},{{3},{NULL}}}",
            "000000030000000100000017000000020000000100000002000000010000000100000001000000040000000100000004000000020000000400000003ffffffff",
        )],
    );
}

#[test]
fn jagged_lists_are_refused_in_postgres_words() {
    let jagged = list(list(Arc::new(Int32Array::from(vec![1, 2, 3])), &[0, 1, 3]), &[0, 2]);
    let words = "multidimensional arrays must have array expressions with matching dimensions";
    assert_eq!(refusal(jagged.clone(), "", Format::Text), ("2202E", words.into()));
    assert_eq!(refusal(jagged, "", Format::Binary), ("2202E", words.into()));
}

#[test]
fn elements_print_as_they_do_alone() {
    let stamps = TimestampMillisecondArray::from(vec![1_795_514_400_520]).with_timezone("+00:00");
    assert_eq!(
        texts(list(Arc::new(stamps), &[0, 1]), "", &Style::default()),
        ["{\"2026-11-24 10:00:00.52+00\"}"]
    );
    assert_eq!(
        texts(
            list(Arc::new(UInt64Array::from(vec![1, u64::MAX])), &[0, 2]),
            "",
            &Style::default()
        ),
        ["{1,18446744073709551615}"]
    );
    assert_eq!(
        texts(
            list(Arc::new(BinaryArray::from(vec![&b"\0\xff"[..]])), &[0, 1]),
            "",
            &Style::default()
        ),
        ["{\"\\\\x00ff\"}"]
    );
    assert_eq!(
        texts(
            list(Arc::new(BooleanArray::from(vec![true, false])), &[0, 2]),
            "",
            &Style::default()
        ),
        ["{t,f}"]
    );
    let names = list(Arc::new(StringArray::from(vec!["a"])), &[0, 1]);
    assert_eq!(
        binaries(names, "name[]"),
        ["00000001000000000000001300000001000000010000000161"]
    );
}

fn rows() -> StructArray {
    let fields = Fields::from(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Utf8, true),
        Field::new("c", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(9), Some(1), None])),
        Arc::new(StringArray::from(vec!["hidden", "b c", ""])),
        Arc::new(StringArray::from(vec![None, None, Some("x\"y\\(")])),
    ];
    StructArray::new(fields, columns, Some(NullBuffer::from(vec![false, true, true])))
}

#[test]
fn structs_are_records() {
    assert_golden(
        Arc::new(rows()),
        "",
        &[
            ("∅", "∅"),
            (
                "(1,\"b c\",)",
                "00000003000000170000000400000001000000190000000362206300000019ffffffff",
            ),
            (
                "(,\"\",\"x\"\"y\\\\(\")",
                "0000000300000017ffffffff000000190000000000000019000000057822795c28",
            ),
        ],
    );
    let array = list(Arc::new(rows().slice(1, 1)), &[0, 1]);
    assert_eq!(texts(array, "", &Style::default()), ["{\"(1,\\\"b c\\\",)\"}"]);
}

#[test]
fn json_unions_are_jsonb() {
    let fields: UnionFields = [
        (0, Arc::new(Field::new("null", DataType::Null, true))),
        (1, Arc::new(Field::new("bool", DataType::Boolean, false))),
        (2, Arc::new(Field::new("int", DataType::Int64, false))),
        (3, Arc::new(Field::new("float", DataType::Float64, false))),
        (4, Arc::new(Field::new("str", DataType::Utf8, false))),
        (
            6,
            Arc::new(
                Field::new("object", DataType::Utf8, false)
                    .with_metadata([("ARROW:extension:name".into(), "arrow.json".into())].into()),
            ),
        ),
    ]
    .into_iter()
    .collect();
    let object = r#"{"b":[1, 2,{"x":null}], "a" : "x\u00e9\n/\/\u001f", "aa":1e2, "c":1.50,"b":[true,false], "d":-0.0, "e":{},"f":[], "g":1e-3}"#;
    let normal =
        r#"{"a": "xé\n//\u001f", "b": [true, false], "c": 1.50, "d": 0.0, "e": {}, "f": [], "g": 0.001, "aa": 100}"#;
    let strings = |at: usize, text: &str| -> ArrayRef {
        Arc::new(
            (0..7)
                .map(|slot| (slot == at).then(|| text.to_string()))
                .collect::<StringArray>(),
        )
    };
    let children: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(7)),
        Arc::new(BooleanArray::from(vec![None, Some(true), None, None, None, None, None])),
        Arc::new(Int64Array::from(vec![None, None, Some(-5), None, None, None, None])),
        Arc::new(Float64Array::from(vec![
            None,
            None,
            None,
            Some(1e20),
            None,
            None,
            Some(0.25),
        ])),
        strings(4, "a\"\n"),
        strings(5, object),
    ];
    let union: ArrayRef =
        Arc::new(UnionArray::try_new(fields, vec![0, 1, 2, 3, 4, 6, 3].into(), None, children).unwrap());
    let golden = ["∅", "true", "-5", "100000000000000000000", r#""a\"\n""#, normal, "0.25"];
    assert_eq!(texts(union.clone(), "", &Style::default()), golden);
    assert_eq!(texts(union.slice(4, 3), "", &Style::default()), golden[4..]);
    assert_eq!(binaries(union, "")[1], "0174727565");
}

#[test]
fn maps_are_jsonb_objects() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for (key, value) in [("bb", Some(1)), ("a", None)] {
        builder.keys().append_value(key);
        builder.values().append_option(value);
    }
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    builder.append(true).unwrap();
    let map: ArrayRef = Arc::new(builder.finish());
    assert_golden(
        map,
        "",
        &[
            (r#"{"a": null, "bb": 1}"#, "017b2261223a206e756c6c2c20226262223a20317d"),
            ("∅", "∅"),
            ("{}", "017b7d"),
        ],
    );
}

#[test]
fn json_text_is_normal_as_jsonb_and_unchanged_as_json() {
    let array: ArrayRef = Arc::new(StringArray::from(vec![r#"{"a":1}"#, "not json", "[1,2"]));
    assert_eq!(
        texts(array.clone(), "jsonb", &Style::default()),
        [r#"{"a": 1}"#, "not json", "[1,2"]
    );
    assert_eq!(binaries(array.clone(), "jsonb")[0], "017b2261223a20317d");
    assert_golden(array.slice(0, 1), "json", &[(r#"{"a":1}"#, "7b2261223a317d")]);
    let deep: ArrayRef = Arc::new(StringArray::from(vec!["[".repeat(1_000_000)]));
    assert_eq!(texts(deep, "jsonb", &Style::default())[0].len(), 1_000_000);
}

/// As `to_jsonb` writes them.
#[test]
fn values_within_json_are_those_of_to_jsonb() {
    let stamps = TimestampMillisecondArray::from(vec![1_795_514_400_520]).with_timezone("+00:00");
    let fields = Fields::from(vec![
        Field::new("t", stamps.data_type().clone(), true),
        Field::new("f", DataType::Float64, true),
        Field::new("n", DataType::Float64, true),
        Field::new(
            "l",
            list(Arc::new(Int32Array::from(vec![1])), &[0, 1]).data_type().clone(),
            true,
        ),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(stamps),
        Arc::new(Float64Array::from(vec![1e20])),
        Arc::new(Float64Array::from(vec![f64::NAN])),
        list(Arc::new(Int32Array::from(vec![Some(1), None])), &[0, 2]),
    ];
    let array: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
    let golden = r#"{"f": 100000000000000000000, "l": [1, null], "n": "NaN", "t": "2026-11-24T10:00:00.52+00:00"}"#;
    assert_eq!(texts(array, "jsonb", &Style::default()), [golden]);
}
