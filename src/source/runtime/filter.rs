//! Filters in the runtime's SQL: the subset that means the same there as here. What is not in it stays with the engine. Width, depth
//! and size are bounded far below what harms a runtime: planning there is quadratic in the terms of a filter, and three thousand of
//! them end its process.

use datafusion::{
    arrow::datatypes::{DataType, Schema},
    logical_expr::{BinaryExpr, Expr, Operator, expr::InList},
    prelude::Column,
};

use super::{
    column::column,
    literal::{comparable, literal, string},
};

/// Terms (comparisons, tests) in the filters that are offered together.
const TERMS_MAX: usize = 100;

/// Values in their IN lists; 20,000 are known to be fine.
const LIST_VALUES_MAX: usize = 5_000;

/// Nesting of AND, OR and NOT; the runtime's parser takes fewer than 50 parentheses.
const DEPTH_MAX: usize = 16;

/// Their characters; a runtime takes 2 MiB as a whole, escapes included.
const SIZE_MAX: usize = 256 * 1024;

/// The optimizer offers what was refused again, three times in all: so often the limits may be reached by the filters of one scan.
const OFFERS_MAX: usize = 4;

/// An identifier, always quoted: no word of either dialect can then be taken for something else.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes the filters of one scan.
pub(super) struct FilterWriter<'a> {
    schema: &'a Schema,
    /// Columns that this version of the runtime cannot compare.
    avoid: &'a [&'a str],
    veiled: bool,
    offers: usize,
    terms: usize,
    values: usize,
    size: usize,
}

