-- What holds a virtual queue back and how much waits in it: object_queue's counterpart for clusters that use them.

CREATE VIEW vqueue_backlog AS
SELECT
    m.id,
    m.service_name,
    m.scope,
    m.limit_key,
    m.lock_name,
    s.status,
    s.blocked_on,
    s.blocked_on_json,
    s.head_entry_id,
    l.acquired_by AS lock_holder_id,
    l.acquired_at AS lock_held_since,
    h.target_handler_name AS lock_holder_handler,
    h.status AS lock_holder_status,
    h.last_failure AS lock_holder_last_failure,
    m.queue_is_paused,
    m.num_inbox,
    m.num_running,
    m.num_suspended,
    m.num_paused
FROM sys_vqueue_meta AS m
LEFT JOIN sys_scheduler AS s ON s.id = m.id
LEFT JOIN sys_locks AS l ON l.partition_key = m.partition_key AND l.lock_name = m.lock_name
LEFT JOIN sys_invocation AS h ON h.id = l.acquired_by
WHERE m.num_inbox > 0 OR m.num_paused > 0 OR m.queue_is_paused;

COMMENT ON VIEW vqueue_backlog IS
    'Virtual queues in which something waits or is paused, with what holds the first entry back. Empty unless the cluster uses virtual queues: see object_queue otherwise. Since 1.7.';

COMMENT ON COLUMN vqueue_backlog.id IS
    'Id of the queue (vq_...).';
COMMENT ON COLUMN vqueue_backlog.service_name IS
    'Name of the service whose entries go through the queue. NULL when the queue belongs to no single service.';
COMMENT ON COLUMN vqueue_backlog.scope IS
    'Scope that the queue serves. NULL when its entries have none.';
COMMENT ON COLUMN vqueue_backlog.limit_key IS
    'Limit key that all entries of the queue share. NULL when they have none.';
COMMENT ON COLUMN vqueue_backlog.lock_name IS
    'Lock that entries of the queue must hold to run, as Service/key. NULL unless the queue is that of a virtual object.';
COMMENT ON COLUMN vqueue_backlog.status IS
    'What the scheduler does with the queue: dormant, empty, ready, scheduled or blocked. NULL when the scheduler does not know it.';
COMMENT ON COLUMN vqueue_backlog.blocked_on IS
    'Kind of what the first entry waits for, such as lock or limit-key-concurrency. NULL unless status is blocked.';
COMMENT ON COLUMN vqueue_backlog.blocked_on_json IS
    'What the first entry waits for in detail, as JSON. NULL unless status is blocked.';
COMMENT ON COLUMN vqueue_backlog.head_entry_id IS
    'Id of the first entry in line. NULL when the scheduler has not looked it up yet.';
COMMENT ON COLUMN vqueue_backlog.lock_holder_id IS
    'Id of what holds the virtual object now: an invocation or a state mutation. NULL when nothing does.';
COMMENT ON COLUMN vqueue_backlog.lock_held_since IS
    'When the lock was taken. NULL when nothing holds it.';
COMMENT ON COLUMN vqueue_backlog.lock_holder_handler IS
    'Handler that holds the virtual object. NULL when no invocation does.';
COMMENT ON COLUMN vqueue_backlog.lock_holder_status IS
    'Where the invocation that holds the virtual object stands, as in sys_invocation. NULL when no invocation does.';
COMMENT ON COLUMN vqueue_backlog.lock_holder_last_failure IS
    'Why the latest failed attempt of the invocation that holds the virtual object failed. NULL when none failed.';
COMMENT ON COLUMN vqueue_backlog.queue_is_paused IS
    'Whether the queue as a whole was paused.';
COMMENT ON COLUMN vqueue_backlog.num_inbox IS
    'How many entries wait in the inbox.';
COMMENT ON COLUMN vqueue_backlog.num_running IS
    'How many entries are running.';
COMMENT ON COLUMN vqueue_backlog.num_suspended IS
    'How many entries are suspended.';
COMMENT ON COLUMN vqueue_backlog.num_paused IS
    'How many entries are paused.';
