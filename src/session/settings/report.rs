//! What clients are told of without asking: ParameterStatus.

use super::{Settings, parameter};

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

impl Settings {
    /// Reported parameters whose value changed since the last call, for ParameterStatus; all of them at the first.
    pub fn take_reports(&mut self) -> Vec<(&'static str, String)> {
        let mut reports = Vec::new();
        // Equal before they are compared, mostly: both are shared until one changes.
        let of = (self.session.clone(), self.local.clone());
        if self.reported_of.as_ref() == Some(&of) {
            return reports;
        }
        self.reported_of = Some(of);
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
}
