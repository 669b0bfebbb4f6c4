//! Every relation of `pg_catalog` and `information_schema` has PostgreSQL 15's columns.

use crate::support::{
    lab::{self, Version},
    postgres::Postgres,
    psql,
    server::{Data, Server},
};

/// Relations with their columns in order, types spelled out, and what else a driver decodes by.
const COLUMNS: &str = "select n.nspname, c.relname, c.relkind, case when c.oid < 13000 then c.oid end, a.attnum, a.attname, \
     format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attlen, a.attndims, a.attcollation, a.attstorage \
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
     where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v') and a.attnum > 0 \
     order by n.nspname, c.relname, a.attnum";

#[test]
fn every_system_relation_has_the_columns_of_postgresql_15() {
    let Some(postgres) = Postgres::documented() else { return };
    let options = ["--csv", "-t"];
    let Some(ours) = psql::run(Server::shared(), "demo", &options, COLUMNS) else {
        return;
    };
    let theirs = postgres.psql(&options, COLUMNS);
    assert!(ours.success && theirs.success, "{}{}", ours.stderr, theirs.stderr);
    let differing: Vec<_> = ours
        .stdout
        .lines()
        .zip(theirs.stdout.lines())
        .filter(|(ours, theirs)| ours != theirs)
        .collect();
    assert!(
        differing.is_empty(),
        "{} differ: {:?}",
        differing.len(),
        differing.first()
    );
    assert_eq!(ours.stdout.lines().count(), theirs.stdout.lines().count());
    assert!(theirs.stdout.lines().count() > 2000, "too few to be all");
}

/// The columns of `public` that nothing is said of: `sql/` knows every table of every promised version.
const UNDOCUMENTED: &str = "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid \
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') \
     and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)";

#[test]
fn every_column_of_a_real_runtime_is_documented() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let server = Server::serve(&[("yourcluster", Data::Runtime(runtime.admin.clone()))]);
        let ask = |sql: &str| psql::run(&server, "yourcluster", &["-A", "-t"], sql);
        let Some(answer) = ask(UNDOCUMENTED) else { return };
        assert!(answer.success, "{}", answer.stderr);
        assert_eq!(answer.stdout, "", "of {version:?}");
        let columns = UNDOCUMENTED
            .replace(" is null", " is not null")
            .replace("c.relname, a.attname", "count(*) > 100");
        assert_eq!(ask(&columns).expect("psql, as above").stdout, "t\n", "of {version:?}");
    }
}
