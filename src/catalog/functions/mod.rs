//! Functions that Postgres clients call and the engine lacks. Names come without the `pg_catalog.` that they may carry.
//!
//! Most are [`Native`]: text forms in, one text form out, the PostgreSQL types on both sides named in a table. Those whose
//! result type depends on their arguments stand in files of their own.

mod describe;
mod json;
mod lists;
mod native;
pub mod patterns;
mod privileges;
pub mod records;
pub mod reg;
mod series;
pub mod session;
mod strings;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use datafusion::logical_expr::ScalarUDF;

use super::facts::SessionFacts;
use native::{Bound, Native};

/// The function of that name, in lower case and without a schema, as it answers for one session.
///
/// A function carries its session's facts: the engine folds and tests expressions in places where no options reach.
pub fn scalar_function(name: &str, facts: &Arc<SessionFacts>) -> Option<Arc<ScalarUDF>> {
    static NATIVE: LazyLock<HashMap<&'static str, Native>> = LazyLock::new(|| {
        let all = [
            describe::FUNCTIONS,
            patterns::FUNCTIONS,
            privileges::FUNCTIONS,
            reg::FUNCTIONS,
            session::FUNCTIONS,
            strings::FUNCTIONS,
        ];
        all.into_iter().flatten().map(|native| (native.name, *native)).collect()
    });
    if let Some(native) = NATIVE.get(name) {
        return Some(Arc::new(ScalarUDF::new_from_impl(Bound {
            native: *native,
            facts: Arc::clone(facts),
        })));
    }
    reg::function(name, facts)
        .or_else(|| lists::function(name))
        .or_else(|| json::function(name))
        .or_else(|| records::function(name))
        .or_else(|| series::function(name))
        .map(Arc::new)
}
