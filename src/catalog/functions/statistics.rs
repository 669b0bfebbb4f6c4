//! Statistics: nothing is counted here, so that each is what PostgreSQL says of what it has not seen yet.

use super::native::{Native, nothing, stable, zero};

pub const FUNCTIONS: &[Native] = &[
    stable("pg_stat_get_analyze_count", "bigint", zero),
    stable("pg_stat_get_autoanalyze_count", "bigint", zero),
    stable("pg_stat_get_autovacuum_count", "bigint", zero),
    stable("pg_stat_get_backend_activity", "text", nothing),
    stable(
        "pg_stat_get_backend_activity_start",
        "timestamp with time zone",
        nothing,
    ),
    stable("pg_stat_get_backend_client_addr", "inet", nothing),
    stable("pg_stat_get_backend_client_port", "integer", nothing),
    stable("pg_stat_get_backend_dbid", "oid", nothing),
    stable("pg_stat_get_backend_pid", "integer", nothing),
    stable("pg_stat_get_backend_start", "timestamp with time zone", nothing),
    stable("pg_stat_get_backend_userid", "oid", nothing),
    stable("pg_stat_get_backend_wait_event", "text", nothing),
    stable("pg_stat_get_backend_wait_event_type", "text", nothing),
    stable("pg_stat_get_backend_xact_start", "timestamp with time zone", nothing),
    stable("pg_stat_get_bgwriter_buf_written_checkpoints", "bigint", zero),
    stable("pg_stat_get_bgwriter_buf_written_clean", "bigint", zero),
    stable("pg_stat_get_bgwriter_maxwritten_clean", "bigint", zero),
    stable("pg_stat_get_bgwriter_requested_checkpoints", "bigint", zero),
    stable(
        "pg_stat_get_bgwriter_stat_reset_time",
        "timestamp with time zone",
        nothing,
    ),
    stable("pg_stat_get_bgwriter_timed_checkpoints", "bigint", zero),
    stable("pg_stat_get_blocks_fetched", "bigint", zero),
    stable("pg_stat_get_blocks_hit", "bigint", zero),
    stable("pg_stat_get_buf_alloc", "bigint", zero),
    stable("pg_stat_get_buf_fsync_backend", "bigint", zero),
    stable("pg_stat_get_buf_written_backend", "bigint", zero),
    stable("pg_stat_get_checkpoint_sync_time", "double precision", zero),
    stable("pg_stat_get_checkpoint_write_time", "double precision", zero),
    stable("pg_stat_get_db_active_time", "double precision", zero),
    stable("pg_stat_get_db_blk_read_time", "double precision", zero),
    stable("pg_stat_get_db_blk_write_time", "double precision", zero),
    stable("pg_stat_get_db_blocks_fetched", "bigint", zero),
    stable("pg_stat_get_db_blocks_hit", "bigint", zero),
    stable("pg_stat_get_db_checksum_failures", "bigint", nothing),
    stable(
        "pg_stat_get_db_checksum_last_failure",
        "timestamp with time zone",
        nothing,
    ),
    stable("pg_stat_get_db_conflict_all", "bigint", zero),
    stable("pg_stat_get_db_conflict_bufferpin", "bigint", zero),
    stable("pg_stat_get_db_conflict_lock", "bigint", zero),
    stable("pg_stat_get_db_conflict_snapshot", "bigint", zero),
    stable("pg_stat_get_db_conflict_startup_deadlock", "bigint", zero),
    stable("pg_stat_get_db_conflict_tablespace", "bigint", zero),
    stable("pg_stat_get_db_deadlocks", "bigint", zero),
    stable("pg_stat_get_db_idle_in_transaction_time", "double precision", zero),
    stable("pg_stat_get_db_numbackends", "integer", zero),
    stable("pg_stat_get_db_session_time", "double precision", zero),
    stable("pg_stat_get_db_sessions", "bigint", zero),
    stable("pg_stat_get_db_sessions_abandoned", "bigint", zero),
    stable("pg_stat_get_db_sessions_fatal", "bigint", zero),
    stable("pg_stat_get_db_sessions_killed", "bigint", zero),
    stable("pg_stat_get_db_stat_reset_time", "timestamp with time zone", nothing),
    stable("pg_stat_get_db_temp_bytes", "bigint", zero),
    stable("pg_stat_get_db_temp_files", "bigint", zero),
    stable("pg_stat_get_db_tuples_deleted", "bigint", zero),
    stable("pg_stat_get_db_tuples_fetched", "bigint", zero),
    stable("pg_stat_get_db_tuples_inserted", "bigint", zero),
    stable("pg_stat_get_db_tuples_returned", "bigint", zero),
    stable("pg_stat_get_db_tuples_updated", "bigint", zero),
    stable("pg_stat_get_db_xact_commit", "bigint", zero),
    stable("pg_stat_get_db_xact_rollback", "bigint", zero),
    stable("pg_stat_get_dead_tuples", "bigint", zero),
    stable("pg_stat_get_function_calls", "bigint", nothing),
    stable("pg_stat_get_function_self_time", "double precision", nothing),
    stable("pg_stat_get_function_total_time", "double precision", nothing),
    stable("pg_stat_get_ins_since_vacuum", "bigint", zero),
    stable("pg_stat_get_last_analyze_time", "timestamp with time zone", nothing),
    stable("pg_stat_get_last_autoanalyze_time", "timestamp with time zone", nothing),
    stable("pg_stat_get_last_autovacuum_time", "timestamp with time zone", nothing),
    stable("pg_stat_get_last_vacuum_time", "timestamp with time zone", nothing),
    stable("pg_stat_get_live_tuples", "bigint", zero),
    stable("pg_stat_get_mod_since_analyze", "bigint", zero),
    stable("pg_stat_get_numscans", "bigint", zero),
    stable("pg_stat_get_snapshot_timestamp", "timestamp with time zone", nothing),
    stable("pg_stat_get_tuples_deleted", "bigint", zero),
    stable("pg_stat_get_tuples_fetched", "bigint", zero),
    stable("pg_stat_get_tuples_hot_updated", "bigint", zero),
    stable("pg_stat_get_tuples_inserted", "bigint", zero),
    stable("pg_stat_get_tuples_returned", "bigint", zero),
    stable("pg_stat_get_tuples_updated", "bigint", zero),
    stable("pg_stat_get_vacuum_count", "bigint", zero),
    stable("pg_stat_get_xact_blocks_fetched", "bigint", zero),
    stable("pg_stat_get_xact_blocks_hit", "bigint", zero),
    stable("pg_stat_get_xact_function_calls", "bigint", nothing),
    stable("pg_stat_get_xact_function_self_time", "double precision", nothing),
    stable("pg_stat_get_xact_function_total_time", "double precision", nothing),
    stable("pg_stat_get_xact_numscans", "bigint", zero),
    stable("pg_stat_get_xact_tuples_deleted", "bigint", zero),
    stable("pg_stat_get_xact_tuples_fetched", "bigint", zero),
    stable("pg_stat_get_xact_tuples_hot_updated", "bigint", zero),
    stable("pg_stat_get_xact_tuples_inserted", "bigint", zero),
    stable("pg_stat_get_xact_tuples_returned", "bigint", zero),
    stable("pg_stat_get_xact_tuples_updated", "bigint", zero),
];

#[cfg(test)]
mod tests {
    use crate::catalog::testing::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_not_seen_is_0_or_unknown() {
        let engine = Engine::new();
        let sql = "select pg_stat_get_db_numbackends(1), pg_stat_get_tuples_inserted(1), pg_stat_get_db_active_time(1), \
                   pg_stat_get_function_calls(1), pg_stat_get_backend_pid(1), pg_stat_get_db_stat_reset_time(1), \
                   pg_stat_get_db_xact_commit(null)";
        // What PostgreSQL 15 says of OIDs that are none.
        assert_eq!(engine.rows(sql).await, ["0|0|0.0||||"]);
    }
}
