//! `information_schema._pg_truetypid(a.*, t.*)` and `_pg_truetypmod`: of a domain what it is over, else the column's own.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName,
    helpers::attached_token::AttachedToken,
};

use super::super::build::{binary, text};

/// What the function `name` says of a row of `pg_attribute` and one of `pg_type`.
pub fn of(name: &str, args: &[FunctionArg]) -> Option<Expr> {
    let (domain, own) = match name {
        "_pg_truetypid" => ("typbasetype", "atttypid"),
        _ => ("typtypmod", "atttypmod"),
    };
    let tables: Vec<&ObjectName> = args
        .iter()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => Some(name),
            _ => None,
        })
        .collect();
    let [attribute, type_row] = tables.as_slice() else {
        return None;
    };
    let is_domain = binary(column(type_row, "typtype"), BinaryOperator::Eq, text("d"));
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

fn column(table: &ObjectName, column: &str) -> Expr {
    let mut idents: Vec<Ident> = table.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
    idents.push(Ident::new(column));
    Expr::CompoundIdentifier(idents)
}
