//! Functions whose result is as large as a number or a constant says: `repeat(x, 1000000000)` is a statement of thirty bytes that asks
//! for more memory than the machine has, and no pool counts what a function makes. So its size is known before it is made. A runtime
//! knows no such bound and would abort: none of these is sent there (`route::meaning`, `route::typed`).

use std::{cell::Cell, ops::ControlFlow, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, FieldRef, Int64Type},
};
use datafusion::{
    common::config::ConfigOptions,
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{
        ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
    sql::sqlparser::ast,
};

use crate::{Error, SqlState, limits, query::walk::syntax::expressions, source::runtime::to_datafusion};

/// The functions, by name. `regexp_replace` is this program's own, which sees to that itself.
pub(super) const GROWING: [&str; 7] = [
    "array_repeat",
    "array_resize",
    "concat_ws",
    "lpad",
    "repeat",
    "replace",
    "rpad",
];

/// Whether a statement calls one that may make much of little: what is constant of it is computed while it is planned, which may take long.
pub(super) fn is_called(query: &ast::Statement) -> bool {
    let found = expressions(query, |expr| match expr {
        ast::Expr::Function(call) if is_growing(&call.name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Those of them whose result is as large as a number says: of the others a short text makes little.
const BY_NUMBER: [&str; 5] = ["array_repeat", "array_resize", "lpad", "repeat", "rpad"];

/// Whatever schema it is called in.
fn is_growing(name: &ast::ObjectName) -> bool {
    let name = name.0.last().and_then(ast::ObjectNamePart::as_ident);
    name.is_some_and(|name| BY_NUMBER.iter().any(|growing| name.value.eq_ignore_ascii_case(growing)))
}

thread_local! {
    /// What the functions may still make in the step that runs on this thread; `None` outside of one.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From here on, on this thread, all calls together are bounded as one is: their results are there at the same time.
pub fn begin_step() {
    LEFT.set(Some(limits::STEP_SIZE_MAX));
}

/// The end of what [`begin_step`] began: what was made is gone, or has been handed on.
pub fn end_step() {
    LEFT.set(None);
}

/// A statement's planning as one step: what of it is constant is computed then, and kept in its plan.
pub fn as_one_step<T>(plan: impl FnOnce() -> T) -> T {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            end_step();
        }
    }
    begin_step();
    let _end = End;
    plan()
}

/// Puts a bound on each of the functions in `state`.
pub fn bound(state: &mut SessionState) -> Result<()> {
    // As large as its arguments, which may be many.
    for name in GROWING.into_iter().chain(["concat"]) {
        if let Some(inner) = state.scalar_functions().get(name).cloned() {
            state.register_udf(Arc::new(ScalarUDF::new_from_impl(Bounded { inner })))?;
        }
    }
    Ok(())
}

/// A function of the engine, refused where its result would be too large.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.inner().simplify(args, info)
    }

    fn with_updated_config(&self, _: &ConfigOptions) -> Option<ScalarUDF> {
        None
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.inner().documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.name(), &args)?;
        self.inner.invoke_with_args(args)
    }
}

/// Refuses a result of which one value, or all together, would be too large.
fn check(name: &str, args: &ScalarFunctionArgs) -> Result<()> {
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    // Of constants alone one value is made, however many rows there are.
    let rows = if constant { 1 } else { args.number_rows };
    let size = sizes_of(name, &args.args)?;
    let mut all: u64 = 0;
    for row in 0..rows {
        let size = size(row);
        if size > limits::VALUE_SIZE_MAX {
            let error = Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large");
            return Err(to_datafusion(error));
        }
        all = all.saturating_add(size);
    }
    let left = LEFT.get().unwrap_or(limits::STEP_SIZE_MAX);
    if all > left {
        let error = Error::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(format!(
            "Function {name} would make more than {} MB at once.",
            limits::STEP_SIZE_MAX / 1_048_576
        ));
        return Err(to_datafusion(error));
    }
    LEFT.set(LEFT.get().map(|left| left - all));
    Ok(())
}

/// How large the result of a row is at most, in bytes.
fn sizes_of(name: &str, args: &[ColumnarValue]) -> Result<Box<dyn Fn(usize) -> u64>> {
    let texts = |index: usize| {
        args.get(index)
            .map_or(Ok(Numbers::default()), |arg| Numbers::of(arg, sizes))
    };
    let value = texts(0)?;
    Ok(match name {
        // An empty text to look for is found between all characters.
        "replace" => {
            let (from, to) = (texts(1)?, texts(2)?);
            Box::new(move |row| growth(value.at(row), from.at(row), to.at(row)))
        }
        "concat_ws" => {
            let parts = (1..args.len()).map(texts).collect::<Result<Vec<_>>>()?;
            Box::new(move |row| {
                let separator = value.at(row);
                let parts = parts.iter().map(|part| part.at(row).saturating_add(separator));
                parts.fold(0, u64::saturating_add)
            })
        }
        "concat" => {
            let parts = (0..args.len()).map(texts).collect::<Result<Vec<_>>>()?;
            Box::new(move |row| parts.iter().map(|part| part.at(row)).fold(0, u64::saturating_add))
        }
        _ => {
            let count = args
                .get(1)
                .map_or(Ok(Numbers::default()), |arg| Numbers::of(arg, counts))?;
            match name {
                // A character has up to four bytes.
                "lpad" | "rpad" => {
                    let width = if args.len() > 2 { 4 } else { 1 };
                    Box::new(move |row| count.at(row).saturating_mul(width))
                }
                "array_resize" => Box::new(move |row| value.at(row).saturating_add(count.at(row).saturating_mul(8))),
                _ => Box::new(move |row| count.at(row).saturating_mul(value.at(row))),
            }
        }
    })
}

/// The size of a text in which everything that may be found is replaced.
fn growth(size: u64, from: u64, to: u64) -> u64 {
    let found = size / from.max(1) + 1;
    size.saturating_add(found.saturating_mul(to))
}

/// A number for each row, or one for all.
#[derive(Default)]
struct Numbers(Vec<u64>);

impl Numbers {
    fn of(arg: &ColumnarValue, numbers: fn(&ArrayRef) -> Result<Vec<u64>>) -> Result<Self> {
        let array = match arg {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        numbers(&array).map(Numbers)
    }

    fn at(&self, row: usize) -> u64 {
        match self.0.as_slice() {
            [one] => *one,
            numbers => numbers.get(row).copied().unwrap_or_default(),
        }
    }
}

/// How many bytes each value has.
fn sizes(array: &ArrayRef) -> Result<Vec<u64>> {
    let sizes: Vec<usize> = match array.data_type() {
        DataType::Utf8 => lengths(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => lengths(array.as_string::<i64>().iter()),
        DataType::Utf8View => lengths(array.as_string_view().iter()),
        // Of lists and of what lists are made of, their share of all.
        _ => vec![array.get_array_memory_size() / array.len().max(1) + 1; array.len()],
    };
    Ok(sizes.into_iter().map(|size| size as u64).collect())
}

fn lengths<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    texts.map(|text| text.map_or(0, str::len)).collect()
}

/// What each value counts; nothing where it is negative or NULL.
fn counts(array: &ArrayRef) -> Result<Vec<u64>> {
    let counts = cast(array, &DataType::Int64)?;
    let counts = counts.as_primitive::<Int64Type>().iter();
    Ok(counts
        .map(|count| u64::try_from(count.unwrap_or_default()).unwrap_or_default())
        .collect())
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::{
        execution::SessionStateBuilder,
        prelude::{SessionConfig, SessionContext},
        sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser},
    };

    use super::*;
    use crate::query::errors::from_datafusion;

    async fn run(sql: &str) -> crate::Result<String> {
        let mut state = SessionStateBuilder::new()
            .with_config(SessionConfig::new())
            .with_default_features()
            .build();
        bound(&mut state).unwrap();
        let frame = SessionContext::new_with_state(state).sql(sql).await;
        let rows = frame
            .map_err(from_datafusion)?
            .collect()
            .await
            .map_err(from_datafusion)?;
        Ok(pretty_format_batches(&rows).unwrap().to_string())
    }

    #[test]
    fn calls_are_found_wherever_they_stand() {
        for (sql, is_called) in [
            ("select length(repeat('x', 100000000))", true),
            (
                "select 1 where exists (select from t where pg_catalog.\"RPAD\"(a, 5) = b)",
                true,
            ),
            ("select repeat from t where length(a) > 3", false),
        ] {
            let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
            assert_eq!(is_called, super::is_called(&statement), "{sql}");
        }
    }

    #[tokio::test]
    async fn results_as_large_as_a_number_says_are_refused_before_they_are_made() {
        let table = "(values ('a'), ('b'), ('c')) as t(x)";
        for (call, code) in [
            ("repeat('ab', 1000000000)", "54000"),
            ("lpad(x, 2000000000)", "54000"),
            ("rpad(x, 400000000, 'é')", "54000"),
            ("repeat(x, 100000000)", "53200"),
            ("lpad('x', 1000000000)", "53200"),
            ("replace(repeat(x, 100000), x, repeat(x, 100000))", "54000"),
            ("array_repeat(repeat(x, 100000), 10000000)", "54000"),
            ("concat_ws(repeat(x, 20000000), x, x, x)", "53200"),
        ] {
            let error = run(&format!("select {call} from {table}")).await.err();
            assert_eq!(error.map(|error| error.code().code()), Some(code), "{call}");
        }
        for (call, expected) in [
            ("repeat('ab', 3)", "ababab"),
            ("concat(repeat('ab', -1), '-')", "| -"),
            ("lpad(x, 3, 'é')", "ééc"),
            ("rpad(lpad('xyz', 2), 4, '.')", "xy.."),
            ("replace('aba', 'a', 'cc')", "ccbcc"),
            ("length(repeat('x', 100000))", "100000"),
            ("array_repeat(1, 2)", "[1, 1]"),
            ("concat_ws('-', x, 'z')", "c-z"),
        ] {
            let rows = run(&format!("select {call} from {table}")).await.unwrap();
            assert!(rows.contains(expected), "{call}: {rows}");
        }
    }
}
