-- Which handlers fail, and with what. Only the first line of an error counts: what follows it is a stack trace.
-- A cluster that uses virtual queues forgets an attempt's error until the next attempt: it stands in sys_journal_events.

CREATE VIEW failures AS
SELECT
    f.target_service_name,
    f.target_handler_name,
    f.outcome,
    f.error_code,
    f.error,
    COUNT(*) AS invocations,
    MIN(f.failed_at) AS first_failed_at,
    MAX(f.failed_at) AS last_failed_at,
    MAX(f.retry_count) AS retry_count_max,
    MIN(f.id) AS example_id
FROM (
    SELECT
        i.id,
        i.target_service_name,
        i.target_handler_name,
        CASE i.status WHEN 'completed' THEN 'failed' WHEN 'paused' THEN 'paused' ELSE 'retrying' END AS outcome,
        i.last_failure_error_code AS error_code,
        SPLIT_PART(COALESCE(i.completion_failure, i.last_failure), CHR(10), 1) AS error,
        COALESCE(i.completed_at, i.last_start_at, i.modified_at) AS failed_at,
        i.retry_count
    FROM sys_invocation AS i
    WHERE i.completion_failure IS NOT NULL
       OR (i.status <> 'completed' AND i.last_failure IS NOT NULL)
) AS f
GROUP BY f.target_service_name, f.target_handler_name, f.outcome, f.error_code, f.error;

COMMENT ON VIEW failures IS
    'Failures grouped by handler and error: invocations that ended badly, and those whose latest attempt failed. Where virtual queues are used, errors between attempts stand in sys_journal_events only.';

COMMENT ON COLUMN failures.target_service_name IS
    'Name of the service that was invoked.';
COMMENT ON COLUMN failures.target_handler_name IS
    'Name of the handler that was invoked.';
COMMENT ON COLUMN failures.outcome IS
    'What came of it: failed (ended), paused (waits for an operator) or retrying.';
COMMENT ON COLUMN failures.error_code IS
    'Code under which Restate documents the failure, such as RT0007. NULL when it has none, which is the rule for failed.';
COMMENT ON COLUMN failures.error IS
    'First line of the error: the code in brackets and a message.';
COMMENT ON COLUMN failures.invocations IS
    'Number of invocations with this error; those that ended count for their retention time.';
COMMENT ON COLUMN failures.first_failed_at IS
    'Earliest failure of the group: when the invocation ended, or when its failed attempt began.';
COMMENT ON COLUMN failures.last_failed_at IS
    'Latest failure of the group, measured in the same way.';
COMMENT ON COLUMN failures.retry_count_max IS
    'Most attempts that one invocation of the group has made. NULL when none of them runs any more.';
COMMENT ON COLUMN failures.example_id IS
    'Id of one invocation of the group, to look at.';
