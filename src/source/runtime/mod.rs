//! A cluster behind its runtime's `POST /query`. `client` speaks HTTP over the connections of `pool` (which `bell` wakes), `inflate`, `decode` and `reader` turn a reply into batches, `spool` keeps it
//! for a slow client (on `disk` if it must), `shield` bounds what runs there at once, `errors` says what a failure means, `discover`
//! asks what the runtime has, `view` and `scopes` what a rewrite must know of it; `table`, `filter` and `exec` are what the engine sees.

mod bell;
mod client;
mod column;
mod conform;
mod decode;
mod discover;
mod disk;
mod errors;
mod exec;
mod filter;
mod inflate;
mod literal;
mod pool;
mod reader;
mod scopes;
mod shield;
mod socket;
mod spool;
mod table;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod view;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{catalog::TableProvider, error::DataFusionError, execution::SendableRecordBatchStream};

use crate::{
    Error, Result,
    source::{Introspection, Source},
};

pub(crate) use column::{column, read_beside};
pub use exec::{RowShape, RuntimeExec};
pub(crate) use filter::quote;
pub(crate) use literal::literal;
pub(crate) use reader::to_datafusion;
pub use shield::{Load, RuntimeLimits};
pub(crate) use table::{RuntimeTable, pins};
#[cfg(test)]
pub(crate) use view::tests::DEFINITION as INVOCATION_VIEW_DEFINITION;
pub(crate) use view::{InvocationView, NAME as INVOCATION_VIEW, STATE_TABLE, STATUS_TABLE};

/// How long an answer of `/version` is believed. An upgrade is rare and takes longer than this; a query that meets it in between gets
/// the runtime's own error.
const VERSION_TTL: Duration = Duration::from_secs(5);

/// How long the statement that asks for the version waits for what [`scopes`] looks at beside it: so long an idle runtime does not take,
/// and a statement that comes every few seconds has what it needs. A busy one is not waited for.
const CHECK_WAIT: Duration = Duration::from_millis(100);

/// A runtime, reached over HTTP. Cheap to clone; clones share connections and what is known of the runtime.
#[derive(Clone)]
pub struct RuntimeSource(Arc<Inner>);

struct Inner {
    client: Arc<client::HttpClient>,
    shield: shield::Shield,
    known: RwLock<Option<Known>>,
    scopes: scopes::Scopes,
    /// Lets one caller ask while the others wait for what it learns, be it a failure.
    asking: tokio::sync::Mutex<Option<Refusal>>,
}

/// What was discovered, and when it was last found to hold.
#[derive(Clone)]
struct Known {
    /// The answer of `/version`: besides the version it has the features that are switched on.
    answer: Arc<discover::Version>,
    introspection: Arc<Introspection>,
    view: Option<Arc<InvocationView>>,
    checked: Instant,
}

/// The last failure to learn anything.
struct Refusal {
    at: Instant,
    error: Error,
}

/// What `restate-pg check` says about a cluster.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What the runtime has.
    pub introspection: Arc<Introspection>,
    /// The time of one `SELECT 1`, on a connection that is already open.
    pub latency: Duration,
}

impl RuntimeSource {
    /// A runtime at `url`: `http` or `https`, a host and maybe a port; nothing is sent yet. Fails (22023) on any other URL.
    pub fn new(url: &str) -> Result<Self> {
        Self::with_limits(url, RuntimeLimits::default())
    }

    /// As [`new`](Self::new), with limits of its own. They hold for all clones together.
    pub fn with_limits(url: &str, limits: RuntimeLimits) -> Result<Self> {
        Ok(Self::with_client(client::HttpClient::new(url)?, limits))
    }

    fn with_client(client: client::HttpClient, limits: RuntimeLimits) -> Self {
        RuntimeSource(Arc::new(Inner {
            client: Arc::new(client),
            shield: shield::Shield::new(limits),
            known: RwLock::new(None),
            scopes: scopes::Scopes::default(),
            asking: tokio::sync::Mutex::new(None),
        }))
    }

