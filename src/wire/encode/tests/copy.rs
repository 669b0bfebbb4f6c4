use std::sync::Arc;

use arrow::array::*;

use super::*;
use crate::wire::encode::{CopyEncoder, CopyForm, CopyOptions, CsvOptions};

/// A row of named texts.
fn row(columns: &[(&str, Option<&str>)]) -> RecordBatch {
    let column = |(name, value): &(&str, Option<&str>)| {
        (
            name.to_string(),
            Arc::new(StringArray::from(vec![*value])) as ArrayRef,
            true,
        )
    };
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(column)).unwrap()
}

/// The contents of each CopyData message.
fn copy(batch: &RecordBatch, options: CopyOptions) -> Vec<Vec<u8>> {
    let mut encoder = CopyEncoder::new(&batch.schema(), options, &Style::default()).unwrap();
    let mut out = BytesMut::new();
    encoder.start(&mut out).unwrap();
    encoder.encode(batch, 0..batch.num_rows(), &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    let mut rest = &out[..];
    let mut messages = Vec::new();
    while let Some(b'd') = rest.split_off_first() {
        let len = i32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        messages.push(rest[4..len].to_vec());
        rest = &rest[len..];
    }
    assert!(rest.is_empty());
    messages
}

fn copy_text(batch: &RecordBatch, options: CopyOptions) -> String {
    String::from_utf8(copy(batch, options).concat()).unwrap()
}

fn csv(options: CsvOptions, header: bool) -> CopyOptions {
    CopyOptions {
        form: CopyForm::Csv(options),
        header,
    }
}

#[test]
fn text_escapes_control_characters_backslash_and_delimiter() {
    let batch = row(&[
        ("a", Some("a\tb\\c\nd\re\u{8}f\u{c}g\u{b}h,i\"j")),
        ("b", None),
        ("c", Some("")),
        ("d", Some("plain")),
    ]);
    assert_eq!(
        copy_text(&batch, CopyOptions::default()),
        "a\\tb\\\\c\\nd\\re\\bf\\fg\\vh,i\"j\t\\N\t\tplain\n"
    );
    let batch = row(&[("a", Some("a\tb\\c\nd,x")), ("b", None), ("c", Some("x"))]);
    let options = CopyOptions {
        form: CopyForm::Text {
            delimiter: b',',
            null: "\\N".into(),
        },
        header: false,
    };
    assert_eq!(copy_text(&batch, options), "a\\tb\\\\c\\nd\\,x,\\N,x\n");
    let options = CopyOptions {
        header: true,
        ..CopyOptions::default()
    };
    assert_eq!(copy_text(&row(&[("f", Some("\\."))]), options), "f\n\\\\.\n");
}

#[test]
fn csv_quotes_what_postgres_quotes() {
    let batch = row(&[
        ("a", Some("a\tb\\c\nd\re,i\"j")),
        ("b,c", None),
        ("d", Some("")),
        ("e", Some("plain")),
        ("f", Some("\\.")),
    ]);
    assert_eq!(
        copy_text(&batch, csv(CsvOptions::default(), true)),
        "a,\"b,c\",d,e,f\n\"a\tb\\c\nd\re,i\"\"j\",,\"\",plain,\\.\n"
    );
    assert_eq!(
        copy_text(&row(&[("f", Some("\\."))]), csv(CsvOptions::default(), false)),
        "\"\\.\"\n"
    );
    let batch = row(&[("a", Some("a\"b\\c")), ("b", Some("x")), ("c", None), ("d", Some("y"))]);
    let options = CsvOptions {
        delimiter: b';',
        null: "N".into(),
        escape: b'\\',
        force_quote: vec![true; 4],
        ..CsvOptions::default()
    };
    assert_eq!(
        copy_text(&batch, csv(options, false)),
        "\"a\\\"b\\\\c\";\"x\";N;\"y\"\n"
    );
}

/// `copy (select 1 a, 'x'::text b, null::int c) to stdout (format binary)`
#[test]
fn binary_has_header_and_trailer() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef, true),
        ("b", Arc::new(StringArray::from(vec!["x"])) as ArrayRef, true),
        ("c", Arc::new(Int32Array::from(vec![None])) as ArrayRef, true),
    ])
    .unwrap();
    let messages = copy(
        &batch,
        CopyOptions {
            form: CopyForm::Binary,
            header: false,
        },
    );
    let hex: String = messages.concat().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "5047434f50590aff0d0a000000000000000000000300000004000000010000000178ffffffffffff"
    );
    // The header goes with the first row, as PostgreSQL sends it.
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_size_ends_the_copy_between_rows() {
    let batch = batch(Arc::new(Int32Array::from_iter_values(0..2_000)), "");
    let binary = CopyOptions {
        form: CopyForm::Binary,
        header: false,
    };
    for options in [CopyOptions::default(), binary] {
        let encoder = || CopyEncoder::new(&batch.schema(), options.clone(), &Style::default()).unwrap();
        let (mut in_pieces, mut next, mut all) = (encoder(), 0, Vec::new());
        while next < 2_000 {
            let mut out = BytesMut::new();
            next = in_pieces.encode_until(&batch, next..2_000, 100, &mut out).unwrap();
            assert!(out.len() < 120);
            all.extend_from_slice(&out);
        }
        let mut whole = BytesMut::new();
        encoder().encode(&batch, 0..2_000, &mut whole).unwrap();
        assert_eq!(all, whole);
    }
}
