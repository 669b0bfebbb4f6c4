//! The rows of `information_schema` that say something of this cluster.

use super::{
    definition,
    model::{self, Column, Constraint, ConstraintKind, Model, NAMESPACES, PUBLIC, Relation},
    names, pg_catalog,
    rows::{Row, row},
    seed,
};

/// What a `text` value can hold at most, in bytes, as PostgreSQL puts it (`character_octet_length`).
const OCTETS_MAX: u32 = 1 << 30;

/// The rows of a relation of `information_schema`.
pub fn rows(model: &Model, name: &str) -> Vec<Row> {
    let database = &model.database;
    match name {
        "information_schema_catalog_name" => vec![row! { "catalog_name" => database }],
        "schemata" => NAMESPACES
            .iter()
            .map(|(_, name, _)| row! { "catalog_name" => database, "schema_name" => *name, "schema_owner" => &model.user })
            .collect(),
        "tables" => model
            .relations
            .iter()
            .map(|relation| row! {
                "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
                "table_type" => if relation.kind == "r" { "BASE TABLE" } else { "VIEW" }, "is_insertable_into" => "NO",
                "is_typed" => "NO",
            })
            .collect(),
        "views" => model
            .relations
            .iter()
            .filter(|relation| relation.kind == "v")
            .map(|relation| row! {
                "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
                "view_definition" => definition::view(relation), "check_option" => "NONE", "is_updatable" => "NO", "is_insertable_into" => "NO",
                "is_trigger_updatable" => "NO", "is_trigger_deletable" => "NO", "is_trigger_insertable_into" => "NO",
            })
            .collect(),
        "view_table_usage" => model
            .views()
            .flat_map(|(_, view, relation)| {
                view.reads.iter().map(move |(table, _)| row! {
                    "view_catalog" => database, "view_schema" => relation.schema(), "view_name" => &relation.name,
                    "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => table,
                })
            })
            .collect(),
        "view_column_usage" => model
            .views()
            .flat_map(|(_, view, relation)| {
                let columns = view.reads.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)));
                columns.map(move |(table, column)| row! {
                    "view_catalog" => database, "view_schema" => relation.schema(), "view_name" => &relation.name,
                    "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => table,
                    "column_name" => column,
                })
            })
            .collect(),
        "columns" => all_columns(model).map(|(relation, number, column)| column_row(model, relation, number, column)).collect(),
        "element_types" => all_columns(model)
            .filter_map(|(relation, number, column)| element_type(model, relation, number, column))
            .collect(),
        "table_constraints" => table_constraints(model),
        "key_column_usage" => key_column_usage(model),
        "referential_constraints" => model
            .constraints()
            .filter_map(|(constraint, relation)| {
                let ConstraintKind::Foreign { relation: referenced, .. } = &constraint.kind else { return None };
                let key = model.relation_by_oid(*referenced)?.primary_key()?;
                Some(row! {
                    "constraint_catalog" => database, "constraint_schema" => relation.schema(),
                    "constraint_name" => &constraint.name, "unique_constraint_catalog" => database,
                    "unique_constraint_schema" => relation.schema(), "unique_constraint_name" => &key.name,
                    "match_option" => "NONE", "update_rule" => "NO ACTION", "delete_rule" => "NO ACTION",
                })
            })
            .collect(),
        "constraint_column_usage" => used(model)
            .flat_map(|(constraint, relation, key)| {
                key.iter().filter_map(move |number| {
                    Some(row! {
                        "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
                        "column_name" => &relation.column(*number)?.name, "constraint_catalog" => database,
                        "constraint_schema" => relation.schema(), "constraint_name" => &constraint.name,
                    })
                })
            })
            .collect(),
        "constraint_table_usage" => used(model)
            .map(|(constraint, relation, _)| row! {
                "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
                "constraint_catalog" => database, "constraint_schema" => relation.schema(), "constraint_name" => &constraint.name,
            })
            .collect(),
        "check_constraints" => not_null(model)
            .map(|(relation, number, column)| row! {
                "constraint_catalog" => database, "constraint_schema" => relation.schema(),
                "constraint_name" => not_null_name(relation, number), "check_clause" => format!("{} IS NOT NULL", column.name),
            })
            .collect(),
        "column_udt_usage" => all_columns(model)
            .filter_map(|(relation, _, column)| {
                let system = seed::types().get(&column.type_oid)?;
                let base = if system.kind == "d" { seed::types().get(&system.base)? } else { system };
                Some(row! {
                    "udt_catalog" => database, "udt_schema" => model::namespace_name(base.namespace), "udt_name" => base.name,
                    "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
                    "column_name" => &column.name,
                })
            })
            .collect(),
        "column_domain_usage" => all_columns(model)
            .filter_map(|(relation, _, column)| {
                let domain = seed::types().get(&column.type_oid).filter(|system| system.kind == "d")?;
                Some(row! {
                    "domain_catalog" => database, "domain_schema" => model::namespace_name(domain.namespace),
                    "domain_name" => domain.name, "table_catalog" => database, "table_schema" => relation.schema(),
                    "table_name" => &relation.name, "column_name" => &column.name,
                })
            })
            .collect(),
        "collation_character_set_applicability" => seed::rows("pg_collation")
            .iter()
            .map(|collation| row! {
                "collation_catalog" => database, "collation_schema" => "pg_catalog",
                "collation_name" => seed::get(collation, "collname"), "character_set_name" => "UTF8",
            })
            .collect(),
        "table_privileges" | "role_table_grants" => model
            .relations
            .iter()
            .map(|relation| row! {
                "grantor" => &model.user, "grantee" => &model.user, "table_catalog" => database,
                "table_schema" => relation.schema(), "table_name" => &relation.name, "privilege_type" => "SELECT",
                "is_grantable" => "NO", "with_hierarchy" => "YES",
            })
            .collect(),
        "column_privileges" | "role_column_grants" => all_columns(model)
            .filter(|(relation, ..)| relation.namespace == PUBLIC)
            .map(|(relation, _, column)| row! {
                "grantor" => &model.user, "grantee" => &model.user, "table_catalog" => database,
                "table_schema" => relation.schema(), "table_name" => &relation.name, "column_name" => &column.name,
                "privilege_type" => "SELECT", "is_grantable" => "NO",
            })
            .collect(),
        "enabled_roles" => vec![row! { "role_name" => &model.user }],
        "character_sets" => vec![row! {
            "character_set_name" => "UTF8", "character_repertoire" => "UCS", "form_of_use" => "UTF8",
            "default_collate_catalog" => database,
        }],
        "collations" => seed::rows("pg_collation")
            .iter()
            .map(|collation| row! {
                "collation_catalog" => database, "collation_schema" => "pg_catalog",
                "collation_name" => seed::get(collation, "collname"), "pad_attribute" => "NO PAD",
            })
            .collect(),
        "domains" => domains(model),
        "routines" => routines(model),
        _ => pg_catalog::seeded(name),
    }
}

