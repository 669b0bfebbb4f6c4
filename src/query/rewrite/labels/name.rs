//! What PostgreSQL calls an output column without an alias.

use datafusion::sql::sqlparser::ast::{AccessExpr, CastKind, DataType, Expr, Query, SelectItem, SetExpr};

use crate::query::rewrite::{folded, function_name, parts};

/// What PostgreSQL calls an expression that it has no word for.
const NAMELESS: &str = "?column?";

/// How far a name is the expression's own: a cast or a CASE around it keeps a strong one and replaces a weak one.
/// (PostgreSQL's FigureColnameInternal.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    None,
    Weak,
    Strong,
}

/// What PostgreSQL calls an expression.
pub fn label(expr: &Expr) -> (String, Strength) {
    use Strength::{Strong, Weak};
    let strong = |name: &str| (name.to_owned(), Strong);
    match expr {
        Expr::Identifier(ident) => (folded(ident), Strong),
        Expr::CompoundIdentifier(idents) => (idents.last().map(folded).unwrap_or_default(), Strong),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(field) => Some(label(field)),
                AccessExpr::Subscript(_) => None,
            });
            field.unwrap_or_else(|| label(root))
        }
        Expr::Nested(inner) => label(inner),
        Expr::Function(function) => {
            let name = function_name(function);
            // ARRAY(SELECT …) reads as a function here.
            if name == "nullif" {
                strong("nullif")
            } else {
                (name, Strong)
            }
        }
        Expr::Cast {
            expr: inner,
            data_type,
            kind: CastKind::Cast | CastKind::DoubleColon,
            ..
        } => match label(inner) {
            (name, Strong) => (name, Strong),
            _ => (type_name(data_type), Weak),
        },
        Expr::TypedString(typed) => (type_name(&typed.data_type), Weak),
        Expr::Interval(_) => ("interval".to_owned(), Weak),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(label) {
            Some((name, Strong)) => (name, Strong),
            _ => ("case".to_owned(), Weak),
        },
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { shorthand: true, .. } => strong("substr"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Trim { trim_where, .. } => strong(match trim_where.map(|side| side.to_string()).as_deref() {
            Some("LEADING") => "ltrim",
            Some("TRAILING") => "rtrim",
            _ => "btrim",
        }),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::QualifiedWildcard(name, _) => (parts(name).pop().unwrap_or_default(), Strong),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Subquery(query) => match query_columns(query).into_iter().next() {
            Some(name) => (name, Strong),
            None => (NAMELESS.to_owned(), Strength::None),
        },
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => strong("grouping"),
        _ => (NAMELESS.to_owned(), Strength::None),
    }
}

/// A type by its `pg_type.typname`, as PostgreSQL calls a cast constant.
fn type_name(data_type: &DataType) -> String {
    let spelled = data_type.to_string().to_lowercase();
    let scalar = spelled.trim_end_matches("[]");
    match crate::catalog::names::parse_type(scalar).and_then(|(oid, _)| crate::catalog::seed::types().get(&oid)) {
        Some(system) => system.name.to_owned(),
        None => scalar.rsplit('.').next().unwrap_or(scalar).trim_matches('"').to_owned(),
    }
}

/// The names of a query's columns, but for those of wildcards.
fn query_columns(query: &Query) -> Vec<String> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => {
                return select
                    .projection
                    .iter()
                    .filter_map(|item| match item {
                        SelectItem::UnnamedExpr(expr) => Some(label(expr).0),
                        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
                        _ => None,
                    })
                    .collect();
            }
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = &query.body,
            _ => return Vec::new(),
        }
    }
}
