//! Join keys that the engine would lose. Its `eliminate_cross_join` puts the relations of inner joins in an order of its own, and joins by
//! a key once one side of it is all of the relations so far and the other all of the next one. A key with a side that takes columns of two
//! relations (`a.num = c.key[s.i]`) may never be that, and is dropped: rows then come that no condition holds for. As a condition of the
//! join, which is kept, it says the same.

use std::sync::Arc;

use datafusion::{
    common::{DFSchemaRef, JoinType, NullEquality, tree_node::Transformed},
    error::Result,
    logical_expr::{Expr, Join, LogicalPlan, Operator, and, binary_expr},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
};

/// The name of the rule that loses them.
const LOSES: &str = "eliminate_cross_join";

/// The rules with this one where it is needed.
pub fn kept(rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut kept: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::with_capacity(rules.len() + 1);
    for rule in rules {
        if rule.name() == LOSES {
            kept.push(Arc::new(KeptJoinKeys));
        }
        kept.push(rule);
    }
    kept
}

/// Makes conditions of the keys that span relations.
#[derive(Debug)]
struct KeptJoinKeys;

impl OptimizerRule for KeptJoinKeys {
    fn name(&self) -> &str {
        "kept_join_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = plan else {
            return Ok(Transformed::no(plan));
        };
        if join.join_type != JoinType::Inner || !is_inner_join(&join.left) && !is_inner_join(&join.right) {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let mut relations = Vec::new();
        flatten(&join.left, &mut relations);
        flatten(&join.right, &mut relations);
        let of_one = |side: &Expr| {
            let columns = side.column_refs();
            let has = |schema: &&DFSchemaRef| columns.iter().all(|column| schema.has_column(column));
            relations.iter().any(has)
        };
        let (on, spanning): (Vec<_>, Vec<_>) = join
            .on
            .clone()
            .into_iter()
            .partition(|(left, right)| of_one(left) && of_one(right));
        if spanning.is_empty() {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let operator = match join.null_equality {
            NullEquality::NullEqualsNothing => Operator::Eq,
            NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
        };
        let conditions = spanning
            .into_iter()
            .map(|(left, right)| binary_expr(left, operator, right));
        let filter = join.filter.clone().into_iter().chain(conditions).reduce(and);
        Ok(Transformed::yes(LogicalPlan::Join(Join { on, filter, ..join })))
    }
}

fn is_inner_join(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Join(join) if join.join_type == JoinType::Inner)
}

/// The relations of a tree of inner joins.
fn flatten<'a>(plan: &'a LogicalPlan, relations: &mut Vec<&'a DFSchemaRef>) {
    match plan {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            flatten(&join.left, relations);
            flatten(&join.right, relations);
        }
        plan => relations.push(plan.schema()),
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_of_two_relations_joins() {
        let engine = Engine::new();
        let sql = "select count(*), count(distinct a.attname) from pg_constraint c \
                   join generate_series(1, 3) s(i) on s.i <= array_upper(c.conkey, 1) \
                   join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[s.i]";
        let keys = "select sum(array_length(conkey, 1)), count(distinct conkey) > 0 from pg_constraint";
        let (rows, keys) = (engine.rows(sql).await, engine.rows(keys).await);
        let count = |rows: &[String]| rows.first().and_then(|row| row.split('|').next().map(str::to_owned));
        assert_eq!(count(&rows), count(&keys));
    }
}
