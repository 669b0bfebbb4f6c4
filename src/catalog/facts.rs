//! What functions and relations need to know of the session that asks. Travels in the engine's `ConfigOptions`, which
//! every function and every scan receives.

use std::{any::Any, fmt, sync::Arc, time::SystemTime};

use datafusion::{
    catalog::Session,
    common::{
        config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions},
        plan_err,
    },
    error::Result as EngineResult,
};

use super::Catalog;
use crate::{Result, apart::Work};

/// The session's settings (GUCs).
pub trait SettingsView: Send + Sync + fmt::Debug {
    /// The value of a setting; the error says that there is none of that name, or that this session may not read it.
    fn get(&self, name: &str) -> Result<String>;

    /// Sets a setting as `set_config` does and gives the value that it then has; `local`: for this transaction only.
    fn set(&self, name: &str, value: &str, local: bool) -> Result<String>;

    /// Name, value in its own unit (as `pg_settings` has it) and description of each.
    fn all(&self) -> Vec<(String, String, String)>;

    /// Fails once the statement that runs should end: it was cancelled, or its time is up. Whatever computes for long without letting
    /// go of its thread asks ever so often.
    fn check_interrupts(&self) -> Result<()> {
        Ok(())
    }

    /// The sessions of its cluster, where they are known.
    fn sessions(&self) -> Option<&dyn Sessions> {
        None
    }
}

/// The sessions of one cluster on this replica, as one of them sees and ends them: all are of one role, which PostgreSQL lets do so.
pub trait Sessions: Send + Sync + fmt::Debug {
    fn all(&self) -> Vec<Activity>;

    /// Cancels what a session runs; whether there is such a session.
    fn cancel(&self, pid: i32) -> bool;

    /// Ends a session and what it runs; whether there is such a session.
    fn terminate(&self, pid: i32) -> bool;
}

/// What a session does.
#[derive(Debug)]
pub struct Activity {
    pub pid: i32,
    pub settings: Arc<dyn SettingsView>,
    pub started_at: SystemTime,
    /// When the last statement began.
    pub statement_at: Option<SystemTime>,
    /// Since when it is in this state.
    pub changed_at: SystemTime,
    /// As `pg_stat_activity` calls it.
    pub state: &'static str,
}

/// One session, as functions see it.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    pub backend_pid: i32,
    /// When the session began, in microseconds since 1970.
    pub start_time_us: i64,
    pub settings: Arc<dyn SettingsView>,
    /// What names and OIDs mean.
    pub catalog: Arc<Catalog>,
}

impl SessionFacts {
    /// The facts that a function or a scan was handed.
    pub fn of(options: &ConfigOptions) -> Option<&SessionFacts> {
        options.extensions.get::<SessionFacts>()
    }
}

/// Fails once what is computed here should end: with whoever waits for it where that is apart, and with its session's statement else.
pub fn check_interrupts(options: &ConfigOptions) -> Result<()> {
    match (Work::current(), SessionFacts::of(options)) {
        (Some(work), _) => work.check(),
        (None, Some(facts)) => facts.settings.check_interrupts(),
        (None, None) => Ok(()),
    }
}

/// Who reads a relation of its session's own.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub facts: &'a SessionFacts,
    /// When its statement began, in microseconds since 1970.
    pub statement_time_us: Option<i64>,
}

impl<'a> Reader<'a> {
    /// The reader that a scan is made for.
    pub fn of(state: &'a dyn Session) -> Option<Self> {
        let started = state.execution_props().query_execution_start_time;
        Some(Reader {
            facts: SessionFacts::of(state.config_options())?,
            statement_time_us: started.map(|time| time.timestamp_micros()),
        })
    }
}

impl ConfigExtension for SessionFacts {
    const PREFIX: &'static str = "session";
}

/// Nothing of it can be set or listed by name: it is carried, not configured.
impl ExtensionOptions for SessionFacts {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _value: &str) -> EngineResult<()> {
        plan_err!("unrecognized configuration parameter \"{}.{key}\"", Self::PREFIX)
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
