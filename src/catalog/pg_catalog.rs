//! The rows of `pg_catalog` that say something of this cluster. Every other relation is as `sql/` has it, or empty.

use std::collections::HashSet;

use chrono::Offset;
use chrono_tz::OffsetComponents;
use chrono_tz::OffsetName;

use super::{
    definition,
    facts::SessionFacts,
    model::{self, Constraint, ConstraintKind, Model, NAMESPACES, OWNER, PG_CATALOG, PUBLIC, Relation},
    names, quote,
    rows::{Row, array, row, vector},
    seed,
};

/// OIDs of catalogues that other catalogues refer to.
const PG_CLASS: u32 = 1259;
const PG_TYPE: u32 = 1247;
const PG_CONSTRAINT: u32 = 2606;
const PG_DATABASE: u32 = 1262;
const PG_NAMESPACE: u32 = 2615;

/// OIDs of the access methods `heap` and `btree`.
const HEAP: u32 = 2;
const BTREE: u32 = 403;

/// OID of the encoding `UTF8`.
const UTF8: i32 = 6;

/// What an attribute without a default statistics target has.
const DEFAULT_TARGET: i32 = -1;

/// The rows of a relation of `pg_catalog`.
pub fn rows(model: &Model, name: &str, facts: Option<&SessionFacts>) -> Vec<Row> {
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
        "pg_roles" => vec![row! {
            "rolname" => &model.user, "rolsuper" => false, "rolinherit" => true, "rolcreaterole" => false,
            "rolcreatedb" => false, "rolcanlogin" => true, "rolreplication" => false, "rolconnlimit" => -1,
            "rolpassword" => "********", "rolbypassrls" => false, "oid" => OWNER,
        }],
        "pg_user" => vec![row! {
            "usename" => &model.user, "usesysid" => OWNER, "usecreatedb" => false, "usesuper" => false, "userepl" => false,
            "usebypassrls" => false, "passwd" => "********",
        }],
        "pg_constraint" => model.constraints().map(|(constraint, relation)| pg_constraint(constraint, relation)).collect(),
        "pg_index" => pg_index(model),
        "pg_description" => pg_description(model),
        "pg_shdescription" => vec![row! {
            "objoid" => model.database_oid, "classoid" => PG_DATABASE,
            "description" => database_comment(model),
        }],
        "pg_depend" => pg_depend(model),
        "pg_settings" => facts.map(pg_settings).unwrap_or_default(),
        "pg_tables" => relations_of_kind(model, "r")
            .map(|relation| row! {
                "schemaname" => relation.schema(), "tablename" => &relation.name, "tableowner" => &model.user,
                "hasindexes" => relation.primary_key().is_some(), "hasrules" => false, "hastriggers" => false,
                "rowsecurity" => false,
            })
            .collect(),
        "pg_views" => relations_of_kind(model, "v")
            .map(|relation| row! {
                "schemaname" => relation.schema(), "viewname" => &relation.name, "viewowner" => &model.user,
            })
            .collect(),
        "pg_indexes" => model
            .indexes()
            .map(|(_, constraint, relation)| row! {
                "schemaname" => relation.schema(), "tablename" => &relation.name, "indexname" => &constraint.name,
                "indexdef" => definition::index(constraint, relation),
            })
            .collect(),
        "pg_stat_all_tables" | "pg_stat_user_tables" | "pg_stat_sys_tables" | "pg_statio_all_tables" | "pg_statio_user_tables"
        | "pg_statio_sys_tables" | "pg_stat_xact_all_tables" | "pg_stat_xact_user_tables" | "pg_stat_xact_sys_tables" => {
            relations_of_kind(model, "r")
                .filter(|relation| match relation.namespace {
                    PUBLIC => !name.contains("_sys_"),
                    _ => !name.contains("_user_"),
                })
                .map(|relation| row! { "relid" => relation.oid, "schemaname" => relation.schema(), "relname" => &relation.name })
                .collect()
        }
        "pg_stat_all_indexes" | "pg_stat_user_indexes" | "pg_statio_all_indexes" | "pg_statio_user_indexes" => model
            .indexes()
            .map(|(index, constraint, relation)| row! {
                "relid" => relation.oid, "indexrelid" => index, "schemaname" => relation.schema(), "relname" => &relation.name,
                "indexrelname" => &constraint.name, "idx_scan" => 0, "idx_tup_read" => 0, "idx_tup_fetch" => 0,
                "idx_blks_read" => 0, "idx_blks_hit" => 0,
            })
            .collect(),
        "pg_stat_database" => vec![row! {
            "datid" => model.database_oid, "datname" => &model.database, "numbackends" => 1, "xact_commit" => 0,
            "xact_rollback" => 0, "blks_read" => 0, "blks_hit" => 0, "tup_returned" => 0, "tup_fetched" => 0,
            "tup_inserted" => 0, "tup_updated" => 0, "tup_deleted" => 0, "conflicts" => 0, "temp_files" => 0,
            "temp_bytes" => 0, "deadlocks" => 0, "blk_read_time" => 0, "blk_write_time" => 0, "session_time" => 0,
            "active_time" => 0, "idle_in_transaction_time" => 0, "sessions" => 0, "sessions_abandoned" => 0,
            "sessions_fatal" => 0, "sessions_killed" => 0,
        }],
        "pg_stat_activity" => facts.map(|facts| vec![pg_stat_activity(model, facts)]).unwrap_or_default(),
        "pg_stat_ssl" => facts.map(|facts| vec![row! { "pid" => facts.backend_pid, "ssl" => true }]).unwrap_or_default(),
        "pg_stat_gssapi" => facts
            .map(|facts| vec![row! { "pid" => facts.backend_pid, "gss_authenticated" => false, "encrypted" => false }])
            .unwrap_or_default(),
        "pg_timezone_names" => time_zones(),
        _ => seeded(name),
    }
}

