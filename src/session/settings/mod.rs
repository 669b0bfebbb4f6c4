//! A session's run-time parameters (GUCs): SET, SHOW, RESET. What a transaction undoes, what clients are told of, and what the engine
//! and the encoder heed have modules of their own.
//!
//! Values are kept in PostgreSQL's canonical form (`pg_settings.setting`). Most parameters change nothing here: clients set
//! them, and read them back.

mod check;
mod date_style;
mod parameter;
mod report;
mod startup;
#[cfg(test)]
mod tests;
mod transaction;
mod typed;
mod units;
mod zone;

use std::{collections::BTreeMap, sync::Arc};

pub use date_style::DateStyle;
pub use parameter::{Context, Parameter, Vartype, parameter, parameters};
pub use typed::Heeded;

use self::transaction::{OF_TRANSACTION, Snapshot};
use crate::{Error, Result, SqlState, limits, query::statement::Value};

/// Parameters that RESET ALL leaves alone besides.
const NOT_RESET: [&str; 2] = ["role", "session_authorization"];

/// What a savepoint takes beside the values, and a value beside its texts: two strings in a tree, each on the heap.
const SNAPSHOT_SIZE: usize = 100;
const ENTRY_SIZE: usize = 100;

/// Values by parameter, names in lower case. Shared between savepoints until one changes something.
type Values = Arc<BTreeMap<String, String>>;

/// The parameters of one session.
#[derive(Clone, Debug)]
pub struct Settings {
    user: String,
    /// What the startup message asked for: RESET goes back to it.
    startup: BTreeMap<String, String>,
    session: Values,
    /// SET LOCAL, and the transaction's own: forgotten when it ends. Wins over `session`.
    local: Values,
    /// The transaction's start, then its savepoints; empty outside of a transaction.
    levels: Vec<Snapshot>,
    reported: BTreeMap<&'static str, String>,
    /// The values as they were at the last report: while they are the same, there is nothing to report.
    reported_of: Option<(Values, Values)>,
    known: Option<typed::Known>,
}

impl Settings {
    /// The settings of a new session. `startup` are the startup message's parameters as they came; an error is FATAL, as
    /// PostgreSQL's is.
    pub fn new(startup: &[(String, String)], user: &str) -> Result<Settings> {
        let mut settings = Settings {
            user: user.to_owned(),
            startup: BTreeMap::new(),
            session: Values::default(),
            local: Values::default(),
            levels: Vec::new(),
            reported: BTreeMap::new(),
            reported_of: None,
            known: None,
        };
        for (name, value) in startup::parameters(startup).map_err(Error::into_fatal)? {
            let (key, value) = settings.checked(&name, &value, true).map_err(Error::into_fatal)?;
            settings.startup.insert(key, value);
        }
        settings.check_size().map_err(Error::into_fatal)?;
        Ok(settings)
    }

    /// `SET [LOCAL] name = value`, with `name` as the statement has it. Outside of a transaction SET LOCAL (and what is the
    /// transaction's own) is checked, and has no effect.
    pub fn set(&mut self, name: &str, value: &Value, local: bool) -> Result<()> {
        match value {
            Value::Default => self.set_default(name, local),
            // FROM CURRENT
            Value::List(values) if values.is_empty() => settable(name, false).map(|_| ()),
            Value::List(values) => {
                let parameter = settable(name, false)?;
                self.set_text(name, &check::join(parameter, name, values)?, local)
            }
            Value::Interval(text) => {
                let fault = || check::invalid("TimeZone", &format!("INTERVAL '{text}'"));
                let (_, shown) = zone::from_interval(text).ok_or_else(fault)?;
                self.set_text(name, &shown, local)
            }
        }
    }

    /// As [`Settings::set`] with a text that is the whole value, lists included: `set_config()`.
    pub fn set_text(&mut self, name: &str, text: &str, local: bool) -> Result<()> {
        let (key, value) = self.checked(name, text, false)?;
        let undo = (self.session.clone(), self.local.clone());
        self.store(key, Some(value), local);
        self.check_size().inspect_err(|_| (self.session, self.local) = undo)
    }

    /// `RESET name`
    pub fn reset(&mut self, name: &str) -> Result<()> {
        // PostgreSQL knows no fault in forgetting a custom parameter that nobody set.
        if settable(name, false)?.is_some() || self.find(&name.to_ascii_lowercase()).is_some() {
            self.set_default(name, false)?;
        }
        Ok(())
    }

    /// `RESET ALL`
    pub fn reset_all(&mut self) {
        self.keep_modes();
        let keep = |key: &str| NOT_RESET.contains(&key) || OF_TRANSACTION.iter().any(|(own, _)| *own == key);
        Arc::make_mut(&mut self.session).retain(|key, _| keep(key));
        Arc::make_mut(&mut self.local).retain(|key, _| keep(key));
    }

    /// `SHOW name`
    pub fn get(&self, name: &str) -> Result<String> {
        let key = name.to_ascii_lowercase();
        match parameter(&key) {
            Some(parameter) if parameter.hidden => {
                let message = format!(
                    "must be superuser or have privileges of pg_read_all_settings to examine \"{}\"",
                    parameter.name
                );
                Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
            }
            Some(parameter) => Ok(self.shown(parameter)),
            None => self
                .find(&key)
                .map(str::to_owned)
                .ok_or_else(|| check::unrecognized(name)),
        }
    }

