//! Functions that give rows: in the SELECT list they become `unnest` of a list, in FROM a lateral subquery of that.

use datafusion::sql::sqlparser::ast::{
    Array, DataType, Expr, Function, FunctionArg, FunctionArgExpr, Ident, Query, Select, SelectItem, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, TableFunctionArgs, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

use super::{
    arguments,
    build::{self, nested},
    call, cast, folded, function_name, number, parts, relations, text,
};
use crate::{catalog::functions::records, query::statement::ROWS_FROM};

/// Rewrites the functions among a SELECT's relations.
pub fn from(select: &mut Select) {
    for (index, from) in select.from.iter_mut().enumerate() {
        relation(&mut from.relation, index > 0);
        for join in &mut from.joins {
            relation(&mut join.relation, true);
        }
    }
}

fn relation(factor: &mut TableFactor, lateral: bool) {
    if is_engine_series(factor) {
        return;
    }
    let (name, args, ordinality, alias) = match factor {
        TableFactor::Table {
            name,
            args: Some(TableFunctionArgs { args, .. }),
            with_ordinality,
            alias,
            ..
        } => (
            parts(name).pop().unwrap_or_default(),
            expressions(args),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::Function {
            name,
            args,
            with_ordinality,
            alias,
            ..
        } => (
            parts(name).pop().unwrap_or_default(),
            expressions(args),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::UNNEST {
            array_exprs,
            with_ordinality,
            alias,
            ..
        } => (
            "unnest".to_owned(),
            Some(array_exprs.clone()),
            *with_ordinality,
            alias.take(),
        ),
        TableFactor::NestedJoin { table_with_joins, .. } => {
            relation(&mut table_with_joins.relation, lateral);
            for join in &mut table_with_joins.joins {
                relation(&mut join.relation, true);
            }
            return;
        }
        _ => return,
    };
    let Some(args) = args else { return };
    if name == "generate_series"
        && !ordinality
        && let Some(integers) = args.iter().map(integer).collect()
    {
        *factor = series(integers, alias);
        return;
    }
    // Functions whose rows stand side by side.
    let together = match name.as_str() {
        ROWS_FROM => lists_of_calls(&args).unwrap_or_default(),
        _ => Vec::new(),
    };
    // What they call the column that they give.
    let column = match name.as_str() {
        "json_array_elements" | "jsonb_array_elements" | "json_array_elements_text" | "jsonb_array_elements_text" => {
            "value"
        }
        name => name,
    };
    let own_column = alias
        .as_ref()
        .map_or_else(|| Ident::new(column), |alias| alias.name.clone());
    let own_name = alias
        .as_ref()
        .map_or_else(|| Ident::new(&name), |alias| alias.name.clone());
    let given = |index: usize| {
        alias
            .as_ref()
            .and_then(|alias| alias.columns.get(index))
            .map(|column| column.name.clone())
    };
    let subquery = match relations::query(&name) {
        Some(sql) => parsed(sql),
        None => {
            let mut items: Vec<(Expr, Ident)> = match (name.as_str(), args.as_slice()) {
                ("unnest", [_, ..]) => {
                    let one = args.len() == 1;
                    let column = |index| {
                        given(index).unwrap_or_else(|| if one { own_name.clone() } else { Ident::new("unnest") })
                    };
                    args.iter()
                        .cloned()
                        .enumerate()
                        .map(|(i, arg)| (call("unnest", vec![arg]), column(i)))
                        .collect()
                }
                _ if !together.is_empty() => {
                    let column = |(index, (name, list)): (usize, &(String, Expr))| {
                        let name = given(index).unwrap_or_else(|| Ident::new(name));
                        (call("unnest", vec![list.clone()]), name)
                    };
                    together.iter().enumerate().map(column).collect()
                }
                ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text", [document]) => {
                    let (keys, values) = members(&name);
                    let column = |index, name| given(index).unwrap_or_else(|| Ident::new(name));
                    let unnested = |list| call("unnest", vec![call(list, vec![document.clone()])]);
                    vec![
                        (unnested(keys), column(0, "key")),
                        (unnested(values), column(1, "value")),
                    ]
                }
                ("_pg_expandarray", [list]) => vec![
                    (
                        call("unnest", vec![list.clone()]),
                        given(0).unwrap_or_else(|| Ident::new("x")),
                    ),
                    (
                        call("unnest", vec![call("pg_ordinals", vec![list.clone()])]),
                        given(1).unwrap_or_else(|| Ident::new("n")),
                    ),
                ],
                ("json_to_recordset" | "jsonb_to_recordset" | "json_to_record" | "jsonb_to_record", [document])
                    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) =>
                {
                    let columns = alias.iter().flat_map(|alias| alias.columns.clone()).collect::<Vec<_>>();
                    members_as(&name, document, columns)
                }
                _ if records::set_returning(&name).is_some() => {
                    let (list, columns) = records::set_returning(&name).unwrap_or_default();
                    let row = call("unnest", vec![call(list, args.clone())]);
                    let field = |name: &str| call("get_field", vec![row.clone(), text(name)]);
                    let columns = columns.into_iter().enumerate();
                    columns
                        .map(|(i, name)| (field(name), given(i).unwrap_or_else(|| Ident::new(name))))
                        .collect()
                }
                _ => match list_of(&name, &args) {
                    Some(list) => vec![(
                        call("unnest", vec![list]),
                        given(0).unwrap_or_else(|| own_column.clone()),
                    )],
                    None => vec![(call(&name, args.clone()), given(0).unwrap_or_else(|| own_name.clone()))],
                },
            };
            if ordinality {
                let list = match (name.as_str(), args.as_slice()) {
                    ("unnest" | "_pg_expandarray", [list, ..]) => list.clone(),
                    _ if !together.is_empty() => numbered(&together),
                    ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text", [document]) => {
                        call(members(&name).0, vec![document.clone()])
                    }
                    _ => match list_of(&name, &args) {
                        Some(list) => list,
                        None => Expr::Array(Array {
                            elem: vec![number(1)],
                            named: true,
                        }),
                    },
                };
                let position = call("unnest", vec![call("pg_ordinals", vec![list])]);
                let column = given(items.len()).unwrap_or_else(|| Ident::new("ordinality"));
                items.push((position, column));
            }
            let items = items
                .into_iter()
                .map(|(expr, alias)| SelectItem::ExprWithAlias { expr, alias })
                .collect();
            build::query_of(build::select(items, None))
        }
    };
    let columns = match relations::query(&name).is_some() {
        true => alias.map(|alias| alias.columns).unwrap_or_default(),
        false => Vec::new(),
    };
    let columns: Vec<TableAliasColumnDef> = columns
        .into_iter()
        .map(|column| TableAliasColumnDef {
            name: column.name,
            data_type: None,
        })
        .collect();
    *factor = TableFactor::Derived {
        lateral,
        subquery: Box::new(subquery),
        alias: Some(TableAlias {
            explicit: true,
            name: own_name,
            columns,
            at: None,
        }),
        sample: None,
    };
}

