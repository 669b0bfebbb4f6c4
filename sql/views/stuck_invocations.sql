-- What is stuck and why: the first question of whoever is on call.
-- An invocation that was put off to a later time, or that runs without having failed, is not stuck.

CREATE VIEW stuck_invocations AS
SELECT
    i.id,
    i.target,
    i.target_service_name,
    i.target_service_key,
    i.target_handler_name,
    i.status,
    CASE
        WHEN i.pinned_deployment_id IS NOT NULL AND d.id IS NULL THEN 'its deployment is gone'
        WHEN i.status = 'paused' THEN 'paused until an operator resumes it'
        WHEN i.status = 'backing-off' THEN 'failed, waits for its next attempt'
        WHEN i.status = 'running' THEN 'failed, runs its next attempt'
        WHEN i.status = 'suspended' THEN 'waits for a result, a signal or a timer'
        WHEN i.status = 'pending' THEN 'waits in line behind others'
        ELSE 'waits for its next start'
    END AS reason,
    i.modified_at AS since,
    i.retry_count,
    i.next_retry_at,
    i.last_failure_error_code,
    i.last_failure,
    i.last_failure_related_command_name AS failed_step,
    i.pinned_deployment_id,
    i.created_at
FROM sys_invocation AS i
LEFT JOIN sys_deployment AS d ON d.id = i.pinned_deployment_id
WHERE i.status IN ('paused', 'backing-off', 'suspended', 'pending', 'ready')
   OR (i.status = 'running' AND i.retry_count > 1);

COMMENT ON VIEW stuck_invocations IS
    'Invocations that get no further, with the reason. Sort by since to see the oldest first.';

COMMENT ON COLUMN stuck_invocations.id IS
    'Id of the invocation that is stuck (inv_...).';
COMMENT ON COLUMN stuck_invocations.target IS
    'What was invoked, in one text: Service/handler, or Service/key/handler for virtual objects and workflows.';
COMMENT ON COLUMN stuck_invocations.target_service_name IS
    'Name of the service that was invoked.';
COMMENT ON COLUMN stuck_invocations.target_service_key IS
    'Key of the virtual object or id of the workflow that was invoked. NULL for plain services.';
COMMENT ON COLUMN stuck_invocations.target_handler_name IS
    'Name of the handler that was invoked.';
COMMENT ON COLUMN stuck_invocations.status IS
    'Where it stands, as in sys_invocation: paused, backing-off, running, suspended, pending or ready.';
COMMENT ON COLUMN stuck_invocations.reason IS
    'Why it gets no further, in words. Who stands before one in line: see object_queue and vqueue_backlog. A suspended one may be waiting as it should: compare since.';
COMMENT ON COLUMN stuck_invocations.since IS
    'When its stored status last changed. Retries do not change it.';
COMMENT ON COLUMN stuck_invocations.retry_count IS
    'Attempts made since the present leader of the partition took it up; 1 is the first. NULL when the leader holds no attempt, as for suspended ones.';
COMMENT ON COLUMN stuck_invocations.next_retry_at IS
    'When the next attempt begins. NULL when none has been put off.';
COMMENT ON COLUMN stuck_invocations.last_failure_error_code IS
    'Code under which Restate documents the latest failure, such as RT0007. NULL when no attempt failed or the failure has none.';
COMMENT ON COLUMN stuck_invocations.last_failure IS
    'Why the latest failed attempt failed, over several lines. NULL when it is not known: see invocation_timeline then.';
COMMENT ON COLUMN stuck_invocations.failed_step IS
    'Name of the step that the latest failure belongs to. NULL when it has none.';
COMMENT ON COLUMN stuck_invocations.pinned_deployment_id IS
    'Id of the deployment that it is bound to. NULL when it is bound to none yet.';
COMMENT ON COLUMN stuck_invocations.created_at IS
    'When the invocation was accepted.';
