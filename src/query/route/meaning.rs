//! What means the same in a runtime as here: the one list of functions, operators, types and casts that are sent. Whatever is not on it
//! stays with the engine. A function is on it by name, and is sent only where it is the engine's own of that name, which is what a
//! runtime has: one of this program's that goes by the same name is another, and is never sent. Left out on purpose:
//!
//! * what PostgreSQL and the runtime say differently and is PostgreSQL's here: `to_char`, `to_timestamp`, regular expressions,
//!   SIMILAR TO, JSON operators, `extract`'s numeric (`exceptions.md` is the whole list);
//! * times in another zone than UTC: casts and `date_trunc` in them depend on the version's time zone data;
//! * text of anything but integers, booleans and text (floats, times and decimals print differently by version), and text read as
//!   anything else (what is refused, and with which words, differs);
//! * arithmetic of decimals, whose scale rules change between versions, and `round` of them;
//! * text as long as a number or a constant says (`lpad`, `repeat`, `replace`): a runtime aborts where memory ends, and counts none of it;
//! * `now()`, `random()` and kin: the first is a literal by the time a plan is routed, the others never mean the same twice;
//! * approximate aggregates (their hash functions change), those that depend on the order of rows unless they say it,
//!   IGNORE NULLS, grouping sets, window frames by distance in values.

#![doc = include_str!("exceptions.md")]

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::{
    functions, functions_aggregate, functions_window,
    logical_expr::{AggregateUDF, Operator, ScalarUDF, WindowUDF},
};

use crate::source::Introspection;

/// Scalar functions, by what they take: any comparable type, text (and integers beside it), times, or floats.
const OF_ANYTHING: [&str; 4] = ["coalesce", "nullif", "greatest", "least"];
const OF_TEXT: [&str; 19] = [
    "ascii",
    "bit_length",
    "btrim",
    "character_length",
    "concat",
    "contains",
    "ends_with",
    "left",
    "lower",
    "ltrim",
    "octet_length",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "upper",
];
const OF_TIMES: [&str; 3] = ["date_bin", "date_part", "date_trunc"];
const OF_FLOATS: [&str; 4] = ["abs", "ceil", "floor", "sqrt"];

/// Aggregates of comparable values.
const AGGREGATES: [&str; 8] = [
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "min",
];
/// Aggregates of numbers.
const OF_NUMBERS: [&str; 5] = ["stddev", "stddev_pop", "sum", "var", "var_pop"];
/// Aggregates that depend on the order of their rows.
const OF_ORDER: [&str; 2] = ["first_value", "last_value"];
const WINDOWS: [&str; 11] = [
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// The engine's own functions by name, whatever a session has under these names.
struct Own {
    scalars: HashMap<String, Arc<ScalarUDF>>,
    aggregates: HashMap<String, Arc<AggregateUDF>>,
    windows: HashMap<String, Arc<WindowUDF>>,
}

static OWN: LazyLock<Own> = LazyLock::new(|| {
    let scalars = functions::all_default_functions().into_iter();
    let aggregates = functions_aggregate::all_default_aggregate_functions().into_iter();
    let windows = functions_window::all_default_window_functions().into_iter();
    Own {
        scalars: scalars.map(|function| (function.name().to_owned(), function)).collect(),
        aggregates: aggregates
            .map(|function| (function.name().to_owned(), function))
            .collect(),
        windows: windows.map(|function| (function.name().to_owned(), function)).collect(),
    }
});

/// The list, as far as one runtime has it.
pub(super) struct Meaning<'a> {
    introspection: &'a Introspection,
}

impl<'a> Meaning<'a> {
    pub(super) fn new(introspection: &'a Introspection) -> Self {
        Meaning { introspection }
    }

    fn has(&self, name: &str) -> bool {
        self.introspection.functions.contains(name)
    }

    /// Whether a function may be sent with such arguments.
    pub(super) fn scalar(&self, function: &Arc<ScalarUDF>, args: &[DataType]) -> bool {
        let name = function.name();
        if !self.has(name) || OWN.scalars.get(name) != Some(function) {
            return false;
        }
        let all = |test: fn(&DataType) -> bool| args.iter().all(test);
        match name {
            _ if OF_ANYTHING.contains(&name) => all(comparable),
            _ if OF_TEXT.contains(&name) => all(|ty| is_text(ty) || ty.is_integer()),
            _ if OF_TIMES.contains(&name) => all(|ty| is_text(ty) || is_time(ty) || *ty == INTERVAL),
            _ if OF_FLOATS.contains(&name) => all(DataType::is_floating),
            _ => false,
        }
    }

    /// Whether an aggregate may be sent. `ordered`: it says the order of its rows.
    pub(super) fn aggregate(&self, function: &Arc<AggregateUDF>, args: &[DataType], ordered: bool) -> bool {
        let name = function.name();
        let known = self.has(name) && OWN.aggregates.get(name) == Some(function);
        let depends = OF_ORDER.contains(&name);
        known
            && depends == ordered
            && match name {
                "avg" => args.iter().all(DataType::is_floating),
                "count" => args.iter().all(|ty| comparable(ty) || ty.is_null()),
                _ if OF_NUMBERS.contains(&name) => args.iter().all(DataType::is_numeric),
                _ => AGGREGATES.contains(&name) && args.iter().all(comparable),
            }
    }

    pub(super) fn window(&self, function: &Arc<WindowUDF>, args: &[DataType]) -> bool {
        let name = function.name();
        // Before 1.7 `ntile` shares out the rows that are left over in another way.
        (name != "ntile" || self.is_since([1, 7, 0]))
            && WINDOWS.contains(&name)
            && self.has(name)
            && OWN.windows.get(name) == Some(function)
            && args.iter().all(|ty| comparable(ty) || ty.is_null())
    }

