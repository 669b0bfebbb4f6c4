-- Each entry of the virtual queues with what it has waited for. Since 1.7.1.

CREATE TABLE sys_vqueue_entry_status (
    partition_key                                    numeric(20,0),
    entry_id                                         text,
    vqueue_id                                        text,
    stage                                            text,
    status                                           text,
    has_lock                                         boolean,
    next_at                                          timestamp with time zone,
    sequence_number                                  bigint,
    entry_kind                                       text,
    created_at                                       timestamp with time zone,
    transitioned_at                                  timestamp with time zone,
    num_attempts                                     bigint,
    num_errors                                       bigint,
    num_pauses                                       bigint,
    num_suspensions                                  bigint,
    num_yields                                       bigint,
    first_attempt_at                                 timestamp with time zone,
    latest_attempt_at                                timestamp with time zone,
    first_runnable_at                                timestamp with time zone,
    deployment                                       text,
    needed_memory                                    bigint,
    retry_attempts                                   bigint,
    retry_count_since_last_stored_command            bigint,
    latest_attempt_blocked_on_invoker_concurrency    bigint,
    latest_attempt_blocked_on_throttling_rules       bigint,
    latest_attempt_blocked_on_invoker_throttling     bigint,
    latest_attempt_blocked_on_invoker_memory         bigint,
    latest_attempt_blocked_on_concurrency_rules      bigint,
    latest_attempt_blocked_on_lock                   bigint,
    latest_attempt_blocked_on_deployment_concurrency bigint,
    total_blocked_on_invoker_concurrency             bigint,
    total_blocked_on_throttling_rules                bigint,
    total_blocked_on_invoker_throttling              bigint,
    total_blocked_on_invoker_memory                  bigint,
    total_blocked_on_concurrency_rules               bigint,
    total_blocked_on_lock                            bigint,
    total_blocked_on_deployment_concurrency          bigint,
    PRIMARY KEY (entry_id),
    FOREIGN KEY (vqueue_id) REFERENCES sys_vqueue_meta (id),
    FOREIGN KEY (deployment) REFERENCES sys_deployment (id)
);

COMMENT ON TABLE sys_vqueue_entry_status IS
    'Entries of the virtual queues, finished ones included, with their attempts and waits. Empty unless the cluster uses queues. Since 1.7.1.';

COMMENT ON COLUMN sys_vqueue_entry_status.partition_key IS
    'Number that decides which partition holds the row; it is part of the queue''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_vqueue_entry_status.entry_id IS
    'Id of the entry: an invocation''s id (inv_...), or that of a state mutation.';
COMMENT ON COLUMN sys_vqueue_entry_status.vqueue_id IS
    'Id of the queue that the entry belongs to.';
COMMENT ON COLUMN sys_vqueue_entry_status.stage IS
    'Where the entry stands: inbox (waits its turn), running, suspended (waits for a result or signal), paused (waits for an operator) or finished.';
COMMENT ON COLUMN sys_vqueue_entry_status.status IS
    'How processing went so far: new, scheduled, started, backing-off, yielded, or one of the final killed, cancelled, failed, succeeded. It keeps the last known word while the entry changes stage.';
COMMENT ON COLUMN sys_vqueue_entry_status.has_lock IS
    'Whether the entry holds its virtual object''s lock now.';
COMMENT ON COLUMN sys_vqueue_entry_status.next_at IS
    'When the entry is due for its next step; for a finished one, its removal.';
COMMENT ON COLUMN sys_vqueue_entry_status.sequence_number IS
    'Number that orders entries of equal rank inside the queue: the lower goes first.';
COMMENT ON COLUMN sys_vqueue_entry_status.entry_kind IS
    'What waits: invocation, or state-mutation (a change of state sent by an operator).';
COMMENT ON COLUMN sys_vqueue_entry_status.created_at IS
    'When the entry was made.';
COMMENT ON COLUMN sys_vqueue_entry_status.transitioned_at IS
    'When it came to its present stage.';
COMMENT ON COLUMN sys_vqueue_entry_status.num_attempts IS
    'How often it was started.';
COMMENT ON COLUMN sys_vqueue_entry_status.num_errors IS
    'How often it went back to the inbox because an attempt failed in a way that may pass.';
COMMENT ON COLUMN sys_vqueue_entry_status.num_pauses IS
    'How often it was paused.';
COMMENT ON COLUMN sys_vqueue_entry_status.num_suspensions IS
    'How often it was suspended.';
COMMENT ON COLUMN sys_vqueue_entry_status.num_yields IS
    'How often it gave up its turn and went back to the inbox, for whatever reason.';
COMMENT ON COLUMN sys_vqueue_entry_status.first_attempt_at IS
    'When the entry was first started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_at IS
    'When the entry was last started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_vqueue_entry_status.first_runnable_at IS
    'Earliest time at which its first attempt could have begun: its creation, or the time it was put off to.';
COMMENT ON COLUMN sys_vqueue_entry_status.deployment IS
    'Id of the deployment that the entry is bound to. NULL when it is bound to none.';
COMMENT ON COLUMN sys_vqueue_entry_status.needed_memory IS
    'Memory that the entry is expected to take in the invoker, in bytes. NULL when no estimate is known.';
COMMENT ON COLUMN sys_vqueue_entry_status.retry_attempts IS
    'How many retries its record counts.';
COMMENT ON COLUMN sys_vqueue_entry_status.retry_count_since_last_stored_command IS
    'How many retries there were since it last stored a command, that is, since it last got further.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_invoker_concurrency IS
    'How long the latest attempt waited for one of the invoker''s concurrency slots, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_throttling_rules IS
    'How long the latest attempt waited on throttling rules that users set for the queue, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_invoker_throttling IS
    'How long the latest attempt waited on the node''s own throttling of its invoker, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_invoker_memory IS
    'How long the latest attempt waited for room in the invoker''s memory pool, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_concurrency_rules IS
    'How long the latest attempt waited on concurrency rules that users set (sys_rules), in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_lock IS
    'How long the latest attempt waited for the lock of its virtual object, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.latest_attempt_blocked_on_deployment_concurrency IS
    'How long the latest attempt waited for a concurrency slot of its deployment, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_invoker_concurrency IS
    'How long all its attempts together waited for one of the invoker''s concurrency slots, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_throttling_rules IS
    'How long all its attempts together waited on throttling rules that users set for the queue, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_invoker_throttling IS
    'How long all its attempts together waited on the node''s own throttling of its invoker, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_invoker_memory IS
    'How long all its attempts together waited for room in the invoker''s memory pool, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_concurrency_rules IS
    'How long all its attempts together waited on concurrency rules that users set (sys_rules), in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_lock IS
    'How long all its attempts together waited for the lock of its virtual object, in milliseconds.';
COMMENT ON COLUMN sys_vqueue_entry_status.total_blocked_on_deployment_concurrency IS
    'How long all its attempts together waited for a concurrency slot of its deployment, in milliseconds.';
