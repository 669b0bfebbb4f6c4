-- The queues of a cluster that uses virtual queues, with their counters. Since 1.7.

CREATE TABLE sys_vqueue_meta (
    partition_key                      numeric(20,0),
    id                                 text,
    is_active                          boolean,
    queue_is_paused                    boolean,
    service_name                       text,
    scope                              text,
    limit_key                          text,
    lock_name                          text,
    created_at                         timestamp with time zone,
    last_enqueued_at                   timestamp with time zone,
    last_start_at                      timestamp with time zone,
    last_attempt_at                    timestamp with time zone,
    last_finish_at                     timestamp with time zone,
    avg_queue_duration                 bigint,
    avg_inbox_duration                 bigint,
    avg_run_duration                   bigint,
    avg_suspension_duration            bigint,
    avg_end_to_end_duration            bigint,
    avg_blocked_on_concurrency_rules   bigint,
    avg_blocked_on_invoker_concurrency bigint,
    avg_blocked_on_invoker_throttling  bigint,
    avg_blocked_on_lock                bigint,
    num_inbox                          bigint,
    num_running                        bigint,
    num_suspended                      bigint,
    num_paused                         bigint,
    num_finished                       bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (service_name) REFERENCES sys_service (name)
);

COMMENT ON TABLE sys_vqueue_meta IS
    'Virtual queues with their counters and averages: one row for each queue. Empty unless the cluster uses queues. Since 1.7.';

COMMENT ON COLUMN sys_vqueue_meta.partition_key IS
    'Number that decides which partition holds the row; it is part of the queue''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_vqueue_meta.id IS
    'Id of the queue (vq_...).';
COMMENT ON COLUMN sys_vqueue_meta.is_active IS
    'Whether the queue is not paused and holds entries that are not finished.';
COMMENT ON COLUMN sys_vqueue_meta.queue_is_paused IS
    'Whether the queue as a whole was paused.';
COMMENT ON COLUMN sys_vqueue_meta.service_name IS
    'Name of the service whose entries go through the queue. NULL when the queue belongs to no single service.';
COMMENT ON COLUMN sys_vqueue_meta.scope IS
    'Scope that the queue serves. NULL when its entries have none.';
COMMENT ON COLUMN sys_vqueue_meta.limit_key IS
    'Limit key that all entries of the queue share. NULL when they have none.';
COMMENT ON COLUMN sys_vqueue_meta.lock_name IS
    'Lock that entries of the queue must hold to run, as Service/key. NULL unless the queue is that of a virtual object.';
COMMENT ON COLUMN sys_vqueue_meta.created_at IS
    'When the queue was made.';
COMMENT ON COLUMN sys_vqueue_meta.last_enqueued_at IS
    'When a new entry last came in. NULL when none ever did.';
COMMENT ON COLUMN sys_vqueue_meta.last_start_at IS
    'When an entry last had its first attempt. NULL when none ever had.';
COMMENT ON COLUMN sys_vqueue_meta.last_attempt_at IS
    'When an entry last had an attempt, first or later. NULL when none ever had.';
COMMENT ON COLUMN sys_vqueue_meta.last_finish_at IS
    'When an entry last finished. NULL when none ever did.';
COMMENT ON COLUMN sys_vqueue_meta.avg_queue_duration IS
    'Moving average of the wait before a first attempt, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_inbox_duration IS
    'Moving average of a stay in the inbox, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_run_duration IS
    'Moving average of a stay in the running stage, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_suspension_duration IS
    'Moving average of a stay in the suspended stage, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_end_to_end_duration IS
    'Moving average of the time from when an entry could first run to its end, in milliseconds; only entries that ended well count.';
COMMENT ON COLUMN sys_vqueue_meta.avg_blocked_on_concurrency_rules IS
    'Moving average of how long the first in line waited on concurrency rules that users set, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_blocked_on_invoker_concurrency IS
    'Moving average of how long the first in line waited for one of the invoker''s concurrency slots, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_blocked_on_invoker_throttling IS
    'Moving average of how long the first in line waited on the node''s own throttling, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.avg_blocked_on_lock IS
    'Moving average of how long the first in line waited for its virtual object''s lock, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_meta.num_inbox IS
    'How many entries wait in the inbox.';
COMMENT ON COLUMN sys_vqueue_meta.num_running IS
    'How many entries are running.';
COMMENT ON COLUMN sys_vqueue_meta.num_suspended IS
    'How many entries are suspended.';
COMMENT ON COLUMN sys_vqueue_meta.num_paused IS
    'How many entries are paused.';
COMMENT ON COLUMN sys_vqueue_meta.num_finished IS
    'How many entries are finished and not yet removed.';