    /// Whether the runtime sorts by `id` for sure: before 1.7.3 it took ids for sorted already, which they are not.
    pub(super) fn sorts_by_id(&self) -> bool {
        self.is_since([1, 7, 3])
    }

    /// Whether filters that the runtime derives while it runs (one side of a join, the worst row of a TopK) are right. Before 1.7 they
    /// compare the wrong column where a WHERE has a column that nothing else needs: joins lose rows, a TopK fails or worse.
    pub(super) fn derives_filters(&self) -> bool {
        self.is_since([1, 7, 0])
    }

    /// `date_trunc`, where it keeps the unit of what it is given: before 1.7 it counts in nanoseconds, which end in 2262.
    pub(super) fn date_trunc(&self) -> Option<&'static Arc<ScalarUDF>> {
        let own = OWN.scalars.get("date_trunc");
        own.filter(|function| self.is_since([1, 7, 0]) && self.has(function.name()))
    }

    fn is_since(&self, version: [u32; 3]) -> bool {
        let parts = self.introspection.version.split('.').map(str::parse::<u32>);
        let known: Vec<u32> = parts.map_while(|part| part.ok()).collect();
        known.len() == version.len() && known.as_slice() >= version.as_slice()
    }
}

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

/// Whether a binary operator means the same between operands of these types. The engine has made them equal where it matters.
pub(super) fn operator(op: Operator, left: &DataType, right: &DataType) -> bool {
    use Operator::*;
    match op {
        And | Or => left.is_null() | (*left == DataType::Boolean) && right.is_null() | (*right == DataType::Boolean),
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom => {
            comparable(left) && comparable(right) && (left == right || is_text(left) && is_text(right))
        }
        Plus | Minus if is_time(left) => {
            *right == INTERVAL || is_duration(right) || op == Minus && left == right && is_timestamp(left)
        }
        Plus | Minus | Multiply | Divide | Modulo => {
            left == right && (left.is_integer() || left.is_floating())
                || is_duration(left) && left == right && matches!(op, Plus | Minus)
        }
        StringConcat => is_text(left) && is_text(right),
        _ => false,
    }
}

/// Whether a cast gives the same there.
pub(super) fn cast(from: &DataType, to: &DataType) -> bool {
    let number = |ty: &DataType| ty.is_numeric();
    if from.is_null() {
        return spelled(to).is_some();
    }
    let same = from == to || is_text(from) && is_text(to);
    let numbers = number(from) && number(to) && !(from.is_floating() && is_decimal(to));
    let text = is_text(to) && (from.is_integer() || *from == DataType::Boolean);
    let raw = is_units(from, to) || *from == DataType::Int64 && is_timestamp(to);
    let times = is_time(from) && is_time(to) || is_duration(from) && is_duration(to);
    comparable(from) && comparable(to) && (same || numbers || text || raw || times)
}

/// Whether a cast asks for the number that a time is kept as, what `date_bin` counts in, or that of units which a duration is.
pub(super) fn is_units(from: &DataType, to: &DataType) -> bool {
    *to == DataType::Int64 && (is_timestamp(from) || is_duration(from))
}

/// Whether values of a type compare, group and sort alike in both.
pub(super) fn comparable(ty: &DataType) -> bool {
    let other = matches!(ty, DataType::Boolean | DataType::Binary | DataType::LargeBinary);
    other || is_text(ty) || is_time(ty) || is_duration(ty) || ty.is_numeric() && spelled(ty).is_some()
}

pub(super) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_decimal(ty: &DataType) -> bool {
    matches!(ty, DataType::Decimal128(..))
}

pub(super) fn is_duration(ty: &DataType) -> bool {
    matches!(ty, DataType::Duration(_))
}

pub(super) fn is_timestamp(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(..)) && spelled(ty).is_some()
}

pub(super) fn is_time(ty: &DataType) -> bool {
    *ty == DataType::Date32 || is_timestamp(ty)
}

/// The type as `arrow_cast` is told of it; `None` for one that is not sent. Every name of UTC is the runtime's own: the instant is
/// the same, and rows come back in the type that was planned.
pub(super) fn spelled(ty: &DataType) -> Option<String> {
    use DataType::*;
    Some(match ty {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 | Utf8
        | LargeUtf8 | Utf8View | Binary | LargeBinary | Date32 => format!("{ty:?}"),
        Decimal128(precision, scale) => format!("Decimal128({precision}, {scale})"),
        Interval(IntervalUnit::MonthDayNano) => "Interval(MonthDayNano)".to_owned(),
        Duration(unit) => format!("Duration({})", unit_name(*unit)),
        Timestamp(unit, None) => format!("Timestamp({}, None)", unit_name(*unit)),
        Timestamp(unit, Some(zone)) if is_utc(zone) => {
            format!("Timestamp({}, Some(\"+00:00\"))", unit_name(*unit))
        }
        _ => return None,
    })
}

/// A timestamp's type without its zone.
pub(super) fn zoneless(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Timestamp(unit, _) => Some(DataType::Timestamp(*unit, None)),
        _ => None,
    }
}

pub(super) fn is_utc(zone: &str) -> bool {
    matches!(zone, "+00:00" | "UTC" | "Etc/UTC" | "GMT" | "Z")
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "Second",
        TimeUnit::Millisecond => "Millisecond",
        TimeUnit::Microsecond => "Microsecond",
        TimeUnit::Nanosecond => "Nanosecond",
    }
}
