//! A session's run-time parameters (GUCs): SET, SHOW, RESET, what a transaction undoes, what clients are told of.
//!
//! Values are kept in PostgreSQL's canonical form (`pg_settings.setting`); typed accessors are for those that the engine and
//! the encoder heed. Most parameters change nothing here: clients set them, and read them back.

mod check;
mod date_style;
mod parameter;
mod startup;
#[cfg(test)]
mod tests;
mod units;
mod zone;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use date_style::DateStyle;
pub use parameter::{Context, Parameter, Vartype, parameter, parameters};

use crate::{
    Error, Result, SqlState, limits,
    query::{
        route::Route,
        statement::{Modes, Value},
    },
    wire::encode::{ByteaOutput, Style, Zone},
};

/// Parameters that clients are told of whenever they change (GUC_REPORT), in the order in which PostgreSQL sends them.
const REPORTED: [&str; 13] = [
    "in_hot_standby",
    "integer_datetimes",
    "TimeZone",
    "IntervalStyle",
    "is_superuser",
    "application_name",
    "default_transaction_read_only",
    "standard_conforming_strings",
    "DateStyle",
    "session_authorization",
    "client_encoding",
    "server_version",
    "server_encoding",
];

/// A transaction's own parameters, and the session's defaults for them. RESET ALL leaves them alone.
const OF_TRANSACTION: [(&str, &str); 3] = [
    ("transaction_isolation", "default_transaction_isolation"),
    ("transaction_read_only", "default_transaction_read_only"),
    ("transaction_deferrable", "default_transaction_deferrable"),
];

/// Parameters that RESET ALL leaves alone besides.
const NOT_RESET: [&str; 2] = ["role", "session_authorization"];

/// Values by parameter, names in lower case. Shared between savepoints until one changes something.
type Values = Arc<BTreeMap<String, String>>;

