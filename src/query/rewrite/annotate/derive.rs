//! The PostgreSQL type of an expression, from those of what it is made of.

use std::any::Any;

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    common::{Column, ExprSchema, ScalarValue},
    datasource::source_as_provider,
    functions_table::generate_series::{GenerateSeriesTable, GenericSeriesState},
    logical_expr::{
        Expr, ExprSchemable, LogicalPlan, Operator,
        expr::{AggregateFunction, ScalarFunction, WindowFunction},
    },
};

use crate::catalog::types;

/// Functions that give one of their arguments.
const CHOICES: [&str; 4] = ["coalesce", "nullif", "greatest", "least"];

/// Functions over an array that give an array of the same type.
const SAME_ARRAY: [&str; 10] = [
    "pg_array",
    "array_append",
    "array_prepend",
    "array_concat",
    "array_cat",
    "array_remove",
    "array_replace",
    "array_slice",
    "array_distinct",
    "array_sort",
];

/// What is known of an expression's type.
enum Known {
    /// A quoted literal or NULL: it takes the type of what stands beside it.
    Open,
    /// As `format_type` spells it.
    Named(String),
    /// What its Arrow type stands for.
    Plain,
}

/// The PostgreSQL type of an expression over `input`, where it is not what its Arrow type stands for.
pub(super) fn derive(expr: &Expr, input: &LogicalPlan) -> Option<String> {
    if let Ok((_, field)) = expr.to_field(input.schema().as_ref())
        && let Some(pg_type) = types::pg_type_of(&field)
    {
        return Some(pg_type.to_owned());
    }
    match expr {
        Expr::Alias(alias) => derive(&alias.expr, input),
        Expr::Column(column) => derive_column(column, input),
        // The engine takes any integer for a bigint.
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => {
            i32::try_from(*value).is_ok().then(|| "integer".to_owned())
        }
        Expr::Negative(inner) => derive(inner, input),
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                common([&*binary.left, &*binary.right].map(|side| known(side, input)))
                    .filter(|name| INTEGERS.contains(&name.as_str()))
            }
            _ => None,
        },
        Expr::Case(case) => {
            // The type of ELSE counts first.
            let branches = case
                .else_expr
                .iter()
                .chain(case.when_then_expr.iter().map(|(_, then)| then));
            common(branches.map(|branch| known(branch, input)))
        }
        Expr::ScalarFunction(function) => of_function(function, input),
        Expr::AggregateFunction(aggregate) => of_aggregate(aggregate, input),
        Expr::WindowFunction(window) => of_window(window, input),
        Expr::ScalarSubquery(subquery) => {
            let schema = subquery.subquery.schema();
            let first = schema.columns().into_iter().next()?;
            derive_column(&first, &subquery.subquery)
        }
        _ => None,
    }
}

fn of_function(function: &ScalarFunction, input: &LogicalPlan) -> Option<String> {
    let arg = |index: usize| function.args.get(index).and_then(|arg| derive(arg, input));
    match function.name() {
        name if CHOICES.contains(&name) => common(function.args.iter().map(|arg| known(arg, input))),
        "make_array" => array(common(function.args.iter().map(|arg| known(arg, input)))?),
        "pg_series" => array(common(function.args.iter().map(|arg| known(arg, input)))?),
        name if SAME_ARRAY.contains(&name) => function.args.iter().find_map(|arg| {
            let list = matches!(arg.get_type(input.schema().as_ref()), Ok(DataType::List(_)));
            let name = derive(arg, input).filter(|_| list)?;
            // A part of a vector is an array.
            match name.as_str() {
                "int2vector" | "oidvector" if function.name() == "array_slice" => array(element(&name)?),
                _ => Some(name),
            }
        }),
        "array_element" | "pg_subscript" => element(&arg(0)?),
        "get_field" => of_field(function, input),
        "array_position" | "array_ndims" | "character_length" | "length" | "octet_length" | "strpos" => {
            Some("integer".to_owned())
        }
        "pg_mode" | "pg_percentile_disc" => element(&arg(0)?),
        _ => None,
    }
}

/// A field of a row that is made on the spot.
fn of_field(function: &ScalarFunction, input: &LogicalPlan) -> Option<String> {
    let [Expr::ScalarFunction(row), wanted] = function.args.as_slice() else {
        return None;
    };
    let pairs = row.args.as_chunks::<2>().0;
    let (_, value) = pairs
        .iter()
        .map(|[name, value]| (name, value))
        .find(|(name, _)| *name == wanted)?;
    matches!(row.name(), "named_struct" | "pg_record")
        .then(|| derive(value, input))
        .flatten()
}

fn of_aggregate(aggregate: &AggregateFunction, input: &LogicalPlan) -> Option<String> {
    let argument = || aggregate.params.args.first().and_then(|arg| derive(arg, input));
    match aggregate.func.name() {
        "first_value" | "last_value" | "bit_and" | "bit_or" | "bit_xor" => argument(),
        "min" | "max" => argument().map(compared),
        "array_agg" => array(argument()?),
        _ => None,
    }
}

fn of_window(window: &WindowFunction, input: &LogicalPlan) -> Option<String> {
    match window.fun.name() {
        "first_value" | "last_value" | "lag" | "lead" | "nth_value" => {
            window.params.args.first().and_then(|arg| derive(arg, input))
        }
        "min" | "max" => window
            .params
            .args
            .first()
            .and_then(|arg| derive(arg, input))
            .map(compared),
        // The engine counts without a sign.
        "row_number" | "rank" | "dense_rank" => Some("bigint".to_owned()),
        "ntile" => Some("integer".to_owned()),
        _ => None,
    }
}

