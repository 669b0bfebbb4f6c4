//! An aggregate that the runtime cannot compute, as one over an aggregate that it can: where a key is beyond it (`to_char(date_trunc(…))`),
//! it groups by what it knows of that key (`date_trunc(…)`), and where a value is (`sum(extract(epoch from a - b))`, as of an average), it
//! adds up what the value is made of ([`parts`]). What is left to be grouped here is as small as the answer.

mod buckets;
mod parts;

use std::sync::Arc;

use datafusion::{
    common::{
        Column, DFSchema,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::Result,
    logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Projection},
};

use self::parts::Parts;
use super::{
    Router,
    expr::unaliased,
    meaning::{is_duration, is_time},
};
use crate::query::walk::plan::Walk;

/// An aggregate's keys and calls over its input.
struct Whole {
    input: Arc<LogicalPlan>,
    keys: Vec<Expr>,
    calls: Vec<Expr>,
}

impl Whole {
    fn of(aggregate: &Aggregate) -> Whole {
        Whole {
            input: Arc::clone(&aggregate.input),
            keys: aggregate.group_expr.clone(),
            calls: aggregate.aggr_expr.clone(),
        }
    }

    /// The same over the input of the projection below, which computes what keys and calls have in common.
    fn inlined(&self) -> Result<Option<Whole>> {
        let LogicalPlan::Projection(Projection { expr, input, .. }) = self.input.as_ref() else {
            return Ok(None);
        };
        if expr.iter().any(Expr::is_volatile) {
            return Ok(None);
        }
        let names = self.input.schema();
        let inlined = |exprs: &[Expr]| {
            let inline = |part: Expr| {
                let Expr::Column(column) = &part else {
                    return Ok(Transformed::no(part));
                };
                let computed = names.maybe_index_of_column(column).and_then(|index| expr.get(index));
                Ok(match computed {
                    Some(computed) => Transformed::new(unaliased(computed).clone(), true, TreeNodeRecursion::Jump),
                    None => Transformed::no(part),
                })
            };
            let inlined = exprs
                .iter()
                .map(|expr| expr.clone().rewrite_down(&mut |part| inline(part)));
            inlined.map(|expr| Ok(expr?.data)).collect::<Result<Vec<Expr>>>()
        };
        Ok(Some(Whole {
            keys: inlined(&self.keys)?,
            calls: inlined(&self.calls)?,
            input: Arc::clone(input),
        }))
    }
}

impl Router<'_> {
    /// The aggregate in two steps, of which the first is the runtime's, if it can be.
    pub(super) fn halved(&self, aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
        let whole = Whole::of(aggregate);
        if let Some(halved) = self.in_halves(&whole, &aggregate.schema)? {
            return Ok(Some(halved));
        }
        match whole.inlined()? {
            Some(inlined) => self.in_halves(&inlined, &aggregate.schema),
            None => Ok(None),
        }
    }

    /// The same for columns of `schema`.
    fn in_halves(&self, whole: &Whole, schema: &Arc<DFSchema>) -> Result<Option<LogicalPlan>> {
        let is_plain = |expr: &Expr| !matches!(expr, Expr::GroupingSet(_)) && !expr.is_volatile();
        if !whole.keys.iter().all(is_plain) {
            return Ok(None);
        }
        // The keys as the runtime knows them, and what is made of them here.
        let mut known: Vec<Expr> = Vec::new();
        let mut keys = Vec::with_capacity(whole.keys.len());
        for key in &whole.keys {
            match self.key(whole, unaliased(key), &mut known)? {
                Some(key) => keys.push(key),
                None => return Ok(None),
            }
        }
        if known.is_empty() && !keys.is_empty() {
            return Ok(None);
        }
        let mut calls = Vec::with_capacity(whole.calls.len());
        for (index, call) in whole.calls.iter().enumerate() {
            match Parts::of(call, whole.input.schema(), format!("__half_{index}"))? {
                Some(parts) => calls.push(parts),
                None => return Ok(None),
            }
        }
        let sent = calls.iter().map(Parts::sent).collect();
        let first = Aggregate::try_new(Arc::clone(&whole.input), known, sent)?;
        let Some((first, _)) = self.leaf(&LogicalPlan::Aggregate(first), false) else {
            return Ok(None);
        };
        let keys_count = keys.len();
        let together = calls.iter().map(Parts::together).collect();
        let second = Aggregate::try_new(Arc::new(first), keys, together)?;
        // The columns of before, by name and type.
        let columns = second.schema.columns();
        let mut list = Vec::with_capacity(columns.len());
        for (index, (column, (qualifier, field))) in columns.into_iter().zip(schema.iter()).enumerate() {
            let mut value = Expr::Column(column);
            if let Some(parts) = index.checked_sub(keys_count).and_then(|index| calls.get(index)) {
                value = parts.whole(value)?;
            }
            let value = value.cast_to(field.data_type(), &second.schema)?;
            list.push(value.alias_qualified(qualifier.cloned(), field.name()));
        }
        let second = Arc::new(LogicalPlan::Aggregate(second));
        Projection::try_new_with_schema(list, second, Arc::clone(schema))
            .map(|plan| Some(LogicalPlan::Projection(plan)))
    }

    /// A key over columns that stand for the largest parts of it which the runtime knows; those are added to `known`.
    fn key(&self, whole: &Whole, key: &Expr, known: &mut Vec<Expr>) -> Result<Option<Expr>> {
        let mut possible = true;
        let key = key.clone().rewrite_down(&mut |part| {
            if matches!(part, Expr::Literal(..)) {
                return Ok(Transformed::no(part));
            }
            if !self.groups_by(whole, &part)? {
                if let Some(bucketed) = self.bucketed(whole, &part)? {
                    return Ok(Transformed::yes(bucketed));
                }
                // A column that is not known is one of nothing that is.
                possible &= !matches!(
                    part,
                    Expr::Column(_) | Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)
                );
                return Ok(Transformed::no(part));
            }
            let (qualifier, name) = part.qualified_name();
            if !known.contains(&part) {
                known.push(part);
            }
            let column = Expr::Column(Column::new(qualifier, name));
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        })?;
        Ok(possible.then_some(key.data))
    }

    /// Whether the runtime can group by an expression, and that may leave fewer rows. A time as it is has as many values as rows.
    fn groups_by(&self, whole: &Whole, part: &Expr) -> Result<bool> {
        let ty = part.get_type(whole.input.schema())?;
        if matches!(part, Expr::Column(_)) && (is_time(&ty) || is_duration(&ty)) || ty.is_floating() {
            return Ok(false);
        }
        let alone = Aggregate::try_new(Arc::clone(&whole.input), vec![part.clone()], Vec::new())?;
        Ok(self.leaf(&LogicalPlan::Aggregate(alone), false).is_some())
    }
}