/// What a rollback restores.
#[derive(Clone, Debug)]
struct Snapshot {
    session: Values,
    local: Values,
}

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
        };
        for (name, value) in startup::parameters(startup).map_err(fatal)? {
            let (key, value) = settings.checked(&name, &value, true).map_err(fatal)?;
            settings.startup.insert(key, value);
        }
        settings.check_size().map_err(fatal)?;
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
        let listed = parameters()
            .iter()
            .filter(|parameter| !parameter.unlisted && !parameter.hidden);
        listed.map(|parameter| (parameter, self.shown(parameter)))
    }

    /// A parameter's value in its own unit: `pg_settings.setting`.
    pub fn setting(&self, parameter: &'static Parameter) -> &str {
        let key = parameter.name.to_ascii_lowercase();
        if key == "session_authorization" {
            return &self.user;
        }
        let own = self.find(&key);
        // Between transactions, what the next one will have.
        let next = OF_TRANSACTION
            .iter()
            .find(|(own, _)| *own == key)
            .and_then(|(_, default)| self.find(default));
        own.or(next).unwrap_or(parameter.setting)
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

    /// A transaction begins, an implicit one included. Within one it does nothing.
    pub fn begin(&mut self) {
        if self.levels.is_empty() {
            let defaults = OF_TRANSACTION.map(|(own, default)| {
                let value = parameter(default).map(|parameter| self.setting(parameter).to_owned());
                (own.to_owned(), value.unwrap_or_default())
            });
            self.levels.push(self.snapshot());
            self.local = Arc::new(BTreeMap::from(defaults));
        }
    }

    /// The transaction ends and what it SET stays, but for SET LOCAL.
    pub fn commit(&mut self) {
        self.levels.clear();
        self.local = Values::default();
    }

    /// The transaction ends and what it SET is undone.
    pub fn rollback(&mut self) {
        if let Some(start) = self.levels.drain(..).next() {
            self.session = start.session;
        }
        self.local = Values::default();
    }

    /// Marks a savepoint; says its depth, from 1.
    pub fn savepoint(&mut self) -> usize {
        self.begin();
        self.levels.push(self.snapshot());
        self.levels.len() - 1
    }

    /// Back to the savepoint of that depth, which stays; those within it are gone.
    pub fn rollback_to(&mut self, depth: usize) {
        if let Some(Snapshot { session, local }) = self.levels.get(depth).cloned() {
            (self.session, self.local) = (session, local);
            self.levels.truncate(depth + 1);
        }
    }

    /// Forgets the savepoint of that depth and those within it; what was SET stays.
    pub fn release(&mut self, depth: usize) {
        self.levels.truncate(depth.max(1));
    }

    /// `BEGIN …`, `SET TRANSACTION …`: the modes of this transaction. Read-write is accepted, as it is for any client that asks;
    /// what it could write is refused all the same.
    pub fn set_modes(&mut self, modes: &Modes) {
        if !self.levels.is_empty() {
            for ((own, _), value) in OF_TRANSACTION.iter().zip(values(modes)) {
                if let Some(value) = value {
                    self.store((*own).to_owned(), Some(value), true);
                }
            }
        }
    }

    /// `SET SESSION CHARACTERISTICS AS TRANSACTION …`
    pub fn set_default_modes(&mut self, modes: &Modes) {
        for ((_, default), value) in OF_TRANSACTION.iter().zip(values(modes)) {
            if let Some(value) = value {
                self.store((*default).to_owned(), Some(value), false);
            }
        }
    }

    /// Reported parameters whose value changed since the last call, for ParameterStatus; all of them at the first.
    pub fn take_reports(&mut self) -> Vec<(&'static str, String)> {
        let mut reports = Vec::new();
        for name in REPORTED {
            let Some(parameter) = parameter(name) else {
                continue;
            };
            let value = self.shown(parameter);
            if self.reported.get(name) != Some(&value) {
                self.reported.insert(name, value.clone());
                reports.push((name, value));
            }
        }
        reports
    }

    /// How values are written as text.
    pub fn style(&self) -> Style {
        let DateStyle { format, order } = DateStyle::parse(self.value("DateStyle"), "").unwrap_or_default();
        let escape = self.value("bytea_output") == "escape";
        Style {
            zone: self.zone(),
            date_form: format,
            date_order: order,
            interval_style: date_style::interval_style(self.value("IntervalStyle")),
            bytea_output: if escape { ByteaOutput::Escape } else { ByteaOutput::Hex },
            extra_float_digits: self.value("extra_float_digits").parse().unwrap_or(1),
            durations_as_interval: self.value("restate.durations") == "interval",
        }
    }

    fn zone(&self) -> Zone {
        zone::parse(self.value("TimeZone")).map_or(Zone::UTC, |(zone, _)| zone)
    }

    /// TimeZone's name as the engine takes it.
    pub fn engine_time_zone(&self) -> String {
        zone::arrow_name(self.zone())
    }

    /// How long a statement may run: as the session says, but never beyond [`limits::STATEMENT_TIMEOUT_MAX`].
    pub fn statement_timeout(&self) -> Duration {
        let set = self.value("statement_timeout").parse().ok().filter(|ms| *ms > 0);
        set.map_or(limits::STATEMENT_TIMEOUT_MAX, Duration::from_millis)
            .min(limits::STATEMENT_TIMEOUT_MAX)
    }

    pub fn application_name(&self) -> &str {
        self.value("application_name")
    }

    pub fn route(&self) -> Route {
        match self.value("restate.route") {
            "runtime" => Route::Runtime,
            "local" => Route::Local,
            _ => Route::Auto,
        }
    }

    fn value(&self, name: &str) -> &str {
        parameter(name).map_or("", |parameter| self.setting(parameter))
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

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            session: self.session.clone(),
            local: self.local.clone(),
        }
    }
}

/// The modes as the values of [`OF_TRANSACTION`]'s parameters, in its order.
fn values(modes: &Modes) -> [Option<String>; 3] {
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    [
        modes.isolation.map(|level| level.as_str().to_owned()),
        modes.read_only.map(on_off),
        modes.deferrable.map(on_off),
    ]
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

/// The same error, as the end of the connection.
fn fatal(error: Error) -> Error {
    let mut fatal = Error::fatal(error.code(), error.message());
    if let Some(detail) = error.detail() {
        fatal = fatal.with_detail(detail);
    }
    match error.hint() {
        Some(hint) => fatal.with_hint(hint),
        None => fatal,
    }
}