fn all_columns(model: &Model) -> impl Iterator<Item = (&Relation, usize, &Column)> {
    model.relations.iter().flat_map(|relation| {
        relation
            .numbered()
            .map(move |(number, column)| (relation, number, column))
    })
}

/// What `columns`, `domains`, `element_types` and `routines` say of a type alike.
fn type_facts(model: &Model, type_oid: u32, modifier: i32) -> Row {
    let system = seed::types().get(&type_oid);
    let domain = system.filter(|system| system.kind == "d");
    let (type_oid, modifier) = match domain {
        Some(domain) if domain.base == 1043 && domain.name == "yes_or_no" => (domain.base, 7),
        Some(domain) => (domain.base, modifier),
        None => (type_oid, modifier),
    };
    let base = seed::types().get(&type_oid);
    let name = base.map_or("", |base| base.name);
    let (precision, radix, scale) = match name {
        "int2" => (Some(16), Some(2), Some(0)),
        "int4" => (Some(32), Some(2), Some(0)),
        "int8" => (Some(64), Some(2), Some(0)),
        "float4" => (Some(24), Some(2), None),
        "float8" => (Some(53), Some(2), None),
        "numeric" if modifier >= 4 => (
            Some(((modifier - 4) >> 16) & 0xffff),
            Some(10),
            Some((modifier - 4) & 0x7ff),
        ),
        "numeric" => (None, Some(10), None),
        _ => (None, None, None),
    };
    let character = matches!(name, "text" | "varchar" | "bpchar");
    let length = (character && modifier >= 4).then_some(modifier - 4);
    let octets = character.then(|| {
        length
            .and_then(|length| u32::try_from(length * 4).ok())
            .unwrap_or(OCTETS_MAX)
    });
    let datetime = match name {
        "timestamptz" | "timestamp" | "time" | "timetz" | "interval" => Some(if modifier >= 0 { modifier } else { 6 }),
        "date" => Some(0),
        _ => None,
    };
    let data_type = match base {
        Some(base) if base.category == "A" => "ARRAY".to_owned(),
        _ => names::format_type(model, type_oid, None).unwrap_or_default(),
    };
    row! {
        "data_type" => data_type, "character_maximum_length" => length, "character_octet_length" => octets,
        "numeric_precision" => precision, "numeric_precision_radix" => radix, "numeric_scale" => scale,
        "datetime_precision" => datetime, "udt_catalog" => &model.database,
        "udt_schema" => base.map(|base| model::namespace_name(base.namespace)), "udt_name" => name,
    }
}

