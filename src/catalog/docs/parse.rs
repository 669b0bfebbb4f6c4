//! From the text of a file in `sql/` to its document. Strict: whatever a file says beyond a definition and one comment
//! for each thing in it is a fault, and so is what it leaves out.

use std::collections::BTreeMap;
use std::fmt::Display;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, ColumnOption, CommentObject, DataType, ExactNumberInfo, Expr, Ident, ObjectName, SelectItem,
    SetExpr, Statement, TableConstraint, TimezoneInfo,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{ColumnDoc, ForeignKey, TableDoc, ViewColumnDoc, ViewDoc};
use crate::{Error, Result};

/// Parses the file of the table `name`: `CREATE TABLE` and its comments.
pub(super) fn table(name: &str, text: &str) -> Result<TableDoc> {
    let (definition, rest) = statements(text)?;
    let Statement::CreateTable(create) = definition else {
        return Err(fault("does not begin with CREATE TABLE"));
    };
    same_name(&create.name, name)?;
    let mut comments = Comments::read(CommentObject::Table, name, rest)?;

    let mut primary_key = Vec::new();
    let mut foreign_keys = Vec::new();
    for constraint in &create.constraints {
        match constraint {
            TableConstraint::PrimaryKey(key) if primary_key.is_empty() => {
                for column in &key.columns {
                    primary_key.push(column_name(&column.column.expr)?);
                }
            }
            TableConstraint::ForeignKey(key) => foreign_keys.push(ForeignKey {
                columns: names(&key.columns),
                table: single(&key.foreign_table)?,
                referenced: names(&key.referred_columns),
            }),
            other => return Err(fault(format_args!("constraint not known here: {other}"))),
        }
    }

    let mut columns = Vec::new();
    for column in &create.columns {
        let name = column.name.value.clone();
        if let Some(option) = column.options.iter().find(|o| o.option != ColumnOption::NotNull) {
            return Err(fault(format_args!("column option not known here: {option}")));
        }
        columns.push(ColumnDoc {
            pg_type: type_name(&column.data_type)?,
            not_null: !column.options.is_empty() || primary_key.contains(&name),
            comment: comments.take(&name)?,
            name,
        });
    }
    let comment = comments.finish()?;
    Ok(TableDoc {
        name: name.to_owned(),
        comment,
        columns,
        primary_key,
        foreign_keys,
    })
}

/// Parses the file of the view `name`: `CREATE VIEW` and its comments.
pub(super) fn view(name: &str, text: &str) -> Result<ViewDoc> {
    let (definition, rest) = statements(text)?;
    let Statement::CreateView(create) = definition else {
        return Err(fault("does not begin with CREATE VIEW"));
    };
    same_name(&create.name, name)?;
    let mut comments = Comments::read(CommentObject::View, name, rest)?;
    let mut columns = Vec::new();
    for name in output_names(&create.query.body)? {
        columns.push(ViewColumnDoc {
            comment: comments.take(&name)?,
            name,
        });
    }
    let comment = comments.finish()?;
    // As it was written: no printer lays it out better.
    let sql = text
        .split_once(&format!("CREATE VIEW {name} AS\n"))
        .and_then(|(_, rest)| rest.split_once(";\n"))
        .map(|(sql, _)| sql.to_owned())
        .ok_or_else(|| fault("no query between AS and a semicolon, each at the end of its line"))?;
    Ok(ViewDoc {
        name: name.to_owned(),
        comment,
        columns,
        sql,
        query: *create.query,
    })
}

/// The comments of one file, each of which must be asked for once.
struct Comments {
    object: String,
    columns: BTreeMap<String, String>,
}

