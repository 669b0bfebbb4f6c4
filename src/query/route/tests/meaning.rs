//! Functions and literals mean there what they mean here.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::DataType;
use datafusion::{
    common::ScalarValue,
    logical_expr::{Volatility, create_udf},
};

use super::{
    super::{
        literal::literal,
        meaning::{Meaning, spelled},
    },
    stand_in::stand_in,
};
use crate::source::Introspection;

#[test]
fn a_namesake_of_the_engines_function_is_never_sent() {
    let introspection = Introspection {
        version: "1.7.12".to_owned(),
        tables: BTreeMap::new(),
        functions: ["upper", "max", "rank"].map(str::to_owned).into(),
    };
    let meaning = Meaning::new(&introspection);
    let namesake = create_udf(
        "upper",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|args| Ok(args[0].clone())),
    );
    assert!(!meaning.scalar(&Arc::new(namesake), &[DataType::Utf8]));
    assert!(meaning.scalar(&datafusion::functions::string::upper(), &[DataType::Utf8]));
    // A session's own function under a name of the list is no other case: what the session has is not asked.
    let max = datafusion::functions_aggregate::min_max::max_udaf();
    assert!(meaning.aggregate(&max, &[DataType::Int64], false));
    let renamed = Arc::new(max.as_ref().clone().with_aliases(["greatest_of"]));
    assert!(!meaning.aggregate(&renamed, &[DataType::Int64], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn literals_have_their_type_there() {
    let context = stand_in();
    let utc = Some("+00:00".into());
    for value in [
        ScalarValue::Boolean(Some(true)),
        ScalarValue::Int8(Some(-7)),
        ScalarValue::Int16(Some(7)),
        ScalarValue::Int32(Some(i32::MIN)),
        ScalarValue::Int64(Some(0)),
        ScalarValue::Int64(Some(i64::MAX)),
        ScalarValue::Int64(Some(-1)),
        ScalarValue::UInt8(Some(255)),
        ScalarValue::UInt32(Some(u32::MAX)),
        ScalarValue::UInt64(Some(u64::MAX)),
        ScalarValue::Float32(Some(0.1)),
        ScalarValue::Float64(Some(-1.0e-300)),
        ScalarValue::Float64(Some(0.1 + 0.2)),
        ScalarValue::Decimal128(Some(-12345), 10, 2),
        ScalarValue::Decimal128(Some(5), 1, 1),
        ScalarValue::Utf8(Some("it's \\ \"odd\" $1".to_owned())),
        ScalarValue::Binary(Some(vec![0, 255])),
        ScalarValue::Date32(Some(-1)),
        ScalarValue::TimestampSecond(Some(1), None),
        ScalarValue::TimestampMillisecond(Some(-1), utc.clone()),
        ScalarValue::TimestampMicrosecond(Some(1_790_000_000_000_001), None),
        ScalarValue::TimestampNanosecond(Some(1_790_000_000_000_000_001), utc),
        ScalarValue::DurationMillisecond(Some(90_000)),
        ScalarValue::IntervalMonthDayNano(Some(arrow::datatypes::IntervalMonthDayNano::new(14, -3, 4_000_000_005))),
        ScalarValue::Utf8(None),
        ScalarValue::UInt64(None),
        ScalarValue::TimestampMillisecond(None, Some("+00:00".into())),
        ScalarValue::Null,
    ] {
        let sql = format!(
            "SELECT {} AS x",
            literal(&value).unwrap_or_else(|| panic!("{value:?} is not written"))
        );
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let read = ScalarValue::try_from_array(batches[0].column(0), 0).unwrap();
        assert_eq!(read, value, "{sql}");
        assert_eq!(read.data_type(), value.data_type(), "{sql}");
    }
    // What has no exact text, or a type that is not sent.
    for value in [
        ScalarValue::Float64(Some(f64::NAN)),
        ScalarValue::TimestampMillisecond(Some(0), Some("Europe/Berlin".into())),
        ScalarValue::Utf8(Some("a\0b".to_owned())),
        ScalarValue::Utf8(Some("x".repeat(70_000))),
    ] {
        assert_eq!(literal(&value), None, "{value:?}");
    }
    // Another name of the same zone is the runtime's own.
    let utc = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("UTC".into()));
    assert_eq!(spelled(&utc).unwrap(), "Timestamp(Millisecond, Some(\"+00:00\"))");
}
