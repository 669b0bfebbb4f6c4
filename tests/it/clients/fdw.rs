//! postgres_fdw: a PostgreSQL that reads a cluster's tables as its own, and joins them with what it has.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::{Door, Facts};
use crate::support::postgres;

/// A foreign server and its tables, for one cluster.
fn import(door: &Door, cluster: &str, certificate: &Path) -> String {
    format!(
        "create server {cluster} foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{}', \
         dbname '{cluster}', sslmode 'verify-full', sslrootcert '{}', fetch_size '1000');\n\
         create user mapping for current_user server {cluster} options (user '{cluster}', password '{}');\n\
         create schema {cluster};\n\
         import foreign schema public from server {cluster} into {cluster};\n",
        door.server.port,
        certificate.display(),
        door.server.token(cluster)
    )
}

/// Tables, a scan, an aggregate that is pushed down, a join with a local table, a parameter at run time (DECLARE takes it), an error and
/// a write.
fn tasks(cluster: &str) -> String {
    format!(
        "set search_path = {cluster}, public;\n\
         select count(*) from information_schema.foreign_tables where foreign_table_schema = '{cluster}';\n\
         select count(*) from (select * from state) as s;\n\
         select count(*) from sys_invocation where status = 'completed';\n\
         create temp table mine as select id from sys_invocation order by id limit 3;\n\
         select count(*) > 0 from mine join sys_journal using (id);\n\
         set plan_cache_mode = force_generic_plan;\n\
         prepare by_status(text) as select count(*) from sys_invocation where status = $1;\n\
         execute by_status('completed');\n\
         delete from state;\n\
         drop table mine; deallocate by_status;\n"
    )
}

#[test]
fn postgres_fdw_imports_the_schema_and_joins_remote_with_local_tables() {
    let Some(postgres) = postgres::start() else { return };
    let door = Door::shared();
    // PostgreSQL runs as another user, who must be able to read it.
    let directory = tempfile::tempdir().expect("a directory for the certificate");
    let certificate = directory.path().join("server.crt");
    fs::copy(door.server.certificate(), &certificate).expect("copy the certificate");
    for path in [directory.path(), &certificate] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("let it be read");
    }
    for (cluster, facts) in &door.facts {
        let begin = "create extension if not exists postgres_fdw;\n\\set VERBOSITY sqlstate\n";
        let script = format!("{begin}{}{}", import(door, cluster, &certificate), tasks(cluster));
        let answer = postgres.psql(&["-Atq"], &script);
        let Facts {
            tables,
            views,
            completed,
            state,
            ..
        } = facts;
        let expected = format!("{}\n{state}\n{completed}\nt\n{completed}\n", tables.len() + views.len());
        assert_eq!(answer.stdout, expected, "{cluster}: {}", answer.stderr);
        let errors = answer.stderr.lines().filter(|line| line.contains("ERROR"));
        let errors: Vec<&str> = errors.collect();
        assert_eq!(errors, ["ERROR:  25006"], "{cluster}: {}", answer.stderr);
    }
}
