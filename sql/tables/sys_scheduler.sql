-- The scheduler's view of each queue. It lives in the memory of the partition's leader. Since 1.7.

CREATE TABLE sys_scheduler (
    partition_key                         numeric(20,0),
    id                                    text,
    num_inbox                             bigint,
    status                                text,
    head_entry_id                         text,
    scheduled_at                          timestamp with time zone,
    blocked_on                            text,
    blocked_on_json                       text,
    invoker_concurrency_block_duration    bigint,
    throttling_rules_block_duration       bigint,
    invoker_throttling_block_duration     bigint,
    invoker_memory_block_duration         bigint,
    concurrency_rules_block_duration      bigint,
    lock_block_duration                   bigint,
    deployment_concurrency_block_duration bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (id) REFERENCES sys_vqueue_meta (id),
    FOREIGN KEY (head_entry_id) REFERENCES sys_vqueue_entry_status (entry_id)
);

COMMENT ON TABLE sys_scheduler IS
    'What the scheduler does with each virtual queue and what holds the first entry back. Known to the partition''s leader only and lost when it changes. Since 1.7.';

COMMENT ON COLUMN sys_scheduler.partition_key IS
    'Number that decides which partition holds the row; it is part of the queue''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_scheduler.id IS
    'Id of the queue that the scheduler tracks.';
COMMENT ON COLUMN sys_scheduler.num_inbox IS
    'How many entries of the queue wait in the inbox, as the scheduler counts them.';
COMMENT ON COLUMN sys_scheduler.status IS
    'What the scheduler does with the queue: dormant (it is not tracked), empty, ready (its first entry may run), scheduled (its first entry is due later) or blocked.';
COMMENT ON COLUMN sys_scheduler.head_entry_id IS
    'Id of the first entry in line. NULL when the scheduler has not looked it up yet.';
COMMENT ON COLUMN sys_scheduler.scheduled_at IS
    'When the first entry in line is due. NULL unless status is scheduled.';
COMMENT ON COLUMN sys_scheduler.blocked_on IS
    'Kind of what the first entry waits for: lock, invoker-concurrency, invoker-throttling, invoker-memory, deployment-concurrency or limit-key-concurrency. NULL unless status is blocked.';
COMMENT ON COLUMN sys_scheduler.blocked_on_json IS
    'The same in detail, as JSON: the lock''s name, or the rule and its level. NULL unless status is blocked. Since 1.7.1.';
COMMENT ON COLUMN sys_scheduler.invoker_concurrency_block_duration IS
    'How long the first entry in line has waited for one of the invoker''s concurrency slots, in milliseconds.';
COMMENT ON COLUMN sys_scheduler.throttling_rules_block_duration IS
    'How long the first entry in line has waited on throttling rules that users set for the queue, in milliseconds.';
COMMENT ON COLUMN sys_scheduler.invoker_throttling_block_duration IS
    'How long the first entry in line has waited on the node''s own throttling of its invoker, in milliseconds.';
COMMENT ON COLUMN sys_scheduler.invoker_memory_block_duration IS
    'How long the first entry in line has waited for room in the invoker''s memory pool, in milliseconds.';
COMMENT ON COLUMN sys_scheduler.concurrency_rules_block_duration IS
    'How long the first entry in line has waited on concurrency rules that users set (sys_rules), in milliseconds.';
COMMENT ON COLUMN sys_scheduler.lock_block_duration IS
    'How long the first entry in line has waited for the lock of its virtual object, in milliseconds.';
COMMENT ON COLUMN sys_scheduler.deployment_concurrency_block_duration IS
    'How long the first entry in line has waited for a concurrency slot of its deployment, in milliseconds.';
