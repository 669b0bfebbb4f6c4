//! SQL stays inside its cluster: every function there is, every relation there is, asked for files, addresses, the environment and other
//! clusters (rows D13, D14).

use std::{collections::BTreeSet, fs, net::TcpListener};

use datafusion::{execution::SessionStateDefaults, prelude::SessionConfig};

use super::Witness;
use crate::support::{
    ROOT,
    raw::{self, Message, Raw, query},
    server::{Server, demo_data},
};

/// What must never come back.
const CONTENT: &str = "content-of-a-file-of-the-server";
/// The other cluster that the server has; no statement of the first one names it.
const OTHER: &str = "another-tenant-of-this-server";

fn server() -> Server {
    Server::serve(&[("demo", demo_data()), (OTHER, demo_data())])
}

/// Everything that came back, errors included, as one text.
fn text(messages: &[Message]) -> String {
    messages
        .iter()
        .map(|message| String::from_utf8_lossy(&message.body) + "\n")
        .collect()
}

/// The text values of the first column.
fn column(raw: &mut Raw, sql: &str) -> Vec<String> {
    let answer = raw.query(sql);
    assert_eq!(raw::errors(&answer), [""; 0], "{sql}");
    let rows = answer.iter().filter(|message| message.tag == 'D');
    rows.filter_map(|row| row.values().remove(0))
        .map(|value| String::from_utf8(value).expect("UTF-8"))
        .collect()
}

/// What the engine has, whether or not it is reachable, and what the catalogue says there is.
fn functions(raw: &mut Raw) -> BTreeSet<String> {
    let mut names = BTreeSet::from_iter(column(raw, "select distinct proname from pg_proc"));
    for function in SessionStateDefaults::default_scalar_functions() {
        names.insert(function.name().to_owned());
        names.extend(function.aliases().iter().cloned());
    }
    for function in SessionStateDefaults::default_aggregate_functions() {
        names.insert(function.name().to_owned());
    }
    for function in SessionStateDefaults::default_window_functions() {
        names.insert(function.name().to_owned());
    }
    for function in SessionStateDefaults::default_table_functions() {
        names.insert(function.name().to_owned());
    }
    // Of PostgreSQL and of engines that are made for files.
    names.extend(
        [
            "pg_read_file",
            "pg_read_binary_file",
            "pg_ls_dir",
            "pg_stat_file",
            "lo_import",
            "lo_export",
            "dblink",
            "dblink_connect",
            "copy_to_file",
            "read_csv",
            "read_json",
            "read_parquet",
            "read_text",
            "glob",
            "url",
            "s3",
            "http_get",
            "file",
            "getenv",
            "env",
            "load_file",
            "system",
            "shell",
            "sys_exec",
            "parquet_metadata",
            "metadata_cache",
            "statistics_cache",
            "list_files_cache",
            "query_to_xml",
            "database_to_xml",
            "xmlparse",
        ]
        .map(str::to_owned),
    );
    names
}

#[test]
fn no_function_reaches_a_file_an_address_or_the_environment() {
    let server = server();
    let mut witness = Witness::of(&server);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("data.csv");
    fs::write(&file, format!("a,b\n1,{CONTENT}\n")).expect("write a file");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("no blocking");
    let url = format!("http://{}/data.csv", listener.local_addr().expect("an address"));
    let mut raw = Raw::login(&server, "demo");
    raw.query("set statement_timeout = '10s'");
    let names = functions(&mut raw);
    assert!(names.len() > 400, "only {} functions", names.len());

    // The server has this variable from the tests' own environment.
    let variable = "CARGO_MANIFEST_DIR";
    let file = file.display().to_string();
    let arguments = [
        format!("'{file}'"),
        format!("'{file}', '{file}'"),
        format!("'{file}', 1"),
        format!("'file://{file}'"),
        format!("'{url}'"),
        format!("'{variable}'"),
        format!("'{OTHER}'"),
    ];
    let statements: Vec<String> = names
        .iter()
        // It waits for as long as it is told.
        .filter(|name| !name.starts_with("pg_sleep"))
        .flat_map(|name| {
            let scalar = arguments
                .iter()
                .map(move |arguments| format!("select \"{name}\"({arguments})"));
            let table = arguments
                .iter()
                .take(5)
                .map(move |arguments| format!("select * from \"{name}\"({arguments})"));
            scalar.chain(table)
        })
        .collect();
    let mut answered = 0;
    for part in statements.chunks(50) {
        raw.send(&part.iter().flat_map(|sql| query(sql)).collect::<Vec<u8>>());
        for sql in part {
            let answer = raw.until_ready();
            assert_eq!(answer.last().map(|message| message.tag), Some('Z'), "{sql}");
            let said = text(&answer);
            answered += usize::from(raw::errors(&answer).is_empty());
            assert!(!said.contains(CONTENT), "{sql}: {said}");
            assert!(!said.contains(ROOT), "{sql}: {said}");
            assert!(
                !said.contains("No such file") && !said.contains("Object Store"),
                "{sql}: {said}"
            );
        }
    }
    assert!(answered > 100, "only {answered} of {} ran", statements.len());
    assert!(listener.accept().is_err(), "somebody called");
    assert_eq!(
        fs::read_dir(directory.path()).expect("the directory").count(),
        1,
        "nothing was written"
    );
    witness.is_well();
}