fn column_row(model: &Model, relation: &Relation, number: usize, column: &Column) -> Row {
    let database = &model.database;
    let domain = seed::types().get(&column.type_oid).filter(|system| system.kind == "d");
    let own = row! {
        "table_catalog" => database, "table_schema" => relation.schema(), "table_name" => &relation.name,
        "column_name" => &column.name, "ordinal_position" => number, "is_nullable" => if column.not_null { "NO" } else { "YES" },
        "domain_catalog" => domain.map(|_| database), "domain_schema" => domain.map(|_| "information_schema"),
        "domain_name" => domain.map(|domain| domain.name), "dtd_identifier" => number, "is_self_referencing" => "NO",
        "is_identity" => "NO", "identity_cycle" => "NO", "is_generated" => "NEVER", "is_updatable" => "NO",
    };
    own.into_iter()
        .chain(type_facts(model, column.type_oid, column.type_modifier))
        .collect()
}

fn element_type(model: &Model, relation: &Relation, number: usize, column: &Column) -> Option<Row> {
    let array = seed::types()
        .get(&column.type_oid)
        .filter(|system| system.category == "A" && system.element != 0)?;
    let own = row! {
        "object_catalog" => &model.database, "object_schema" => relation.schema(), "object_name" => &relation.name,
        "object_type" => "TABLE", "collection_type_identifier" => number,
        "dtd_identifier" => format!("a{number}"),
    };
    // PostgreSQL leaves lengths and precisions of elements NULL.
    let facts = type_facts(model, array.element, -1);
    let named = facts
        .into_iter()
        .filter(|(column, _)| *column == "data_type" || column.starts_with("udt_"));
    Some(own.into_iter().chain(named).collect())
}

fn table_constraints(model: &Model) -> Vec<Row> {
    let common = |relation: &Relation, name: String, kind: &'static str| {
        row! {
            "constraint_catalog" => &model.database, "constraint_schema" => relation.schema(), "constraint_name" => name,
            "table_catalog" => &model.database, "table_schema" => relation.schema(), "table_name" => &relation.name,
            "constraint_type" => kind, "is_deferrable" => "NO", "initially_deferred" => "NO", "enforced" => "YES",
        }
    };
    let keys = model.constraints().map(|(constraint, relation)| {
        let kind = match constraint.kind {
            ConstraintKind::Primary { .. } => "PRIMARY KEY",
            ConstraintKind::Foreign { .. } => "FOREIGN KEY",
        };
        common(relation, constraint.name.clone(), kind)
    });
    let not_null =
        not_null(model).map(|(relation, number, _)| common(relation, not_null_name(relation, number), "CHECK"));
    keys.chain(not_null).collect()
}

