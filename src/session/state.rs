//! What a session knows, apart from its connection: settings, transaction, prepared statements, portals; and how
//! a statement is answered from it. Writes no bytes.

use std::{
    collections::HashMap,
    future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use datafusion::common::ScalarValue;
use postgres_types::Type;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Admitted,
    interrupt::{Ends, Interrupt},
    kept::{Kept, Share},
    portal::{Kind, Portal, Prepared, ResultSet, State, query_of},
    rows::Rows,
    shared::SharedSettings,
    transaction::{self, Transaction},
};
use crate::{
    Error, Result, SqlState,
    catalog::{facts::SessionFacts, model::Model},
    edge::cancel::{Registration, Shown},
    query::{
        Engine, Plan, Scope,
        statement::{Statement, Transaction as Command},
    },
    wire::encode::CopyOptions,
};

/// A session's side of the conversation.
pub struct Backend {
    pub engine: Arc<Engine>,
    pub registration: Registration,
    pub ends: Arc<Ends>,
    pub settings: SharedSettings,
    pub transaction: Transaction,
    pub statements: HashMap<String, (Arc<Prepared>, Share)>,
    /// Portals and cursors, which are one.
    pub portals: HashMap<String, Portal>,
    pub kept: Kept,
    /// The portal that gives rows now. Where a statement ends with this set, it has failed on the way.
    pub busy: Option<String>,
    /// Several statements came in one simple query: they are a transaction as far as cursors are concerned.
    pub implicit_block: bool,
    /// Notices for the client, told before the statement's end: SQLSTATE and words.
    pub warnings: Vec<(&'static str, String)>,
    database: String,
    started_at: SystemTime,
    /// The scope of the next statement, while it is current, and how many there were.
    scope: Option<Arc<Scope>>,
    pub generation: u64,
}

/// What a statement comes to.
pub enum Answer {
    Rows(ResultSet),
    Copy(Rows, CopyOptions),
    /// Nothing but a command tag.
    Done(String),
}

impl Backend {
    /// A fresh session; fails where a startup parameter is not what PostgreSQL would take.
    pub fn new(admitted: Admitted, stop: CancellationToken) -> Result<Self> {
        let Admitted {
            engine,
            user,
            database,
            parameters,
            expires_at,
            registration,
        } = admitted;
        let settings = SharedSettings::new(&parameters, &user)?;
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let revoked = registration.revoked.clone();
        // Another session may end this one as a stop of the server does.
        let stop = stop.child_token();
        let started_at = SystemTime::now();
        registration.show(Shown {
            settings: Arc::new(settings.clone()),
            started_at,
            end: stop.clone(),
        });
        if let Some(sessions) = registration.peers() {
            settings.set_sessions(sessions);
        }
        Ok(Backend {
            engine,
            registration,
            ends: Arc::new(Ends::new(Instant::now() + left, revoked, stop)),
            settings,
            transaction: Transaction::default(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            kept: Kept::default(),
            busy: None,
            implicit_block: false,
            warnings: Vec::new(),
            database,
            started_at,
            scope: None,
            generation: 0,
        })
    }

    /// The scope of the next statement: made anew when a setting that the engine knows, or the cluster's schema, changed.
    pub async fn scope(&mut self) -> Result<Arc<Scope>> {
        let heeded = self.settings.heeded();
        let (time_zone, route) = (heeded.engine_time_zone.as_str(), heeded.route);
        let catalog = self.engine.catalog(&self.database).await?;
        match &self.scope {
            Some(scope) if scope.is_of(&catalog, time_zone, route) => Ok(Arc::clone(scope)),
            _ => {
                let facts = SessionFacts {
                    backend_pid: self.registration.pid,
                    start_time_us: micros(self.started_at),
                    settings: Arc::new(self.settings.clone()),
                    catalog,
                };
                let scope = Arc::new(self.engine.scope(facts, time_zone, route));
                self.scope = Some(Arc::clone(&scope));
                self.generation += 1;
                Ok(scope)
            }
        }
    }

    /// What names and OIDs mean, once a statement was planned.
    pub fn model(&self) -> Option<&Model> {
        self.scope.as_ref().map(|scope| scope.facts.catalog.model.as_ref())
    }

    /// Marks the start of a statement: it can be cancelled from here on, and has so much time.
    pub fn begin_statement(&self) -> Interrupt {
        let interrupt = Interrupt {
            token: self.registration.statement.begin(),
            deadline: Some(Instant::now() + self.settings.heeded().statement_timeout),
            ends: Arc::clone(&self.ends),
        };
        self.settings.set_interrupt(Some(interrupt.clone()));
        interrupt
    }

    /// Resolves with the reason once an idle client has been so for as long as its settings let it.
    pub fn idle_for_too_long(&self) -> impl Future<Output = Error> + use<> {
        let heeded = self.settings.heeded();
        let (timeout, code, words) = if self.transaction.in_block() {
            let code = SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
            (heeded.idle_in_transaction_session_timeout, code, "idle-in-transaction")
        } else {
            (
                heeded.idle_session_timeout,
                SqlState::IDLE_SESSION_TIMEOUT,
                "idle-session",
            )
        };
        async move {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => future::pending().await,
            }
            Error::fatal(code, format!("terminating connection due to {words} timeout"))
        }
    }