#[test]
fn no_setting_of_the_engine_is_shown_or_heard() {
    let server = server();
    let mut raw = Raw::login(&server, "demo");
    let settings = SessionConfig::new().options().entries();
    assert!(settings.len() > 100, "only {} settings", settings.len());
    for setting in settings {
        let key = setting.key;
        for sql in [format!("show {key}"), format!("select current_setting('{key}')")] {
            let errors = raw::errors(&raw.query(&sql));
            assert!(
                errors.len() == 1 && errors[0].starts_with("ERROR 42"),
                "{sql}: {errors:?}"
            );
        }
    }
    // PostgreSQL keeps any name with a dot for whoever asks for it; nothing else hears of it.
    raw.query("select set_config('datafusion.execution.target_partitions', '0', false)");
    raw.query("select set_config('datafusion.catalog.default_schema', 'nope', false)");
    assert_eq!(column(&mut raw, "select count(*)::text from sys_service").len(), 1);
    let shown = Raw::login(&server, "demo").query("show datafusion.catalog.default_schema");
    assert_eq!(raw::errors(&shown).len(), 1, "another session's");
}

#[test]
fn no_statement_reaches_a_file_or_an_address() {
    let server = server();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("data.csv");
    fs::write(&path, format!("a,b\n1,{CONTENT}\n")).expect("write a file");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("no blocking");
    let url = format!("http://{}/data.csv", listener.local_addr().expect("an address"));
    let mut raw = Raw::login(&server, "demo");
    for place in [
        path.display().to_string(),
        format!("file://{}", path.display()),
        url,
        "s3://bucket/data.csv".to_owned(),
    ] {
        for sql in [
            format!("select * from '{place}'"),
            format!("select * from \"{place}\""),
            format!("copy sys_invocation to '{place}.out'"),
            format!("copy (select 1) to '{place}.out' stored as parquet"),
            format!("copy (select 1) to program 'touch {place}.out'"),
            format!("copy sys_invocation from '{place}'"),
            format!("create external table t stored as csv location '{place}'"),
            format!("create table t as select * from '{place}'"),
            format!("create schema s location '{place}'"),
            format!("create function f() returns int language c as '{place}'"),
            format!("load '{place}'"),
            format!("attach '{place}'"),
            format!("explain analyze select * from '{place}'"),
            format!("explain copy (select 1) to '{place}.out'"),
            format!("prepare p as copy (select 1) to '{place}.out'"),
            format!("declare c cursor for select * from '{place}'"),
            format!("with t as (select * from '{place}') select * from t"),
            format!("insert into '{place}' values (1)"),
            format!("set search_path = '{place}'"),
            format!("set data_directory = '{place}'"),
        ] {
            let answer = raw.query(&sql);
            let said = text(&answer);
            assert!(
                !said.contains(CONTENT) && !said.contains("Object Store"),
                "{sql}: {said}"
            );
            assert_eq!(answer.last().map(|message| message.tag), Some('Z'), "{sql}");
            raw.query("rollback");
            assert_eq!(
                raw::errors(&answer).len(),
                usize::from(!sql.starts_with("set search_path")),
                "{sql}: {said}"
            );
        }
        raw.query("reset search_path");
    }
    assert!(listener.accept().is_err(), "somebody called");
    assert_eq!(
        fs::read_dir(directory.path()).expect("the directory").count(),
        1,
        "nothing was written"
    );
}

#[test]
fn no_relation_says_anything_of_another_cluster_or_of_the_engine() {
    let server = server();
    let mut raw = Raw::login(&server, "demo");
    let relations = column(
        &mut raw,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c \
         join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'p', 'f') order by 1",
    );
    assert!(relations.len() > 80, "{relations:?}");
    let directory = server.directory().display().to_string();
    for sql in relations
        .iter()
        .map(|name| format!("select * from {name} limit 5000"))
        .chain(["show all".to_owned()])
    {
        let answer = raw.query(&sql);
        // Some hold passwords, in PostgreSQL: nobody may read them.
        let errors = raw::errors(&answer);
        assert!(
            errors.iter().all(|error| error.starts_with("ERROR 42501: ")),
            "{sql}: {errors:?}"
        );
        let said = text(&answer);
        assert!(!said.contains(OTHER), "{sql}");
        assert!(!said.contains("datafusion."), "{sql}: a setting of the engine");
        assert!(
            !said.contains(ROOT) && !said.contains(&directory),
            "{sql}: a path of the server"
        );
    }
    for sql in [
        "select * from information_schema.df_settings",
        "select * from datafusion.information_schema.df_settings",
        "select * from datafusion.public.sys_invocation",
        &format!("select * from \"{OTHER}\".public.sys_invocation"),
        &format!("select * from \"{OTHER}\".sys_invocation"),
        &format!("select * from \"{OTHER}\".information_schema.tables"),
        &format!("select * from \"{OTHER}\".pg_catalog.pg_class"),
        &format!("set search_path = \"{OTHER}\"; select * from \"{OTHER}\".sys_invocation"),
        "select * from pg_shadow_nope",
    ] {
        assert_eq!(raw::errors(&raw.query(sql)).len(), 1, "{sql}");
    }
    // Who else is here is nobody's business.
    let _other = Raw::login(&server, OTHER);
    for sql in [
        "select * from pg_stat_activity",
        "select * from pg_database",
        "select * from pg_roles",
        "select * from pg_shadow",
    ] {
        let said = text(&raw.query(sql));
        assert!(!said.contains(OTHER), "{sql}: {said}");
    }
}
