//! PostgreSQL types of output columns that the engine forgets.
//!
//! A column's PostgreSQL type travels in its field's metadata, and the engine drops that at a CASE, a `coalesce`, an
//! aggregate or a subquery. This pass derives it again and writes it on the projections, so that Describe and the encoder
//! find it. It also gives a quoted array its type where a CASE puts it beside an array, and `unnest` PostgreSQL's NULLs.

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    common::{
        Column, ExprSchema, NullHandling, ScalarValue,
        metadata::FieldMetadata,
        tree_node::{Transformed, TreeNode},
    },
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{Case, Expr, ExprSchemable, LogicalPlan},
};

use crate::{catalog::types, wire::types::PG_TYPE};

/// Annotates a plan as it comes from the planner, before parameters are bound or anything is optimized.
pub fn annotate(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let plan = plan.recompute_schema()?;
        if let LogicalPlan::Unnest(mut unnest) = plan {
            // Nothing comes of a NULL array, as nothing comes of an empty one.
            unnest.options.null_handling = NullHandling::Drop;
            return Ok(Transformed::yes(LogicalPlan::Unnest(unnest)));
        }
        let LogicalPlan::Projection(projection) = &plan else {
            return Ok(Transformed::yes(plan));
        };
        let input = projection.input.as_ref();
        let mut changed = false;
        let exprs = projection
            .expr
            .iter()
            .map(|expr| {
                let expr = cases(expr.clone(), input)?;
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
    let pg_type = derive(expr, input)?;
    // A type that the Arrow type contradicts would be encoded wrongly.
    if !compatible(&types::arrow_type(&pg_type), field.data_type()) {
        return None;
    }
    let metadata = FieldMetadata::new([(PG_TYPE.to_owned(), pg_type)].into());
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
        // A cluster's counts and lengths are unsigned, and `bigint` all the same; so are its durations.
        (DataType::Int64, DataType::UInt32 | DataType::UInt64 | DataType::Duration(_)) => true,
        _ => expected == actual || text(expected) && text(actual) || matches!(actual, DataType::Null),
    }
}

/// The PostgreSQL type of an expression over `input`, where it is that of something below.
fn derive(expr: &Expr, input: &LogicalPlan) -> Option<String> {
    if let Ok((_, field)) = expr.to_field(input.schema().as_ref())
        && let Some(pg_type) = types::pg_type_of(&field)
    {
        return Some(pg_type.to_owned());
    }
    match expr {
        Expr::Alias(alias) => derive(&alias.expr, input),
        Expr::Column(column) => derive_column(column, input),
        Expr::Case(case) => {
            let branches = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
            branches.into_iter().find_map(|branch| derive(branch, input))
        }
        Expr::ScalarFunction(function) if matches!(function.name(), "coalesce" | "nullif" | "greatest" | "least") => {
            function.args.iter().find_map(|arg| derive(arg, input))
        }
        Expr::AggregateFunction(aggregate) => {
            let argument = || aggregate.params.args.first().and_then(|arg| derive(arg, input));
            match aggregate.func.name() {
                "min" | "max" | "first_value" | "last_value" => argument(),
                "array_agg" => argument().map(|element| format!("{element}[]")),
                _ => None,
            }
        }
        Expr::WindowFunction(window) => match window.fun.name() {
            "min" | "max" | "first_value" | "last_value" | "lag" | "lead" | "nth_value" => {
                window.params.args.first().and_then(|arg| derive(arg, input))
            }
            _ => None,
        },
        Expr::ScalarSubquery(subquery) => {
            let schema = subquery.subquery.schema();
            let first = schema.columns().into_iter().next()?;
            derive_column(&first, &subquery.subquery)
        }
        _ => None,
    }
}

/// The same for a column that `plan` gives.
fn derive_column(column: &Column, plan: &LogicalPlan) -> Option<String> {
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
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Union(_) => {
            let input = plan.inputs().into_iter().next()?;
            let column = input.schema().columns().into_iter().nth(index)?;
            derive_column(&column, input)
        }
        LogicalPlan::Unnest(unnest) => {
            let column = unnest
                .input
                .schema()
                .columns()
                .into_iter()
                .find(|own| own.name() == column.name())?;
            let list = derive_column(&column, &unnest.input)?;
            match list.strip_suffix("[]") {
                Some(element) if !field.data_type().is_list() => Some(element.to_owned()),
                _ => Some(list),
            }
        }
        _ => plan
            .inputs()
            .into_iter()
            .find(|input| input.schema().has_column(column))
            .and_then(|input| derive_column(column, input)),
    }
}

/// `CASE … THEN array ELSE '{}' END`.
fn cases(expr: Expr, input: &LogicalPlan) -> EngineResult<Expr> {
    expr.transform_up(|expr| {
        let Expr::Case(case) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let branches = || case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
        let list = branches().find_map(|branch| {
            branch
                .get_type(input.schema().as_ref())
                .ok()
                .filter(|t| matches!(t, DataType::List(_)))
        });
        let Some(list) = list else {
            return Ok(Transformed::no(expr));
        };
        let typed = |branch: &Expr| match branch {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
                let array = types::array_of(&list, &[Some(text.clone())])
                    .map_err(|e| DataFusionError::External(Box::new(e)))?;
                Ok(Expr::Literal(ScalarValue::try_from_array(&array, 0)?, None))
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
    .map(|transformed| transformed.data)
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
            ("select x.n from (select max(relname) as n from pg_class) x", "name"),
            ("select coalesce(null, json_build_object('a', 1))", "json"),
            ("select oid from pg_class union all select oid from pg_type", "oid"),
        ] {
            let types = engine.run(sql).await.unwrap().types;
            assert_eq!(types, [Some(expected.to_owned())], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_quoted_array_beside_an_array_is_one() {
        let engine = Engine::new();
        let sql = "select coalesce(confkey, '{}'), case when contype = 'x' then conkey else '{7}' end from pg_constraint \
                   where conname = 'sys_journal_pkey'";
        assert_eq!(engine.rows(sql).await, ["[]|[7]"]);
    }
}
