//! Functions that give rows: in the SELECT list they become `unnest` of a list, in FROM a lateral subquery of that. And
//! aggregates and constructors that are another function over what the engine has.

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Ident, ObjectName, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select, SelectItem,
    SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor, TableFunctionArgs, TableWithJoins, UnaryOperator,
    Value, helpers::attached_token::AttachedToken,
};
use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

use super::{arguments, call, casts, function_name, parts, syntax, take};
use crate::catalog::functions::records;

/// Functions in FROM that are a relation by another name, or none at all.
const RELATIONS: [(&str, &str); 9] = [
    ("pg_show_all_settings", "SELECT * FROM pg_catalog.pg_settings"),
    (
        "pg_available_extensions",
        "SELECT name, default_version, comment FROM pg_catalog.pg_available_extensions",
    ),
    (
        "pg_available_extension_versions",
        "SELECT * FROM pg_catalog.pg_available_extension_versions",
    ),
    (
        "pg_get_keywords",
        "SELECT unnest(pg_keywords('word')) AS word, unnest(pg_keywords('catcode'))::\"char\" AS catcode, \
         unnest(pg_keywords('barelabel')) = 't' AS barelabel, unnest(pg_keywords('catdesc')) AS catdesc, \
         unnest(pg_keywords('baredesc')) AS baredesc",
    ),
    ("pg_lock_status", "SELECT * FROM pg_catalog.pg_locks"),
    ("pg_stat_get_activity", "SELECT * FROM pg_catalog.pg_stat_activity"),
    ("pg_timezone_names", "SELECT * FROM pg_catalog.pg_timezone_names"),
    (
        "pg_partition_tree",
        "SELECT 0::oid AS relid, 0::oid AS parentrelid, true AS isleaf, 0 AS level WHERE false",
    ),
    (
        "ts_token_type",
        "SELECT 0 AS tokid, '' AS alias, '' AS description WHERE false",
    ),
];

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
    let own_name = alias
        .as_ref()
        .map_or_else(|| Ident::new(&name), |alias| alias.name.clone());
    let given = |index: usize| {
        alias
            .as_ref()
            .and_then(|alias| alias.columns.get(index))
            .map(|column| column.name.clone())
    };
    let subquery = match RELATIONS.iter().find(|(function, _)| *function == name) {
        Some((_, sql)) => parsed(sql),
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
                _ if records::set_returning(&name).is_some() => {
                    let (list, columns) = records::set_returning(&name).unwrap_or_default();
                    let row = call("unnest", vec![call(list, args.clone())]);
                    let field = |name: &str| {
                        let name = Expr::value(Value::SingleQuotedString(name.to_owned()));
                        call("get_field", vec![row.clone(), name])
                    };
                    let columns = columns.into_iter().enumerate();
                    columns
                        .map(|(i, name)| (field(name), given(i).unwrap_or_else(|| Ident::new(name))))
                        .collect()
                }
                _ => match list_of(&name, &args) {
                    Some(list) => vec![(call("unnest", vec![list]), given(0).unwrap_or_else(|| own_name.clone()))],
                    None => vec![(call(&name, args.clone()), given(0).unwrap_or_else(|| own_name.clone()))],
                },
            };
            if ordinality {
                let list = match (name.as_str(), args.as_slice()) {
                    ("unnest" | "_pg_expandarray", [list, ..]) => list.clone(),
                    _ => match list_of(&name, &args) {
                        Some(list) => list,
                        None => Expr::Array(Array {
                            elem: vec![Expr::value(Value::Number("1".into(), false))],
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
            syntax::query_of(syntax::select(items, Vec::new()))
        }
    };
    let columns = match RELATIONS.iter().any(|(function, _)| *function == name) {
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

/// A series of integers: the engine's own relation, which makes its rows as they are asked for.
fn series(args: Vec<Expr>, alias: Option<TableAlias>) -> TableFactor {
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
    let args = args
        .into_iter()
        .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
        .collect();
    TableFactor::Table {
        name: vec![name].into(),
        alias: Some(alias),
        args: Some(TableFunctionArgs { args, settings: None }),
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
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
        _ => syntax::query_of(syntax::select(Vec::new(), Vec::new())),
    }
}

/// The list whose elements a set-returning function gives.
fn list_of(name: &str, args: &[Expr]) -> Option<Expr> {
    match (name, args) {
        ("generate_series", [_, _] | [_, _, _]) => Some(call("pg_series", args.to_vec())),
        ("generate_subscripts", [_, _]) => Some(call("pg_subscripts", args.to_vec())),
        ("_pg_expandarray", [_]) => Some(call("pg_expandarray", args.to_vec())),
        // Nothing here is partitioned.
        ("pg_partition_ancestors", [_]) => Some(call("pg_empty_oids", args.to_vec())),
        ("regexp_split_to_table", [_, _]) => Some(call("regexp_split_to_array", args.to_vec())),
        ("string_to_table", [_, _]) => Some(call("string_to_array", args.to_vec())),
        _ => records::set_returning(name).map(|(list, _)| call(list, args.to_vec())),
    }
}

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    match expr {
        Expr::Function(function) => {
            if let Some(replacement) = replaced(function) {
                *expr = replacement;
            }
        }
        // `substring(x FROM 'pattern')` takes what the pattern matches.
        Expr::Substring {
            expr: text,
            substring_from: Some(pattern),
            substring_for: None,
            ..
        } if is_string(pattern) => {
            let (text, pattern) = (take(text), take(pattern));
            *expr = matched(text, pattern);
        }
        _ => {}
    }
}

fn is_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// The first group of a pattern, or all that it matches.
fn matched(text: Expr, pattern: Expr) -> Expr {
    let groups = call("regexp_match", vec![text, pattern]);
    call(
        "pg_subscript",
        vec![groups, Expr::value(Value::Number("1".into(), false))],
    )
}

/// What `information_schema._pg_truetypid` and `_pg_truetypmod` say, whose arguments are whole rows.
fn true_type(function: &Function) -> Option<Expr> {
    let (domain, own) = match function_name(function).as_str() {
        "_pg_truetypid" => ("typbasetype", "atttypid"),
        "_pg_truetypmod" => ("typtypmod", "atttypmod"),
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let tables: Vec<&ObjectName> = list
        .args
        .iter()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => Some(name),
            _ => None,
        })
        .collect();
    let [attribute, type_row] = tables.as_slice() else {
        return None;
    };
    let column = |table: &ObjectName, column: &str| {
        let mut idents: Vec<Ident> = table.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        idents.push(Ident::new(column));
        Expr::CompoundIdentifier(idents)
    };
    let is_domain = Expr::BinaryOp {
        left: Box::new(column(type_row, "typtype")),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::value(Value::SingleQuotedString("d".into()))),
    };
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: is_domain,
            result: column(type_row, domain),
        }],
        else_result: Some(Box::new(column(attribute, own))),
    })
}

