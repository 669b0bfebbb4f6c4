//! What the runtime's view over all invocations is made of, read from the definition that the runtime itself gives: which of its columns
//! are those of the table in storage, and which values of its `status` only an invocation in memory can have. A definition of any other
//! form than the known one (a right join of state to status, `status` a CASE) says nothing.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::{
    ast::{
        BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint,
        JoinOperator, ObjectNamePart, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Value,
    },
    dialect::PostgreSqlDialect,
    parser::Parser,
};

use crate::source::Introspection;

/// The view, and the tables that it joins: in storage, and in the memory of partition leaders.
pub(crate) const NAME: &str = "sys_invocation";
pub(crate) const STATUS_TABLE: &str = "sys_invocation_status";
pub(crate) const STATE_TABLE: &str = "sys_invocation_state";

/// The view's column that is neither table's own.
const STATUS: &str = "status";

/// `sys_invocation_state RIGHT JOIN sys_invocation_status ON id = id`: a row for each invocation in storage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvocationView {
    /// The view's columns that are, under the same name, those of the status table.
    stored: BTreeSet<String>,
    /// Values of `status` that say what the status table says, in its words.
    stored_statuses: BTreeMap<String, String>,
    /// Values of `status` that take a row of the state table, and the boolean column that it must have true, if that is what it takes.
    live_statuses: BTreeMap<String, Option<String>>,
}

impl InvocationView {
    /// Reads a definition; `None` where it is not of the known form.
    pub(crate) fn parse(definition: &str, tables: &Introspection) -> Option<Self> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, definition).ok()?;
        let (Some(Statement::CreateView(view)), true) = (statements.pop(), statements.is_empty()) else {
            return None;
        };
        let SetExpr::Select(select) = *view.query.body else {
            return None;
        };
        let bare = select.selection.is_none() && select.distinct.is_none() && select.having.is_none();
        if !bare || view.query.limit_clause.is_some() || view.query.fetch.is_some() {
            return None;
        }
        let [from] = select.from.as_slice() else { return None };
        let names = Aliases::of(from, tables)?;
        let mut found = InvocationView {
            stored: BTreeSet::new(),
            stored_statuses: BTreeMap::new(),
            live_statuses: BTreeMap::new(),
        };
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(column) => found.stored.extend(names.stored(column)),
                SelectItem::ExprWithAlias { expr, alias } if alias.value == STATUS => {
                    found.statuses(case(expr)?, &names)?;
                }
                _ => {}
            }
        }
        Some(found)
    }

    /// Whether a column is, under that name, one of the status table.
    pub(crate) fn is_stored(&self, column: &str) -> bool {
        self.stored.contains(column)
    }

    /// What the status table says for a value of the view's `status`; `None` where that depends on the state table.
    pub(crate) fn stored_status(&self, status: &str) -> Option<&str> {
        self.stored_statuses.get(status).map(String::as_str)
    }

    /// Whether an invocation of that status has a row in the state table, and with which boolean column true.
    pub(crate) fn live_status(&self, status: &str) -> Option<Option<&str>> {
        self.live_statuses.get(status).map(Option::as_deref)
    }

    /// What the branches of the CASE say. The first that holds wins: `status = v` holds where a branch that gives `v` is reached.
    fn statuses(&mut self, (branches, otherwise): (&[CaseWhen], Option<&Expr>), names: &Aliases) -> Option<()> {
        let mut given: BTreeMap<&str, Vec<&Expr>> = BTreeMap::new();
        for branch in branches {
            given.entry(text(&branch.result)?).or_default().push(&branch.condition);
        }
        let otherwise = otherwise.map_or(Some(""), text)?;
        let mut reached = true;
        for branch in branches {
            let value = text(&branch.result)?;
            let alone = value != otherwise && given.get(value).is_some_and(|conditions| conditions.len() == 1);
            let stored = names.stored_comparison(&branch.condition);
            // Branches before it compare the same column with other values: they do not hold where this one does.
            reached &= stored.is_some();
            if let (true, true, Some(stored)) = (alone, reached, stored)
                && !self.stored_statuses.values().any(|known| known == stored)
            {
                self.stored_statuses.insert(value.to_owned(), stored.to_owned());
            }
            if let (true, Some(flag)) = (alone, names.live_test(&branch.condition)) {
                self.live_statuses.insert(value.to_owned(), flag);
            }
        }
        Some(())
    }
}

