//! The catalogue through the engine: what it says of a cluster, held against what PostgreSQL 15 says of the same tables.

use super::{
    model::Model,
    seed,
    testing::{self, Engine},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_relation_can_be_read_whole() {
    let engine = Engine::new();
    for relation in seed::relations() {
        let sql = format!("select * from {}.{}", relation.schema, relation.name);
        match engine.run(&sql).await {
            Ok(answer) => {
                let names: Vec<&str> = relation.columns.iter().map(|column| column.name).collect();
                assert_eq!(answer.names, names, "{sql}");
            }
            Err(error) => {
                let forbidden = matches!(relation.name, "pg_authid" | "pg_shadow" | "pg_user_mapping");
                assert!(
                    forbidden && error.to_string().contains("permission denied for table"),
                    "{sql}: {error}"
                );
            }
        }
    }
}

#[test]
fn oids_do_not_depend_on_the_other_tables() {
    let whole = testing::introspection();
    let mut part = whole.clone();
    part.tables.remove("sys_deployment");
    let docs = testing::docs();
    let whole = Model::new("demo", "demo", &whole, &docs, &[]);
    let part = Model::new("restate", "demo", &part, &docs, &[]);
    for relation in part.tables() {
        let same = whole.relation(relation.namespace, &relation.name).unwrap();
        assert_eq!(
            (relation.oid, relation.row_type, relation.array_type),
            (same.oid, same.row_type, same.array_type)
        );
        let (own, other) = (relation.primary_key().unwrap(), same.primary_key().unwrap());
        assert_eq!(own.oid, other.oid);
    }
    // A foreign key to a table that this version lacks is none.
    assert_eq!(
        part.constraints()
            .filter(|(constraint, _)| constraint.name.ends_with("_fkey"))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stand_in_every_place() {
    let engine = Engine::new();
    for (sql, expected) in [
        (
            "select conname, contype, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'sys_journal'::regclass order by 1",
            vec![
                "sys_journal_id_fkey|f|FOREIGN KEY (id) REFERENCES sys_invocation(id)",
                "sys_journal_pkey|p|PRIMARY KEY (id, index)",
            ],
        ),
        (
            "select c.relname, c.relkind, i.indkey::text, i.indclass::text, i.indcollation::text from pg_index i \
             join pg_class c on c.oid = i.indexrelid where i.indrelid = 'sys_journal'::regclass",
            // select indclass, indcollation from pg_index of the same key in PostgreSQL 15
            vec!["sys_journal_pkey|i|1 2|3126 3124|100 0"],
        ),
        (
            "select attname, attnum, attnotnull from pg_attribute where attrelid = 'sys_journal_pkey'::regclass order by 2",
            vec!["id|1|false", "index|2|false"],
        ),
        (
            "select attname from pg_attribute where attrelid = 'sys_journal'::regclass and attnotnull order by attnum",
            vec!["id", "index"],
        ),
        (
            "select indexdef from pg_indexes where tablename = 'sys_journal'",
            vec!["CREATE UNIQUE INDEX sys_journal_pkey ON public.sys_journal USING btree (id, index)"],
        ),
        (
            "select constraint_name, constraint_type from information_schema.table_constraints \
             where table_name = 'sys_journal' and constraint_type <> 'CHECK' order by 1",
            vec!["sys_journal_id_fkey|FOREIGN KEY", "sys_journal_pkey|PRIMARY KEY"],
        ),
        (
            "select column_name, ordinal_position, position_in_unique_constraint from information_schema.key_column_usage \
             where table_name = 'sys_journal' order by constraint_name, 2",
            vec!["id|1|1", "id|1|", "index|2|"],
        ),
        (
            "select constraint_name, unique_constraint_name from information_schema.referential_constraints order by 1 desc limit 1",
            vec!["sys_journal_id_fkey|sys_invocation_pkey"],
        ),
        (
            "select table_name, column_name from information_schema.constraint_column_usage where constraint_name = 'sys_journal_id_fkey'",
            vec!["sys_invocation|id"],
        ),
    ] {
        assert_eq!(engine.rows(sql).await, expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_have_their_types_and_comments() {
    let engine = Engine::new();
    let sql = "select attname, format_type(atttypid, atttypmod), attlen, attstorage, attcollation, col_description(attrelid, attnum) \
               from pg_attribute where attrelid = 'sys_invocation'::regclass order by attnum";
    assert_eq!(
        engine.rows(sql).await,
        [
            "id|text|-1|x|100|The invocation",
            "status|text|-1|x|100|Its status",
            "created_at|timestamp with time zone|8|p|0|When it came",
            "pinned_deployment_id|text|-1|x|100|Where it runs",
            "retry_count|bigint|8|p|0|How often",
            "partition_key|numeric(20,0)|-1|m|0|",
        ]
    );
    let sql = "select column_name, data_type, is_nullable, numeric_precision, numeric_scale, udt_name \
               from information_schema.columns where table_name = 'sys_invocation' and column_name in ('id', 'partition_key') order by 1";
    assert_eq!(
        engine.rows(sql).await,
        ["id|text|NO|||text", "partition_key|numeric|YES|20|0|numeric"]
    );
    let sql = "select obj_description('sys_journal'::regclass), obj_description(2200, 'pg_namespace')";
    assert_eq!(engine.rows(sql).await, ["About sys_journal|standard public schema"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_tables_without_pages() {
    let engine = Engine::new();
    let sql = "select relkind, relpages, reltuples, relhasindex, pg_get_userbyid(relowner), pg_table_is_visible(oid) \
               from pg_class where relname = 'sys_invocation'";
    assert_eq!(engine.rows(sql).await, ["r|0|-1.0|true|demo|true"]);
    assert_eq!(engine.rows("select table_type from information_schema.tables where table_name = 'state' or table_name = 'sys_journal'").await, ["BASE TABLE"]);
    // Each row type and its array refer to one another.
    let sql = "select a.typname, a.typelem = t.oid, t.typrelid = 'sys_journal'::regclass from pg_type t join pg_type a on a.oid = t.typarray \
               where t.typname = 'sys_journal'";
    assert_eq!(engine.rows(sql).await, ["_sys_journal|true|true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_zones_have_their_offsets() {
    let engine = Engine::new();
    let sql = "select name, abbrev, utc_offset = interval '5 hours 30 minutes', is_dst from pg_timezone_names \
               where name in ('Asia/Kolkata', 'UTC') order by 1";
    assert_eq!(
        engine.rows(sql).await,
        ["Asia/Kolkata|IST|true|false", "UTC|UTC|false|false"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_as_postgresql_15_does() {
    let engine = Engine::new();
    for (sql, expected) in [
        (
            "select format_type(1043, 14), format_type(1184, null), format_type(0, null), format_type(1, null), format_type(null, 1) is null",
            "character varying(10)|timestamp with time zone|-|???|true",
        ),
        (
            "select pg_size_pretty(0), pg_size_pretty(10239), pg_size_pretty(10240), pg_size_pretty(123456789), pg_size_pretty(-1e0::bigint)",
            "0 bytes|10239 bytes|10 kB|118 MB|-1 bytes",
        ),
        (
            "select quote_ident('Select'), quote_literal('it''s'), quote_nullable(null), format('%I %s %L %%', 'a b', 'x', 'y')",
            "\"Select\"|'it''s'|NULL|\"a b\" x 'y' %",
        ),
        (
            "select has_table_privilege('sys_invocation', 'SELECT'), has_table_privilege('demo', 'sys_invocation', 'INSERT'), \
          has_schema_privilege('public', 'USAGE'), has_schema_privilege('public', 'CREATE, USAGE'), has_database_privilege('demo', 'TEMP')",
            "true|false|true|true|false",
        ),
        (
            "select current_user, current_database(), current_schema(), current_schemas(true), pg_backend_pid(), pg_is_in_recovery()",
            "demo|demo|public|[pg_catalog, public]|42|false",
        ),
        (
            "select pg_encoding_to_char(6), pg_char_to_encoding('latin1'), pg_encoding_to_char(99)",
            "UTF8|8|",
        ),
        (
            "select pg_get_userbyid(10), pg_get_userbyid(11)",
            "demo|unknown (OID=11)",
        ),
        (
            "select acldefault('f', 10)::text, acldefault('r', 10)::text, acldefault('c', 10)::text",
            "{=X/demo,demo=X/demo}|{demo=arwdDxt/demo}|{}",
        ),
        ("select pg_get_indexdef('sys_journal_pkey'::regclass, 2, true)", "index"),
        (
            "select to_regproc('lower') is null, to_regproc('version')::text, to_regprocedure('lower(text)')::text, to_regoper('+') is null",
            "true|version|lower(text)|true",
        ),
        (
            "select pg_get_function_arguments('has_table_privilege(oid,text)'::regprocedure), pg_get_function_result('version'::regproc)",
            "oid, text|text",
        ),
        (
            "select array_upper(array[1, 2], 1), array_lower(array[1, 2], 1), array_length(array[1, 2], 2) is null, cardinality(array[1, 2])",
            "2|1|true|2",
        ),
        (
            "select current_setting('server_version_num'), current_setting('nope', true) is null, set_config('jit', 'on', false)",
            "150018|true|on",
        ),
        (
            "select json_build_object('a', 1, 'b', array['x'], 'c', null), jsonb_build_object('a', true), to_json('q\"'::text)",
            "{\"a\" : 1, \"b\" : [\"x\"], \"c\" : null}|{\"a\": true}|\"q\\\"\"",
        ),
    ] {
        assert_eq!(engine.rows(sql).await, [expected], "{sql}");
    }
    let error = engine
        .error("select has_table_privilege('sys_invocation', 'SELE CT')")
        .await;
    assert!(
        error.contains("unrecognized privilege type: \"SELE CT\" (22023)"),
        "{error}"
    );
    let error = engine.error("select current_setting('nope')").await;
    assert!(
        error.contains("unrecognized configuration parameter \"nope\" (42704)"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_the_end_of_their_range_are_errors() {
    let engine = Engine::new();
    let last = "date '5874897-12-31'";
    for (sql, words) in [
        (
            format!("select {last} at time zone 'UTC'"),
            "date out of range for timestamp",
        ),
        (
            format!("select to_char({last}, 'YYYY')"),
            "date out of range for timestamp",
        ),
        (
            format!("select generate_series({last}, {last}, interval '1 day')"),
            "date out of range for timestamp",
        ),
        (
            "select format('%18446744073709551615$s', 1)".to_owned(),
            "too few arguments for format()",
        ),
        ("select format('%0$s', 1)".to_owned(), "numbered from 1"),
    ] {
        let error = engine.error(&sql).await;
        assert!(error.contains(words), "{sql}: {error}");
    }
}

/// An array's elements belong to a table, though that be a view.
#[tokio::test(flavor = "multi_thread")]
async fn elements_are_of_tables() {
    let engine = Engine::new();
    let sql = "select distinct object_type from information_schema.element_types";
    assert_eq!(engine.rows(sql).await, ["TABLE"]);
}
