//! Expressions as the runtime's SQL. One that is not known to mean the same there, or goes beyond the limits, is not written.

use arrow::datatypes::DataType;
use datafusion::{
    common::{DFSchema, ScalarValue},
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, SortExpr, WindowFrame, WindowFrameBound,
        WindowFrameUnits, WindowFunctionDefinition,
        expr::{AggregateFunction, WindowFunction},
    },
};

use super::{
    literal::literal,
    meaning::{cast, comparable, is_text, is_units, operator, spelled},
    sql::Column,
    write::Writer,
};
use crate::catalog::functions;

/// Levels of one expression; each is a pair of parentheses or two, and the runtime's parser takes fewer than fifty.
const DEPTH_MAX: usize = 12;

/// Expressions in one query: planning there is quadratic in the terms of a filter, and thousands of them end the process.
const EXPRESSIONS_MAX: usize = 600;

/// Values in its IN lists; 20,000 are known to be fine.
const LIST_VALUES_MAX: usize = 5_000;

/// What columns are called where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) columns: &'a [Column],
}

impl Names<'_> {
    fn type_of(&self, expr: &Expr) -> Option<DataType> {
        expr.get_type(self.schema).ok()
    }

    fn types_of(&self, exprs: &[Expr]) -> Option<Vec<DataType>> {
        exprs.iter().map(|expr| self.type_of(expr)).collect()
    }
}

