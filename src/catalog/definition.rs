//! Definitions as text: what `pg_get_constraintdef`, `pg_get_indexdef`, `pg_get_viewdef` and `pg_get_ruledef` write.

use super::{
    model::{Constraint, ConstraintKind, Model, Relation},
    pg_catalog, quote,
};

/// `PRIMARY KEY (id)` or `FOREIGN KEY (id) REFERENCES sys_invocation(id)`.
pub fn constraint(model: &Model, constraint: &Constraint, relation: &Relation) -> String {
    let own = columns(relation, &constraint.key);
    match &constraint.kind {
        ConstraintKind::Primary { .. } => format!("PRIMARY KEY ({own})"),
        ConstraintKind::Foreign {
            relation: referenced,
            key,
            ..
        } => {
            let name = pg_catalog::relation_name(model, *referenced).unwrap_or_default();
            let key = model
                .relation_by_oid(*referenced)
                .map(|relation| columns(relation, key))
                .unwrap_or_default();
            format!("FOREIGN KEY ({own}) REFERENCES {name}({key})")
        }
    }
}

/// `CREATE UNIQUE INDEX …`.
pub fn index(constraint: &Constraint, relation: &Relation) -> String {
    format!(
        "CREATE UNIQUE INDEX {} ON {}.{} USING btree ({})",
        quote::identifier(&constraint.name),
        quote::identifier(relation.schema()),
        quote::identifier(&relation.name),
        columns(relation, &constraint.key)
    )
}

/// A view's query as `sql/` has it, with the blank and the semicolon that PostgreSQL puts around one. `None` for what is
/// no view, and for the system's own: they are no queries here.
pub fn view(relation: &Relation) -> Option<String> {
    Some(format!(" {};", relation.view.as_ref()?.doc.sql))
}

/// The rule that a view is kept in.
pub fn rule(view: &Relation) -> Option<String> {
    Some(format!(
        "CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {}.{} DO INSTEAD {}",
        quote::identifier(view.schema()),
        quote::identifier(&view.name),
        self::view(view)?
    ))
}

fn columns(relation: &Relation, key: &[usize]) -> String {
    key.iter()
        .filter_map(|number| relation.column(*number).map(|column| quote::identifier(&column.name)))
        .collect::<Vec<_>>()
        .join(", ")
}
