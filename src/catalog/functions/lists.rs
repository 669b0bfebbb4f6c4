//! Arrays and vectors: subscripts that begin where PostgreSQL's do, and lists for `unnest` to expand.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, StringArray, StructArray, UInt32Array},
    buffer::OffsetBuffer,
    compute::{cast, take},
    datatypes::{DataType, Field, FieldRef, Fields, Int32Type, Int64Type},
};
use datafusion::{
    common::{ScalarValue, exec_err, plan_err},
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        expr::ScalarFunction,
    },
};

use super::native::{rows, signature};
use crate::catalog::types::{self, pg_type_of};

/// One function over an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ListFunction {
    /// `a[i]`.
    Subscript,
    /// The subscripts of an array, as `generate_subscripts` gives them.
    Subscripts,
    /// 1, 2, …: the column that WITH ORDINALITY adds.
    Ordinals,
    /// `information_schema._pg_expandarray`: elements with their positions.
    Expand,
    Lower,
    Upper,
    Length,
    Cardinality,
    /// The array, empty where it is NULL: what `ARRAY(SELECT …)` makes of no rows.
    OrEmpty,
    /// NULL where an element is, else false: what `= ANY` is of a value that is not in the array.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OverList {
    name: &'static str,
    function: ListFunction,
}

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    use ListFunction::*;
    let functions = [
        ("pg_subscript", Subscript),
        ("pg_subscripts", Subscripts),
        ("pg_ordinals", Ordinals),
        ("pg_expandarray", Expand),
        ("array_lower", Lower),
        ("array_upper", Upper),
        ("array_length", Length),
        ("cardinality", Cardinality),
        ("pg_array", OrEmpty),
        ("pg_array_unknown", Unknown),
    ];
    let (name, function) = functions.into_iter().find(|(own, _)| *own == name)?;
    Some(ScalarUDF::new_from_impl(OverList { name, function }))
}

/// `NULL` where an array has an element that is NULL, else false.
pub fn unknown_in(array: Expr) -> Option<Expr> {
    let function = Arc::new(function("pg_array_unknown")?);
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![array])))
}

/// What a subscript begins with: vectors count from 0.
fn lower_bound(field: &Field) -> i64 {
    match pg_type_of(field) {
        Some("int2vector" | "oidvector") => 0,
        _ => 1,
    }
}

/// The element of a list field, with the PostgreSQL type that the list's own implies.
fn element(field: &FieldRef) -> EngineResult<Field> {
    let data_type = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            if pg_type_of(item).is_some() {
                return Ok(item.as_ref().clone().with_nullable(true));
            }
            item.data_type().clone()
        }
        DataType::Null => DataType::Null,
        DataType::Utf8 => return Ok(types::field("element", "\"char\"", true)),
        other => {
            return plan_err!("cannot subscript type {other} because it does not support subscripting");
        }
    };
    let plain = Field::new("element", data_type, true);
    Ok(match pg_type_of(field) {
        Some("int2vector") => types::tagged(plain, "smallint"),
        Some("oidvector") => types::tagged(plain, "oid"),
        Some(array) => match array.strip_suffix("[]") {
            Some(item) => types::tagged(plain, item),
            None => plain,
        },
        None => plain,
    })
}

fn list_of(item: Field) -> DataType {
    DataType::List(Arc::new(item))
}