    /// Whether both are the same runtime.
    pub(crate) fn is_same(&self, other: &RuntimeSource) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Runs `sql`, as it stands, on the runtime, and returns its rows with the runtime's own types. The caller answers for what the
    /// text does. Resolves when the first rows have arrived; dropping the stream ends the request. Counts as a scan. Errors, here and
    /// in the stream, are [`Error`]s; one in the stream means that the rows so far are incomplete.
    pub async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        self.run(reader::Query::new(sql, Load::Scan)).await
    }

    /// As [`query`](Self::query), for what costs the runtime little.
    async fn look_up(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        self.run(reader::Query::new(sql, Load::Lookup)).await
    }

    async fn run(&self, query: reader::Query) -> Result<SendableRecordBatchStream> {
        reader::run(&self.0.client, &self.0.shield, query).await
    }

    /// Bytes of disk that replies take which their clients have not yet read.
    pub fn spooled_size(&self) -> u64 {
        self.0.shield.disk.used()
    }

    /// Reaches the runtime and says what it found.
    pub async fn probe(&self) -> Result<Probe> {
        let introspection = self.introspect().await?;
        let start = Instant::now();
        self.look_up("SELECT 1").await?;
        Ok(Probe {
            introspection,
            latency: start.elapsed(),
        })
    }

    /// Asks for the version, and for the rest if that is another than what is known.
    async fn ask(&self, known: Option<&Known>) -> Result<Known> {
        let answer = self.0.client.version().await.map_err(|failure| failure.error)?;
        let answer: Arc<discover::Version> = serde_json::from_slice(&answer)
            .map(Arc::new)
            .map_err(|_| errors::not_a_runtime("the reply to /version has no version"))?;
        let (introspection, view) = match known {
            Some(known) if known.answer == answer => (known.introspection.clone(), known.view.clone()),
            _ => {
                let found = discover::discover(self, &answer.version).await?;
                let view = discover::invocation_view(self, &found).await?;
                (Arc::new(found), view.map(Arc::new))
            }
        };
        Ok(Known {
            answer,
            introspection,
            view,
            checked: Instant::now(),
        })
    }

    /// What was last discovered, however long ago.
    fn known(&self) -> Option<Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_known(&self, known: Known) {
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// A runtime of which everything is known, for good: its tables, its view's definition, and the tables without scopes.
    #[cfg(test)]
    pub(crate) fn knowing(url: &str, found: Introspection, definition: Option<&str>, unscoped: &[&str]) -> Self {
        let source = Self::new(url).expect("a URL");
        let features = std::collections::BTreeMap::from([("vqueues".to_owned(), false)]);
        let view = definition.map(|definition| InvocationView::parse(definition, &found).expect("a definition"));
        let for_good = Instant::now() + Duration::from_secs(3600);
        source.0.scopes.know(unscoped, for_good);
        source.set_known(Known {
            answer: Arc::new(discover::Version {
                version: found.version.clone(),
                features,
            }),
            introspection: Arc::new(found),
            view: view.map(Arc::new),
            checked: for_good,
        });
        source
    }

    /// Has the next [`introspect`](Source::introspect) ask for the version.
    #[cfg(test)]
    fn distrust(&self) {
        if let Some(mut known) = self.known() {
            known.checked -= VERSION_TTL;
            self.set_known(known);
        }
    }

    /// The schema of one of its tables, as it was last discovered.
    pub(crate) fn schema_of(&self, table: &str) -> Option<SchemaRef> {
        self.known()?.introspection.tables.get(table).cloned()
    }

    /// What its view over all invocations is made of, where that is known.
    pub(crate) fn invocation_view(&self) -> Option<Arc<InvocationView>> {
        self.known()?.view
    }

    /// Whether it is known that no row of `table` has a scope. The first question has the answer looked for, in the background: until
    /// it is there, nothing is known.
    pub(crate) fn has_no_scopes(&self, table: &str) -> bool {
        let fresh = self.known().filter(|known| known.checked.elapsed() < VERSION_TTL);
        fresh.is_some_and(|known| self.0.scopes.are_unused(self, &known.answer, table))
    }

    /// Whether `partition_key` can be compared on the status and state tables: before 1.7 any such filter is an internal error there.
    fn compares_partition_key(&self) -> bool {
        let known = self.known();
        let mut parts = known
            .iter()
            .flat_map(|known| known.introspection.version.split('.'))
            .map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 7),
            _ => false,
        }
    }
}

#[async_trait]
impl Source for RuntimeSource {
    async fn introspect(&self) -> Result<Arc<Introspection>> {
        let fresh = |known: &Option<Known>| {
            known
                .as_ref()
                .filter(|known| known.checked.elapsed() < VERSION_TTL)
                .map(|known| known.introspection.clone())
        };
        if let Some(introspection) = fresh(&self.known()) {
            return Ok(introspection);
        }
        let asked = Instant::now();
        let mut last_refusal = self.0.asking.lock().await;
        let known = self.known();
        if let Some(introspection) = fresh(&known) {
            return Ok(introspection);
        }
        // Those who waited while a dead cluster was asked do not each ask it again.
        if let Some(refusal) = last_refusal.as_ref().filter(|refusal| refusal.at >= asked) {
            return Err(refusal.error.clone());
        }
        match self.ask(known.as_ref()).await {
            Ok(found) => {
                let introspection = found.introspection.clone();
                let check = self.0.scopes.check(self, &found.answer);
                self.set_known(found);
                drop(last_refusal);
                if let Some(check) = check {
                    let _ = tokio::time::timeout(CHECK_WAIT, check).await;
                }
                Ok(introspection)
            }
            Err(error) => match known {
                // What was known stands until the runtime can be asked again: a scan says by itself why it fails.
                Some(known) => {
                    let introspection = known.introspection.clone();
                    self.set_known(Known {
                        checked: Instant::now(),
                        ..known
                    });
                    Ok(introspection)
                }
                None => {
                    *last_refusal = Some(Refusal {
                        at: Instant::now(),
                        error: error.clone(),
                    });
                    Err(error)
                }
            },
        }
    }

    fn table(&self, table: &str, schema: SchemaRef) -> Arc<dyn TableProvider> {
        Arc::new(table::RuntimeTable::new(self.clone(), table, schema))
    }
}

impl fmt::Debug for RuntimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RuntimeSource").field(&self.0.client).finish()
    }
}

/// Finds this crate's error in one that came through the engine's types.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => Error::internal(inner),
        },
        other => Error::internal(other),
    }
}
