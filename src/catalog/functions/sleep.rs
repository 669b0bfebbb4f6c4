//! `pg_sleep` and `pg_sleep_for`: the statement waits, nothing else does. A cancel request, a timeout or a client that leaves ends the
//! wait with it.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{Array, StringArray},
    datatypes::{DataType, FieldRef},
};
use async_trait::async_trait;
use datafusion::{
    common::{ScalarValue, internal_err},
    error::Result as EngineResult,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl},
    },
};
use postgres_types::Type;

use super::{
    native::{columns, engine_error, signature},
    typed::Inputs,
    value::{Value, as_float},
};
use crate::{Result, catalog::types, wire::encode::Zone};

/// Seconds of a day; a month has thirty days.
const DAY: f64 = 86_400.0;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sleep {
    name: &'static str,
}

/// The function of that name.
pub fn function(name: &str) -> Option<ScalarUDF> {
    let name = ["pg_sleep", "pg_sleep_for"].into_iter().find(|own| *own == name)?;
    Some(AsyncScalarUDF::new(Arc::new(Sleep { name })).into_scalar_udf())
}

impl Sleep {
    /// How long a value says, in seconds.
    fn seconds(&self, value: Value) -> Result<f64> {
        let ty = if self.name == "pg_sleep" {
            Type::FLOAT8
        } else {
            Type::INTERVAL
        };
        let value = match value {
            Value::Text(text) => Value::read(&text, &ty, &Zone::UTC)?,
            value => value,
        };
        Ok(match value {
            Value::Interval(span) => {
                let days = i64::from(span.months) * 30 + i64::from(span.days);
                as_float(days) * DAY + as_float(span.micros) / 1e6
            }
            value => value.float().unwrap_or(0.0),
        })
    }
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        signature(Volatility::Volatile)
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> EngineResult<FieldRef> {
        let takes = |data_type: &DataType| match self.name {
            "pg_sleep" => data_type.is_numeric() || data_type.is_string() || data_type.is_null(),
            _ => matches!(data_type, DataType::Interval(_) | DataType::Duration(_)) || data_type.is_string(),
        };
        match args.arg_fields {
            [time] if takes(time.data_type()) => Ok(Arc::new(types::field(self.name, "void", true))),
            fields => Err(engine_error(
                Inputs {
                    name: self.name,
                    fields,
                    constants: args.scalar_arguments,
                }
                .no_function(),
            )),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        internal_err!("{} waits", self.name)
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let times = columns(&args.args, args.number_rows)?;
        let Some(times) = times.first() else {
            return internal_err!("{} without a time", self.name);
        };
        let mut done = Vec::with_capacity(times.len());
        for row in 0..times.len() {
            let value = Value::of(ScalarValue::try_from_array(times, row)?).map_err(engine_error)?;
            done.push(match value {
                Value::Null => None,
                value => {
                    let seconds = self.seconds(value).map_err(engine_error)?;
                    // What is no time that can be waited for is longer than any statement lives.
                    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
                    tokio::time::sleep(time).await;
                    Some("")
                }
            });
        }
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(done))))
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_wait_gives_a_row_for_each_row() {
        let engine = Engine::new();
        let sql = "select x, pg_sleep(x), pg_sleep_for('20 milliseconds') from (values (0.02), (null)) t(x)";
        let start = std::time::Instant::now();
        assert_eq!(engine.rows(sql).await, ["0.02||", "||"]);
        let waited = std::time::Duration::from_millis(60);
        assert!(start.elapsed() >= waited, "it did not wait");
        assert_eq!(
            engine.run("select pg_sleep(0)").await.unwrap().types,
            [Some("void".to_owned())]
        );
        assert_eq!(engine.rows("select 1 from pg_sleep(0)").await, ["1"]);
        let error = engine.error("select pg_sleep(true)").await;
        assert!(error.contains("function pg_sleep(bool) does not exist"), "{error}");
    }
}
