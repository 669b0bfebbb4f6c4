//! Every relation of `pg_catalog` and `information_schema` has PostgreSQL 15's columns.

use crate::support::{postgres::Postgres, psql, server::Server};

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