/// An integer constant without the casts around it: the engine's series takes nothing else.
fn integer(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) if matches!(value.value, Value::Number(..)) => Some(expr.clone()),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: inner,
        } if matches!(inner.as_ref(), Expr::Value(_)) => integer(inner).map(|_| expr.clone()),
        Expr::Nested(inner) => integer(inner),
        Expr::Cast {
            expr: inner,
            data_type:
                DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) | DataType::BigInt(_) | DataType::Int8(_),
            ..
        } => integer(inner),
        _ => None,
    }
}

/// A series of integers: the engine's own relation, which makes its rows as they are asked for. Between bounds of four bytes its
/// numbers are such.
fn series(args: Vec<Expr>, alias: Option<TableAlias>) -> TableFactor {
    let small = args.iter().all(|arg| arg.to_string().parse::<i32>().is_ok());
    let args = args.into_iter().map(|arg| nested(nested(arg))).collect();
    let series = engine_series(args, alias);
    let TableFactor::Table { alias: Some(alias), .. } = &series else {
        return series;
    };
    let (alias, Some(column)) = (alias.clone(), alias.columns.first().map(|column| column.name.clone())) else {
        return series;
    };
    if !small {
        return series;
    }
    let item = SelectItem::ExprWithAlias {
        expr: cast(Expr::Identifier(column.clone()), DataType::Int4(None)),
        alias: column,
    };
    build::derived(false, build::query_of(build::select(vec![item], Some(series))), alias)
}

/// Whether a factor is a series that was made here: parentheses around its bounds say so.
fn is_engine_series(factor: &TableFactor) -> bool {
    let TableFactor::Table {
        name,
        args: Some(TableFunctionArgs { args, .. }),
        ..
    } = factor
    else {
        return false;
    };
    let made = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Nested(inner))) => matches!(inner.as_ref(), Expr::Nested(_)),
        _ => false,
    };
    parts(name).pop().as_deref() == Some("generate_series") && args.iter().all(made)
}

