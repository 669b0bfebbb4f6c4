//! Functions that Postgres clients call and the engine lacks. Names come without the `pg_catalog.` that they may carry.
//!
//! Most are [`Native`]: text forms in, one text form out, the PostgreSQL types on both sides named in a table. Those whose
//! result type depends on their arguments are [`typed`](Typed): values in, one value out.
//!
//! What still differs from PostgreSQL 15 (each case, with what is said instead, in `fixtures/expressions/different`):
//!
//! * no infinite dates, no NaN and infinities as numeric; numerics of one column have one scale; roots, powers, logarithms and
//!   deviations of numerics are double precision;
//! * arithmetic of 64 bits that is sent to a runtime wraps beyond 2⁶³ there, and its floats become infinite;
//! * `greatest`, `least`, INTERSECT and `= ANY` know intervals by their months first; `<> ANY` and the like pass over an array's NULLs;
//! * `char(n)` cuts and does not pad; back-references and look-around in regular expressions are refused;
//! * no jsonpath.

pub mod bits;
mod cast;
pub mod choices;
mod datetime;
mod describe;
mod json;
mod lists;
mod lsn;
mod native;
mod numeric;
mod opaque;
mod ordered_set;
pub mod patterns;
mod picture;
mod privileges;
mod record;
pub mod records;
pub mod reg;
pub mod regex;
mod returns;
mod series;
pub mod session;
mod sleep;
mod statistics;
mod strings;
mod template;
mod text;
mod to_char;
mod typed;
mod value;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arrow::datatypes::FieldRef;
use datafusion::logical_expr::{Expr, ScalarUDF, Volatility, expr::ScalarFunction};

use super::facts::SessionFacts;
use native::{Bound, Native};
use typed::Typed;

pub use lists::unknown_in;
pub use numeric::checked::operator;
pub use opaque::opaque;
pub use template::finest_unit;
pub use typed::zone_of;

/// The function of that name, in lower case and without a schema, as it answers for one session.
///
/// A function carries what it needs of its session's facts: the engine folds and tests expressions in places where no options reach.
pub fn scalar_function(name: &str, facts: &Arc<SessionFacts>) -> Option<Arc<ScalarUDF>> {
    static NATIVE: LazyLock<HashMap<&'static str, Native>> = LazyLock::new(|| {
        let all = [
            patterns::FUNCTIONS,
            privileges::FUNCTIONS,
            reg::FUNCTIONS,
            session::FUNCTIONS,
            statistics::FUNCTIONS,
            strings::FUNCTIONS,
        ];
        all.into_iter()
            .chain(describe::FUNCTIONS)
            .flatten()
            .map(|native| (native.name, *native))
            .collect()
    });
    if let Some(native) = NATIVE.get(name) {
        return Some(Arc::new(ScalarUDF::new_from_impl(Bound::new(*native, facts))));
    }
    static TYPED: LazyLock<HashMap<&'static str, Typed>> = LazyLock::new(|| {
        let all = [
            bits::FUNCTIONS,
            cast::FUNCTIONS,
            choices::FUNCTIONS,
            lsn::FUNCTIONS,
            ordered_set::FUNCTIONS,
            regex::FUNCTIONS,
            text::FUNCTIONS,
            to_char::FUNCTIONS,
        ];
        all.into_iter()
            .chain(datetime::FUNCTIONS)
            .chain(json::FUNCTIONS)
            .chain(numeric::FUNCTIONS)
            .flatten()
            .map(|typed| (typed.name, *typed))
            .collect()
    });
    if let Some(typed) = TYPED.get(name) {
        return Some(Arc::new(typed.function()));
    }
    reg::function(name, facts)
        .or_else(|| lists::function(name))
        .or_else(|| numeric::checked::function(name))
        .or_else(|| numeric::floats::function(name))
        .or_else(|| json::function(name))
        .or_else(|| record::function(name))
        .or_else(|| records::function(name))
        .or_else(|| series::function(name))
        .or_else(|| sleep::function(name))
        .map(Arc::new)
}

/// The function of that name, the engine's own where this program has none: for the rules that call functions.
pub fn function(name: &str, facts: &Arc<SessionFacts>) -> Option<Arc<ScalarUDF>> {
    scalar_function(name, facts).or_else(|| match name {
        "array_has_any" => Some(datafusion::functions_nested::array_has::array_has_any_udf()),
        "starts_with" => Some(datafusion::functions::string::starts_with()),
        _ => None,
    })
}

/// The function that does the work of an operator on numbers and has an error where the result is none of their type.
pub fn arithmetic(name: &str) -> Option<Arc<ScalarUDF>> {
    numeric::checked::function(name).map(Arc::new)
}

/// How long an interval is, to compare it by.
pub fn interval_order(interval: Expr) -> Expr {
    let typed = datetime::INTERVAL_ORDER;
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(typed.function()), vec![interval]))
}

/// The function that casts to a field's type as PostgreSQL does.
pub fn cast_to(field: FieldRef) -> Arc<ScalarUDF> {
    cast::CastTo::function(field)
}

/// Whether a function of this program's answers every session of a catalogue alike: what it needs to know of one (its time zone) it is
/// told with each call, and a plan that holds it belongs to all.
pub fn is_shared(function: &ScalarUDF) -> bool {
    let function = function.inner().as_ref();
    let is_of_catalogue = |bound: &Bound| !bound.is_of_session();
    function.downcast_ref().is_some_and(is_of_catalogue)
        || function.is::<Typed>()
        || function.is::<cast::CastTo>()
        || function.is::<series::Series>()
        || function.is::<lists::OverList>()
        || function.is::<numeric::checked::Checked>()
        || function.is::<numeric::floats::OfFloats>()
        || function.is::<opaque::Opaque>()
        || function.is::<json::Build>()
        || function.is::<record::Record>()
        || function.is::<records::Records>()
        || function.is::<reg::ToOid>()
        || function.is::<reg::ToText>()
        || function.is::<reg::TypeOf>()
}

/// Whether one that is shared gives the same for the same arguments, whenever it is called.
pub fn is_constant(function: &ScalarUDF) -> bool {
    let is_volatile = function.signature().volatility == Volatility::Volatile;
    // What the optimizer must know nothing of is a value all the same.
    !is_volatile || function.inner().is::<opaque::Opaque>()
}