impl Comments {
    fn read(kind: CommentObject, name: &str, statements: impl Iterator<Item = Statement>) -> Result<Self> {
        let mut object = None;
        let mut columns = BTreeMap::new();
        for statement in statements {
            let Statement::Comment {
                object_type,
                object_name,
                comment: Some(comment),
                ..
            } = statement
            else {
                return Err(fault(format_args!("statement not known here: {statement}")));
            };
            let previous = if object_type == kind {
                same_name(&object_name, name)?;
                object.replace(comment)
            } else if object_type == CommentObject::Column {
                let parts = parts(&object_name)?;
                let [table, column] = parts.as_slice() else {
                    return Err(fault(format_args!("not a column: {object_name}")));
                };
                if table != name {
                    return Err(fault(format_args!("comment on another relation: {object_name}")));
                }
                columns.insert(column.clone(), comment)
            } else {
                return Err(fault(format_args!("comment on {object_type} {object_name}")));
            };
            if previous.is_some() {
                return Err(fault(format_args!("second comment on {object_name}")));
            }
        }
        let object = object.ok_or_else(|| fault(format_args!("no comment on {name}")))?;
        Ok(Comments { object, columns })
    }

    fn take(&mut self, column: &str) -> Result<String> {
        self.columns
            .remove(column)
            .ok_or_else(|| fault(format_args!("no comment on column {column}")))
    }

    /// The comment on the relation itself, once every column has taken its own.
    fn finish(self) -> Result<String> {
        match self.columns.keys().next() {
            None => Ok(self.object),
            Some(column) => Err(fault(format_args!("comment on a column that is not there: {column}"))),
        }
    }
}

fn statements(text: &str) -> Result<(Statement, impl Iterator<Item = Statement> + use<>)> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, text)
        .map_err(fault)?
        .into_iter();
    let first = statements.next().ok_or_else(|| fault("empty"))?;
    Ok((first, statements))
}

/// A type as `format_type` spells it; only those that an introspection table's column can have (see `sql/tables`).
fn type_name(data_type: &DataType) -> Result<String> {
    Ok(match data_type {
        DataType::Text => "text".to_owned(),
        DataType::BigInt(None) => "bigint".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Bytea => "bytea".to_owned(),
        DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, scale)) => {
            format!("numeric({precision},{scale})")
        }
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone) => "timestamp with time zone".to_owned(),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => {
            format!("{}[]", type_name(element)?)
        }
        other => return Err(fault(format_args!("type not known here: {other}"))),
    })
}

/// The names under which a query returns its columns: those of its first SELECT.
fn output_names(body: &SetExpr) -> Result<Vec<String>> {
    match body {
        SetExpr::SetOperation { left, .. } => output_names(left),
        SetExpr::Select(select) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Ok(alias.value.clone()),
                SelectItem::UnnamedExpr(expr) => column_name(expr),
                other => Err(fault(format_args!("column without a name: {other}"))),
            })
            .collect(),
        other => Err(fault(format_args!("not a SELECT: {other}"))),
    }
}

fn column_name(expr: &Expr) -> Result<String> {
    let ident = match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(idents) => idents.last(),
        _ => None,
    };
    ident
        .map(|ident| ident.value.clone())
        .ok_or_else(|| fault(format_args!("column without a name: {expr}")))
}

fn same_name(object: &ObjectName, name: &str) -> Result<()> {
    if single(object)? == name {
        Ok(())
    } else {
        Err(fault(format_args!("{object} stands in the file of {name}")))
    }
}

fn single(object: &ObjectName) -> Result<String> {
    match parts(object)?.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(fault(format_args!("qualified name: {object}"))),
    }
}

fn parts(object: &ObjectName) -> Result<Vec<String>> {
    let ident = |part: &Ident| part.value.clone();
    object
        .0
        .iter()
        .map(|part| {
            part.as_ident()
                .map(ident)
                .ok_or_else(|| fault(format_args!("not a name: {object}")))
        })
        .collect()
}

fn names(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(|ident| ident.value.clone()).collect()
}

fn fault(cause: impl Display) -> Error {
    Error::internal(cause)
}