/// Every time zone with its offset of today.
fn time_zones() -> Vec<Row> {
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

/// The comment on the database.
pub fn database_comment(model: &Model) -> String {
    format!("Introspection tables of a Restate {} cluster", model.runtime_version)
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

fn pg_class(model: &Model) -> Vec<Row> {
    // psql asks for foreign keys only where a relation has the triggers that keep them: on both sides.
    let keyed: HashSet<u32> = model
        .constraints()
        .filter_map(|(constraint, relation)| match constraint.kind {
            ConstraintKind::Foreign { relation: target, .. } => Some([relation.oid, target]),
            ConstraintKind::Primary { .. } => None,
        })
        .flatten()
        .collect();
    let relations = model.relations.iter().map(|relation| {
        let table = relation.kind == "r";
        row! {
            "oid" => relation.oid, "relname" => &relation.name, "relnamespace" => relation.namespace,
            "reltype" => relation.row_type, "relowner" => OWNER, "relam" => if table { HEAP } else { 0 },
            // A file node tells tools that a relation has storage of its own.
            "relfilenode" => if table { relation.oid } else { 0 },
            "reltablespace" => if relation.shared { 1664 } else { 0 },
            // Not 0 pages of statistics but none: a page count makes DuckDB scan by ctid.
            "relpages" => 0, "reltuples" => -1, "relhasindex" => relation.primary_key().is_some(),
            "relhastriggers" => keyed.contains(&relation.oid),
            "relisshared" => relation.shared, "relpersistence" => "p", "relkind" => relation.kind,
            "relnatts" => relation.columns.len(), "relhasrules" => !table, "relispopulated" => true,
            "relreplident" => if relation.namespace == PUBLIC { "d" } else { "n" },
            "relfrozenxid" => if table { 716 } else { 0 }, "relminmxid" => if table { 1 } else { 0 },
        }
    });
    let indexes = model.indexes().map(|(index, constraint, relation)| {
        row! {
            "oid" => index, "relname" => &constraint.name, "relnamespace" => relation.namespace, "relowner" => OWNER,
            "relam" => BTREE, "relfilenode" => index, "relpages" => 0, "reltuples" => -1, "relpersistence" => "p",
            "relkind" => "i", "relnatts" => constraint.key.len(), "relispopulated" => true, "relreplident" => "n",
        }
    });
    relations.chain(indexes).collect()
}

fn pg_attribute(model: &Model) -> Vec<Row> {
    let attribute = |relation: u32, number: usize, column: &model::Column, not_null: bool| {
        let system = seed::types().get(&column.type_oid);
        let array = system.is_some_and(|system| system.category == "A");
        row! {
            "attrelid" => relation, "attname" => &column.name, "atttypid" => column.type_oid,
            "attstattarget" => DEFAULT_TARGET, "attlen" => system.map(|system| system.len), "attnum" => number,
            "attndims" => usize::from(array), "attcacheoff" => -1, "atttypmod" => column.type_modifier,
            "attbyval" => system.map(|system| system.by_value), "attalign" => system.map(|system| system.align),
            "attstorage" => system.map(|system| system.storage), "attnotnull" => not_null, "attislocal" => true,
            "attcollation" => system.map(|system| system.collation),
        }
    };
    let columns = model.relations.iter().flat_map(|relation| {
        relation
            .numbered()
            .map(move |(number, column)| attribute(relation.oid, number, column, column.not_null))
    });
    let keys = model.indexes().flat_map(|(index, constraint, relation)| {
        constraint.key.iter().enumerate().filter_map(move |(position, number)| {
            // An index's own columns are never marked NOT NULL.
            Some(attribute(index, position + 1, relation.column(*number)?, false))
        })
    });
    columns.chain(keys).collect()
}

fn pg_type(model: &Model) -> Vec<Row> {
    let mut rows = seeded("pg_type");
    // record_in, record_out, record_recv, record_send and their kin for arrays, as pg_proc has them.
    for relation in &model.relations {
        rows.push(row! {
            "oid" => relation.row_type, "typname" => &relation.name, "typnamespace" => relation.namespace, "typowner" => OWNER,
            "typlen" => -1, "typtype" => "c", "typcategory" => "C", "typisdefined" => true, "typdelim" => ",",
            "typrelid" => relation.oid, "typarray" => relation.array_type, "typinput" => 2290, "typoutput" => 2291,
            "typreceive" => 2402, "typsend" => 2403, "typalign" => "d", "typstorage" => "x", "typtypmod" => -1,
        });
        if relation.array_type != 0 {
            rows.push(row! {
                "oid" => relation.array_type, "typname" => format!("_{}", relation.name), "typnamespace" => relation.namespace,
                "typowner" => OWNER, "typlen" => -1, "typtype" => "b", "typcategory" => "A", "typisdefined" => true,
                "typdelim" => ",", "typsubscript" => 6179, "typelem" => relation.row_type, "typinput" => 750,
                "typoutput" => 751, "typreceive" => 2400, "typsend" => 2401, "typanalyze" => 3816, "typalign" => "d",
                "typstorage" => "x", "typtypmod" => -1,
            });
        }
    }
    rows
}

fn pg_constraint(constraint: &Constraint, relation: &Relation) -> Row {
    let common = row! {
        "oid" => constraint.oid, "conname" => &constraint.name, "connamespace" => relation.namespace,
        "convalidated" => true, "conrelid" => relation.oid, "conislocal" => true, "connoinherit" => true,
        "conkey" => array(&constraint.key),
    };
    let own = match &constraint.kind {
        ConstraintKind::Primary { index } => row! {
            "contype" => "p", "conindid" => *index, "confupdtype" => " ", "confdeltype" => " ", "confmatchtype" => " ",
        },
        ConstraintKind::Foreign {
            relation: referenced,
            index,
            key,
        } => {
            let equal: Vec<u32> = constraint
                .key
                .iter()
                .filter_map(|number| equality_operator(relation.column(*number)?.type_oid))
                .collect();
            row! {
                "contype" => "f", "conindid" => *index, "confrelid" => *referenced, "confupdtype" => "a", "confdeltype" => "a",
                "confmatchtype" => "s", "confkey" => array(key), "conpfeqop" => array(&equal), "conppeqop" => array(&equal),
                "conffeqop" => array(&equal),
            }
        }
    };
    common.into_iter().chain(own).collect()
}

/// The `=` of a type.
fn equality_operator(type_oid: u32) -> Option<u32> {
    // `text` lends its operators to the types that are stored like it.
    let type_oid = if seed::types().get(&type_oid)?.name == "varchar" {
        25
    } else {
        type_oid
    };
    let wanted = type_oid.to_string();
    seed::rows("pg_operator")
        .iter()
        .find(|row| {
            seed::get(row, "oprname") == "="
                && seed::get(row, "oprleft") == wanted
                && seed::get(row, "oprright") == wanted
        })
        .map(|row| seed::number(row, "oid"))
}

/// The default btree operator class of a type.
fn operator_class(type_oid: u32) -> u32 {
    let wanted = if type_oid == 1043 {
        "25".to_owned()
    } else {
        type_oid.to_string()
    };
    seed::rows("pg_opclass")
        .iter()
        .find(|row| {
            seed::get(row, "opcmethod") == "403"
                && seed::get(row, "opcdefault") == "t"
                && seed::get(row, "opcintype") == wanted
        })
        .map_or(0, |row| seed::number(row, "oid"))
}

fn pg_index(model: &Model) -> Vec<Row> {
    model
        .indexes()
        .map(|(index, constraint, relation)| {
            let types = || constraint.key.iter().filter_map(|number| Some(relation.column(*number)?.type_oid));
            let collation = |oid: u32| seed::types().get(&oid).map_or(0, |system| system.collation);
            row! {
                "indexrelid" => index, "indrelid" => relation.oid, "indnatts" => constraint.key.len(),
                "indnkeyatts" => constraint.key.len(), "indisunique" => true, "indisprimary" => true, "indimmediate" => true,
                "indisvalid" => true, "indisready" => true, "indislive" => true, "indkey" => vector(&constraint.key),
                "indcollation" => vector(types().map(collation)), "indclass" => vector(types().map(operator_class)),
                "indoption" => vector(constraint.key.iter().map(|_| 0)),
            }
        })
        .collect()
}

fn pg_description(model: &Model) -> Vec<Row> {
    let namespaces = NAMESPACES
        .iter()
        .filter(|(_, _, comment)| !comment.is_empty())
        .map(|(oid, _, comment)| {
            row! { "objoid" => *oid, "classoid" => PG_NAMESPACE, "objsubid" => 0, "description" => *comment }
        });
    let relations = model.tables().flat_map(|relation| {
        let own = relation.comment.iter().map(|comment| (0, comment));
        let columns = relation
            .numbered()
            .filter_map(|(number, column)| Some((number, column.comment.as_ref()?)));
        own.chain(columns).map(|(number, comment)| {
            row! { "objoid" => relation.oid, "classoid" => PG_CLASS, "objsubid" => number, "description" => comment }
        })
    });
    namespaces.chain(relations).collect()
}

fn pg_depend(model: &Model) -> Vec<Row> {
    let depend = |class: u32, oid: u32, referenced_class: u32, referenced: u32, column: usize, kind: &'static str| {
        row! {
            "classid" => class, "objid" => oid, "refclassid" => referenced_class, "refobjid" => referenced,
            "refobjsubid" => column, "deptype" => kind,
        }
    };
    let mut rows = Vec::new();
    for relation in model.tables() {
        rows.push(depend(PG_TYPE, relation.row_type, PG_CLASS, relation.oid, 0, "i"));
        rows.push(depend(PG_CLASS, relation.oid, PG_NAMESPACE, relation.namespace, 0, "n"));
    }
    for (constraint, relation) in model.constraints() {
        for number in &constraint.key {
            rows.push(depend(
                PG_CONSTRAINT,
                constraint.oid,
                PG_CLASS,
                relation.oid,
                *number,
                "a",
            ));
        }
        match &constraint.kind {
            ConstraintKind::Primary { index } => {
                rows.push(depend(PG_CLASS, *index, PG_CONSTRAINT, constraint.oid, 0, "i"))
            }
            ConstraintKind::Foreign {
                relation: referenced,
                index,
                key,
            } => {
                for number in key {
                    rows.push(depend(
                        PG_CONSTRAINT,
                        constraint.oid,
                        PG_CLASS,
                        *referenced,
                        *number,
                        "n",
                    ));
                }
                rows.push(depend(PG_CONSTRAINT, constraint.oid, PG_CLASS, *index, 0, "n"));
            }
        }
    }
    rows
}

/// What PostgreSQL says of each setting, with this session's values; settings that only this program knows come last.
fn pg_settings(facts: &SessionFacts) -> Vec<Row> {
    let mut own = facts.settings.all();
    let mut rows: Vec<Row> = seeded("pg_settings");
    for row in &mut rows {
        let name = row
            .iter()
            .find(|(column, _)| *column == "name")
            .and_then(|(_, name)| name.clone())
            .unwrap_or_default();
        if let Some(at) = own.iter().position(|(own, ..)| own.eq_ignore_ascii_case(&name)) {
            let (_, setting, _) = own.swap_remove(at);
            row.retain(|(column, _)| *column != "setting");
            row.push(("setting", Some(setting)));
        }
    }
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

fn pg_stat_activity(model: &Model, facts: &SessionFacts) -> Row {
    row! {
        "datid" => model.database_oid, "datname" => &model.database, "pid" => facts.backend_pid, "usesysid" => OWNER,
        "usename" => &model.user, "application_name" => facts.settings.get("application_name").unwrap_or_default(),
        "backend_start" => facts.start_time_us, "xact_start" => facts.statement_time_us(),
        "query_start" => facts.statement_time_us(), "state_change" => facts.statement_time_us(), "state" => "active",
        "query" => facts.query.as_deref().unwrap_or(""), "backend_type" => "client backend",
    }
}

/// What the OIDs that `reg*` types hold are called: schema-qualified where PostgreSQL would qualify.
pub fn relation_name(model: &Model, oid: u32) -> Option<String> {
    if let Some(relation) = model.relation_by_oid(oid) {
        let name = quote::identifier(&relation.name);
        return Some(match relation.namespace {
            PUBLIC | PG_CATALOG => name,
            _ => format!("{}.{name}", relation.schema()),
        });
    }
    model
        .indexes()
        .find(|(index, ..)| *index == oid)
        .map(|(_, constraint, _)| quote::identifier(&constraint.name))
}

/// The OID of a relation or an index by its name, as `regclass` reads it.
pub fn relation_oid(model: &Model, text: &str) -> Option<u32> {
    let parts = quote::split(text)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] | [_, schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let searched: Vec<u32> = match schema {
        Some(schema) => vec![model::namespace_oid(schema)?],
        None => vec![PG_CATALOG, PUBLIC],
    };
    searched.into_iter().find_map(|namespace| {
        let index = || {
            let mut indexes = model.indexes();
            indexes.find(|(_, constraint, relation)| relation.namespace == namespace && constraint.name == *name)
        };
        model
            .relation(namespace, name)
            .map(|relation| relation.oid)
            .or_else(|| index().map(|(oid, ..)| oid))
    })
}

/// The OID of a type by its name, as `regtype` reads it.
pub fn type_oid(model: &Model, text: &str) -> Option<u32> {
    if let Some((oid, _)) = names::parse_type(text) {
        return Some(oid);
    }
    let (element, array) = match text.trim().strip_suffix("[]") {
        Some(element) => (element, true),
        None => (text, false),
    };
    let parts = quote::split(element)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let relation = match schema {
        Some(schema) => model.relation(model::namespace_oid(schema)?, name),
        None => model
            .relation(PG_CATALOG, name)
            .or_else(|| model.relation(PUBLIC, name)),
    }?;
    Some(if array { relation.array_type } else { relation.row_type })
}
