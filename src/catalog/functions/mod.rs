//! Functions that Postgres clients call and the engine lacks. Names come without the `pg_catalog.` that they may carry.
//!
//! Most are [`Native`]: text forms in, one text form out, the PostgreSQL types on both sides named in a table. Those whose
//! result type depends on their arguments stand in files of their own.

mod describe;
mod json;
mod lists;
mod native;
mod privileges;
pub mod reg;
pub mod session;
mod strings;

use std::sync::Arc;

use datafusion::{functions_nested::range::gen_series_udf, logical_expr::ScalarUDF};

pub use native::Native;

/// Every scalar function of this room; each under its name and its aliases.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let native = [describe::FUNCTIONS, privileges::FUNCTIONS, session::FUNCTIONS, strings::FUNCTIONS];
    let native = native.into_iter().flatten().map(|native| ScalarUDF::new_from_impl(native.clone()));
    // The list that `generate_series` in a SELECT list expands: there its own name means the set.
    let series = gen_series_udf().as_ref().clone().with_aliases(["pg_series"]);
    native.chain(reg::functions()).chain(lists::functions()).chain(json::functions()).chain([series]).map(Arc::new).collect()
}
