//! Batches of rows → DataRow and CopyData messages.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
        Int32Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray, ListArray, RecordBatch, StringArray,
        Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{Field, Int64Type, IntervalMonthDayNano, Schema},
};
use bytes::BytesMut;
use criterion::{Criterion, Throughput};
use restate_pg::wire::{
    encode::{CopyEncoder, CopyForm, CopyOptions, CsvOptions, Format, RowEncoder, Style},
    types::PG_TYPE,
};

/// As many as the engine hands on at once.
const ROWS: usize = 2048;

/// Each type alone, and a row of all of them.
pub fn rows(criterion: &mut Criterion) {
    let mut batches: Vec<(String, RecordBatch)> = columns()
        .into_iter()
        .map(|(name, column)| (name.to_owned(), batch(vec![(name, column)])))
        .collect();
    batches.push(("a row of all".to_owned(), batch(columns())));
    for (format, label) in [(Format::Text, "text"), (Format::Binary, "binary")] {
        let mut group = criterion.benchmark_group(format!("encoding/rows, {label}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        for (name, batch) in &batches {
            let mut encoder = RowEncoder::new(&batch.schema(), &[format], &Style::default()).expect("a form");
            let mut out = BytesMut::new();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    encoder.encode(batch, 0..ROWS, &mut out).expect("rows");
                    out.len()
                });
            });
        }
        group.finish();
    }
}

/// A row of all types by COPY, in its three formats.
pub fn copy(criterion: &mut Criterion) {
    let batch = batch(columns());
    let mut group = criterion.benchmark_group("encoding/COPY");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, form) in [
        ("text", CopyOptions::default().form),
        ("csv", CopyForm::Csv(CsvOptions::default())),
        ("binary", CopyForm::Binary),
    ] {
        let options = CopyOptions { form, header: false };
        let mut encoder = CopyEncoder::new(&batch.schema(), options, &Style::default()).expect("a form");
        let mut out = BytesMut::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                encoder.encode(&batch, 0..ROWS, &mut out).expect("rows");
                out.len()
            });
        });
    }
    group.finish();
}

/// A column of each type, by the type's name. One value in eight of `text` is NULL, and none of the others.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    // Values of every length, the same in each run.
    let number = |row: i64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> (row % 60);
    let numbers = || (0..ROWS as i64).map(number);
    let texts = |text: fn(i64) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(numbers().map(text))) };
    let micros = || numbers().map(|number| 1_767_225_600_000_000 + number % 100_000_000_000_000);
    vec![
        (
            "boolean",
            Arc::new(numbers().map(|number| Some(number % 2 == 0)).collect::<BooleanArray>()),
        ),
        (
            "smallint",
            Arc::new(Int16Array::from_iter_values(numbers().map(|number| number as i16))),
        ),
        (
            "integer",
            Arc::new(Int32Array::from_iter_values(numbers().map(|number| number as i32))),
        ),
        ("bigint", Arc::new(Int64Array::from_iter_values(numbers()))),
        (
            "real",
            Arc::new(Float32Array::from_iter_values(
                numbers().map(|number| number as f32 / 1e3),
            )),
        ),
        (
            "double precision",
            Arc::new(Float64Array::from_iter_values(
                numbers().map(|number| number as f64 / 1e3),
            )),
        ),
        // What the runtime's unsigned numbers are.
        (
            "numeric(20,0)",
            Arc::new(UInt64Array::from_iter_values(numbers().map(i64::unsigned_abs))),
        ),
        (
            "numeric(38,10)",
            Arc::new(
                Decimal128Array::from_iter_values(numbers().map(i128::from))
                    .with_precision_and_scale(38, 10)
                    .expect("digits enough"),
            ),
        ),
        (
            "text",
            Arc::new(
                numbers()
                    .map(|number| (number % 8 != 0).then(|| format!("inv_1{number:x}")))
                    .collect::<LargeStringArray>(),
            ),
        ),
        (
            "bytea",
            Arc::new(BinaryArray::from_iter_values(
                numbers().map(|number| number.to_be_bytes().repeat(4)),
            )),
        ),
        (
            "date",
            Arc::new(Date32Array::from_iter_values(
                numbers().map(|number| (number % 40_000) as i32),
            )),
        ),
        (
            "time without time zone",
            Arc::new(Time64MicrosecondArray::from_iter_values(
                numbers().map(|number| number.rem_euclid(86_400_000_000)),
            )),
        ),
        (
            "timestamp without time zone",
            Arc::new(TimestampMicrosecondArray::from_iter_values(micros())),
        ),
        (
            "timestamp with time zone",
            Arc::new(TimestampMicrosecondArray::from_iter_values(micros()).with_timezone("+00:00")),
        ),
        (
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from_iter_values(numbers().map(|number| {
                IntervalMonthDayNano {
                    months: (number % 30) as i32,
                    days: (number % 100) as i32,
                    nanoseconds: number % 1_000_000_000_000 * 1_000,
                }
            }))),
        ),
        (
            "uuid",
            texts(|number| format!("{:08x}-0000-4000-8000-{:012x}", number as u32, number as u64 >> 16)),
        ),
        (
            "json",
            texts(|number| format!("{{\"n\": {number}, \"s\": \"a \\\"b\\\"\", \"l\": [1, null, true]}}")),
        ),
        (
            "jsonb",
            texts(|number| format!("{{\"n\": {number}, \"s\": \"a \\\"b\\\"\", \"l\": [1, null, true]}}")),
        ),
        (
            "bigint[]",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(numbers().map(
                |number| Some((0..number.rem_euclid(5)).map(move |item| Some(number + item))),
            ))),
        ),
        ("text[]", {
            let lists = numbers().map(|number| vec![Some(format!("{number}")), None, Some("a b".to_owned())]);
            let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
            builder.extend(lists.map(Some));
            Arc::new(builder.finish())
        }),
    ]
}

/// A batch of columns that say their PostgreSQL type.
fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, column)| {
            let metadata = HashMap::from([(PG_TYPE.to_owned(), name.to_owned())]);
            let field = Field::new(name, column.data_type().clone(), true).with_metadata(metadata);
            (field, column)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
}
