//! PostgreSQL types of output columns that the engine forgets.
//!
//! A column's PostgreSQL type travels in its field's metadata, and the engine drops that at a CASE, a `coalesce`, an
//! aggregate or a subquery. This pass derives it again ([`derive`]) and writes it on the projections, so that Describe and
//! the encoder find it, and makes the sides of a UNION or a recursion agree ([`sets`]). It also gives a quoted literal its type where a CASE puts it beside others, and `unnest` PostgreSQL's NULLs.

mod derive;
mod sets;
mod written;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field},
    common::{DFSchema, NullHandling, ScalarValue, metadata::FieldMetadata, tree_node::Transformed},
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{Case, Cast, Expr, ExprSchemable, LogicalPlan, expr_rewriter::NamePreserver},
};

use crate::{
    catalog::types,
    query::walk::plan::{Walk, WalkPlan},
    wire::types::{PG_TYPE, parse_type_name, pg_type},
};

/// Annotates a plan as it comes from the planner, before parameters are bound or anything is optimized.
pub fn annotate(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    plan.rewrite_up_with_subqueries(&mut |plan| {
        let plan = plan.recompute_schema()?;
        let plan = match plan {
            LogicalPlan::Unnest(mut unnest) => {
                // Nothing comes of a NULL array, as nothing comes of an empty one.
                unnest.options.null_handling = NullHandling::Drop;
                LogicalPlan::Unnest(unnest)
            }
            LogicalPlan::Union(union) => sets::union(union)?,
            LogicalPlan::RecursiveQuery(query) => sets::recursive(query)?,
            LogicalPlan::Values(values) => sets::values(values)?,
            plan => plan,
        };
        let LogicalPlan::Projection(projection) = &plan else {
            return cases_of(plan);
        };
        let input = projection.input.as_ref();
        let names = NamePreserver::new(&plan);
        let mut changed = false;
        let exprs = projection
            .expr
            .iter()
            .map(|expr| {
                let expr = cases(expr.clone(), input.schema())?.data;
                let name = names.save(&expr);
                let expr = name.restore(written::written(expr, input)?.data);
                let annotated = annotated(&expr, input);
                changed |= annotated.is_some();
                Ok(annotated.unwrap_or(expr))
            })
            .collect::<EngineResult<Vec<_>>>()?;
        let inputs = vec![input.clone()];
        plan.with_new_exprs(exprs, inputs)
            .map(|plan| Transformed::new_transformed(plan, changed))
    })
    .map(|transformed| transformed.data)
}

/// The expression under an alias that carries its type, where the engine does not know it.
fn annotated(expr: &Expr, input: &LogicalPlan) -> Option<Expr> {
    let (_, field) = expr.to_field(input.schema().as_ref()).ok()?;
    if types::pg_type_of(&field).is_some() {
        return None;
    }
    let name = derive::derive(expr, input)?;
    // A type that the Arrow type contradicts would be encoded wrongly; one that it stands for need not be said.
    if !compatible(&types::arrow_type(&name), field.data_type()) || parse_type_name(&name) == Some(pg_type(&field)) {
        return None;
    }
    let metadata = FieldMetadata::new([(PG_TYPE.to_owned(), name)].into());
    Some(match expr {
        Expr::Alias(alias) => Expr::Alias(alias.clone().with_metadata(Some(metadata))),
        Expr::Column(_) => {
            let (qualifier, field) = expr.to_field(input.schema().as_ref()).ok()?;
            expr.clone()
                .alias_qualified_with_metadata(qualifier, field.name(), Some(metadata))
        }
        other => other
            .clone()
            .alias_with_metadata(other.schema_name().to_string(), Some(metadata)),
    })
}

fn compatible(expected: &DataType, actual: &DataType) -> bool {
    let text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match (expected, actual) {
        (DataType::List(expected), DataType::List(actual)) => compatible(expected.data_type(), actual.data_type()),
        // A cluster's durations are `bigint`.
        (DataType::Int64, DataType::Duration(_)) => true,
        _ => {
            expected == actual
                || text(expected) && text(actual)
                || expected.is_integer() && actual.is_integer()
                || matches!(actual, DataType::Null)
        }
    }
}

