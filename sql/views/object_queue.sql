-- What blocks a virtual object and what queues behind it.
-- A cluster that uses virtual queues keeps neither table: ask vqueue_backlog there.

CREATE VIEW object_queue AS
SELECT
    k.service_name,
    k.service_key,
    k.invocation_id AS holder_id,
    h.target_handler_name AS holder_handler,
    h.status AS holder_status,
    h.modified_at AS holder_since,
    h.last_failure AS holder_last_failure,
    CASE
        WHEN q.id IS NOT NULL THEN CAST(
            ROW_NUMBER() OVER (PARTITION BY k.service_name, k.service_key ORDER BY q.sequence_number) AS bigint
        )
    END AS queue_position,
    q.id AS waiting_id,
    w.target_handler_name AS waiting_handler,
    w.inboxed_at AS waiting_since
FROM sys_keyed_service_status AS k
LEFT JOIN sys_invocation AS h ON h.id = k.invocation_id
LEFT JOIN sys_inbox AS q ON q.service_name = k.service_name AND q.service_key = k.service_key
LEFT JOIN sys_invocation_status AS w ON w.id = q.id;

COMMENT ON VIEW object_queue IS
    'Virtual objects and workflows that an invocation holds, and each invocation that waits behind it. Empty when the cluster uses virtual queues: see vqueue_backlog.';

COMMENT ON COLUMN object_queue.service_name IS
    'Name of the virtual object or workflow.';
COMMENT ON COLUMN object_queue.service_key IS
    'Key of the virtual object, or id of the workflow.';
COMMENT ON COLUMN object_queue.holder_id IS
    'Id of the invocation that holds it and blocks the others.';
COMMENT ON COLUMN object_queue.holder_handler IS
    'Handler that holds it. NULL when that invocation ended while the view was read.';
COMMENT ON COLUMN object_queue.holder_status IS
    'Where the holder stands, as in sys_invocation. NULL when that invocation ended while the view was read.';
COMMENT ON COLUMN object_queue.holder_since IS
    'When the stored status of the holder last changed. NULL when that invocation ended while the view was read.';
COMMENT ON COLUMN object_queue.holder_last_failure IS
    'Why the holder''s latest failed attempt failed. NULL when none failed.';
COMMENT ON COLUMN object_queue.queue_position IS
    'Place in line, from 1: the next to run. NULL when nothing waits.';
COMMENT ON COLUMN object_queue.waiting_id IS
    'Id of the invocation that waits. NULL when nothing waits.';
COMMENT ON COLUMN object_queue.waiting_handler IS
    'Handler that waits. NULL when nothing does.';
COMMENT ON COLUMN object_queue.waiting_since IS
    'When the invocation joined the line. NULL when nothing waits.';
