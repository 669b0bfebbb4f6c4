use std::sync::Arc;

use arrow::array::*;
use postgres_types::Type;

use super::*;

/// Integers and texts of growing length, every seventh of them NULL.
fn long_batch(rows: usize) -> RecordBatch {
    let text = |row: usize| (!row.is_multiple_of(7)).then(|| "x".repeat(row % 100));
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(0..rows as i64)) as ArrayRef,
            false,
        ),
        (
            "text",
            Arc::new((0..rows).map(text).collect::<StringArray>()) as ArrayRef,
            true,
        ),
    ])
    .unwrap()
}

fn expected(rows: std::ops::Range<usize>) -> Vec<Vec<Option<Vec<u8>>>> {
    let row = |row: usize| {
        vec![
            Some(row.to_string().into_bytes()),
            (!row.is_multiple_of(7)).then(|| vec![b'x'; row % 100]),
        ]
    };
    rows.map(row).collect()
}

#[test]
fn a_row_is_the_message_that_postgres_sends() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(Int32Array::from(vec![42])) as ArrayRef, true),
        ("b", Arc::new(StringArray::from(vec![None::<&str>])) as ArrayRef, true),
    ])
    .unwrap();
    let mut out = BytesMut::new();
    RowEncoder::new(&batch.schema(), &[], &Style::default())
        .unwrap()
        .encode(&batch, 0..1, &mut out)
        .unwrap();
    assert_eq!(&out[..], b"D\0\0\0\x10\0\x02\0\0\0\x0242\xff\xff\xff\xff");
}

#[test]
fn long_batches_grow_the_buffer_and_keep_what_was_in_it() {
    let batch = long_batch(5_000);
    let mut encoder = RowEncoder::new(&batch.schema(), &[Format::Text], &Style::default()).unwrap();
    let mut out = BytesMut::new();
    encoder.encode(&batch, 0..0, &mut out).unwrap();
    encoder.encode(&batch, 0..1_234, &mut out).unwrap();
    encoder.encode(&batch.slice(1_234, 3_766), 0..3_766, &mut out).unwrap();
    assert_eq!(parse_rows(&out), expected(0..5_000));
}

#[test]
fn a_size_ends_the_batch_between_rows() {
    let batch = long_batch(3_000);
    let mut encoder = RowEncoder::new(&batch.schema(), &[], &Style::default()).unwrap();
    let (mut next, mut all) = (100, Vec::new());
    while next < 3_000 {
        let mut out = BytesMut::new();
        next = encoder.encode_until(&batch, next..3_000, 4_096, &mut out).unwrap();
        assert!(next == 3_000 || (4_096..4_096 + 200).contains(&out.len()));
        all.extend_from_slice(&out);
    }
    assert_eq!(parse_rows(&all), expected(100..3_000));
}

#[test]
fn huge_cells_are_sent_one_by_one() {
    let huge = "h".repeat(3_000_000);
    let array: ArrayRef = Arc::new(StringViewArray::from(vec![huge.as_str(), "small", huge.as_str()]));
    let batch = batch(array, "");
    let mut encoder = RowEncoder::new(&batch.schema(), &[], &Style::default()).unwrap();
    let mut out = BytesMut::new();
    assert_eq!(encoder.encode_until(&batch, 0..3, 1_024, &mut out).unwrap(), 1);
    encoder.encode(&batch, 1..3, &mut out).unwrap();
    let lens: Vec<_> = parse_rows(&out)
        .iter()
        .map(|row| row[0].as_ref().unwrap().len())
        .collect();
    assert_eq!(lens, [3_000_000, 5, 3_000_000]);
}

#[test]
fn formats_are_chosen_by_column() {
    let batch = long_batch(2);
    let formats = [Format::Binary, Format::Text];
    let mut encoder = RowEncoder::new(&batch.schema(), &formats, &Style::default()).unwrap();
    let described = FieldDescription::of(&batch.schema(), &formats, &Style::default());
    let described: Vec<_> = described
        .iter()
        .map(|field| (field.name.as_str(), field.ty.ty.clone(), field.format))
        .collect();
    assert_eq!(
        described,
        [("id", Type::INT8, Format::Binary), ("text", Type::TEXT, Format::Text)]
    );
    let mut out = BytesMut::new();
    encoder.encode(&batch, 1..2, &mut out).unwrap();
    assert_eq!(
        parse_rows(&out),
        [[Some(1i64.to_be_bytes().to_vec()), Some(b"x".to_vec())]]
    );
}

#[test]
fn a_batch_of_another_shape_is_refused() {
    let batch = long_batch(2);
    let mut encoder = RowEncoder::new(&batch.schema(), &[], &Style::default()).unwrap();
    let mut out = BytesMut::new();
    assert_eq!(
        encoder
            .encode(&batch.project(&[0]).unwrap(), 0..1, &mut out)
            .unwrap_err()
            .code()
            .code(),
        "XX000"
    );
    assert_eq!(
        encoder.encode(&batch, 0..3, &mut out).unwrap_err().code().code(),
        "XX000"
    );
    let swapped = batch.project(&[1, 0]).unwrap();
    assert_eq!(
        encoder.encode(&swapped, 0..1, &mut out).unwrap_err().code().code(),
        "XX000"
    );
}