    pub fn end_statement(&self) {
        self.registration.statement.end(self.transaction.status());
        self.settings.set_interrupt(None);
    }

    /// What a failed statement leaves behind.
    pub fn fail(&mut self) {
        // A portal that was giving rows will give none more; what it holds of the runtime is let go of.
        if let Some(portal) = self.busy.take().and_then(|name| self.portals.get_mut(&name)) {
            portal.state = State::Spent;
        }
        if !self.transaction.fail() {
            self.settings.lock().rollback();
            self.end_transaction(false);
        }
        self.registration.statement.end(self.transaction.status());
    }

    /// What ends with a transaction: portals, but for cursors declared WITH HOLD in one that committed.
    pub fn end_transaction(&mut self, commits: bool) {
        self.portals.retain(|_, portal| {
            portal.cursor.kept |= portal.cursor.hold && commits;
            portal.level = 0;
            portal.cursor.kept
        });
    }

    /// Prepares a statement: the query that it has is planned, so that its result and its parameters can be described.
    /// `text_size` are the bytes of its text.
    pub async fn prepare(
        &mut self,
        statement: Arc<Statement>,
        text_size: usize,
        declared: Vec<Option<Type>>,
    ) -> Result<Prepared> {
        let (statement, plan, declared) = match query_of(&statement) {
            Some(_) => {
                let scope = self.scope().await?;
                Plan::of(&scope, statement, |statement| query_of(statement), text_size, declared).await?
            }
            None => (statement, None, declared),
        };
        Ok(Prepared {
            statement: Some(statement),
            plan,
            declared,
            generation: self.generation,
            text_size,
        })
    }

    /// The same statement planned in the scope of now, where that is another one than it was planned in.
    pub async fn refresh(&mut self, prepared: &Arc<Prepared>) -> Result<Arc<Prepared>> {
        let (Some(statement), Some(_)) = (&prepared.statement, &prepared.plan) else {
            return Ok(Arc::clone(prepared));
        };
        self.scope().await?;
        if prepared.generation == self.generation {
            return Ok(Arc::clone(prepared));
        }
        let (statement, declared) = (Arc::clone(statement), prepared.declared.clone());
        let fresh = self.prepare(statement, prepared.text_size, declared).await?;
        // The client reads rows by the description that it has.
        if prepared.is_query() && !prepared.gives_same_columns(&fresh) {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type",
            ));
        }
        Ok(Arc::new(fresh))
    }

    /// Refuses what a failed transaction cannot take: all but its end. A statement that does not run here at all is none.
    pub fn check_transaction(&self, statement: Option<&Statement>) -> Result<()> {
        let ends = matches!(
            statement,
            Some(Statement::Transaction(
                Command::Commit { .. } | Command::Rollback { .. } | Command::RollbackTo(_)
            ))
        );
        if self.transaction.is_failed() && !ends {
            Err(transaction::failed())
        } else {
            Ok(())
        }
    }

    /// Runs a statement as far as its first rows.
    pub async fn answer(&mut self, prepared: &Arc<Prepared>, values: Vec<ScalarValue>) -> Result<Answer> {
        match (prepared.statement.as_deref(), &prepared.plan) {
            (None, _) => Ok(Answer::Done(String::new())),
            (Some(Statement::Prepare { name, types, query }), None) => {
                Box::pin(self.prepare_named(name, types, query, prepared.text_size)).await?;
                Ok(Answer::Done("PREPARE".to_owned()))
            }
            // Apart: a query does not carry the room that they all take.
            (Some(statement), None) => Box::pin(self.utility(statement)).await,
            (Some(Statement::Declare { .. }), Some(plan)) => Box::pin(self.declare(prepared, plan, values)).await,
            (Some(Statement::Explain { options, .. }), Some(plan)) => {
                Box::pin(self.explain(options, plan, values)).await
            }
            (Some(_), Some(plan)) => {
                let rows = self.rows(plan, values).await?;
                Ok(Answer::Rows(ResultSet::new(Kind::Select, rows)))
            }
        }
    }

    /// A plan's rows.
    pub async fn rows(&mut self, plan: &Plan, values: Vec<ScalarValue>) -> Result<Rows> {
        let scope = self.scope().await?;
        Ok(Rows::new(Arc::clone(plan.schema()), plan.run(&scope, values).await?))
    }
}

/// Microseconds since 1970.
fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
