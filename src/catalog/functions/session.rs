//! Who and where: the session's own facts and settings.

use datafusion::logical_expr::Volatility;

use super::native::{Call, Function, Native, lenient, no, nothing, stable, yes_or_no, zero};
use crate::{
    Error, Result, SqlState,
    catalog::{
        facts::{SessionFacts, Sessions},
        model::Model,
    },
};

/// What `server_version` says, and `version()` begins with.
pub const SERVER_VERSION: &str = "15.18";

pub const FUNCTIONS: &[Native] = &[
    stable("version", "text", |call| Ok(Some(version(call.model)))),
    stable("current_schema", "name", |_| Ok(Some("public".into()))),
    stable("current_schemas", "name[]", |call| {
        let implicit = call.text(0) == Some("true");
        Ok(Some(if implicit { "{pg_catalog,public}" } else { "{public}" }.into()))
    }),
    stable("current_database", "name", database),
    stable("current_catalog", "name", database),
    stable("current_user", "name", user),
    stable("session_user", "name", user),
    stable("current_role", "name", user),
    stable("user", "name", user),
    stable("getpgusername", "name", user),
    stable("getdatabaseencoding", "name", |_| Ok(Some("UTF8".into()))),
    stable("pg_client_encoding", "name", |_| Ok(Some("UTF8".into()))),
    of_session("pg_backend_pid", "integer", true, |_, facts| {
        Ok(Some(facts.backend_pid.to_string()))
    }),
    stable("pg_is_in_recovery", "boolean", no),
    stable("pg_is_wal_replay_paused", "boolean", no),
    stable("pg_is_other_temp_schema", "boolean", no),
    stable("pg_my_temp_schema", "oid", |_| Ok(Some("0".into()))),
    of_session("pg_postmaster_start_time", "timestamp with time zone", true, start),
    of_session("pg_conf_load_time", "timestamp with time zone", true, start),
    stable("pg_blocking_pids", "integer[]", |_| Ok(Some("{}".into()))),
    stable("pg_current_wal_lsn", "pg_lsn", |_| Ok(Some("0/0".into()))),
    stable("pg_current_wal_insert_lsn", "pg_lsn", |_| Ok(Some("0/0".into()))),
    stable("pg_current_wal_flush_lsn", "pg_lsn", |_| Ok(Some("0/0".into()))),
    stable("pg_walfile_name", "text", |_| {
        Ok(Some("000000010000000000000000".into()))
    }),
    stable("pg_get_wal_replay_pause_state", "text", nothing),
    stable("pg_notification_queue_usage", "double precision", zero),
    stable("pg_current_logfile", "text", nothing),
    stable("pg_trigger_depth", "integer", zero),
    stable("pg_safe_snapshot_blocking_pids", "integer[]", |_| Ok(Some("{}".into()))),
    stable("pg_isolation_test_session_is_blocked", "boolean", no),
    stable("pg_xact_status", "text", nothing),
    stable("txid_status", "text", nothing),
    stable("pg_xact_commit_timestamp", "timestamp with time zone", nothing),
    stable("pg_current_snapshot", "pg_snapshot", |_| Ok(Some("1:1:".into()))),
    stable("txid_current_snapshot", "txid_snapshot", |_| Ok(Some("1:1:".into()))),
    stable("pg_snapshot_xmin", "xid8", |_| Ok(Some("1".into()))),
    stable("pg_snapshot_xmax", "xid8", |_| Ok(Some("1".into()))),
    stable("txid_snapshot_xmin", "bigint", |_| Ok(Some("1".into()))),
    stable("txid_snapshot_xmax", "bigint", |_| Ok(Some("1".into()))),
    stable("pg_visible_in_snapshot", "boolean", |_| yes_or_no(true)),
    stable("txid_visible_in_snapshot", "boolean", |_| yes_or_no(true)),
    stable("pg_current_xact_id_if_assigned", "xid8", nothing),
    stable("pg_last_wal_receive_lsn", "pg_lsn", nothing),
    stable("pg_last_wal_replay_lsn", "pg_lsn", nothing),
    stable("pg_last_xact_replay_timestamp", "timestamp with time zone", nothing),
    stable("txid_current", "bigint", |_| Ok(Some("1".into()))),
    stable("txid_current_if_assigned", "bigint", nothing),
    stable("pg_current_xact_id", "xid8", |_| Ok(Some("1".into()))),
    stable("inet_server_addr", "inet", nothing),
    stable("inet_client_addr", "inet", nothing),
    stable("inet_server_port", "integer", nothing),
    stable("inet_client_port", "integer", nothing),
    stable("pg_listening_channels", "text", nothing),
    stable("pg_jit_available", "boolean", no),
    stable("lastval", "bigint", |_| {
        let message = "lastval is not yet defined in this session";
        Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
    }),
    // Locks of one replica would protect nothing; nobody else can hold one either.
    volatile("pg_advisory_lock", "void", done),
    volatile("pg_advisory_lock_shared", "void", done),
    volatile("pg_advisory_xact_lock", "void", done),
    volatile("pg_advisory_xact_lock_shared", "void", done),
    volatile("pg_advisory_unlock", "boolean", |_| yes_or_no(true)),
    volatile("pg_advisory_unlock_shared", "boolean", |_| yes_or_no(true)),
    volatile("pg_advisory_unlock_all", "void", done),
    volatile("pg_try_advisory_lock", "boolean", |_| yes_or_no(true)),
    volatile("pg_try_advisory_lock_shared", "boolean", |_| yes_or_no(true)),
    volatile("pg_try_advisory_xact_lock", "boolean", |_| yes_or_no(true)),
    volatile("pg_try_advisory_xact_lock_shared", "boolean", |_| yes_or_no(true)),
    volatile("setseed", "void", done),
    volatile("timeofday", "text", |_| {
        Ok(Some(
            chrono::Utc::now().format("%a %b %d %H:%M:%S%.6f %Y UTC").to_string(),
        ))
    }),
    acting("pg_cancel_backend", "boolean", |call, facts| {
        signal(call, facts, |sessions, pid| sessions.cancel(pid))
    }),
    acting("pg_terminate_backend", "boolean", |call, facts| {
        signal(call, facts, |sessions, pid| sessions.terminate(pid))
    }),
    acting("set_config", "text", set_config),
    of_session("current_setting", "text", false, current_setting),
];

