//! What transactions and savepoints do to what was set, and the parameters that are their own.

use super::*;

/// Statements and the `work_mem` that they leave, as PostgreSQL has it.
#[track_caller]
fn work_mem_after(steps: &[&str], value: &str) -> Settings {
    let mut settings = settings();
    for step in steps {
        match *step {
            "begin" => settings.begin(),
            "commit" => settings.commit(),
            "rollback" => settings.rollback(),
            "savepoint" => drop(settings.savepoint()),
            "rollback to" => settings.rollback_to(1),
            "release" => settings.release(1),
            sql => set(&mut settings, sql).unwrap(),
        }
    }
    assert_eq!(settings.get("work_mem").unwrap(), value, "{steps:?}");
    settings
}

#[test]
fn transactions_undo_and_forget_what_was_set() {
    let (one, two) = ("work_mem='1MB'", "work_mem='2MB'");
    let (local_one, local_two) = ("local work_mem='1MB'", "local work_mem='2MB'");
    work_mem_after(&["begin", local_one], "1MB");
    work_mem_after(&["begin", local_one, "commit"], "4MB");
    work_mem_after(&["begin", one, "rollback"], "4MB");
    work_mem_after(&["begin", one, "commit"], "1MB");
    work_mem_after(&["begin", one, local_two], "2MB");
    work_mem_after(&["begin", one, local_two, "commit"], "1MB");
    work_mem_after(&["begin", one, "savepoint", two, "rollback to"], "1MB");
    work_mem_after(
        &[
            "begin",
            one,
            "savepoint",
            two,
            "rollback to",
            two,
            "rollback to",
            "commit",
        ],
        "1MB",
    );
    work_mem_after(&["begin", "savepoint", local_two, "release"], "2MB");
    work_mem_after(&["begin", "savepoint", local_two, "release", "commit"], "4MB");
    work_mem_after(&["begin", local_two, one], "1MB");
    work_mem_after(&["begin", local_two, "savepoint", one, "release", "commit"], "1MB");
    work_mem_after(&["begin", "savepoint", two, "release", "rollback"], "4MB");
    work_mem_after(&[one, "begin", "work_mem to default", "rollback"], "1MB");
    work_mem_after(&[one, "begin", "local work_mem to default"], "4MB");
    work_mem_after(&[one, "begin", "local work_mem to default", "commit"], "1MB");
}

#[test]
fn modes_are_the_transactions_own() {
    let mut settings = settings();
    let modes = Modes {
        isolation: Some(Isolation::Serializable),
        read_only: Some(false),
        deferrable: None,
    };
    let shown = |settings: &Settings| {
        (
            settings.get("transaction_isolation").unwrap(),
            settings.get("transaction_read_only").unwrap(),
        )
    };
    settings.begin();
    settings.set_modes(&modes);
    settings.reset_all();
    assert_eq!(shown(&settings), ("serializable".into(), "off".into()));
    settings.commit();
    assert_eq!(shown(&settings), ("read committed".into(), "on".into()));
    settings.set_default_modes(&modes);
    settings.begin();
    assert_eq!(shown(&settings), ("serializable".into(), "off".into()));
    // A default that changes is the next transaction's.
    set(&mut settings, "default_transaction_isolation = 'repeatable read'").unwrap();
    settings.reset_all();
    assert_eq!(shown(&settings), ("serializable".into(), "off".into()));
    settings.rollback();
    settings.begin();
    assert_eq!(shown(&settings), ("serializable".into(), "off".into()));
    set(&mut settings, "default_transaction_isolation = 'repeatable read'").unwrap();
    settings.commit();
    assert_eq!(shown(&settings), ("repeatable read".into(), "off".into()));
    for forget in ["all", "local", "savepoint"] {
        settings.begin();
        match forget {
            "all" => settings.reset_all(),
            "local" => set(&mut settings, "local default_transaction_isolation = 'serializable'").unwrap(),
            _ => {
                let depth = settings.savepoint();
                set(&mut settings, "default_transaction_isolation = 'serializable'").unwrap();
                settings.rollback_to(depth);
            }
        }
        assert_eq!(shown(&settings), ("repeatable read".into(), "off".into()), "{forget}");
        settings.rollback();
    }
    settings.begin();
    assert_eq!(settings.get("default_transaction_read_only").unwrap(), "off");
}

#[test]
fn transactions_that_set_nothing_leave_what_is_heeded_as_it_was_read() {
    let mut settings = settings();
    let heeded = settings.heeded();
    settings.begin();
    assert!(Arc::ptr_eq(&heeded, &settings.heeded()));
    settings.commit();
    settings.begin();
    settings.rollback();
    assert!(Arc::ptr_eq(&heeded, &settings.heeded()));
    settings.begin();
    set(&mut settings, "local timezone = 'Europe/Rome'").unwrap();
    assert_eq!(settings.heeded().engine_time_zone, "Europe/Rome");
    settings.commit();
    assert_eq!(settings.heeded().engine_time_zone, "UTC");
}