/// The CASE that an expression casts, or is.
fn case(expr: &Expr) -> Option<(&[CaseWhen], Option<&Expr>)> {
    match expr {
        Expr::Case {
            operand: None,
            conditions,
            else_result,
            ..
        } => Some((conditions, else_result.as_deref())),
        Expr::Function(Function {
            args: FunctionArguments::List(list),
            name,
            ..
        }) if name.to_string() == "arrow_cast" => match list.args.first()? {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => case(inner),
            _ => None,
        },
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// What the two tables are called in the definition, and what columns they have.
struct Aliases<'a> {
    state: String,
    status: String,
    tables: &'a Introspection,
}

impl<'a> Aliases<'a> {
    fn of(from: &TableWithJoins, tables: &'a Introspection) -> Option<Self> {
        let [join] = from.joins.as_slice() else { return None };
        let (JoinOperator::Right(on) | JoinOperator::RightOuter(on)) = &join.join_operator else {
            return None;
        };
        let JoinConstraint::On(Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        }) = on
        else {
            return None;
        };
        let names = Aliases {
            state: alias(&from.relation, STATE_TABLE)?,
            status: alias(&join.relation, STATUS_TABLE)?,
            tables,
        };
        let ids = [names.column(left)?, names.column(right)?];
        let joined = ids.contains(&(STATUS_TABLE, "id")) && ids.contains(&(STATE_TABLE, "id"));
        joined.then_some(names)
    }

    /// The table and the name of a column. Without a table's name it is of the one that has it.
    fn column<'e>(&self, expr: &'e Expr) -> Option<(&'static str, &'e str)> {
        match expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] if table.value == self.status => Some((STATUS_TABLE, column.value.as_str())),
                [table, column] if table.value == self.state => Some((STATE_TABLE, column.value.as_str())),
                _ => None,
            },
            Expr::Identifier(column) => {
                let has = |table: &str| self.tables.tables.get(table)?.index_of(&column.value).ok();
                match (has(STATUS_TABLE), has(STATE_TABLE)) {
                    (Some(_), None) => Some((STATUS_TABLE, column.value.as_str())),
                    (None, Some(_)) => Some((STATE_TABLE, column.value.as_str())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A column of the status table as it is.
    fn stored(&self, expr: &Expr) -> Option<String> {
        self.column(expr)
            .filter(|(table, _)| *table == STATUS_TABLE)
            .map(|(_, name)| name.to_owned())
    }

    /// The literal that the status table's own `status` is compared with, if that is all.
    fn stored_comparison<'e>(&self, condition: &'e Expr) -> Option<&'e str> {
        match condition {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } if self.column(left)? == (STATUS_TABLE, STATUS) => text(right),
            _ => None,
        }
    }

    /// Whether a condition cannot be true where the state table has no row, all of whose columns are then NULL; with the boolean column
    /// that it takes, if it takes one.
    fn live_test(&self, condition: &Expr) -> Option<Option<String>> {
        match condition {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => self.live_test(left).or_else(|| self.live_test(right)),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Gt | BinaryOperator::GtEq | BinaryOperator::Eq,
                right,
            } if matches!(**right, Expr::Value(_)) => (self.column(left)?.0 == STATE_TABLE).then_some(None),
            column => {
                let (table, name) = self.column(column)?;
                (table == STATE_TABLE).then(|| Some(name.to_owned()))
            }
        }
    }
}

