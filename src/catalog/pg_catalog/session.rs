//! Relations whose rows depend on the session that asks, or on the time.

use std::time::SystemTime;

use chrono::Offset;
use chrono_tz::{OffsetComponents, OffsetName};

use super::seeded;
use crate::catalog::{
    facts::{Activity, Reader, SessionFacts, Sessions, SettingsView},
    model::{Model, OWNER},
    rows::{Row, row},
};

/// What PostgreSQL says of each setting, with this session's values; settings that only this program knows come last.
/// Those that only a superuser may read are no settings of a session, and PostgreSQL does not list them either.
pub(super) fn pg_settings(facts: &SessionFacts) -> Vec<Row> {
    let mut own = facts.settings.all();
    let mut rows: Vec<Row> = seeded("pg_settings");
    rows.retain_mut(|row| {
        let name = row.iter().find(|(column, _)| *column == "name");
        let name = name.and_then(|(_, name)| name.as_deref()).unwrap_or_default();
        let Some(at) = own.iter().position(|(own, ..)| own.eq_ignore_ascii_case(name)) else {
            return false;
        };
        let (_, setting, _) = own.swap_remove(at);
        // The greatest float is more than a numeric holds here, as which clients read it.
        for (_, bound) in row.iter_mut().filter(|(column, _)| *column == "max_val") {
            if bound.as_deref() == Some("1.79769e+308") {
                *bound = Some("1e+18".to_owned());
            }
        }
        row.retain(|(column, _)| *column != "setting");
        row.push(("setting", Some(setting)));
        true
    });
    rows.extend(own.into_iter().map(|(name, setting, description)| {
        row! {
            "name" => name, "setting" => setting, "category" => "Customized Options", "short_desc" => description,
            "context" => "user", "vartype" => "string", "source" => "default", "pending_restart" => false,
        }
    }));
    rows.sort_by_key(|row| {
        row.iter()
            .find(|(column, _)| *column == "name")
            .and_then(|(_, name)| name.as_ref())
            .map(|name| name.to_lowercase())
    });
    rows
}

/// The sessions of the cluster, the reader's first; each in a database of the reader's, whatever name it was asked for by. Every
/// statement is a transaction of its own, as far as what it reads goes. Texts of statements are not kept.
pub(super) fn pg_stat_activity(model: &Model, reader: Reader) -> Vec<Row> {
    let Reader {
        facts,
        statement_time_us,
    } = reader;
    let application = |settings: &dyn SettingsView| settings.get("application_name").unwrap_or_default();
    let row = |pid: i32, application: String, start: i64, statement: Option<i64>, changed: Option<i64>, state: &str| {
        row! {
            "datid" => model.database_oid, "datname" => &model.database, "pid" => pid, "usesysid" => OWNER,
            "usename" => &model.user, "application_name" => application, "backend_start" => start,
            "xact_start" => statement.filter(|_| state != "idle"), "query_start" => statement,
            "state_change" => changed, "state" => state, "query" => "", "backend_type" => "client backend",
        }
    };
    let own = row(
        facts.backend_pid,
        application(facts.settings.as_ref()),
        facts.start_time_us,
        statement_time_us,
        statement_time_us,
        "active",
    );
    let others = others(facts).into_iter().map(|session| {
        row(
            session.pid,
            application(session.settings.as_ref()),
            micros(session.started_at),
            session.statement_at.map(micros),
            Some(micros(session.changed_at)),
            session.state,
        )
    });
    std::iter::once(own).chain(others).collect()
}

/// Processes of the cluster's sessions, the reader's first.
pub(super) fn processes(reader: Reader) -> Vec<i32> {
    let others = others(reader.facts).into_iter().map(|session| session.pid);
    std::iter::once(reader.facts.backend_pid).chain(others).collect()
}

/// The cluster's sessions but the reader's, in the order of their beginning.
fn others(facts: &SessionFacts) -> Vec<Activity> {
    let mut sessions = facts.settings.sessions().map(Sessions::all).unwrap_or_default();
    sessions.retain(|session| session.pid != facts.backend_pid);
    sessions.sort_unstable_by_key(|session| (session.started_at, session.pid));
    sessions
}

/// Microseconds since 1970.
fn micros(time: SystemTime) -> i64 {
    chrono::DateTime::<chrono::Utc>::from(time).timestamp_micros()
}

/// Every time zone with its offset of today.
pub(super) fn time_zones() -> Vec<Row> {
    let now = chrono::Utc::now();
    chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| {
            let offset = now.with_timezone(zone).offset().to_owned();
            let seconds = i64::from(offset.fix().local_minus_utc());
            row! {
                "name" => zone.name(), "abbrev" => offset.abbreviation(), "utc_offset" => seconds * 1_000_000_000,
                "is_dst" => !offset.dst_offset().is_zero(),
            }
        })
        .collect()
}