impl<'a> FilterWriter<'a> {
    /// For filters that are offered together.
    pub(super) fn for_offer(schema: &'a Schema, avoid: &'a [&'a str]) -> Self {
        FilterWriter {
            schema,
            avoid,
            veiled: false,
            offers: 1,
            terms: 0,
            values: 0,
            size: 0,
        }
    }

    /// For all the filters of a scan, accepted in one offer or several.
    pub(super) fn for_scan(schema: &'a Schema, avoid: &'a [&'a str]) -> Self {
        FilterWriter {
            offers: OFFERS_MAX,
            ..Self::for_offer(schema, avoid)
        }
    }

    /// Texts are not taken for ids: see [`column`].
    pub(super) fn veiled(mut self) -> Self {
        self.veiled = true;
        self
    }

    /// The filter as SQL, without parentheses around it, or `None` where it is not in the subset or beyond the limits.
    /// Filters that were refused do not count against the limits.
    pub(super) fn write(&mut self, filter: &Expr) -> Option<String> {
        let before = (self.terms, self.values);
        let written = self
            .expr(filter, 0)
            .filter(|sql| self.size + sql.len() <= SIZE_MAX * self.offers);
        match &written {
            Some(sql) => self.size += sql.len(),
            None => (self.terms, self.values) = before,
        }
        written
    }

    fn expr(&mut self, expr: &Expr, depth: usize) -> Option<String> {
        if depth > DEPTH_MAX {
            return None;
        }
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                op: op @ (Operator::And | Operator::Or),
                ..
            }) => {
                let terms: Option<Vec<String>> = operands(expr, *op)?
                    .into_iter()
                    .map(|term| Some(format!("({})", self.expr(term, depth + 1)?)))
                    .collect();
                Some(terms?.join(if *op == Operator::And { " AND " } else { " OR " }))
            }
            Expr::Not(inner) => Some(format!("NOT ({})", self.expr(inner, depth + 1)?)),
            _ => {
                self.terms += 1;
                if self.terms > TERMS_MAX * self.offers {
                    return None;
                }
                self.term(expr)
            }
        }
    }

    fn term(&mut self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Column(_) => self.boolean(expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (column, op, value) = match (&**left, &**right) {
                    (column @ Expr::Column(_), value) => (column, *op, value),
                    (value, column @ Expr::Column(_)) => (column, op.swap()?, value),
                    _ => return None,
                };
                let op = match op {
                    Operator::Eq => "=",
                    Operator::NotEq => "<>",
                    Operator::Lt => "<",
                    Operator::LtEq => "<=",
                    Operator::Gt => ">",
                    Operator::GtEq => ">=",
                    _ => return None,
                };
                let (name, data_type) = self.comparable_column(column)?;
                Some(format!("{name} {op} {}", typed_literal(value, data_type)?))
            }
            Expr::InList(list) => self.in_list(list),
            Expr::Between(between) => {
                let (name, data_type) = self.comparable_column(&between.expr)?;
                let low = typed_literal(&between.low, data_type)?;
                let high = typed_literal(&between.high, data_type)?;
                let not = if between.negated { "NOT " } else { "" };
                Some(format!("{name} {not}BETWEEN {low} AND {high}"))
            }
            // Both engines take the backslash as the escape character, and neither takes another.
            Expr::Like(like) if like.escape_char.is_none() => {
                let (name, data_type) = self.column(&like.expr)?;
                let Expr::Literal(pattern, _) = &*like.pattern else {
                    return None;
                };
                if !is_string(data_type) || !comparable(data_type, &pattern.data_type()) {
                    return None;
                }
                let pattern = string(pattern.try_as_str()??)?;
                let not = if like.negated { "NOT " } else { "" };
                let like = if like.case_insensitive { "ILIKE" } else { "LIKE" };
                Some(format!("{name} {not}{like} {pattern}"))
            }
            Expr::IsNull(inner) => Some(format!("{} IS NULL", self.column(inner)?.0)),
            Expr::IsNotNull(inner) => Some(format!("{} IS NOT NULL", self.column(inner)?.0)),
            Expr::IsTrue(inner) => Some(format!("{} IS TRUE", self.boolean(inner)?)),
            Expr::IsNotTrue(inner) => Some(format!("{} IS NOT TRUE", self.boolean(inner)?)),
            Expr::IsFalse(inner) => Some(format!("{} IS FALSE", self.boolean(inner)?)),
            Expr::IsNotFalse(inner) => Some(format!("{} IS NOT FALSE", self.boolean(inner)?)),
            Expr::IsUnknown(inner) => Some(format!("{} IS NULL", self.boolean(inner)?)),
            Expr::IsNotUnknown(inner) => Some(format!("{} IS NOT NULL", self.boolean(inner)?)),
            _ => None,
        }
    }

    fn in_list(&mut self, list: &InList) -> Option<String> {
        self.values = self.values.saturating_add(list.list.len());
        if list.list.is_empty() || self.values > LIST_VALUES_MAX * self.offers {
            return None;
        }
        let (name, data_type) = self.comparable_column(&list.expr)?;
        let values: Option<Vec<String>> = list.list.iter().map(|value| typed_literal(value, data_type)).collect();
        let not = if list.negated { "NOT " } else { "" };
        Some(format!("{name} {not}IN ({})", values?.join(", ")))
    }

    /// A column of this table, quoted, with its type.
    fn column(&self, expr: &Expr) -> Option<(String, &'a DataType)> {
        let Expr::Column(Column { name, .. }) = expr else {
            return None;
        };
        let (_, field) = self.schema.column_with_name(name)?;
        Some((column(self.schema, "", name, self.veiled), field.data_type()))
    }

    fn comparable_column(&self, expr: &Expr) -> Option<(String, &'a DataType)> {
        match expr {
            Expr::Column(column) if self.avoid.contains(&column.name.as_str()) => None,
            _ => self.column(expr),
        }
    }

    fn boolean(&self, expr: &Expr) -> Option<String> {
        self.column(expr)
            .filter(|(_, data_type)| **data_type == DataType::Boolean)
            .map(|(name, _)| name)
    }
}

fn typed_literal(value: &Expr, column: &DataType) -> Option<String> {
    let Expr::Literal(value, _) = value else {
        return None;
    };
    if comparable(column, &value.data_type()) {
        literal(value)
    } else {
        None
    }
}

fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The operands of a chain of one operator, from left to right, without recursion: such chains are the deep ones.
fn operands(expr: &Expr, chain: Operator) -> Option<Vec<&Expr>> {
    let mut operands = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == chain => rest.extend([&**right, &**left]),
            operand => operands.push(operand),
        }
        if operands.len() + rest.len() > 2 * TERMS_MAX {
            return None;
        }
    }
    Some(operands)
}
