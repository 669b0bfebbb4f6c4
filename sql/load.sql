-- Loads the documented tables and views into a PostgreSQL 15 database: psql -f sql/load.sql
-- A table stands after those that its foreign keys name.

\ir tables/sys_deployment.sql
\ir tables/sys_service.sql
\ir tables/sys_vqueue_meta.sql
\ir tables/sys_vqueue_entry_status.sql
\ir tables/sys_vqueues.sql
\ir tables/sys_scheduler.sql
\ir tables/sys_invocation.sql
\ir tables/sys_invocation_status.sql
\ir tables/sys_invocation_state.sql
\ir tables/sys_inbox.sql
\ir tables/sys_journal.sql
\ir tables/sys_journal_events.sql
\ir tables/sys_keyed_service_status.sql
\ir tables/sys_idempotency.sql
\ir tables/state.sql
\ir tables/sys_promise.sql
\ir tables/sys_locks.sql
\ir tables/sys_rules.sql
\ir tables/sys_user_limits.sql

\ir views/stuck_invocations.sql
\ir views/object_queue.sql
\ir views/vqueue_backlog.sql
\ir views/failures.sql
\ir views/invocation_timeline.sql
\ir views/unused_deployments.sql
\ir views/object_state.sql
