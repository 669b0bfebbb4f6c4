//! `generate_series` of integers in FROM: the engine's own relation, which makes its rows as they are asked for.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, SelectItem, TableAlias, TableAliasColumnDef, TableFactor,
    TableFunctionArgs, UnaryOperator, Value,
};

use super::{
    super::{
        build::{self, nested},
        cast, parts,
    },
    Called,
};

/// The bounds, and the step, of a series that the engine's relation can be.
pub fn bounds(called: &Called) -> Option<Vec<Expr>> {
    match called.name.as_str() {
        "generate_series" if !called.ordinality => called.args.iter().map(integer).collect(),
        _ => None,
    }
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

/// The relation. Between bounds of four bytes its numbers are such.
pub fn relation(bounds: Vec<Expr>, alias: Option<TableAlias>) -> TableFactor {
    let small = bounds.iter().all(|bound| bound.to_string().parse::<i32>().is_ok());
    let mut alias = alias.unwrap_or_else(|| build::alias(Ident::new("generate_series"), []));
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef {
            name: alias.name.clone(),
            data_type: None,
        });
    }
    let column = alias.columns.first().map(|column| column.name.clone());
    let series = build::table(
        Ident::new("generate_series").into(),
        Some(bounds.into_iter().map(|bound| nested(nested(bound))).collect()),
        Some(alias.clone()),
    );
    let Some(column) = column.filter(|_| small) else {
        return series;
    };
    let item = SelectItem::ExprWithAlias {
        expr: cast(Expr::Identifier(column.clone()), DataType::Int4(None)),
        alias: column,
    };
    build::derived(false, build::query_of(build::select(vec![item], Some(series))), alias)
}

/// Whether a factor is a series that was made here: parentheses around its bounds say so.
pub fn is_made(factor: &TableFactor) -> bool {
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
