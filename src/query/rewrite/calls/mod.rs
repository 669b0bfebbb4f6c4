//! Calls that are others of the engine's, or of this program's, by another name or over other arguments: what can be said without
//! knowing any type. A rule each for functions that give rows (here), [`aggregates`] and functions of windows, [`times`], other
//! [`values`], and what `information_schema` asks of whole rows ([`true_type`]).

mod aggregates;
mod times;
mod true_type;
mod values;

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArguments, Ident, ObjectName};

use super::{arguments, arrays::array_of, build::unnamed, call, function_name, literals, rows::list_of};

/// What a call of the name over the arguments is instead. Names are folded; a call's window, filter and order stay with it.
type Rule = fn(&Function, &str, &[Expr]) -> Option<Expr>;

const RULES: [Rule; 4] = [unnested, aggregates::replaced, times::replaced, values::replaced];

/// Expressions, from the leaves up.
pub fn expr(expr: &mut Expr) {
    let Expr::Function(function) = expr else { return };
    literals::frame(function);
    if let Some(replacement) = replaced(function) {
        *expr = replacement;
    }
}

fn replaced(function: &Function) -> Option<Expr> {
    let name = function_name(function);
    match (name.as_str(), &function.args) {
        // ARRAY(SELECT …): the array of the subquery's rows, empty rather than NULL when there are none.
        ("array", FunctionArguments::Subquery(query)) => Some(array_of(query.as_ref().clone())),
        ("make_interval", FunctionArguments::List(list)) => times::make_interval(&list.args),
        ("_pg_truetypid" | "_pg_truetypmod", FunctionArguments::List(list)) => true_type::of(&name, &list.args),
        (_, FunctionArguments::List(_)) => {
            let args: Vec<Expr> = arguments(function)?.into_iter().cloned().collect();
            RULES.iter().find_map(|rule| rule(function, &name, &args))
        }
        _ => None,
    }
}

/// A function that gives rows, as `unnest` of the list of them.
fn unnested(function: &Function, name: &str, args: &[Expr]) -> Option<Expr> {
    if function.over.is_some() || function.filter.is_some() {
        return None;
    }
    list_of(name, args).map(|list| call("unnest", vec![list]))
}

/// The same call of another function.
fn renamed(function: &Function, name: &str) -> Function {
    let mut function = function.clone();
    function.name = ObjectName::from(vec![Ident::new(name)]);
    function
}

/// The same call of another function over other arguments.
fn with_arguments(function: &Function, name: &str, args: Vec<Expr>) -> Expr {
    let mut function = renamed(function, name);
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = unnamed(args);
    }
    Expr::Function(function)
}