    /// `SHOW ALL`: parameters with their values as SHOW says them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static Parameter, String)> {
        Self::listed().map(|parameter| (parameter, self.shown(parameter)))
    }

    /// Parameters that a client may ask for all at once, by name.
    pub fn listed() -> impl Iterator<Item = &'static Parameter> {
        let listed = |parameter: &&Parameter| !parameter.unlisted && !parameter.hidden;
        parameters().iter().filter(listed)
    }

    /// A parameter's value in its own unit: `pg_settings.setting`.
    pub fn setting(&self, parameter: &'static Parameter) -> &str {
        let key = parameter.name.to_ascii_lowercase();
        if key == "session_authorization" {
            return &self.user;
        }
        let set = match OF_TRANSACTION.iter().find(|(own, _)| *own == key) {
            // Where the transaction says nothing of its own, and between transactions, the default.
            Some((own, default)) => self.local.get(*own).map(String::as_str).or_else(|| self.find(default)),
            None => self.find(&key),
        };
        set.unwrap_or(parameter.setting)
    }

    /// What RESET would make of it: `pg_settings.reset_val`.
    pub fn reset_value(&self, parameter: &'static Parameter) -> &str {
        self.startup
            .get(&parameter.name.to_ascii_lowercase())
            .map_or(parameter.setting, String::as_str)
    }

    /// Where its value comes from: `pg_settings.source`.
    pub fn source(&self, parameter: &'static Parameter) -> &'static str {
        let key = parameter.name.to_ascii_lowercase();
        if self.local.contains_key(&key) || self.session.contains_key(&key) {
            "session"
        } else if self.startup.contains_key(&key) {
            "client"
        } else if parameter.setting != parameter.boot_val {
            "configuration file"
        } else {
            "default"
        }
    }

    /// The value that was set, where one was. `key` is in lower case.
    fn find(&self, key: &str) -> Option<&str> {
        let set = self
            .local
            .get(key)
            .or_else(|| self.session.get(key))
            .or_else(|| self.startup.get(key));
        set.map(String::as_str)
    }

    fn shown(&self, parameter: &'static Parameter) -> String {
        let setting = self.setting(parameter);
        match (parameter.vartype, parameter.name) {
            (_, "seed") => "unavailable".to_owned(),
            (Vartype::Integer, _) => units::show(parameter, setting, true),
            (Vartype::Real, _) => units::show(parameter, setting, false),
            _ => setting.to_owned(),
        }
    }

    /// The key and the canonical value of what shall be set.
    fn checked(&self, name: &str, text: &str, at_startup: bool) -> Result<(String, String)> {
        let value = match settable(name, at_startup)? {
            Some(parameter) if ["role", "session_authorization"].contains(&parameter.name) => {
                if text != self.user && !(parameter.name == "role" && text == "none") {
                    let message = format!("role \"{text}\" does not exist");
                    return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
                }
                text.to_owned()
            }
            Some(parameter) => check::canonical(parameter, name, text, self.setting(parameter))?,
            None => text.to_owned(),
        };
        Ok((name.to_ascii_lowercase(), value))
    }

    fn set_default(&mut self, name: &str, local: bool) -> Result<()> {
        let parameter = settable(name, false)?;
        let key = name.to_ascii_lowercase();
        match parameter {
            Some(parameter) if local => {
                let value = self.reset_value(parameter).to_owned();
                self.store(key, Some(value), true);
            }
            Some(_) => self.store(key, None, false),
            // A custom parameter stays known, with nothing in it.
            None => {
                let value = self.startup.get(&key).cloned().unwrap_or_default();
                self.store(key, Some(value), local);
            }
        }
        Ok(())
    }

    fn store(&mut self, key: String, value: Option<String>, local: bool) {
        if OF_TRANSACTION.iter().any(|(_, default)| *default == key) {
            self.keep_modes();
        }
        if local || OF_TRANSACTION.iter().any(|(own, _)| *own == key) {
            if !self.levels.is_empty()
                && let Some(value) = value
            {
                Arc::make_mut(&mut self.local).insert(key, value);
            }
            return;
        }
        if self.local.contains_key(&key) {
            Arc::make_mut(&mut self.local).remove(&key);
        }
        let session = Arc::make_mut(&mut self.session);
        match value {
            Some(value) => session.insert(key, value),
            None => session.remove(&key),
        };
    }

    /// Bytes that a savepoint may come to keep of them, roughly.
    pub fn size(&self) -> usize {
        let size = |values: &Values| {
            values
                .iter()
                .map(|(key, value)| ENTRY_SIZE + key.len() + value.len())
                .sum::<usize>()
        };
        SNAPSHOT_SIZE + size(&self.session) + size(&self.local)
    }

    fn check_size(&self) -> Result<()> {
        let size = |values: &BTreeMap<String, String>| {
            values.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        if size(&self.startup) + size(&self.session) + size(&self.local) > limits::SETTINGS_SIZE_MAX {
            let message = format!(
                "parameters of a session cannot have more than {} bytes",
                limits::SETTINGS_SIZE_MAX
            );
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }
}

/// The parameter of that name (none: a custom one), where a client without privileges may set it now.
fn settable(name: &str, at_startup: bool) -> Result<Option<&'static Parameter>> {
    let Some(parameter) = parameter(name) else {
        check::custom_name(name)?;
        return Ok(None);
    };
    let cannot = |what: &str| {
        Err(Error::new(
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{name}\" cannot be {what}"),
        ))
    };
    match parameter.context {
        Context::User => Ok(Some(parameter)),
        Context::Backend if at_startup => Ok(Some(parameter)),
        Context::Backend => cannot("set after connection start"),
        Context::SuperuserBackend if !at_startup => cannot("set after connection start"),
        Context::Superuser | Context::SuperuserBackend => {
            let message = format!("permission denied to set parameter \"{name}\"");
            Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
        }
        Context::Sighup => cannot("changed now"),
        Context::Postmaster => cannot("changed without restarting the server"),
        Context::Internal => cannot("changed"),
    }
}
