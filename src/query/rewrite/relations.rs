//! Functions in FROM that give rows of several columns: a relation by another name, one row of what is not known here, or none.

use datafusion::sql::sqlparser::{
    ast::{Query, Statement},
    dialect::PostgreSqlDialect,
    parser::Parser,
};

/// The query that such a function stands for, whatever its arguments.
pub fn query(function: &str) -> Option<Query> {
    let (_, sql) = RELATIONS.iter().find(|(name, _)| *name == function)?;
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

/// Functions in FROM that are a relation by another name, or none at all.
const RELATIONS: [(&str, &str); 45] = [
    ("pg_show_all_settings", "SELECT * FROM pg_catalog.pg_settings"),
    (
        "pg_available_extensions",
        "SELECT name, default_version, comment FROM pg_catalog.pg_available_extensions",
    ),
    (
        "pg_available_extension_versions",
        "SELECT * FROM pg_catalog.pg_available_extension_versions",
    ),
    (
        "pg_get_keywords",
        "SELECT unnest(pg_keywords('word')) AS word, unnest(pg_keywords('catcode'))::\"char\" AS catcode, \
         unnest(pg_keywords('barelabel')) = 't' AS barelabel, unnest(pg_keywords('catdesc')) AS catdesc, \
         unnest(pg_keywords('baredesc')) AS baredesc",
    ),
    ("pg_lock_status", "SELECT * FROM pg_catalog.pg_locks"),
    ("pg_stat_get_activity", "SELECT * FROM pg_catalog.pg_stat_activity"),
    ("pg_timezone_names", "SELECT * FROM pg_catalog.pg_timezone_names"),
    (
        "pg_partition_tree",
        "SELECT NULL::regclass AS relid, NULL::regclass AS parentrelid, NULL::boolean AS isleaf, NULL::integer AS level WHERE false",
    ),
    (
        "ts_token_type",
        "SELECT 0 AS tokid, '' AS alias, '' AS description WHERE false",
    ),
    ("pg_config", "SELECT * FROM pg_catalog.pg_config"),
    (
        "pg_control_checkpoint",
        "SELECT NULL::pg_lsn AS checkpoint_lsn, NULL::pg_lsn AS redo_lsn, NULL::text AS redo_wal_file, \
         NULL::integer AS timeline_id, NULL::integer AS prev_timeline_id, NULL::boolean AS full_page_writes, \
         NULL::text AS next_xid, NULL::oid AS next_oid, NULL::xid AS next_multixact_id, NULL::xid AS \
         next_multi_offset, NULL::xid AS oldest_xid, NULL::oid AS oldest_xid_dbid, NULL::xid AS \
         oldest_active_xid, NULL::xid AS oldest_multi_xid, NULL::oid AS oldest_multi_dbid, NULL::xid AS \
         oldest_commit_ts_xid, NULL::xid AS newest_commit_ts_xid, NULL::timestamp with time zone AS \
         checkpoint_time",
    ),
    (
        "pg_control_init",
        "SELECT 8 AS max_data_alignment, 8192 AS database_block_size, 131072 AS blocks_per_segment, 8192 AS \
         wal_block_size, 16777216 AS bytes_per_wal_segment, 64 AS max_identifier_length, 32 AS \
         max_index_columns, 1996 AS max_toast_chunk_size, 2048 AS large_object_chunk_size, true AS \
         float8_pass_by_value, 0 AS data_page_checksum_version",
    ),
    (
        "pg_control_recovery",
        "SELECT NULL::pg_lsn AS min_recovery_end_lsn, NULL::integer AS min_recovery_end_timeline, NULL::pg_lsn \
         AS backup_start_lsn, NULL::pg_lsn AS backup_end_lsn, NULL::boolean AS end_of_backup_record_required",
    ),
    (
        "pg_control_system",
        "SELECT 1300 AS pg_control_version, 202209061 AS catalog_version_no, oid::bigint AS system_identifier, \
         pg_postmaster_start_time() AS pg_control_last_modified FROM pg_catalog.pg_database WHERE datname = \
         current_database()",
    ),
    ("pg_cursor", "SELECT * FROM pg_catalog.pg_cursors"),
    (
        "pg_extension_update_paths",
        "SELECT NULL::text AS source, NULL::text AS target, NULL::text AS path WHERE false",
    ),
    (
        "pg_get_backend_memory_contexts",
        "SELECT * FROM pg_catalog.pg_backend_memory_contexts",
    ),
    (
        "pg_get_multixact_members",
        "SELECT NULL::xid AS xid, NULL::text AS mode WHERE false",
    ),
    (
        "pg_get_publication_tables",
        "SELECT NULL::oid AS relid, NULL::int2vector AS attrs, NULL::pg_node_tree AS qual WHERE false",
    ),
    (
        "pg_get_replication_slots",
        "SELECT slot_name, plugin, slot_type, datoid, temporary, active, active_pid, xmin, catalog_xmin, \
         restart_lsn, confirmed_flush_lsn, wal_status, safe_wal_size, two_phase FROM \
         pg_catalog.pg_replication_slots",
    ),
    (
        "pg_get_shmem_allocations",
        "SELECT * FROM pg_catalog.pg_shmem_allocations",
    ),
    (
        "pg_get_wal_resource_managers",
        "SELECT NULL::integer AS rm_id, NULL::text AS rm_name, NULL::boolean AS rm_builtin WHERE false",
    ),
    ("pg_hba_file_rules", "SELECT * FROM pg_catalog.pg_hba_file_rules"),
    (
        "pg_ident_file_mappings",
        "SELECT * FROM pg_catalog.pg_ident_file_mappings",
    ),
    (
        "pg_identify_object",
        "SELECT NULL::text AS type, NULL::text AS schema, NULL::text AS name, NULL::text AS identity",
    ),
    (
        "pg_identify_object_as_address",
        "SELECT NULL::text AS type, NULL::text[] AS object_names, NULL::text[] AS object_args",
    ),
    (
        "pg_last_committed_xact",
        "SELECT NULL::xid AS xid, NULL::timestamp with time zone AS \"timestamp\", NULL::oid AS roident",
    ),
    (
        "pg_prepared_statement",
        "SELECT * FROM pg_catalog.pg_prepared_statements",
    ),
    (
        "pg_prepared_xact",
        "SELECT NULL::xid AS transaction, NULL::text AS gid, NULL::timestamp with time zone AS prepared, \
         NULL::oid AS ownerid, NULL::oid AS dbid WHERE false",
    ),
    (
        "pg_sequence_parameters",
        "SELECT NULL::bigint AS start_value, NULL::bigint AS minimum_value, NULL::bigint AS maximum_value, \
         NULL::bigint AS increment, NULL::boolean AS cycle_option, NULL::bigint AS cache_size, NULL::oid AS \
         data_type WHERE false",
    ),
    ("pg_show_all_file_settings", "SELECT * FROM pg_catalog.pg_file_settings"),
    (
        "pg_show_replication_origin_status",
        "SELECT * FROM pg_catalog.pg_replication_origin_status",
    ),
    ("pg_stat_get_archiver", "SELECT * FROM pg_catalog.pg_stat_archiver"),
    (
        "pg_stat_get_progress_info",
        "SELECT NULL::integer AS pid, NULL::oid AS datid, NULL::oid AS relid, NULL::bigint AS param1, \
         NULL::bigint AS param2, NULL::bigint AS param3, NULL::bigint AS param4, NULL::bigint AS param5, \
         NULL::bigint AS param6, NULL::bigint AS param7, NULL::bigint AS param8, NULL::bigint AS param9, \
         NULL::bigint AS param10, NULL::bigint AS param11, NULL::bigint AS param12, NULL::bigint AS param13, \
         NULL::bigint AS param14, NULL::bigint AS param15, NULL::bigint AS param16, NULL::bigint AS param17, \
         NULL::bigint AS param18, NULL::bigint AS param19, NULL::bigint AS param20 WHERE false",
    ),
    (
        "pg_stat_get_recovery_prefetch",
        "SELECT * FROM pg_catalog.pg_stat_recovery_prefetch",
    ),
    ("pg_stat_get_slru", "SELECT * FROM pg_catalog.pg_stat_slru"),
    (
        "pg_stat_get_subscription",
        "SELECT subid, relid, pid, received_lsn, last_msg_send_time, last_msg_receipt_time, latest_end_lsn, \
         latest_end_time FROM pg_catalog.pg_stat_subscription",
    ),
    ("pg_stat_get_wal", "SELECT * FROM pg_catalog.pg_stat_wal"),
    (
        "pg_stat_get_wal_receiver",
        "SELECT * FROM pg_catalog.pg_stat_wal_receiver",
    ),
    (
        "pg_stat_get_wal_senders",
        "SELECT pid, state, sent_lsn, write_lsn, flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag, \
         sync_priority, sync_state, reply_time FROM pg_catalog.pg_stat_replication",
    ),
    ("pg_timezone_abbrevs", "SELECT * FROM pg_catalog.pg_timezone_abbrevs"),
    (
        "pg_xact_commit_timestamp_origin",
        "SELECT NULL::timestamp with time zone AS \"timestamp\", NULL::oid AS roident",
    ),
    (
        "ts_debug",
        "SELECT NULL::text AS alias, NULL::text AS description, NULL::text AS token, NULL::regdictionary[] AS \
         dictionaries, NULL::regdictionary AS dictionary, NULL::text[] AS lexemes WHERE false",
    ),
    (
        "ts_parse",
        "SELECT NULL::integer AS tokid, NULL::text AS token WHERE false",
    ),
    (
        "ts_stat",
        "SELECT NULL::text AS word, NULL::integer AS ndoc, NULL::integer AS nentry WHERE false",
    ),
];

#[cfg(test)]
mod tests {
    use super::RELATIONS;
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn each_can_be_read() {
        let engine = Engine::new();
        for (function, _) in RELATIONS {
            engine
                .run(&format!("select * from {function}()"))
                .await
                .expect(function);
        }
        assert_eq!(
            engine
                .rows("select pg_control_version, system_identifier > 0 from pg_control_system()")
                .await,
            ["1300|true"]
        );
        assert_eq!(
            engine
                .rows("select count(*) from pg_stat_get_progress_info('VACUUM') p")
                .await,
            ["0"]
        );
    }
}
