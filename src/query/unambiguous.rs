//! Keeps filters from being pushed through a step that gives two columns of one name. The engine's rules look for a column of the step
//! below by its name alone and take the first: `t2.id` becomes `t3.id`, and rows are lost or gained. Only sources that take filters
//! feel it: a snapshot's files do, a runtime's replies do not.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    common::{Result, config::ConfigOptions},
    physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer},
    physical_plan::{ExecutionPlan, execution_plan::replace_children_if_necessary},
};

use super::resorted::Resorted;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The engine's own rules, with those that push filters kept to where names are not ambiguous, and its last check of a plan behind
/// [`Resorted`].
pub(super) fn rules() -> Vec<Rule> {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    rules
        .flat_map(|rule| match rule.name() {
            "FilterPushdown" | "FilterPushdown(Post)" => vec![Arc::new(Unambiguous(rule)) as Rule],
            "SanityCheckPlan" => vec![Arc::new(Resorted) as Rule, rule],
            _ => vec![rule],
        })
        .collect()
}

/// A rule that is run over the largest parts of a plan below whose root no two columns have one name. What the root itself gives does
/// not matter: a part begins without filters from above.
#[derive(Debug)]
struct Unambiguous(Rule);

impl PhysicalOptimizerRule for Unambiguous {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.children().into_iter().all(is_unambiguous) {
            return self.0.optimize(plan, config);
        }
        let children = plan.children().into_iter().cloned();
        let children = children
            .map(|child| self.optimize(child, config))
            .collect::<Result<_>>()?;
        replace_children_if_necessary(plan, children)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether no step of a plan gives two columns of one name.
fn is_unambiguous(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = plan.schema();
    let mut names = HashSet::new();
    schema.fields().iter().all(|field| names.insert(field.name())) && plan.children().into_iter().all(is_unambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_push_filters_are_known_by_their_names() {
        let kept = rules();
        let pushing = kept.iter().filter(|rule| rule.name().starts_with("FilterPushdown"));
        assert_eq!(pushing.count(), 2);
        let check = kept.iter().position(|rule| rule.name() == "SanityCheckPlan").unwrap();
        assert_eq!(kept[check - 1].name(), "resorted");
        assert_eq!(kept.len(), PhysicalOptimizer::new().rules.len() + 1);
    }
}