/// What a table is called in a FROM clause, if it is that table.
fn alias(factor: &TableFactor, table: &str) -> Option<String> {
    let TableFactor::Table { name, alias, .. } = factor else {
        return None;
    };
    let last = name.0.last().and_then(ObjectNamePart::as_ident)?;
    let called = alias.as_ref().map_or(&last.value, |alias| &alias.name.value);
    (last.value == table).then(|| called.clone())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    /// As 1.7.12 gives it, but for most of its columns.
    pub(crate) const DEFINITION: &str = "CREATE VIEW sys_invocation AS SELECT ss.id, ss.target, \
        ss.target_service_key, ss.scope, ss.created_at, sis.retry_count, sis.last_failure, \
        arrow_cast(CASE WHEN ss.status = 'inboxed' THEN 'pending' WHEN ss.status = 'scheduled' THEN 'scheduled' \
        WHEN ss.status = 'completed' THEN 'completed' WHEN ss.status = 'suspended' THEN 'suspended' \
        WHEN ss.status = 'paused' THEN 'paused' WHEN sis.in_flight THEN 'running' \
        WHEN ss.status = 'invoked' AND retry_count > 0 THEN 'backing-off' ELSE 'ready' END, 'LargeUtf8') AS status, \
        ss.completion_failure FROM sys_invocation_state sis RIGHT JOIN sys_invocation_status ss ON ss.id = sis.id";

    fn tables() -> Introspection {
        let table = |columns: &[&str]| {
            let fields = columns.iter().map(|name| Field::new(*name, DataType::LargeUtf8, true));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        Introspection {
            version: "1.7.12".to_owned(),
            tables: BTreeMap::from([
                (STATUS_TABLE.to_owned(), table(&["id", "target", "status", "scope"])),
                (STATE_TABLE.to_owned(), table(&["id", "in_flight", "retry_count"])),
            ]),
            functions: BTreeSet::new(),
        }
    }

    #[test]
    fn columns_and_statuses_are_told_apart_by_the_table_that_they_come_from() {
        let view = InvocationView::parse(DEFINITION, &tables()).unwrap();
        assert!(view.is_stored("id") && view.is_stored("completion_failure"));
        assert!(!view.is_stored("retry_count") && !view.is_stored("status"));
        assert_eq!(view.stored_status("pending"), Some("inboxed"));
        assert_eq!(view.stored_status("completed"), Some("completed"));
        for status in ["running", "backing-off", "ready", "no such"] {
            assert_eq!(view.stored_status(status), None, "{status}");
        }
        assert_eq!(view.live_status("running"), Some(Some("in_flight")));
        assert_eq!(view.live_status("backing-off"), Some(None));
        for status in ["ready", "pending", "suspended", "completed", "no such"] {
            assert_eq!(view.live_status(status), None, "{status}");
        }
    }

    #[test]
    fn a_status_of_two_branches_says_nothing() {
        let both = DEFINITION.replace("THEN 'paused'", "THEN 'running'");
        let view = InvocationView::parse(&both, &tables()).unwrap();
        assert_eq!(view.live_status("running"), None);
        assert_eq!(view.stored_status("running"), None);
        let otherwise = DEFINITION.replace("ELSE 'ready'", "ELSE 'running'");
        assert_eq!(
            InvocationView::parse(&otherwise, &tables())
                .unwrap()
                .live_status("running"),
            None
        );
    }

    #[test]
    fn a_stored_status_behind_a_live_one_is_not_the_tables_alone() {
        let moved = DEFINITION
            .replace("WHEN sis.in_flight THEN 'running' ", "")
            .replace("CASE WHEN", "CASE WHEN sis.in_flight THEN 'running' WHEN");
        let view = InvocationView::parse(&moved, &tables()).unwrap();
        assert_eq!(view.stored_status("completed"), None);
        assert_eq!(view.live_status("running"), Some(Some("in_flight")));
    }

    #[test]
    fn a_test_that_nulls_may_pass_does_not_take_a_row() {
        let or = DEFINITION.replace("WHEN sis.in_flight", "WHEN sis.in_flight OR ss.status = 'invoked'");
        assert_eq!(
            InvocationView::parse(&or, &tables()).unwrap().live_status("running"),
            None
        );
        let null = DEFINITION.replace("WHEN sis.in_flight", "WHEN sis.in_flight IS NULL");
        assert_eq!(
            InvocationView::parse(&null, &tables()).unwrap().live_status("running"),
            None
        );
    }

    #[test]
    fn another_form_says_nothing() {
        for other in [
            DEFINITION.replace("RIGHT JOIN", "LEFT JOIN"),
            DEFINITION.replace("RIGHT JOIN", "INNER JOIN"),
            DEFINITION.replace("ss.id = sis.id", "ss.id = sis.target"),
            DEFINITION.replace("ss.id = sis.id", "ss.id = sis.id AND ss.target = 'x'"),
            format!("{DEFINITION} WHERE ss.target IS NULL"),
            DEFINITION.replace("sys_invocation_status ss", "sys_journal ss"),
            DEFINITION
                .replace("'suspended' END", "upper('x') END")
                .replace("ELSE 'ready'", "ELSE upper('x')"),
            "SELECT 1".to_owned(),
            "CREATE VIEW".to_owned(),
        ] {
            assert_eq!(InvocationView::parse(&other, &tables()), None, "{other}");
        }
    }
}