fn replaced(function: &mut Function) -> Option<Expr> {
    let name = function_name(function);
    // ARRAY(SELECT …): the array of the subquery's rows, empty rather than NULL when there are none.
    if let (true, FunctionArguments::Subquery(query)) = (name == "array", &function.args) {
        let array = array_of(query.as_ref().clone());
        return Some(array);
    }
    if let Some(expr) = true_type(function) {
        return Some(expr);
    }
    let args = arguments(function)?;
    let aggregate = function.over.is_some() || function.filter.is_some();
    if !aggregate && let Some(list) = list_of(&name, &args.iter().copied().cloned().collect::<Vec<_>>()) {
        return Some(call("unnest", vec![list]));
    }
    match name.as_str() {
        "json_agg" | "jsonb_agg" => {
            let outer = if name == "json_agg" {
                "pg_json_array"
            } else {
                "pg_jsonb_array"
            };
            // Only as JSON does an item say within an array that it is some.
            let item = if name == "json_agg" { "to_json" } else { "to_jsonb" };
            if let FunctionArguments::List(list) = &mut function.args {
                for arg in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                        *expr = call(item, vec![take(expr)]);
                    }
                }
            }
            function.name = ObjectName::from(vec![Ident::new("array_agg")]);
            Some(call(outer, vec![Expr::Function(function.clone())]))
        }
        "json_object_agg" | "jsonb_object_agg" => {
            let outer = if name == "json_object_agg" {
                "pg_json_pairs"
            } else {
                "pg_jsonb_pairs"
            };
            let lists = args
                .into_iter()
                .map(|arg| match call("array_agg", vec![arg.clone()]) {
                    Expr::Function(mut list) => {
                        list.filter = function.filter.clone();
                        Expr::Function(list)
                    }
                    other => other,
                })
                .collect();
            Some(call(outer, lists))
        }
        "substring" => match args.as_slice() {
            [text, pattern] if is_string(pattern) => Some(matched((*text).clone(), (*pattern).clone())),
            _ => None,
        },
        // As a CASE, of which the planner knows that the literal is an array where the others are.
        "coalesce" if args.iter().any(|arg| casts::array_literal(arg).is_some()) => {
            let (last, others) = args.split_last()?;
            let conditions = others
                .iter()
                .map(|arg| CaseWhen {
                    condition: Expr::IsNotNull(Box::new((*arg).clone())),
                    result: (*arg).clone(),
                })
                .collect();
            Some(Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions,
                else_result: Some(Box::new((*last).clone())),
            })
        }
        _ => None,
    }
}