fn engine_series(args: Vec<Expr>, alias: Option<TableAlias>) -> TableFactor {
    let name = Ident::new("generate_series");
    let mut alias = alias.unwrap_or_else(|| TableAlias {
        explicit: true,
        name: name.clone(),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef {
            name: alias.name.clone(),
            data_type: None,
        });
    }
    build::table(vec![name].into(), Some(args), Some(alias))
}

fn expressions(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

/// The query of a template; the templates are this file's own.
fn parsed(sql: &str) -> Query {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .ok()
        .and_then(|mut statements| statements.pop());
    match statement {
        Some(Statement::Query(query)) => *query,
        _ => build::query_of(build::select(Vec::new(), None)),
    }
}

/// The columns that a JSON object, or each of an array of them, has by a list of names and types.
fn members_as(function: &str, document: &Expr, columns: Vec<TableAliasColumnDef>) -> Vec<(Expr, Ident)> {
    let object = match function {
        "json_to_recordset" => call("unnest", vec![call("pg_json_elements", vec![document.clone()])]),
        "jsonb_to_recordset" => call("unnest", vec![call("pg_jsonb_elements", vec![document.clone()])]),
        _ => document.clone(),
    };
    let kind = match function.starts_with("jsonb") {
        true => DataType::JSONB,
        false => DataType::JSON,
    };
    let object = cast(object, kind);
    let column = |column: TableAliasColumnDef| {
        let name = text(folded(&column.name));
        let get = match column.data_type {
            Some(DataType::JSON | DataType::JSONB) => "pg_json_get",
            _ => "pg_json_get_text",
        };
        let value = call(get, vec![object.clone(), name]);
        let value = match column.data_type {
            Some(data_type) => cast(value, data_type),
            None => value,
        };
        (value, column.name)
    };
    columns.into_iter().map(column).collect()
}

/// The lists of an object's keys and values that `json_each` and kin give.
fn members(function: &str) -> (&'static str, &'static str) {
    match function {
        "json_each" => ("pg_json_keys", "pg_json_values"),
        "json_each_text" => ("pg_json_keys", "pg_json_values_text"),
        "jsonb_each_text" => ("pg_jsonb_keys", "pg_jsonb_values_text"),
        _ => ("pg_jsonb_keys", "pg_jsonb_values"),
    }
}

/// The same of several.
fn lists_of_calls(calls: &[Expr]) -> Option<Vec<(String, Expr)>> {
    let list = |call: &Expr| match call {
        Expr::Function(function) => list_of_call(function),
        _ => None,
    };
    calls.iter().map(list).collect()
}

/// 1, 2, … as far as the longest of several lists.
fn numbered(lists: &[(String, Expr)]) -> Expr {
    let lengths = lists.iter().map(|(_, list)| call("cardinality", vec![list.clone()]));
    let bigint = |expr| cast(expr, DataType::BigInt(None));
    let longest = call("greatest", lengths.collect());
    call("pg_series", vec![bigint(number(1)), bigint(longest)])
}

/// The name of a set-returning function and the list of what a call of it gives.
fn list_of_call(function: &Function) -> Option<(String, Expr)> {
    let name = function_name(function);
    let args: Vec<Expr> = arguments(function)?.into_iter().cloned().collect();
    let list = match (name.as_str(), args.as_slice()) {
        ("unnest", [list]) => list.clone(),
        _ => list_of(&name, &args)?,
    };
    Some((name, list))
}

/// The list whose elements a set-returning function gives.
pub fn list_of(name: &str, args: &[Expr]) -> Option<Expr> {
    match (name, args) {
        ("generate_series", [_, _] | [_, _, _]) => Some(call("pg_series", args.to_vec())),
        ("generate_subscripts", [_, _]) => Some(call("pg_subscripts", args.to_vec())),
        ("_pg_expandarray", [_]) => Some(call("pg_expandarray", args.to_vec())),
        // Nothing here is partitioned.
        ("pg_partition_ancestors", [_]) => Some(call("pg_empty_oids", args.to_vec())),
        ("regexp_split_to_table", [_, _] | [_, _, _]) => Some(call("regexp_split_to_array", args.to_vec())),
        ("regexp_matches", [_, _] | [_, _, _]) => Some(call("pg_regexp_matches", args.to_vec())),
        ("json_array_elements", [_]) => Some(call("pg_json_elements", args.to_vec())),
        ("jsonb_array_elements", [_]) => Some(call("pg_jsonb_elements", args.to_vec())),
        ("json_array_elements_text" | "jsonb_array_elements_text", [_]) => {
            Some(call("pg_json_elements_text", args.to_vec()))
        }
        ("json_object_keys", [_]) => Some(call("pg_json_keys", args.to_vec())),
        ("jsonb_object_keys", [_]) => Some(call("pg_jsonb_keys", args.to_vec())),
        ("string_to_table", [_, _]) => Some(call("string_to_array", args.to_vec())),
        _ => records::set_returning(name).map(|(list, _)| call(list, args.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_rows_in_the_select_list() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select generate_series(1, 3)", vec!["1", "2", "3"]),
            (
                "select generate_series(1, 2), unnest(array['a', 'b', 'c'])",
                vec!["1|a", "2|b", "|c"],
            ),
            ("select generate_subscripts(array['a', 'b'], 1)", vec!["1", "2"]),
            // A vector's subscripts begin with 0.
            (
                "select generate_subscripts(indkey, 1) from pg_index where indrelid = 'sys_journal'::regclass",
                vec!["0", "1"],
            ),
            (
                "select (information_schema._pg_expandarray(indkey)).n, (information_schema._pg_expandarray(indkey)).x \
                 from pg_index where indrelid = 'sys_journal'::regclass order by 1",
                vec!["1|1", "2|2"],
            ),
            ("select unnest(confkey) from pg_constraint where contype = 'p'", vec![]),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_in_from() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select * from generate_series(1, 3) g where g > 1", vec!["2", "3"]),
            (
                "select x, n from unnest(array['a', 'b']) with ordinality as u(x, n) order by n desc",
                vec!["b|2", "a|1"],
            ),
            (
                "select count(*), max(g) from generate_series(1, 5000000) g",
                vec!["5000000|5000000"],
            ),
            (
                "select generate_series from generate_series(1, 5, 2) where generate_series > 1",
                vec!["3", "5"],
            ),
            ("select * from current_schema()", vec!["public"]),
            ("select s from lower('A') as s", vec!["a"]),
            ("select count(*) from pg_get_keywords() where catcode = 'R'", vec!["77"]),
            ("select count(*) from aclexplode(null)", vec!["0"]),
            (
                "select a.attname, k.n from pg_constraint c, unnest(c.conkey) with ordinality as k(attnum, n), pg_attribute a \
                 where c.conname = 'sys_journal_pkey' and a.attrelid = c.conrelid and a.attnum = k.attnum order by k.n",
                vec!["id|1", "index|2"],
            ),
            (
                "select i from pg_index x, generate_series(0, array_upper(x.indkey, 1)) i where x.indrelid = 'sys_journal'::regclass",
                vec!["0", "1"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn members_of_json_by_names_and_types() {
        let engine = Engine::new();
        for (sql, expected) in [
            (
                "select a + 1, b from json_to_recordset('[{\"a\":1,\"b\":\"x\"},{\"a\":2}]') as x(a int, b text)",
                vec!["2|x", "3|"],
            ),
            (
                "select * from jsonb_to_record('{\"a\":1,\"b\":{\"c\":2}}') as x(a int, b jsonb, \"d\" text)",
                vec!["1|{\"c\": 2}|"],
            ),
            (
                "select t.k, x.v from (values (1, '[{\"v\":5},{\"v\":6}]'::jsonb)) t(k, doc), jsonb_to_recordset(t.doc) as x(v int) order by 2",
                vec!["1|5", "1|6"],
            ),
        ] {
            assert_eq!(engine.rows(sql).await, expected, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_side_by_side() {
        let engine = Engine::new();
        let sql = "select * from rows from (generate_series(1, 2), unnest(array['a', 'b', 'c'])) with ordinality as t(a, b, n)";
        assert_eq!(engine.rows(sql).await, ["1|a|1", "2|b|2", "|c|3"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_series_of_small_integers_is_one_of_integers() {
        let engine = Engine::new();
        let answer = engine
            .run("select n, sum(n) from generate_series(1, 2) n group by n")
            .await
            .unwrap();
        let types: Vec<_> = answer.types.iter().map(|name| name.as_deref().unwrap_or("")).collect();
        assert_eq!(types, ["integer", "bigint"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_series_as_a_list_is_bounded() {
        let engine = Engine::new();
        for sql in [
            "select generate_series(1, 1000000000000)",
            "select generate_series(timestamp '2000-01-01 00:00:00', timestamp '2030-01-01 00:00:00', interval '1 second')",
        ] {
            let error = engine.error(sql).await;
            assert!(error.contains("(54000)"), "{sql}: {error}");
        }
        assert_eq!(engine.rows("select generate_series(5, 1, -2)").await, ["5", "3", "1"]);
    }
}
