//! What the planner asks on its way from syntax to plan: PostgreSQL's type names, and operators whose meaning depends on
//! the types of what they stand between.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::{
    common::{DFSchema, ScalarValue, internal_err},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{
        Expr, ExprSchemable, GetFieldAccess,
        expr::ScalarFunction,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner},
    },
    sql::sqlparser::ast::{BinaryOperator, DataType as SqlType},
};

use crate::{
    Error, SqlState,
    catalog::{facts::SessionFacts, functions, names, types},
};

/// Types that PostgreSQL has and the engine does not know by name.
#[derive(Debug)]
pub struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> EngineResult<Option<FieldRef>> {
        let spelled = match sql_type {
            // A name without quotes is in lower case.
            SqlType::Custom(name, _)
                if name
                    .0
                    .iter()
                    .all(|part| part.as_ident().is_some_and(|ident| ident.quote_style.is_none())) =>
            {
                sql_type.to_string().to_lowercase()
            }
            SqlType::Custom(..) | SqlType::JSON | SqlType::JSONB | SqlType::Uuid => sql_type.to_string(),
            _ => return Ok(None),
        };
        let Some((oid, _)) = names::parse_type(&spelled) else {
            let words = format!("type \"{spelled}\" does not exist");
            let error = Error::new(SqlState::UNDEFINED_OBJECT, words);
            return Err(DataFusionError::External(Box::new(error)));
        };
        let Some(name) = canonical(oid) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(types::field("", &name, true))))
    }
}

/// How `format_type` spells a builtin type; of a domain its base type.
fn canonical(oid: u32) -> Option<String> {
    let system = crate::catalog::seed::types().get(&oid)?;
    names::builtin(if system.kind == "d" { system.base } else { oid }, None)
}

/// Operators over catalogue columns.
#[derive(Debug)]
pub struct PostgresOperators {
    pub facts: Arc<SessionFacts>,
}

impl ExprPlanner for PostgresOperators {
    /// `indisprimary = 't'`: the literal takes the column's type.
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        let comparison = matches!(
            expr.op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        let RawBinaryExpr { op, left, right } = &mut expr;
        if comparison {
            self.literal(right, left, schema)?;
            self.literal(left, right, schema)?;
        }
        match op {
            // What is written of such a value is the name of what its number stands for.
            BinaryOperator::StringConcat => {
                for side in [left, right] {
                    if let Ok((_, field)) = side.to_field(schema)
                        && types::pg_type_of(&field).is_some_and(|name| types::REG_TYPES.contains(&name))
                    {
                        *side = self.call("pg_text", vec![side.clone()])?;
                    }
                }
            }
            // `NULL * INTERVAL '1 day'`: a literal of no type is a number.
            BinaryOperator::Multiply | BinaryOperator::Divide => {
                let is_interval = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Interval(_)));
                let sides = match (is_interval(left), is_interval(right)) {
                    (true, false) => Some(right),
                    (false, true) => Some(left),
                    _ => None,
                };
                if let Some(number) = sides
                    && matches!(
                        number,
                        Expr::Literal(ScalarValue::Null | ScalarValue::Utf8(_) | ScalarValue::Utf8View(_), _)
                    )
                {
                    *number = number.clone().cast_to(&DataType::Float64, schema)?;
                }
            }
            // The engine subtracts times of one zone only.
            BinaryOperator::Minus => {
                let zone = |side: &Expr| match side.get_type(schema) {
                    Ok(DataType::Timestamp(_, zone)) => zone,
                    _ => None,
                };
                if let (Some(one), Some(other)) = (zone(left), zone(right))
                    && one != other
                {
                    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some(one));
                    for side in [left, right] {
                        *side = side.clone().cast_to(&instant, schema)?;
                    }
                }
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }

    /// `indkey[0]`: vectors count from 0.
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> EngineResult<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::ListIndex { key } = &expr.field_access else {
            return Ok(PlannerResult::Original(expr));
        };
        // The engine would make one aggregate of both, which takes no order and no other subscripts than some.
        if matches!(&expr.expr, Expr::AggregateFunction(aggregate) if aggregate.func.name() == "array_agg") {
            let args = vec![expr.expr.clone(), key.as_ref().clone()];
            return self.call("pg_subscript", args).map(PlannerResult::Planned);
        }
        let (_, field) = expr.expr.to_field(schema)?;
        // A `name` is an array of characters, too.
        if !matches!(types::pg_type_of(&field), Some("int2vector" | "oidvector" | "name")) {
            return Ok(PlannerResult::Original(expr));
        }
        let args = vec![expr.expr.clone(), key.as_ref().clone()];
        self.call("pg_subscript", args).map(PlannerResult::Planned)
    }
}

