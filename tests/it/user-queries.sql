-- What users run against a cluster's tables, from Restate's documentation and command line. One statement a line.
-- $ID stands for an invocation id, $SERVICE and $KEY for a virtual object and its key.
select * from sys_invocation;
select * from sys_invocation where id = '$ID';
select * from sys_journal where id = '$ID';
select * from sys_invocation where retry_count > 1;
select * from sys_invocation_state where retry_count > 1;
select invocation_id from sys_keyed_service_status where service_name = '$SERVICE' and service_key = '$KEY';
select modified_at from sys_invocation where id = '$ID';
select invoked_by, invoked_by_service_name, invoked_by_id from sys_invocation where id = '$ID';
select trace_id from sys_invocation where id = '$ID';
select * from sys_invocation where to_timestamp(modified_at) <= now() - interval '1' hour;
select * from sys_invocation where pinned_deployment_id = '$ID';
select target_service_name, target_handler_name, status from sys_invocation where id = '$ID';
select * from state where service_name = '$SERVICE' and service_key = '$KEY';
select * from state where service_name = '$SERVICE' and service_key = '$KEY' and key = 'count';
select * from sys_invocation JOIN state on sys_invocation.target_service_name = state.service_name and sys_invocation.target_service_key = state.service_key;
SELECT * FROM state WHERE service_name like '%Counter%';
select service_name, service_key, key, value_utf8 from state where service_name like '%Counter%';
describe sys_invocation;
show tables;
-- the CLI
SELECT COUNT(1) FROM (SELECT * FROM sys_invocation inv LIMIT 50000 ) WHERE status != 'completed';
SELECT id FROM sys_invocation inv WHERE status != 'completed' ORDER BY inv.created_at DESC, inv.id LIMIT 100;
SELECT COUNT(1) FROM (SELECT * FROM sys_invocation inv LIMIT 50000 );
SELECT COUNT(1) FROM (SELECT * FROM sys_invocation inv LIMIT 50000 ) WHERE inv.target_service_name IN ('Greeter') AND status IN ('running');
SELECT inv.id, inv.target, inv.status, inv.created_at, inv.modified_at as state_modified_at, inv.retry_count as num_retries, inv.last_failure as last_failure_message, dp.id IS NOT NULL as pinned_deployment_exists FROM sys_invocation inv LEFT JOIN sys_deployment dp ON dp.id = inv.pinned_deployment_id WHERE inv.id in ('$ID') ORDER BY inv.created_at DESC;
SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'sys_journal' AND column_name IN ('version', 'entry_json', 'appended_at');
SELECT sj.index, sj.entry_type, sj.completed, sj.invoked_id, sj.invoked_target, sj.sleep_wakeup_at, sj.name, sj.promise_name, sj.version, sj.entry_json, sj.appended_at FROM sys_journal sj WHERE sj.id = '$ID' ORDER BY index DESC LIMIT 100;
SELECT target_service_name, target_handler_name, 'pending' as status, COUNT(1) as num_invocations, MIN(created_at) as oldest_at, FIRST_VALUE(id ORDER BY created_at ASC) as oldest_invocation FROM sys_invocation_status WHERE status == 'inboxed' AND target_service_name IN ('Counter') GROUP BY target_service_name, target_handler_name;
SELECT target_service_name, target_handler_name, status, COUNT(1) as num_invocations, MIN(created_at) as oldest_at FROM sys_invocation WHERE target_service_name IN ('Counter','Signup','Greeter') GROUP BY target_service_name, target_handler_name, status ORDER BY target_handler_name;
SELECT service_name, service_key, COUNT(1) as num_pending FROM sys_inbox WHERE service_name IN ('Counter','Signup') GROUP BY service_name, service_key ORDER BY num_pending DESC;