/// The columns that are NOT NULL: PostgreSQL lists each as a CHECK.
fn not_null(model: &Model) -> impl Iterator<Item = (&Relation, usize, &Column)> {
    all_columns(model).filter(|(relation, _, column)| relation.kind == "r" && column.not_null)
}

/// The name of such a CHECK, made of OIDs.
fn not_null_name(relation: &Relation, number: usize) -> String {
    format!("{}_{}_{number}_not_null", relation.namespace, relation.oid)
}

fn key_column_usage(model: &Model) -> Vec<Row> {
    model
        .constraints()
        .flat_map(|(constraint, relation)| {
            constraint.key.iter().enumerate().filter_map(move |(position, number)| {
                let referenced = match &constraint.kind {
                    ConstraintKind::Primary { .. } => None,
                    ConstraintKind::Foreign { relation, key, .. } => {
                        let primary = model.relation_by_oid(*relation)?.primary_key()?;
                        let wanted = key.get(position)?;
                        primary
                            .key
                            .iter()
                            .position(|number| number == wanted)
                            .map(|position| position + 1)
                    }
                };
                Some(row! {
                    "constraint_catalog" => &model.database, "constraint_schema" => relation.schema(),
                    "constraint_name" => &constraint.name, "table_catalog" => &model.database,
                    "table_schema" => relation.schema(), "table_name" => &relation.name,
                    "column_name" => &relation.column(*number)?.name, "ordinal_position" => position + 1,
                    "position_in_unique_constraint" => referenced,
                })
            })
        })
        .collect()
}

/// Each constraint with the relation and the columns that it makes use of: of a foreign key those it refers to.
fn used(model: &Model) -> impl Iterator<Item = (&Constraint, &Relation, &Vec<usize>)> {
    model
        .constraints()
        .filter_map(|(constraint, relation)| match &constraint.kind {
            ConstraintKind::Primary { .. } => Some((constraint, relation, &constraint.key)),
            ConstraintKind::Foreign { relation, key, .. } => Some((constraint, model.relation_by_oid(*relation)?, key)),
        })
}

fn domains(model: &Model) -> Vec<Row> {
    seed::types()
        .values()
        .filter(|system| system.kind == "d")
        .map(|domain| {
            let own = row! {
                "domain_catalog" => &model.database, "domain_schema" => model::namespace_name(domain.namespace),
                "domain_name" => domain.name, "dtd_identifier" => 1,
            };
            own.into_iter().chain(type_facts(model, domain.oid, -1)).collect()
        })
        .collect()
}

fn routines(model: &Model) -> Vec<Row> {
    seed::rows("pg_proc")
        .iter()
        .filter(|proc| matches!(seed::get(proc, "prokind"), "f" | "p"))
        .map(|proc| {
            let name = seed::get(proc, "proname");
            let result = seed::types().get(&seed::number::<u32>(proc, "prorettype"));
            row! {
                "specific_catalog" => &model.database, "specific_schema" => "pg_catalog",
                "specific_name" => format!("{name}_{}", seed::get(proc, "oid")), "routine_catalog" => &model.database,
                "routine_schema" => "pg_catalog", "routine_name" => name, "routine_type" => "FUNCTION",
                "data_type" => result.and_then(|result| names::format_type(model, result.oid, None)),
                "type_udt_catalog" => &model.database, "type_udt_schema" => "pg_catalog",
                "type_udt_name" => result.map(|result| result.name), "dtd_identifier" => "0", "routine_body" => "EXTERNAL",
                "routine_definition" => seed::get(proc, "prosrc"), "external_language" => "INTERNAL",
                "parameter_style" => "GENERAL", "is_deterministic" => if seed::get(proc, "provolatile") == "i" { "YES" } else { "NO" },
                "sql_data_access" => "MODIFIES", "is_null_call" => if seed::get(proc, "proisstrict") == "t" { "YES" } else { "NO" },
                "schema_level_routine" => "YES", "max_dynamic_result_sets" => 0, "security_type" => "INVOKER",
                "as_locator" => "NO", "is_udt_dependent" => "NO",
            }
        })
        .collect()
}