/// The same for a column that `plan` gives.
pub(super) fn derive_column(column: &Column, plan: &LogicalPlan) -> Option<String> {
    let schema = plan.schema();
    let field: &FieldRef = schema.field_from_column(column).ok()?;
    if let Some(pg_type) = types::pg_type_of(field) {
        return Some(pg_type.to_owned());
    }
    let index = schema.maybe_index_of_column(column)?;
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let expr = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).nth(index)?;
            derive(expr, &aggregate.input)
        }
        LogicalPlan::Window(window) => {
            let inputs = window.input.schema().fields().len();
            match index.checked_sub(inputs) {
                Some(own) => derive(window.window_expr.get(own)?, &window.input),
                None => derive_column(column, &window.input),
            }
        }
        LogicalPlan::Projection(projection) => derive(projection.expr.get(index)?, &projection.input),
        LogicalPlan::Union(_) => common_column(plan, index),
        LogicalPlan::Values(values) => common(
            values
                .values
                .iter()
                .filter_map(|row| Some(known(row.get(index)?, plan))),
        ),
        LogicalPlan::SubqueryAlias(_) => {
            let input = plan.inputs().into_iter().next()?;
            let column = input.schema().columns().into_iter().nth(index)?;
            derive_column(&column, input)
        }
        LogicalPlan::Unnest(unnest) => {
            let list = unnest
                .list_type_columns
                .iter()
                .find(|(_, list)| list.output_column.name() == column.name());
            let inputs = unnest.input.schema().columns();
            match list {
                Some((index, _)) => element(&derive_column(inputs.get(*index)?, &unnest.input)?),
                None => {
                    let own = inputs.iter().find(|own| own.name() == column.name())?;
                    derive_column(own, &unnest.input)
                }
            }
        }
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let series = (provider.as_ref() as &dyn Any).downcast_ref::<GenerateSeriesTable>()?;
            of_series(series)
        }
        _ => plan
            .inputs()
            .into_iter()
            .find(|input| input.schema().has_column(column))
            .and_then(|input| derive_column(column, input)),
    }
}

/// A series between integers is one of integers.
fn of_series(series: &GenerateSeriesTable) -> Option<String> {
    // One row is enough to ask it for its bounds.
    let generator = series.as_generator(1).ok()?;
    let generator = generator.read();
    let state = generator.as_any().downcast_ref::<GenericSeriesState<i64>>()?;
    let fits = |bound: &i64| i32::try_from(*bound).is_ok();
    (fits(state.start()) && fits(state.end())).then(|| "integer".to_owned())
}

/// The type that a column of a UNION has from those of its inputs.
pub(super) fn common_column(union: &LogicalPlan, index: usize) -> Option<String> {
    common(
        union
            .inputs()
            .into_iter()
            .map(|input| match input.schema().columns().get(index) {
                Some(column) => known(&Expr::Column(column.clone()), input),
                None => Known::Plain,
            }),
    )
}

fn known(expr: &Expr, input: &LogicalPlan) -> Known {
    match expr {
        Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Utf8View(_), None) => return Known::Open,
        Expr::Alias(alias) => return known(&alias.expr, input),
        _ => {}
    }
    if let Some(name) = derive(expr, input) {
        return Known::Named(name);
    }
    let named = |name: &str| Known::Named(name.to_owned());
    match expr.get_type(input.schema().as_ref()) {
        Ok(DataType::Null) => Known::Open,
        Ok(DataType::Int16) => named("smallint"),
        Ok(DataType::Int32) => named("integer"),
        Ok(DataType::Int64) => named("bigint"),
        Ok(DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) => named("text"),
        _ => Known::Plain,
    }
}

/// The type that values of several types have together, where it is one of theirs.
fn common(all: impl IntoIterator<Item = Known>) -> Option<String> {
    let mut found: Option<String> = None;
    for known in all {
        let name = match known {
            Known::Open => continue,
            Known::Plain => return None,
            Known::Named(name) => name,
        };
        found = Some(match found {
            None => name,
            Some(other) if other == name || STRINGS.contains(&other.as_str()) && STRINGS.contains(&name.as_str()) => {
                // Any of them goes to the first, but for a text to a single byte.
                if other == "\"char\"" { name } else { other }
            }
            Some(other) => match (rank(&other)?, rank(&name)?) {
                (one, two) if one >= two => other,
                _ => name,
            },
        });
    }
    found
}

const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];

const STRINGS: [&str; 5] = ["text", "character varying", "character", "name", "\"char\""];

/// Types of whole numbers, in the order in which one gives way to another.
fn rank(name: &str) -> Option<usize> {
    match name {
        "oid" => Some(INTEGERS.len() + 1),
        reg if types::REG_TYPES.contains(&reg) => Some(INTEGERS.len()),
        name => INTEGERS.iter().position(|integer| *integer == name),
    }
}

/// What `min` and `max` of a type give: they compare names as text and aliases of `oid` as such.
fn compared(name: String) -> String {
    match name.as_str() {
        "name" | "\"char\"" | "character varying" => "text".to_owned(),
        reg if types::REG_TYPES.contains(&reg) => "oid".to_owned(),
        _ => name,
    }
}

fn array(element: String) -> Option<String> {
    // An array of arrays is an array of more dimensions.
    Some(if element.ends_with("[]") {
        element
    } else {
        format!("{element}[]")
    })
}

/// The type of an array's elements.
pub(super) fn element(array: &str) -> Option<String> {
    match array {
        "int2vector" => Some("smallint".to_owned()),
        "oidvector" => Some("oid".to_owned()),
        array => array.strip_suffix("[]").map(str::to_owned),
    }
}