const fn volatile(name: &'static str, returns: &'static str, call: fn(&Call<'_>) -> Result<Option<String>>) -> Native {
    Native {
        volatility: Volatility::Volatile,
        ..lenient(name, returns, call)
    }
}

/// A function that does something each time that it is called, for the session that asks.
const fn acting(
    name: &'static str,
    returns: &'static str,
    call: fn(&Call<'_>, &SessionFacts) -> Result<Option<String>>,
) -> Native {
    Native {
        volatility: Volatility::Volatile,
        ..of_session(name, returns, false, call)
    }
}

/// A function that looks at the session that asks.
const fn of_session(
    name: &'static str,
    returns: &'static str,
    strict: bool,
    call: fn(&Call<'_>, &SessionFacts) -> Result<Option<String>>,
) -> Native {
    Native {
        name,
        returns,
        strict,
        volatility: Volatility::Stable,
        call: Function::OfSession(call),
    }
}

/// What a function does to another session of the cluster; NULL for NULL, and false where there is no such session on this replica.
fn signal(
    call: &Call<'_>,
    facts: &SessionFacts,
    signal: impl FnOnce(&dyn Sessions, i32) -> bool,
) -> Result<Option<String>> {
    let Some(pid) = call.number(0).and_then(|pid| i32::try_from(pid).ok()) else {
        return Ok(None);
    };
    yes_or_no(facts.settings.sessions().is_some_and(|sessions| signal(sessions, pid)))
}

/// The answer of a function that returns nothing.
fn done(_: &Call<'_>) -> Result<Option<String>> {
    Ok(Some(String::new()))
}

/// `version()`.
pub fn version(model: &Model) -> String {
    format!(
        "PostgreSQL {SERVER_VERSION} (restate-pg {}, Restate {}) on {}, compiled by rustc, 64-bit",
        env!("CARGO_PKG_VERSION"),
        model.runtime_version,
        std::env::consts::ARCH
    )
}

/// A cluster has one role, which `SET ROLE` cannot change.
fn user(call: &Call<'_>) -> Result<Option<String>> {
    Ok(Some(call.model.user.clone()))
}

fn database(call: &Call<'_>) -> Result<Option<String>> {
    Ok(Some(call.model.database.clone()))
}

fn start(_: &Call<'_>, facts: &SessionFacts) -> Result<Option<String>> {
    Ok(Some(facts.start_time_us.to_string()))
}

/// With a second argument that is true, an unknown setting is NULL rather than an error.
fn current_setting(call: &Call<'_>, facts: &SessionFacts) -> Result<Option<String>> {
    let Some(name) = call.text(0) else {
        return Ok(None);
    };
    match facts.settings.get(name) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == SqlState::UNDEFINED_OBJECT && call.text(1) == Some("true") => Ok(None),
        Err(error) => Err(error),
    }
}

fn set_config(call: &Call<'_>, facts: &SessionFacts) -> Result<Option<String>> {
    let Some(name) = call.text(0) else {
        return Ok(None);
    };
    let local = call.text(2) == Some("true");
    facts.settings.set(name, call.text(1).unwrap_or(""), local).map(Some)
}