/// `CASE … THEN flag ELSE 'f' END`: a quoted literal takes the type of the other branches.
fn cases(expr: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    expr.rewrite_up(&mut |expr| {
        let Expr::Case(case) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let branches = || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
        if !branches().any(|branch| is_open(branch)) {
            return Ok(Transformed::no(expr));
        }
        let text = |data_type: &DataType| {
            matches!(
                data_type,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null
            )
        };
        let others = branches().filter(|branch| !is_open(branch));
        let fields = others
            .map(|branch| branch.to_field(schema).map(|(_, field)| field))
            .collect::<EngineResult<Vec<_>>>()?;
        let Some(field) = fields.into_iter().find(|field| !text(field.data_type())) else {
            return Ok(Transformed::no(expr));
        };
        let typed = |branch: &Expr| match branch {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) if matches!(field.data_type(), DataType::List(_)) => {
                let array = types::array_of(field.data_type(), &[Some(text.clone())])
                    .map_err(|e| DataFusionError::External(Box::new(e)))?;
                let named = types::pg_type_of(&field).map(|name| (PG_TYPE.to_owned(), name.to_owned()));
                let metadata = named.map(|named| FieldMetadata::new([named].into()));
                Ok(Expr::Literal(ScalarValue::try_from_array(&array, 0)?, metadata))
            }
            literal if is_open(literal) => {
                let plain = Field::new("", field.data_type().clone(), true);
                let named = types::pg_type_of(&field).map(|name| (PG_TYPE.to_owned(), name.to_owned()));
                let plain = plain.with_metadata(named.into_iter().collect());
                Ok(Expr::Cast(Cast::new_from_field(
                    Box::new(literal.clone()),
                    Arc::new(plain),
                )))
            }
            other => Ok::<_, DataFusionError>(other.clone()),
        };
        let when_then_expr = case
            .when_then_expr
            .iter()
            .map(|(when, then)| Ok((when.clone(), Box::new(typed(then)?))))
            .collect::<EngineResult<Vec<_>>>()?;
        let else_expr = case.else_expr.as_deref().map(typed).transpose()?.map(Box::new);
        Ok(Transformed::yes(Expr::Case(Case {
            expr: case.expr.clone(),
            when_then_expr,
            else_expr,
        })))
    })
}

/// A quoted literal that was not cast.
fn is_open(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)), None))
}