impl Writer<'_> {
    /// A value of any kind that is not an aggregate.
    pub(super) fn expr(&mut self, expr: &Expr, names: Names) -> Option<String> {
        self.nested(expr, names, 0)
    }

    /// A value that rows are compared, grouped or sorted by. A constant is none: where SQL has a number there, it is a position.
    pub(super) fn key(&mut self, expr: &Expr, names: Names) -> Option<String> {
        let key = unaliased(expr);
        if matches!(key, Expr::Literal(..)) || !comparable(&names.type_of(key)?) {
            return None;
        }
        self.expr(key, names)
    }

    /// The keys of an ORDER BY, NULLs placed in so many words.
    pub(super) fn order(&mut self, keys: &[SortExpr], names: Names) -> Option<Vec<String>> {
        keys.iter()
            .map(|key| {
                if !self.meaning.sorts_by_id() && matches!(&key.expr, Expr::Column(column) if column.name == "id") {
                    return None;
                }
                Some(direction(&self.key(&key.expr, names)?, key))
            })
            .collect()
    }

    fn nested(&mut self, expr: &Expr, names: Names, depth: usize) -> Option<String> {
        self.expressions += 1;
        if depth > DEPTH_MAX || self.expressions > EXPRESSIONS_MAX {
            return None;
        }
        let mut inner = |expr: &Expr| self.nested(expr, names, depth + 1);
        Some(match expr {
            Expr::Alias(alias) => return self.nested(&alias.expr, names, depth),
            Expr::Column(column) => {
                let index = names.schema.maybe_index_of_column(column)?;
                names.columns.get(index)?.sql.clone()
            }
            Expr::Literal(value, _) => {
                self.has_text |= is_text(&value.data_type());
                literal(value)?
            }
            Expr::BinaryExpr(BinaryExpr {
                op: op @ (Operator::And | Operator::Or),
                ..
            }) => {
                let terms: Option<Vec<_>> = operands(expr, *op)?.into_iter().map(inner).collect();
                format!("({})", terms?.join(&format!(" {op} ")))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if !operator(*op, &names.type_of(left)?, &names.type_of(right)?) {
                    return None;
                }
                format!("({} {op} {})", inner(left)?, inner(right)?)
            }
            Expr::Not(value) => format!("(NOT {})", inner(value)?),
            Expr::IsNull(value) | Expr::IsUnknown(value) => format!("({} IS NULL)", inner(value)?),
            Expr::IsNotNull(value) | Expr::IsNotUnknown(value) => format!("({} IS NOT NULL)", inner(value)?),
            Expr::IsTrue(value) => format!("({} IS TRUE)", inner(value)?),
            Expr::IsNotTrue(value) => format!("({} IS NOT TRUE)", inner(value)?),
            Expr::IsFalse(value) => format!("({} IS FALSE)", inner(value)?),
            Expr::IsNotFalse(value) => format!("({} IS NOT FALSE)", inner(value)?),
            Expr::Negative(value) => {
                let ty = names.type_of(value)?;
                if !ty.is_signed_integer() && !ty.is_floating() {
                    return None;
                }
                format!("(- {})", inner(value)?)
            }
            Expr::Between(between) => {
                let value = names.type_of(&between.expr)?;
                for bound in [&between.low, &between.high] {
                    if !operator(Operator::LtEq, &value, &names.type_of(bound)?) {
                        return None;
                    }
                }
                let not = if between.negated { "NOT " } else { "" };
                let (value, low, high) = (inner(&between.expr)?, inner(&between.low)?, inner(&between.high)?);
                format!("({value} {not}BETWEEN {low} AND {high})")
            }
            // Both engines take the backslash as the escape character, and neither takes another.
            Expr::Like(like) if like.escape_char.is_none() => {
                if !is_text(&names.type_of(&like.expr)?) || !is_text(&names.type_of(&like.pattern)?) {
                    return None;
                }
                let not = if like.negated { "NOT " } else { "" };
                let word = if like.case_insensitive { "ILIKE" } else { "LIKE" };
                format!("({} {not}{word} {})", inner(&like.expr)?, inner(&like.pattern)?)
            }
            Expr::InList(list) => {
                let value = names.type_of(&list.expr)?;
                let mut items = Vec::with_capacity(list.list.len());
                let written = inner(&list.expr)?;
                for item in &list.list {
                    self.list_values += 1;
                    let Expr::Literal(item, _) = item else { return None };
                    self.has_text |= is_text(&item.data_type());
                    if self.list_values > LIST_VALUES_MAX || !operator(Operator::Eq, &value, &item.data_type()) {
                        return None;
                    }
                    items.push(literal(item)?);
                }
                if items.is_empty() {
                    return None;
                }
                let not = if list.negated { "NOT " } else { "" };
                format!("({written} {not}IN ({}))", items.join(", "))
            }
            Expr::Case(case) => {
                let mut sql = "CASE".to_owned();
                if let Some(value) = &case.expr {
                    let ty = names.type_of(value)?;
                    for (when, _) in &case.when_then_expr {
                        if !operator(Operator::Eq, &ty, &names.type_of(when)?) {
                            return None;
                        }
                    }
                    sql.push_str(&format!(" {}", inner(value)?));
                }
                for (when, then) in &case.when_then_expr {
                    sql.push_str(&format!(" WHEN {} THEN {}", inner(when)?, inner(then)?));
                }
                if let Some(value) = &case.else_expr {
                    sql.push_str(&format!(" ELSE {}", inner(value)?));
                }
                format!("{sql} END")
            }
            Expr::Cast(to) => {
                let (from, to_type) = (names.type_of(&to.expr)?, to.field.data_type());
                if !cast(&from, to_type) {
                    return None;
                }
                let mut value = inner(&to.expr)?;
                if is_units(&from, to_type) && !matches!(*to.expr, Expr::Cast(_)) {
                    // Which unit it is there depends on the version: 1.6's `date_trunc` counts in nanoseconds, whatever it is given.
                    value = format!("arrow_cast({value}, '{}')", spelled(&from)?);
                }
                format!("arrow_cast({value}, '{}')", spelled(to_type)?)
            }
            // The engine's own operator, which the runtime has.
            Expr::ScalarFunction(function) if functions::operator(&function.func).is_some() => {
                let op = functions::operator(&function.func)?;
                let wide = |arg: &Expr| {
                    names
                        .type_of(arg)
                        .filter(|ty| *ty == DataType::Int64 || ty.is_floating())
                };
                match function.args.as_slice() {
                    [value] => {
                        wide(value)?;
                        format!("({op} {})", inner(value)?)
                    }
                    [left, right] if operator(op, &wide(left)?, &wide(right)?) => {
                        format!("({} {op} {})", inner(left)?, inner(right)?)
                    }
                    _ => return None,
                }
            }
            Expr::ScalarFunction(function) => {
                if !self.meaning.scalar(&function.func, &names.types_of(&function.args)?) {
                    return None;
                }
                let args: Option<Vec<_>> = function
                    .args
                    .iter()
                    .map(|arg| self.nested(arg, names, depth + 1))
                    .collect();
                format!("{}({})", function.func.name(), args?.join(", "))
            }
            Expr::ScalarSubquery(subquery)
                if subquery.outer_ref_columns.is_empty() && is_one_row(&subquery.subquery) =>
            {
                format!("({})", self.subquery(&subquery.subquery)?)
            }
            _ => return None,
        })
    }

    pub(super) fn aggregate(&mut self, expr: &Expr, names: Names) -> Option<String> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = unaliased(expr) else {
            return None;
        };
        let types = names.types_of(&params.args)?;
        if params.null_treatment.is_some() || !self.meaning.aggregate(func, &types, !params.order_by.is_empty()) {
            return None;
        }
        let mut args = self.list(&params.args, names)?;
        if params.distinct {
            args = format!("DISTINCT {args}");
        }
        if !params.order_by.is_empty() {
            args.push_str(&format!(
                " ORDER BY {}",
                self.order(&params.order_by, names)?.join(", ")
            ));
        }
        let filter = self.filter(params.filter.as_deref(), names)?;
        Some(format!("{}({args}){filter}", func.name()))
    }

    pub(super) fn window(&mut self, expr: &Expr, names: Names) -> Option<String> {
        let Expr::WindowFunction(function) = unaliased(expr) else {
            return None;
        };
        let WindowFunction { fun, params } = function.as_ref();
        let types = names.types_of(&params.args)?;
        let allowed = match fun {
            WindowFunctionDefinition::AggregateUDF(function) => self.meaning.aggregate(function, &types, false),
            WindowFunctionDefinition::WindowUDF(function) => self.meaning.window(function, &types),
        };
        if !allowed || params.distinct || params.null_treatment.is_some() {
            return None;
        }
        let args = self.list(&params.args, names)?;
        let filter = self.filter(params.filter.as_deref(), names)?;
        let mut over = Vec::new();
        if !params.partition_by.is_empty() {
            let keys: Option<Vec<_>> = params.partition_by.iter().map(|key| self.key(key, names)).collect();
            over.push(format!("PARTITION BY {}", keys?.join(", ")));
        }
        if !params.order_by.is_empty() {
            over.push(format!("ORDER BY {}", self.order(&params.order_by, names)?.join(", ")));
        }
        over.push(frame(&params.window_frame)?);
        Some(format!("{}({args}){filter} OVER ({})", fun.name(), over.join(" ")))
    }

    fn list(&mut self, exprs: &[Expr], names: Names) -> Option<String> {
        let list: Option<Vec<_>> = exprs.iter().map(|expr| self.expr(expr, names)).collect();
        Some(list?.join(", "))
    }

    fn filter(&mut self, filter: Option<&Expr>, names: Names) -> Option<String> {
        match filter {
            Some(filter) => Some(format!(" FILTER (WHERE {})", self.expr(filter, names)?)),
            None => Some(String::new()),
        }
    }
}

