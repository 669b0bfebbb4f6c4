//! The parameters that change something here, as what they change takes them.

use std::{sync::Arc, time::Duration};

use super::{DateStyle, Settings, Values, date_style, parameter, zone};
use crate::{
    limits,
    query::route::Route,
    wire::encode::{ByteaOutput, Style, Zone},
};

/// What every statement heeds.
#[derive(Clone, Debug)]
pub struct Heeded {
    /// How values are written as text.
    pub style: Style,
    /// TimeZone's name as the engine takes it.
    pub engine_time_zone: String,
    pub route: Route,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    pub idle_session_timeout: Option<Duration>,
    pub idle_in_transaction_session_timeout: Option<Duration>,
}

/// What is heeded, and the values that it was read from: while they are the same, it is not read again.
#[derive(Clone, Debug)]
pub(super) struct Known {
    of: (Values, Values),
    heeded: Arc<Heeded>,
}

impl Settings {
    /// What every statement heeds, as the settings are now.
    pub fn heeded(&mut self) -> Arc<Heeded> {
        // Both are shared until one changes.
        if let Some(Known {
            of: (session, local),
            heeded,
        }) = &self.known
            && Arc::ptr_eq(session, &self.session)
            && Arc::ptr_eq(local, &self.local)
        {
            return Arc::clone(heeded);
        }
        let heeded = Arc::new(Heeded {
            style: self.style(),
            engine_time_zone: self.engine_time_zone(),
            route: self.route(),
            statement_timeout: self.statement_timeout(),
            idle_session_timeout: self.timeout("idle_session_timeout"),
            idle_in_transaction_session_timeout: self.timeout("idle_in_transaction_session_timeout"),
        });
        self.known = Some(Known {
            of: (Arc::clone(&self.session), Arc::clone(&self.local)),
            heeded: Arc::clone(&heeded),
        });
        heeded
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

    /// A time that runs out (`idle_session_timeout`, …); none: never.
    pub fn timeout(&self, name: &str) -> Option<Duration> {
        self.value(name)
            .parse()
            .ok()
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis)
    }

    /// How long a statement may run: as the session says, but never beyond [`limits::STATEMENT_TIMEOUT_MAX`].
    pub fn statement_timeout(&self) -> Duration {
        let set = self.timeout("statement_timeout");
        set.unwrap_or(limits::STATEMENT_TIMEOUT_MAX)
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
}