impl PostgresOperators {
    fn call(&self, name: &str, args: Vec<Expr>) -> EngineResult<Expr> {
        match functions::scalar_function(name, &self.facts) {
            Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args))),
            None => internal_err!("no function {name}"),
        }
    }

    /// Gives a quoted literal the type of what it is compared with, where the engine would not.
    fn literal(&self, literal: &mut Expr, other: &Expr, schema: &DFSchema) -> EngineResult<()> {
        let Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) = literal else {
            return Ok(());
        };
        let Ok((_, field)) = other.to_field(schema) else {
            return Ok(());
        };
        match (field.data_type(), types::pg_type_of(&field)) {
            (DataType::Boolean, _) => to_boolean(literal),
            (list @ DataType::List(_), _) => {
                let array = types::array_of(list, &[Some(text.clone())]).map_err(|error| {
                    let name = types::pg_type_of(&field).unwrap_or("array");
                    let words = format!("invalid input syntax for type {name}: \"{text}\"");
                    let error = Error::new(SqlState::INVALID_TEXT_REPRESENTATION, words).with_log(error.to_string());
                    DataFusionError::External(Box::new(error))
                })?;
                *literal = Expr::Literal(ScalarValue::try_from_array(&array, 0)?, None);
            }
            (data_type, _) if infinity(text, data_type).is_some() => {
                let value = infinity(text, data_type);
                *literal = Expr::Literal(value.unwrap_or(ScalarValue::Null), None);
            }
            (DataType::Timestamp(..), _) => {
                if let Some(whole) = super::syntax::with_seconds(text) {
                    *literal = Expr::Literal(ScalarValue::Utf8(Some(whole)), None);
                }
            }
            (_, Some(reg)) if types::REG_TYPES.contains(&reg) && text.parse::<i64>().is_err() => {
                let name = literal.clone();
                *literal = self.call(reg, vec![name])?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `infinity` and `-infinity` beside a time: the last and the first that the type holds, which no value is.
fn infinity(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let text = text.trim().to_ascii_lowercase();
    let is_last = match text.as_str() {
        "infinity" | "+infinity" => true,
        "-infinity" => false,
        _ => return None,
    };
    let (time, day) = match is_last {
        true => (Some(i64::MAX), Some(i32::MAX)),
        false => (Some(i64::MIN), Some(i32::MIN)),
    };
    Some(match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => ScalarValue::TimestampSecond(time, zone.clone()),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => ScalarValue::TimestampMillisecond(time, zone.clone()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => ScalarValue::TimestampMicrosecond(time, zone.clone()),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => ScalarValue::TimestampNanosecond(time, zone.clone()),
        DataType::Date32 => ScalarValue::Date32(day),
        _ => return None,
    })
}

fn to_boolean(expr: &mut Expr) {
    let text = match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => text,
        _ => return,
    };
    // What boolin reads.
    let value = match text.trim().to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => true,
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => false,
        _ => return,
    };
    *expr = Expr::Literal(ScalarValue::Boolean(Some(value)), None);
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn quoted_literals_take_the_type_of_what_they_are_compared_with() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select count(*) from pg_index where indisprimary = 't'", "3"),
            ("select count(*) from pg_index where 'f' <> indisunique", "3"),
            ("select relname from pg_class where oid = '1259'", "pg_class"),
            (
                "select relname from pg_class where oid in ('1259', '2615') order by oid limit 1",
                "pg_class",
            ),
            (
                "select typname from pg_type where typinput = 'int4in' and typtype = 'b'",
                "int4",
            ),
            ("select count(*) from pg_constraint where conkey = '{1,2}'", "1"),
            (
                "select 'a'::INFORMATION_SCHEMA.SQL_IDENTIFIER = 'a', '1'::Int8",
                "true|1",
            ),
            (
                "select case indisprimary when 't' then 'yes' else 'no' end from pg_index limit 1",
                "yes",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_time_lies_before_infinity() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select now() < 'infinity', now() = '-Infinity', date '2024-01-01' < 'infinity'",
                "true|false|true",
            ),
            (
                "select count(*) from pg_roles where rolvaliduntil is null or rolvaliduntil = 'infinity'",
                "13",
            ),
            (
                "select count(*) > 0 from sys_invocation where created_at < 'infinity' and created_at > '-infinity'",
                "true",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_are_joined_to_text_as_names() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select conrelid::regclass || '.' || conname from pg_constraint where conname = 'sys_journal_pkey'",
                "sys_journal.sys_journal_pkey",
            ),
            ("select 'of ' || 23::regtype", "of integer"),
            ("select 'no ' || 23::oid", "no 23"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn times_of_two_zones_are_subtracted() {
        let engine = Engine::new();
        let sql = "select timestamptz '2023-11-15 22:13:20+00' - created_at < interval '36 hours', now() - created_at > interval '1 hour' \
                   from sys_invocation limit 1";
        assert_eq!(engine.rows(sql).await, ["true|true"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_literal_times_an_interval_is_a_number() {
        let engine = Engine::new();
        let sql =
            "select null * interval '1 day' is null, ('5' * interval '1 day')::text, (interval '1 day' / '2')::text";
        assert_eq!(engine.rows(sql).await, ["true|5 days|12:00:00"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn vectors_and_names_count_from_0_arrays_from_1() {
        let engine = Engine::new();
        let sql = "select indkey[0], indkey[1], indkey[2], indkey::text from pg_index where indrelid = 'sys_journal'::regclass";
        assert_eq!(engine.rows(sql).await, ["1|2||1 2"]);
        let sql = "select conkey[0], conkey[1], conkey[2] from pg_constraint where conname = 'sys_journal_pkey'";
        assert_eq!(engine.rows(sql).await, ["|1|2"]);
        assert_eq!(
            engine.rows("select typname[0] from pg_type where oid = 1009").await,
            ["_"]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn types_go_by_postgresqls_names() {
        let engine = Engine::new();
        let answer = engine
            .run("select 'a'::name, 'b'::\"char\", '{}'::json, '7'::xid, 'c'::pg_catalog.bpchar")
            .await
            .unwrap();
        let types: Vec<_> = answer
            .types
            .iter()
            .map(|pg_type| pg_type.as_deref().unwrap_or(""))
            .collect();
        assert_eq!(types, ["name", "\"char\"", "json", "xid", "character"]);
        let error = engine.error("select 'a'::citext").await;
        assert!(error.contains("type \"citext\" does not exist (42704)"), "{error}");
    }
}
