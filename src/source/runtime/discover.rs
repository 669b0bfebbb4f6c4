//! What a runtime has, asked of itself: its tables with their exact Arrow types, and its functions.

use std::collections::{BTreeMap, BTreeSet};

use arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, SchemaRef},
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    RuntimeSource,
    filter::quote,
    view::{self, InvocationView},
};
use crate::{Error, Result, source::Introspection};

/// Tables asked about at once: a few round trips instead of twenty, without a burst that a rate limiter would notice.
const TABLES_AT_ONCE: usize = 4;

/// More tables than any runtime has; a peer that names more is at fault.
const TABLES_MAX: usize = 1000;

/// The relevant part of `/version`. Two answers are compared by what they say, for a runtime lists its features in another order each
/// time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
    /// Experimental features of the node that answers; empty before 1.7.
    #[serde(default)]
    pub(super) features: BTreeMap<String, bool>,
}

pub(super) async fn discover(source: &RuntimeSource, version: &str) -> Result<Introspection> {
    let names = texts(
        source,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    )
    .await?;
    if names.len() > TABLES_MAX {
        return Err(super::errors::not_a_runtime("too many tables"));
    }
    // `information_schema.columns` has the types only as text; an empty result has them as they are.
    let tables: BTreeMap<String, SchemaRef> = stream::iter(names)
        .map(|name| async move {
            let sql = format!("SELECT * FROM \"public\".{} LIMIT 0", quote(&name));
            let schema = source.look_up(&sql).await?.schema();
            Ok::<_, Error>((name, schema))
        })
        .buffer_unordered(TABLES_AT_ONCE)
        .try_collect()
        .await?;
    let functions: BTreeSet<String> = texts(source, "SELECT DISTINCT routine_name FROM information_schema.routines")
        .await?
        .into_iter()
        .map(|name| name.to_lowercase())
        .collect();
    Ok(Introspection {
        version: version.to_owned(),
        tables,
        functions,
    })
}

/// What the view over all invocations says of itself, where there is one.
pub(super) async fn invocation_view(source: &RuntimeSource, found: &Introspection) -> Result<Option<InvocationView>> {
    if !found.tables.contains_key(view::NAME) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT definition FROM information_schema.views WHERE table_schema = 'public' AND table_name = '{}'",
        view::NAME
    );
    let definitions = texts(source, &sql).await?;
    Ok(definitions
        .first()
        .and_then(|definition| InvocationView::parse(definition, found)))
}

/// The first column of a query, as text.
async fn texts(source: &RuntimeSource, sql: &str) -> Result<Vec<String>> {
    let batches: Vec<RecordBatch> = source
        .look_up(sql)
        .await?
        .try_collect()
        .await
        .map_err(super::from_datafusion)?;
    let mut texts = Vec::new();
    for batch in batches {
        let Some(column) = batch.columns().first() else {
            continue;
        };
        let column = cast(column, &DataType::Utf8).map_err(|error| super::errors::not_a_runtime(&error.to_string()))?;
        texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(texts)
}