fn direction(key: &str, order: &SortExpr) -> String {
    let way = if order.asc { "ASC" } else { "DESC" };
    let nulls = if order.nulls_first { "FIRST" } else { "LAST" };
    format!("{key} {way} NULLS {nulls}")
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        expr => expr,
    }
}

fn frame(frame: &WindowFrame) -> Option<String> {
    let units = match frame.units {
        WindowFrameUnits::Rows => "ROWS",
        WindowFrameUnits::Range => "RANGE",
        WindowFrameUnits::Groups => return None,
    };
    let bound = |bound: &WindowFrameBound| {
        let (distance, way) = match bound {
            WindowFrameBound::Preceding(distance) => (distance, "PRECEDING"),
            WindowFrameBound::CurrentRow => return Some("CURRENT ROW".to_owned()),
            WindowFrameBound::Following(distance) => (distance, "FOLLOWING"),
        };
        match distance {
            distance if distance.is_null() => Some(format!("UNBOUNDED {way}")),
            ScalarValue::UInt64(Some(rows)) if units == "ROWS" => Some(format!("{rows} {way}")),
            _ => None,
        }
    };
    Some(format!(
        "{units} BETWEEN {} AND {}",
        bound(&frame.start_bound)?,
        bound(&frame.end_bound)?
    ))
}

/// Whether a plan gives one row, whatever there is: an aggregate without groups. The runtime does not check that a subquery does.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        _ => false,
    }
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
        if operands.len() + rest.len() > EXPRESSIONS_MAX {
            return None;
        }
    }
    Some(operands)
}
