//! Known-good answers are those of PostgreSQL 15.18 to SET and SHOW, for a user without privileges.

mod set;
mod transactions;

use std::time::Duration;

use super::*;
use crate::{
    query::{
        route::Route,
        statement::{Isolation, Modes, Piece, Statement},
    },
    wire::encode::{ByteaOutput, DateForm, DateOrder, IntervalStyle, Style, Zone},
};

fn settings() -> Settings {
    Settings::new(&[], "joe").unwrap()
}

/// Runs `SET …`.
fn set(settings: &mut Settings, sql: &str) -> Result<()> {
    match Statement::parse(Piece::whole(&format!("set {sql}"))).unwrap() {
        Statement::Set {
            parameter,
            value,
            local,
        } => settings.set(&parameter, &value, local),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_starts_with_the_values_of_the_server_and_of_its_startup_message() {
    let startup = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let fresh = settings();
    for (name, value) in [
        ("server_version", "15.18"),
        ("server_version_num", "150018"),
        ("server_encoding", "UTF8"),
        ("default_transaction_read_only", "on"),
        ("transaction_read_only", "on"),
        ("transaction_isolation", "read committed"),
        ("in_hot_standby", "off"),
        ("is_superuser", "off"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
        ("max_identifier_length", "63"),
        ("max_connections", "100"),
        ("TimeZone", "UTC"),
        ("search_path", "\"$user\", public"),
        ("session_authorization", "joe"),
        ("restate.route", "auto"),
        ("restate.durations", "milliseconds"),
    ] {
        assert_eq!(fresh.get(name).unwrap(), value, "{name}");
    }

    let given = startup(&[
        ("user", "joe"),
        ("database", "d"),
        ("_pq_.x", "1"),
        ("options", "-c search_path=a,\\ b -cjit=off --statement-timeout=5s"),
        ("TimeZone", "europe/rome"),
        ("application_name", "psql"),
    ]);
    let mut settings = Settings::new(&given, "joe").unwrap();
    set(&mut settings, "timezone = 'UTC'").unwrap();
    assert_eq!(settings.get("timezone").unwrap(), "UTC");
    settings.reset_all();
    for (name, value) in [
        ("search_path", "a, b"),
        ("jit", "off"),
        ("statement_timeout", "5s"),
        ("timezone", "Europe/Rome"),
    ] {
        assert_eq!(settings.get(name).unwrap(), value);
    }

    for (pair, code, message) in [
        (("foo", "1"), "42704", "unrecognized configuration parameter \"foo\""),
        (
            ("options", "-c statement_timeout=abc"),
            "22023",
            "invalid value for parameter \"statement_timeout\": \"abc\"",
        ),
        (
            ("options", "-c log_connections=on"),
            "42501",
            "permission denied to set parameter \"log_connections\"",
        ),
    ] {
        let error = Settings::new(&startup(&[pair]), "joe").unwrap_err();
        assert!(error.is_fatal());
        assert_eq!((error.code().code(), error.message()), (code, message));
    }
}

#[test]
fn reports_are_all_at_first_and_then_what_changed() {
    let mut settings = settings();
    let all = settings.take_reports();
    assert_eq!(all.len(), 13);
    assert!(
        all.contains(&("server_version", "15.18".into())) && all.contains(&("session_authorization", "joe".into()))
    );
    assert_eq!(settings.take_reports(), []);
    settings.begin();
    set(&mut settings, "datestyle = german").unwrap();
    set(&mut settings, "work_mem = '1MB'").unwrap();
    assert_eq!(settings.take_reports(), [("DateStyle", "German, DMY".into())]);
    settings.rollback();
    assert_eq!(settings.take_reports(), [("DateStyle", "ISO, MDY".into())]);
}

#[test]
fn the_engine_reads_typed_values() {
    let mut settings = settings();
    assert_eq!(settings.statement_timeout(), limits::STATEMENT_TIMEOUT);
    // What says "as long as it takes", and what is longer, is the server's own bound.
    for long in ["statement_timeout = 0", "statement_timeout = '1d'"] {
        set(&mut settings, long).unwrap();
        assert_eq!(settings.statement_timeout(), limits::STATEMENT_TIMEOUT_MAX);
    }
    assert_eq!(settings.style(), Style::default());
    assert_eq!(settings.engine_time_zone(), "UTC");
    for sql in [
        "statement_timeout = '1.5s'",
        "timezone = '<+05>-05'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = iso_8601",
        "bytea_output = escape",
        "extra_float_digits = 0",
        "restate.route = runtime",
        "restate.durations = interval",
    ] {
        set(&mut settings, sql).unwrap();
    }
    assert_eq!(settings.statement_timeout(), Duration::from_millis(1500));
    assert_eq!(settings.engine_time_zone(), "+05:00");
    assert_eq!(
        settings.style(),
        Style {
            zone: Zone::Fixed(5 * 3600),
            date_form: DateForm::Sql,
            date_order: DateOrder::Dmy,
            interval_style: IntervalStyle::Iso8601,
            bytea_output: ByteaOutput::Escape,
            extra_float_digits: 0,
            durations_as_interval: true,
        }
    );
    assert_eq!(settings.route(), Route::Runtime);
    set(&mut settings, "timezone = 'GMT+3'").unwrap();
    assert_eq!(settings.engine_time_zone(), "-03:00");
}

#[test]
fn every_parameter_shows_and_takes_its_own_value_back() {
    let mut settings = settings();
    // 333 that PostgreSQL shows to a user without privileges, and two of ours.
    assert_eq!(settings.all().count(), 335);
    for parameter in parameters()
        .iter()
        .filter(|parameter| parameter.context == Context::User && !parameter.unlisted)
    {
        let shown = settings.get(parameter.name).unwrap();
        settings
            .set_text(parameter.name, &shown, false)
            .unwrap_or_else(|error| panic!("{}: {error:?}", parameter.name));
        assert_eq!(settings.get(parameter.name).unwrap(), shown, "{}", parameter.name);
    }
}

#[test]
fn names_and_values_have_a_most_of_bytes() {
    let mut settings = settings();
    let long = "x".repeat(limits::SETTINGS_SIZE_MAX);
    let error = settings.set_text("a.b", &long, false).unwrap_err();
    assert_eq!(error.code(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    assert!(settings.get("a.b").is_err());
    settings.set_text("application_name", &long, false).unwrap();
    assert_eq!(settings.application_name().len(), 63);
}