impl ScalarUDFImpl for OverList {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Immutable)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        exec_err!("the type of {} depends on its argument", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let Some(list) = args.arg_fields.first() else {
            return plan_err!("function {}() does not exist", self.name);
        };
        let item = |data_type| Field::new_list_field(data_type, true);
        let field = match self.function {
            ListFunction::Subscript => element(list)?.with_name(self.name),
            ListFunction::Subscripts => Field::new(self.name, list_of(item(DataType::Int32)), true),
            ListFunction::Ordinals => Field::new(self.name, list_of(item(DataType::Int64)), true),
            ListFunction::Expand => {
                let pair = DataType::Struct(pair(element(list)?));
                Field::new(self.name, list_of(item(pair)), true)
            }
            ListFunction::OrEmpty => list.as_ref().clone(),
            ListFunction::Unknown => Field::new(self.name, DataType::Boolean, true),
            ListFunction::Lower | ListFunction::Upper | ListFunction::Length | ListFunction::Cardinality => {
                Field::new(self.name, DataType::Int32, true)
            }
        };
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let (rows, scalar) = rows(&args);
        let (Some(list), Some(field)) = (args.args.first(), args.arg_fields.first()) else {
            return exec_err!("function {}() does not exist", self.name);
        };
        let list = list.to_array(rows)?;
        if let (ListFunction::Subscript, DataType::Utf8, Some(index)) =
            (self.function, list.data_type(), args.args.get(1))
        {
            return Ok(ColumnarValue::Array(characters(
                &list,
                &cast(&index.to_array(rows)?, &DataType::Int64)?,
            )));
        }
        let list = as_list(&list)?;
        let second = match args.args.get(1) {
            Some(arg) => Some(cast(&arg.to_array(rows)?, &DataType::Int64)?),
            None => None,
        };
        let second = second.as_ref().map(|array| array.as_primitive::<Int64Type>());
        let number = |row: usize| second.and_then(|array| array.is_valid(row).then(|| array.value(row)));
        let bounds = |row: usize| {
            let length = i64::from(list.value_length(row));
            let lower = lower_bound(field);
            (list.is_valid(row) && (second.is_none() || number(row) == Some(1))).then_some((lower, length))
        };
        let array: ArrayRef = match self.function {
            ListFunction::Subscript => subscript(&list, lower_bound(field), number)?,
            ListFunction::Subscripts => lists(
                rows,
                |row| bounds(row).map(|(lower, length)| lower..lower + length),
                DataType::Int32,
            )?,
            ListFunction::Ordinals => lists(
                rows,
                |row| bounds(row).map(|(_, length)| 1..length + 1),
                DataType::Int64,
            )?,
            ListFunction::Expand => expand(&list, args.return_field.data_type())?,
            ListFunction::OrEmpty => {
                let DataType::List(item) = list.data_type() else {
                    return exec_err!("not an array");
                };
                Arc::new(ListArray::try_new(
                    Arc::clone(item),
                    list.offsets().clone(),
                    Arc::clone(list.values()),
                    None,
                )?)
            }
            ListFunction::Unknown => {
                let values = list.values();
                let unknown = |row: usize| list.is_valid(row) && list.value(row).null_count() > 0;
                match values.logical_null_count() {
                    0 => return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(false)))),
                    _ => Arc::new(
                        (0..rows)
                            .map(|row| (!unknown(row)).then_some(false))
                            .collect::<BooleanArray>(),
                    ),
                }
            }
            bound => {
                let value = |row| {
                    let (lower, length) = bounds(row)?;
                    match bound {
                        ListFunction::Cardinality => Some(length),
                        // An empty array has no bounds and no length.
                        _ if length == 0 => None,
                        ListFunction::Lower => Some(lower),
                        ListFunction::Upper => Some(lower + length - 1),
                        _ => Some(length),
                    }
                };
                let values = (0..rows).map(|row| value(row).and_then(|value| i32::try_from(value).ok()));
                Arc::new(values.collect::<Int32Array>())
            }
        };
        Ok(if scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
        } else {
            ColumnarValue::Array(array)
        })
    }
}

fn pair(element: Field) -> Fields {
    Fields::from(vec![element.with_name("x"), Field::new("n", DataType::Int32, true)])
}

fn as_list(array: &ArrayRef) -> EngineResult<ListArray> {
    Ok(match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().clone(),
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            cast(array, &DataType::List(Arc::clone(item)))?.as_list::<i32>().clone()
        }
        DataType::Null => ListArray::new_null(Arc::new(Field::new_list_field(DataType::Null, true)), array.len()),
        other => return exec_err!("not an array: {other}"),
    })
}

fn subscript(list: &ListArray, lower: i64, number: impl Fn(usize) -> Option<i64>) -> EngineResult<ArrayRef> {
    let indices: UInt32Array = (0..list.len())
        .map(|row| {
            let offset = number(row)?.checked_sub(lower)?;
            if list.is_null(row) || offset < 0 || offset >= i64::from(list.value_length(row)) {
                return None;
            }
            let start = i64::from(list.value_offsets().get(row).copied()?);
            u32::try_from(start + offset).ok()
        })
        .collect();
    Ok(take(list.values(), &indices, None)?)
}

/// The characters of names, counted from 0.
fn characters(names: &ArrayRef, indices: &ArrayRef) -> ArrayRef {
    let (names, indices) = (names.as_string::<i32>(), indices.as_primitive::<Int64Type>());
    let characters = names.iter().zip(indices.iter()).map(|(name, index)| {
        let index = usize::try_from(index?).ok()?;
        name?.chars().nth(index).map(String::from)
    });
    Arc::new(characters.collect::<StringArray>())
}

/// A list of consecutive numbers for each row.
fn lists(rows: usize, range: impl Fn(usize) -> Option<std::ops::Range<i64>>, item: DataType) -> EngineResult<ArrayRef> {
    let lists = (0..rows).map(|row| range(row).map(|range| range.map(Some)));
    let array = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    Ok(cast(&array, &list_of(Field::new_list_field(item, true)))?)
}

fn expand(list: &ListArray, data_type: &DataType) -> EngineResult<ArrayRef> {
    let DataType::List(item) = data_type else {
        return exec_err!("not a list type: {data_type}");
    };
    let DataType::Struct(fields) = item.data_type() else {
        return exec_err!("not a struct type: {}", item.data_type());
    };
    let first = usize::try_from(list.value_offsets().first().copied().unwrap_or(0)).unwrap_or(0);
    let lengths: Vec<usize> = (0..list.len()).map(|row| list.value(row).len()).collect();
    let positions = lengths
        .iter()
        .flat_map(|length| 1..=*length)
        .map(|position| i32::try_from(position).ok());
    let positions: Int32Array = positions.collect::<arrow::array::PrimitiveArray<Int32Type>>();
    let values = list.values().slice(first, lengths.iter().sum());
    let pairs = StructArray::try_new(fields.clone(), vec![values, Arc::new(positions)], None)?;
    let array = ListArray::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(pairs),
        list.nulls().cloned(),
    )?;
    Ok(Arc::new(array))
}
