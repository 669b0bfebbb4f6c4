//! The two that bring catalogue functions of their own: ODBC, through which spreadsheets and BI tools come, and Perl's DBI.

use serde_json::{Value, json};

use super::{Door, Facts};
use crate::support::lab;

/// Whether a client found the columns and keys that there are.
fn check_keys(facts: &Facts, told: &Value) {
    assert_eq!(told["columns"], json!(facts.tables.get("sys_invocation")), "{told}");
    assert_eq!(told["primary_key"], json!(["id", "index"]), "{told}");
    let keys = json!([["id", "sys_invocation", "id"], ["invoked_id", "sys_invocation", "id"]]);
    assert_eq!(told["foreign_keys"], keys, "{told}");
    assert_eq!(told["after"], 1, "{told}");
}

#[test]
fn odbc_finds_tables_and_keys_and_fetches_by_cursors() {
    let Some(told) = lab::odbc().and_then(|()| Door::shared().run("odbc.py")) else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        check_keys(facts, &told);
        assert_eq!(told["typed"], json!(["a", "6", "2024-01-02 03:04:05", "1.5"]));
        assert_eq!(told["cancel"], "57014");
    }
}

#[test]
fn perl_finds_tables_and_keys_and_copies() {
    let Some(told) = Door::shared().run("dbd.pl") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        check_keys(facts, &told);
        assert_eq!(told["copied"], facts.state);
        assert_eq!(told["cancel"], true);
    }
}