/// `(SELECT pg_array(array_agg(item ORDER BY key …)) FROM (query) AS array_rows (item, key …))`.
///
/// The order has to be the aggregate's own: that of a subquery is lost on the way.
fn array_of(mut query: Query) -> Expr {
    let keys = order_keys(&mut query);
    let column = |name: &str| Expr::CompoundIdentifier(vec![Ident::new("array_rows"), Ident::new(name)]);
    let mut columns = vec![Ident::new("array_item")];
    let mut order = Vec::new();
    for (index, (in_query, options)) in keys.into_iter().enumerate() {
        let name = format!("array_key_{index}");
        let expr = if in_query { column(&name) } else { column("array_item") };
        if in_query {
            columns.push(Ident::new(name));
        }
        order.push(OrderByExpr {
            expr,
            options,
            with_fill: None,
        });
    }
    let columns = columns
        .into_iter()
        .map(|name| TableAliasColumnDef { name, data_type: None })
        .collect();
    let alias = TableAlias {
        explicit: true,
        name: Ident::new("array_rows"),
        columns,
        at: None,
    };
    let rows = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    };
    let mut aggregate = call("array_agg", vec![column("array_item")]);
    if let Expr::Function(Function {
        args: FunctionArguments::List(list),
        ..
    }) = &mut aggregate
        && !order.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    let item = SelectItem::ExprWithAlias {
        expr: call("pg_array", vec![aggregate]),
        alias: Ident::new("array"),
    };
    let select = syntax::select(
        vec![item],
        vec![TableWithJoins {
            relation: rows,
            joins: Vec::new(),
        }],
    );
    Expr::Subquery(Box::new(syntax::query_of(select)))
}

/// What a query of one column is ordered by: whether it is another expression, which becomes a column of its own, and how.
fn order_keys(query: &mut Query) -> Vec<(bool, OrderByOptions)> {
    let Some(OrderBy {
        kind: OrderByKind::Expressions(order),
        ..
    }) = &query.order_by
    else {
        return Vec::new();
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return order.iter().map(|key| (false, key.options)).collect();
    };
    let own = match select.projection.first() {
        Some(SelectItem::ExprWithAlias { alias, .. }) => Some(super::folded(alias)),
        Some(SelectItem::UnnamedExpr(Expr::Identifier(name))) => Some(super::folded(name)),
        _ => None,
    };
    let mut keys = Vec::new();
    for (index, key) in order.iter().enumerate() {
        let is_item = match &key.expr {
            Expr::Value(_) => true,
            Expr::Identifier(name) => Some(super::folded(name)) == own,
            _ => select.distinct.is_some(),
        };
        if !is_item {
            let alias = Ident::new(format!("array_key_{index}"));
            select.projection.push(SelectItem::ExprWithAlias {
                expr: key.expr.clone(),
                alias,
            });
        }
        keys.push((!is_item, key.options));
    }
    keys
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

    #[tokio::test(flavor = "multi_thread")]
    async fn arrays_of_subqueries_keep_their_order_and_are_never_null() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select array(select 1 where false)", "[]"),
            (
                "select array(select x from unnest(array[2, 3, 1]) x order by 1 desc)",
                "[3, 2, 1]",
            ),
            (
                "select array(select attname from pg_attribute a where attrelid = c.oid order by attnum desc limit 2) \
                 from pg_class c where relname = 'sys_journal'",
                "[entry_json, index]",
            ),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn json_and_patterns() {
        let engine = Engine::new();
        for (sql, expected) in [
            ("select json_agg(x) from unnest(array[1, 2]) x", "[1, 2]"),
            ("select jsonb_agg(x) from unnest(array['a']) x", "[\"a\"]"),
            (
                "select json_object_agg(x, 1) from unnest(array['a', 'b']) x",
                "{ \"a\" : 1, \"b\" : 1 }",
            ),
            ("select substring('foobar' from 'o(.)b')", "o"),
            ("select substring('foobar', 'o.b')", "oob"),
            ("select substring('foobar', 2, 3)", "oob"),
        ] {
            assert_eq!(engine.rows(sql).await, [expected], "{sql}");
        }
    }
}
