//! The rows of `pg_catalog` that say something of this cluster. Every other relation is as `sql/` has it, or empty.

mod class;
mod keys;
mod lookup;
mod refer;
mod session;
mod stats;

use super::{
    definition,
    facts::Reader,
    model::{Model, NAMESPACES, OWNER, Relation},
    rows::{Row, row},
    seed,
};
use class::{pg_attribute, pg_class, pg_type};
use keys::{pg_constraint, pg_index};
use refer::{pg_depend, pg_description, pg_rewrite};
use session::{pg_settings, pg_stat_activity, processes, time_zones};

pub use lookup::{relation_name, relation_oid, type_oid};

/// The roles that every PostgreSQL 15 has, which clients look for by name. Nobody here is a member of one.
pub const PREDEFINED_ROLES: [(u32, &str); 12] = [
    (6171, "pg_database_owner"),
    (6181, "pg_read_all_data"),
    (6182, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"),
    (3375, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"),
    (4544, "pg_checkpoint"),
];

/// The OID of a predefined role.
pub fn predefined_role(name: &str) -> Option<u32> {
    let found = PREDEFINED_ROLES.iter().find(|(_, role)| *role == name);
    found.map(|(oid, _)| *oid)
}

/// OID of the catalogue of databases, to which their comments belong.
const PG_DATABASE: u32 = 1262;

/// OID of the encoding `UTF8`.
const UTF8: i32 = 6;

/// The rows of a relation of `pg_catalog`.
pub fn rows(model: &Model, name: &str, reader: Option<Reader>) -> Vec<Row> {
    match name {
        "pg_class" => pg_class(model),
        "pg_attribute" => pg_attribute(model),
        "pg_type" => pg_type(model),
        "pg_namespace" => NAMESPACES
            .iter()
            .map(|(oid, name, _)| row! { "oid" => *oid, "nspname" => *name, "nspowner" => OWNER })
            .collect(),
        "pg_database" => vec![row! {
            "oid" => model.database_oid, "datname" => &model.database, "datdba" => OWNER, "encoding" => UTF8,
            "datlocprovider" => "c", "datistemplate" => false, "datallowconn" => true, "datconnlimit" => -1,
            "datfrozenxid" => 716, "datminmxid" => 1, "dattablespace" => 1663, "datcollate" => "C.UTF-8", "datctype" => "C.UTF-8",
        }],
        "pg_roles" => PREDEFINED_ROLES
            .iter()
            .map(|(oid, name)| (*oid, *name))
            .chain([(OWNER, model.user.as_str())])
            .map(|(oid, name)| {
                row! {
                    "rolname" => name, "rolsuper" => false, "rolinherit" => true, "rolcreaterole" => false,
                    "rolcreatedb" => false, "rolcanlogin" => oid == OWNER, "rolreplication" => false, "rolconnlimit" => -1,
                    "rolpassword" => "********", "rolbypassrls" => false, "oid" => oid,
                }
            })
            .collect(),
        "pg_user" => vec![row! {
            "usename" => &model.user, "usesysid" => OWNER, "usecreatedb" => false, "usesuper" => false, "userepl" => false,
            "usebypassrls" => false, "passwd" => "********",
        }],
        "pg_constraint" => model
            .constraints()
            .map(|(constraint, relation)| pg_constraint(constraint, relation))
            .collect(),
        "pg_index" => pg_index(model),
        "pg_description" => pg_description(model),
        "pg_shdescription" => vec![row! {
            "objoid" => model.database_oid, "classoid" => PG_DATABASE,
            "description" => database_comment(model),
        }],
        "pg_depend" => pg_depend(model),
        "pg_rewrite" => pg_rewrite(model),
        "pg_settings" => reader.map(|reader| pg_settings(reader.facts)).unwrap_or_default(),
        "pg_tables" => relations_of_kind(model, "r")
            .map(|relation| {
                row! {
                    "schemaname" => relation.schema(), "tablename" => &relation.name, "tableowner" => &model.user,
                    "hasindexes" => relation.primary_key().is_some(), "hasrules" => false, "hastriggers" => false,
                    "rowsecurity" => false,
                }
            })
            .collect(),
        "pg_views" => relations_of_kind(model, "v")
            .map(|relation| {
                row! {
                    "schemaname" => relation.schema(), "viewname" => &relation.name, "viewowner" => &model.user,
                    "definition" => definition::view(relation),
                }
            })
            .collect(),
        "pg_indexes" => model
            .indexes()
            .map(|(_, constraint, relation)| {
                row! {
                    "schemaname" => relation.schema(), "tablename" => &relation.name, "indexname" => &constraint.name,
                    "indexdef" => definition::index(constraint, relation),
                }
            })
            .collect(),
        "pg_stat_activity" => reader
            .map(|reader| pg_stat_activity(model, reader))
            .unwrap_or_default(),
        "pg_stat_ssl" => of_processes(reader, |pid| row! { "pid" => pid, "ssl" => true }),
        "pg_stat_gssapi" => of_processes(reader, |pid| {
            row! { "pid" => pid, "gss_authenticated" => false, "encrypted" => false }
        }),
        "pg_timezone_names" => time_zones(),
        _ => match stats::rows(model, name) {
            Some(rows) => rows,
            None => seeded(name),
        },
    }
}

/// A row for each session of the reader's cluster.
fn of_processes(reader: Option<Reader>, row: impl FnMut(i32) -> Row) -> Vec<Row> {
    reader.map(processes).unwrap_or_default().into_iter().map(row).collect()
}

/// The comment on the database.
pub fn database_comment(model: &Model) -> String {
    format!("Introspection tables of a Restate {} cluster", model.runtime_version)
}

/// Whether a relation's rows are those of its data file, in every database: nothing is put to them.
pub fn is_same_everywhere(name: &str) -> bool {
    !matches!(name, "pg_type" | "pg_settings") && !seed::rows(name).is_empty()
}

/// Rows that are the same in every database.
pub fn seeded(name: &str) -> Vec<Row> {
    seed::rows(name)
        .iter()
        .map(|row| {
            row.iter()
                .map(|(column, value)| (*column, Some((*value).to_owned())))
                .collect()
        })
        .collect()
}

fn relations_of_kind<'a>(model: &'a Model, kind: &'a str) -> impl Iterator<Item = &'a Relation> {
    model.relations.iter().filter(move |relation| relation.kind == kind)
}
