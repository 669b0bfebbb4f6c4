//! Plans as one SELECT. Each step either sets a clause that is still free or wraps what is below as a derived table; columns are
//! followed by position, so that names, qualifiers and aliases of the plan never matter.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    common::{DFSchema, JoinType, NullEquality},
    logical_expr::{
        Aggregate, Expr, FetchType, Join, LogicalPlan, Operator, SkipType, Sort, TableScan, Union, Window,
        utils::{conjunction, split_binary, split_conjunction},
    },
};

use super::{
    expr::{Names, unaliased},
    meaning::Meaning,
    sql::{Column, Select, output_names},
    with_table,
};
use crate::source::{
    RuntimeSource,
    runtime::{Load, RowShape, column, quote, read_beside},
};

/// Steps of a plan that become one query; a level of the runtime's plan each.
const STEPS_MAX: usize = 48;

/// A query's characters; a runtime takes 2 MiB as a whole, escapes included.
const SIZE_MAX: usize = 256 * 1024;

/// A query for the runtime.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) shape: RowShape,
    pub(super) load: Load,
    /// Its rows come in an order that the plan asks for.
    pub(super) ordered: bool,
    /// There is a text among its literals.
    pub(super) has_text: bool,
}

/// Writes one query.
pub(super) struct Writer<'a> {
    source: &'a RuntimeSource,
    pub(super) meaning: &'a Meaning<'a>,
    /// Derived tables and scans so far: each has a name of its own.
    aliases: usize,
    steps: usize,
    /// A scan as soon as one of its tables is scanned.
    load: Load,
    /// No text is taken for an id: see [`column`].
    veiled: bool,
    pub(super) has_text: bool,
    pub(super) expressions: usize,
    pub(super) list_values: usize,
    /// There is a UNION, below the sort that is written, with a branch that has one column twice.
    has_twins: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(source: &'a RuntimeSource, meaning: &'a Meaning<'a>) -> Self {
        Writer {
            source,
            meaning,
            aliases: 0,
            steps: 0,
            load: Load::Lookup,
            veiled: false,
            has_text: false,
            expressions: 0,
            list_values: 0,
            has_twins: false,
        }
    }

    pub(super) fn veiled(mut self) -> Self {
        self.veiled = true;
        self
    }

    /// The query for `plan`, if the runtime can run it. `ordered`: an order in it counts, and is kept.
    pub(super) fn query(mut self, plan: &LogicalPlan, ordered: bool) -> Option<Query> {
        let mut select = self.plan(plan, ordered)?;
        let mut names = select.names(plan.schema());
        let mut shape = RowShape::Columns;
        if names.is_empty() {
            // Only how many rows there are: the runtime counts them.
            if !select.takes_filter() {
                let alias = self.alias();
                select = select.wrap(plan.schema(), &alias)?;
            }
            select.columns = vec![Column::computed("count(*)".to_owned())];
            names = vec!["c0".to_owned()];
            shape = RowShape::Count;
        }
        // What the result has is read, whatever the runtime's optimizer leaves out.
        if select.groups.is_none() {
            let listed = select.columns.clone();
            for column in &mut select.columns {
                let listed = listed.iter().map(|column| column.sql.as_str());
                if let Some(name) = read_beside(&column.sql, listed) {
                    column.sql = name;
                }
            }
        }
        let sql = select.text(&names);
        (sql.len() <= SIZE_MAX).then_some(Query {
            sql,
            shape,
            load: self.load,
            ordered: !select.order.is_empty(),
            has_text: self.has_text,
        })
    }

    /// A plan within an expression.
    pub(super) fn subquery(&mut self, plan: &LogicalPlan) -> Option<String> {
        let select = self.plan(plan, false)?;
        Some(select.text(&select.names(plan.schema())))
    }

    fn alias(&mut self) -> String {
        let alias = format!("t{}", self.aliases);
        self.aliases += 1;
        alias
    }

    fn plan(&mut self, plan: &LogicalPlan, ordered: bool) -> Option<Select> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return None;
        }
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input, ordered),
            LogicalPlan::Projection(projection) => self.projection(&projection.input, &projection.expr, ordered),
            LogicalPlan::Filter(filter) => {
                let mut select = self.plan(&filter.input, ordered)?;
                let mut terms = split_conjunction(&filter.predicate);
                terms.retain(|term| !self.is_implied(term, &filter.input, &select));
                if !terms.is_empty() && !select.takes_filter() {
                    select = self.wrap(select, &filter.input, ordered)?;
                }
                let predicate = conjunction(terms.into_iter().cloned());
                if let Some(predicate) = predicate {
                    let predicate = self.expr(&predicate, names(&filter.input, &select))?;
                    select.filters.push(predicate);
                }
                Some(select)
            }
            LogicalPlan::Aggregate(aggregate) => self.grouped(aggregate),
            LogicalPlan::Window(window) => self.windowed(window),
            LogicalPlan::Sort(sort) => self.sorted(sort),
            LogicalPlan::Limit(limit) => {
                let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) =
                    (limit.get_skip_type(), limit.get_fetch_type())
                else {
                    return None;
                };
                let mut select = self.plan(&limit.input, ordered)?;
                if fetch.is_some() && !select.order.is_empty() && !self.takes_top(&select) {
                    return None;
                }
                select.cut(skip, fetch);
                Some(select)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            _ => None,
        }
    }

    /// The input's SELECT, wrapped unless `is_free` says that the clause to come can be added to it as it is.
    fn free(&mut self, input: &LogicalPlan, ordered: bool, is_free: fn(&Select) -> bool) -> Option<Select> {
        let select = self.plan(input, ordered)?;
        if is_free(&select) {
            return Some(select);
        }
        self.wrap(select, input, ordered)
    }

    /// Whether a condition is true of all rows of a SELECT, for one of its alternatives is a filter there. A runtime's optimizer finds that
    /// as well, but too late: columns that it then has no use for are gone, and the filter that a scan was given still asks for them.
    fn is_implied(&mut self, term: &Expr, input: &LogicalPlan, select: &Select) -> bool {
        if select.filters.is_empty() {
            return false;
        }
        // Nothing of this is sent.
        let counted = (self.expressions, self.list_values);
        let is_implied = split_binary(term, Operator::Or).into_iter().any(|alternative| {
            let text = self.expr(alternative, names(input, select));
            text.is_some_and(|text| select.filters.contains(&text))
        });
        (self.expressions, self.list_values) = counted;
        is_implied
    }

    fn wrap(&mut self, select: Select, plan: &LogicalPlan, ordered: bool) -> Option<Select> {
        // A derived table's rows have no order.
        if ordered && !select.order.is_empty() {
            return None;
        }
        let alias = self.alias();
        select.wrap(plan.schema(), &alias)
    }

    fn scan(&mut self, scan: &TableScan) -> Option<Select> {
        let (name, avoid, load) = with_table(scan, |table| {
            let own = table.source().is_same(self.source);
            own.then(|| (table.name().to_owned(), table.avoid(), table.load(&scan.filters)))
        })??;
        if load == Load::Scan {
            self.load = Load::Scan;
        }
        let alias = self.alias();
        let all = scan.source.schema();
        let column = |name: &String| Column::plain(column(&all, &format!("{alias}."), name, self.veiled));
        let all = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &all).ok()?;
        let all_columns: Vec<Column> = all.fields().iter().map(|field| column(field.name())).collect();
        // A column that this runtime fails to compare is read by scans alone.
        let fields = scan.projected_schema.fields();
        let avoided = |name: &str| avoid.contains(&name);
        let read = scan.filters.iter().flat_map(Expr::column_refs);
        if fields.iter().any(|field| avoided(field.name())) || read.into_iter().any(|column| avoided(&column.name)) {
            return None;
        }
        let columns = fields.iter().map(|field| column(field.name())).collect();
        let mut select = Select::from(format!("{} AS {alias}", quote(&name)), columns);
        for filter in &scan.filters {
            let names = Names {
                schema: &all,
                columns: &all_columns,
            };
            select.filters.push(self.expr(filter, names)?);
        }
        select.limit = scan.fetch;
        Some(select)
    }

    fn projection(&mut self, input: &LogicalPlan, exprs: &[Expr], ordered: bool) -> Option<Select> {
        let mut select = self.plan(input, ordered)?;
        // Columns that are only chosen and moved can be so whatever they are.
        let chosen: Option<Vec<usize>> = exprs
            .iter()
            .map(|expr| match unaliased(expr) {
                Expr::Column(column) => input.schema().maybe_index_of_column(column),
                _ => None,
            })
            .collect();
        if let Some(chosen) = chosen {
            let columns: Option<Vec<Column>> = chosen.iter().map(|index| select.columns.get(*index).cloned()).collect();
            let columns = columns?;
            // Without any column left, a SELECT that groups would not be known to.
            if select.groups.is_none() || !columns.is_empty() {
                select.columns = columns;
                return Some(select);
            }
        }
        if !select.is_plain() || select.groups.is_some() {
            select = self.wrap(select, input, ordered)?;
        }
        let names = names(input, &select);
        let columns: Option<Vec<Column>> = exprs
            .iter()
            .map(|expr| {
                let sql = self.expr(expr, names)?;
                Some(match unaliased(expr) {
                    Expr::Column(_) => Column::plain(sql),
                    _ => Column::computed(sql),
                })
            })
            .collect();
        select.columns = columns?;
        Some(select)
    }

    fn grouped(&mut self, aggregate: &Aggregate) -> Option<Select> {
        let mut select = self.free(&aggregate.input, false, Select::takes_filter)?;
        // The least and the greatest so far become a filter as the worst row of a TopK does.
        let is_extreme = |expr: &Expr| matches!(unaliased(expr), Expr::AggregateFunction(call) if matches!(call.func.name(), "max" | "min"));
        if aggregate.group_expr.is_empty() && aggregate.aggr_expr.iter().any(is_extreme) && !self.takes_top(&select) {
            return None;
        }
        let names = names(&aggregate.input, &select);
        let groups: Option<Vec<String>> = aggregate
            .group_expr
            .iter()
            .map(|group| self.key(group, names))
            .collect();
        let groups = groups?;
        let aggregates: Option<Vec<String>> = aggregate
            .aggr_expr
            .iter()
            .map(|expr| self.aggregate(expr, names))
            .collect();
        let columns = groups
            .iter()
            .cloned()
            .chain(aggregates?)
            .map(Column::computed)
            .collect();
        select.columns = columns;
        select.groups = Some(groups);
        // A grouping set has columns beyond these.
        (select.columns.len() == aggregate.schema.fields().len() && !select.columns.is_empty()).then_some(select)
    }

    fn windowed(&mut self, window: &Window) -> Option<Select> {
        let mut select = self.free(&window.input, false, Select::takes_filter)?;
        let names = names(&window.input, &select);
        let windows: Option<Vec<String>> = window.window_expr.iter().map(|expr| self.window(expr, names)).collect();
        select.columns.extend(windows?.into_iter().map(Column::computed));
        Some(select)
    }

    fn sorted(&mut self, sort: &Sort) -> Option<Select> {
        let around = std::mem::take(&mut self.has_twins);
        let mut select = self.plan(&sort.input, false)?;
        if std::mem::replace(&mut self.has_twins, around) {
            return None;
        }
        let keys: Option<Vec<usize>> = sort
            .expr
            .iter()
            .map(|key| match &key.expr {
                Expr::Column(column) => sort.input.schema().maybe_index_of_column(column),
                _ => None,
            })
            .collect();
        // Of a group only what is in its list can be sorted by.
        let direct = select.is_plain() && select.groups.is_none() || select.groups.is_some() && keys.is_some();
        if select.is_cut() || !direct {
            select = self.wrap(select, &sort.input, false)?;
        }
        if sort.fetch.is_some() && !self.takes_top(&select) {
            return None;
        }
        let names = names(&sort.input, &select);
        let order = self.order(&sort.expr, names)?;
        select.order = order;
        select.limit = sort.fetch;
        Some(select)
    }

    /// Whether the first rows in an order can be asked for.
    fn takes_top(&self, select: &Select) -> bool {
        let bare = select.filters.is_empty() && select.groups.is_none() && select.nesting == 0;
        bare || self.meaning.derives_filters()
    }

    fn join(&mut self, join: &Join) -> Option<Select> {
        // Without a pair of keys it is a nested loop: those run here, where they can be ended. Where NULL equals NULL (INTERSECT,
        // EXCEPT), a runtime of 1.7.12 loses the NULLs: its join's dynamic filter drops them. No SQL says a mark join.
        if !self.meaning.derives_filters()
            || join.on.is_empty()
            || join.null_aware
            || join.null_equality == NullEquality::NullEqualsNull
        {
            return None;
        }
        let left = self.free(&join.left, false, Select::is_source)?;
        let right = self.free(&join.right, false, |select| select.is_source() && !select.joined)?;
        let (left_names, right_names) = (names(&join.left, &left), names(&join.right, &right));
        let mut on = Vec::with_capacity(join.on.len());
        for (left, right) in &join.on {
            on.push(format!(
                "{} = {}",
                self.key(left, left_names)?,
                self.key(right, right_names)?
            ));
        }
        let both: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
        if let Some(filter) = &join.filter {
            let schema = join.left.schema().join(join.right.schema()).ok()?;
            on.push(self.expr(
                filter,
                Names {
                    schema: &schema,
                    columns: &both,
                },
            )?);
        }
        let nesting = left.nesting.max(right.nesting);
        let swapped = matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti);
        if swapped && left.joined {
            return None;
        }
        let (word, columns) = match join.join_type {
            JoinType::Inner => ("INNER", both),
            JoinType::Left => ("LEFT", both),
            JoinType::Right => ("RIGHT", both),
            JoinType::Full => ("FULL", both),
            JoinType::LeftSemi => ("LEFT SEMI", left.columns),
            JoinType::LeftAnti => ("LEFT ANTI", left.columns),
            JoinType::RightSemi => ("LEFT SEMI", right.columns),
            JoinType::RightAnti => ("LEFT ANTI", right.columns),
            JoinType::LeftMark | JoinType::RightMark => return None,
        };
        let (first, second) = match swapped {
            true => (right.from, left.from),
            false => (left.from, right.from),
        };
        Some(Select {
            joined: true,
            nesting,
            ..Select::from(format!("{first} {word} JOIN {second} ON {}", on.join(" AND ")), columns)
        })
    }

    fn union(&mut self, union: &Union) -> Option<Select> {
        let names = output_names(&union.schema);
        if names.is_empty() {
            return None;
        }
        let mut branches = Vec::with_capacity(union.inputs.len());
        let mut nesting = 0;
        for input in &union.inputs {
            let select = self.free(input, false, |select| select.order.is_empty() && !select.is_cut())?;
            let same = Arc::clone(input.schema());
            let types = same.fields().iter().zip(union.schema.fields());
            if types.clone().count() != names.len() || types.into_iter().any(|(a, b)| a.data_type() != b.data_type()) {
                return None;
            }
            nesting = nesting.max(select.nesting);
            // Sorted by columns that are one in a branch, a runtime's engine refuses its own plan: that is sorted here.
            self.has_twins |= has_twins(&select);
            branches.push(select.text(&names));
        }
        let alias = self.alias();
        let columns = names
            .iter()
            .map(|name| Column::plain(format!("{alias}.{}", quote(name))))
            .collect();
        (nesting < super::sql::NESTING_MAX).then(|| Select {
            nesting: nesting + 1,
            ..Select::from(format!("({}) AS {alias}", branches.join(" UNION ALL ")), columns)
        })
    }
}

/// Whether two columns of a SELECT are the same.
fn has_twins(select: &Select) -> bool {
    let mut seen = HashSet::new();
    select.columns.iter().any(|column| !seen.insert(&column.sql))
}

fn names<'a>(plan: &'a LogicalPlan, select: &'a Select) -> Names<'a> {
    Names {
        schema: plan.schema(),
        columns: &select.columns,
    }
}
