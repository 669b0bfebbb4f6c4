//! Walks over plans, logical and physical, and over the engine's expressions.

use datafusion::{
    common::tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    error::Result,
    logical_expr::{Expr, LogicalPlan},
};

/// The walks of any tree.
pub trait Walk: TreeNode {
    /// Calls `visit` with this node and those below, each before those below it.
    fn walk<'n>(&'n self, visit: &mut dyn FnMut(&'n Self) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        self.apply(visit)
    }

    /// Whether `test` is so of this node or of one below.
    fn has(&self, test: &mut dyn FnMut(&Self) -> Result<bool>) -> Result<bool> {
        self.exists(test)
    }

    /// Changes this node and those below, each after those below it.
    fn rewrite_up(self, change: &mut dyn FnMut(Self) -> Result<Transformed<Self>>) -> Result<Transformed<Self>> {
        self.transform_up(change)
    }

    /// Changes this node and those below, each before those below it.
    fn rewrite_down(self, change: &mut dyn FnMut(Self) -> Result<Transformed<Self>>) -> Result<Transformed<Self>> {
        self.transform_down(change)
    }
}

impl<T: TreeNode> Walk for T {}

/// The walks of plans that know of expressions, and of the plans in them.
pub trait WalkPlan: Sized {
    /// Calls `visit` with this plan and those below, subqueries included, each before those below it.
    fn walk_with_subqueries(
        &self,
        visit: &mut dyn FnMut(&Self) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion>;

    /// Changes this plan and those below, subqueries included, each after those below it.
    fn rewrite_up_with_subqueries(
        self,
        change: &mut dyn FnMut(Self) -> Result<Transformed<Self>>,
    ) -> Result<Transformed<Self>>;

    /// Calls `visit` with each expression of this one step, and not with what is in it.
    fn walk_expressions(&self, visit: &mut dyn FnMut(&Expr) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion>;

    /// Changes each expression of this one step, and not what is in it.
    fn rewrite_expressions(
        self,
        change: &mut dyn FnMut(Expr) -> Result<Transformed<Expr>>,
    ) -> Result<Transformed<Self>>;

    /// Calls `visit` with each expression of this one step, and with all that is in it.
    fn walk_all_expressions(
        &self,
        visit: &mut dyn FnMut(&Expr) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.walk_expressions(&mut |expr| expr.walk(visit))
    }
}

impl WalkPlan for LogicalPlan {
    fn walk_with_subqueries(
        &self,
        visit: &mut dyn FnMut(&Self) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.apply_with_subqueries(visit)
    }

    fn rewrite_up_with_subqueries(
        self,
        change: &mut dyn FnMut(Self) -> Result<Transformed<Self>>,
    ) -> Result<Transformed<Self>> {
        self.transform_up_with_subqueries(change)
    }

    fn walk_expressions(&self, visit: &mut dyn FnMut(&Expr) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        self.apply_expressions(visit)
    }

    fn rewrite_expressions(
        self,
        change: &mut dyn FnMut(Expr) -> Result<Transformed<Expr>>,
    ) -> Result<Transformed<Self>> {
        self.map_expressions(change)
    }
}