/// The same for the expressions of a node that is no projection.
fn cases_of(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    let input = match plan.inputs().as_slice() {
        [input] => (*input).clone(),
        _ => return Ok(Transformed::no(plan)),
    };
    let names = NamePreserver::new(&plan);
    plan.rewrite_expressions(&mut |expr| {
        let name = names.save(&expr);
        cases(expr, input.schema())?
            .transform_data(|expr| written::written(expr, &input))
            .map(|cases| cases.update_data(|expr| name.restore(expr)))
    })
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn types_survive_what_the_engine_makes_of_columns() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select max(oid) from pg_class", "oid"),
            ("select array_agg(relname order by relname) from pg_class", "name[]"),
            ("select case when relkind = 'r' then relname end from pg_class", "name"),
            ("select nullif(relkind, 'r') from pg_class", "\"char\""),
            (
                "select (select nspname from pg_namespace n where n.oid = c.relnamespace) from pg_class c",
                "name",
            ),
            (
                "select case when relkind = 'r' then oid else 0 end from pg_class",
                "oid",
            ),
            ("select (c).relname from pg_class c", "name"),
            ("select amname from pg_am union select 'a'", "name"),
            ("select coalesce(null, json_build_object('a', 1))", "json"),
            ("select oid from pg_class union all select oid from pg_type", "oid"),
            ("select relname from pg_class union select null", "name"),
            ("select unnest(proargtypes) from pg_proc", "oid"),
            ("select a from unnest(current_schemas(true)) as a", "name"),
            ("select array(select oid from pg_class)", "oid[]"),
            ("select unnest((select array_agg(relname) from pg_class))", "name"),
            ("select row_number() over (order by oid) from pg_class", "bigint"),
            ("select ntile(2) over (order by oid) from pg_class", "integer"),
        ] {
            let types = engine.run(sql).await.unwrap().types;
            assert_eq!(types, [Some(expected.to_owned())], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_integers_are_integers() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select 1", "integer"),
            ("select 1 + 1", "integer"),
            ("select -7 / 2", "integer"),
            ("select case when true then 1 else 0 end", "integer"),
            ("select coalesce(null, 1)", "integer"),
            ("select greatest(1, 2)", "integer"),
            ("select n from generate_series(1, 3) as s (n)", "integer"),
            ("select generate_series(1, 3)", "integer"),
            ("select unnest(array[1, 2]) + 1", "integer"),
            ("select array[1, 2]", "integer[]"),
            ("select max(a) from (select 1 as a) t", "integer"),
            ("select 1 union all select null", "integer"),
        ] {
            let types = engine.run(sql).await.unwrap().types;
            assert_eq!(types, [Some(expected.to_owned())], "{sql}");
        }
        // Text is what its Arrow type stands for, and not said.
        for sql in [
            "select x.n from (select max(relname) as n from pg_class) x",
            "select case when relkind = 'r' then relname else relkind::text end from pg_class",
        ] {
            assert_eq!(engine.run(sql).await.unwrap().types, [None], "{sql}");
        }
        for sql in [
            "select 2147483648",
            "select 1::bigint",
            "select count(*) + 1 from pg_class",
            "select 1 union all select count(*) from pg_class",
            "select n from generate_series(1, 3000000000) as s (n) limit 1",
            "select case when true then count(*) else 0 end from pg_class",
        ] {
            let answer = engine.run(sql).await.unwrap();
            assert_ne!(answer.types, [Some("integer".to_owned())], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_sides_of_a_set_need_not_agree() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select null union select 'a' order by 1", vec!["a", ""]),
            ("select 1 union all select '5' order by 1", vec!["1", "5"]),
            (
                "select '2024-01-02' union select date '2024-01-01' order by 1",
                vec!["2024-01-01", "2024-01-02"],
            ),
            (
                "select 't' union all (select '0' union all select 1 = 2) order by 1",
                vec!["false", "false", "true"],
            ),
            ("select 1 union all select 2.5 order by 1", vec!["1.0", "2.5"]),
            (
                "select table_name from information_schema.tables where table_name = 'sys_journal' \
                 union select relname from pg_class where relname = 'sys_journal'",
                vec!["sys_journal"],
            ),
            (
                "with recursive t as (select 1 as n union all select n + 1 from t where n < 3) select n from t order by 1",
                vec!["1", "2", "3"],
            ),
            (
                "with recursive r (id, name) as (select oid, relname from pg_class where relname = 'sys_journal' union \
                 select i.inhparent, 'x' from pg_inherits i join r on r.id = i.inhrelid) select name from r",
                vec!["sys_journal"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_quoted_array_beside_an_array_is_one() {
        let engine = Engine::new();
        let sql = "select coalesce(confkey, '{}'), case when contype = 'x' then conkey else '{7}' end from pg_constraint \
                   where conname = 'sys_journal_pkey'";
        assert_eq!(engine.rows(sql).await, ["[]|[7]"]);
        let sql = "select coalesce(s.names, '{}'), coalesce(s.ids, '{}') from pg_namespace n left join \
                   (select relnamespace, array_agg(relname) as names, array_agg(oid) as ids from pg_class group by 1) s \
                   on s.relnamespace = n.oid limit 1";
        let types = engine.run(sql).await.unwrap().types;
        assert_eq!(types, [Some("name[]".to_owned()), Some("oid[]".to_owned())]);
    }
}
