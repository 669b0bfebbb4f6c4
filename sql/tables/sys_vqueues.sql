-- What stands in the virtual queues, by stage. Since 1.7.

CREATE TABLE sys_vqueues (
    partition_key     numeric(20,0),
    id                text,
    stage             text,
    status            text,
    has_lock          boolean,
    run_at            timestamp with time zone,
    sequence_number   bigint,
    entry_id          text,
    entry_kind        text,
    created_at        timestamp with time zone,
    transitioned_at   timestamp with time zone,
    num_attempts      bigint,
    num_errors        bigint,
    num_pauses        bigint,
    num_suspensions   bigint,
    num_yields        bigint,
    first_attempt_at  timestamp with time zone,
    latest_attempt_at timestamp with time zone,
    first_runnable_at timestamp with time zone,
    deployment        text,
    PRIMARY KEY (entry_id),
    FOREIGN KEY (id) REFERENCES sys_vqueue_meta (id),
    FOREIGN KEY (deployment) REFERENCES sys_deployment (id)
);

COMMENT ON TABLE sys_vqueues IS
    'Entries of the virtual queues: one row for each entry, at its present stage. Empty unless the cluster uses queues. Since 1.7.';

COMMENT ON COLUMN sys_vqueues.partition_key IS
    'Number that decides which partition holds the row; it is part of the queue''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_vqueues.id IS
    'Id of the queue that holds the entry; one queue has many rows.';
COMMENT ON COLUMN sys_vqueues.stage IS
    'Where the entry stands: inbox (waits its turn), running, suspended (waits for a result or signal), paused (waits for an operator) or finished.';
COMMENT ON COLUMN sys_vqueues.status IS
    'How processing went so far: new, scheduled, started, backing-off, yielded, or one of the final killed, cancelled, failed, succeeded. It keeps the last known word while the entry changes stage.';
COMMENT ON COLUMN sys_vqueues.has_lock IS
    'Whether the entry holds its virtual object''s lock now.';
COMMENT ON COLUMN sys_vqueues.run_at IS
    'Time from which the entry may run. NULL unless its stage is inbox.';
COMMENT ON COLUMN sys_vqueues.sequence_number IS
    'Number that orders entries of equal rank inside the queue: the lower goes first.';
COMMENT ON COLUMN sys_vqueues.entry_id IS
    'Id of the entry: an invocation''s id (inv_...), or that of a state mutation.';
COMMENT ON COLUMN sys_vqueues.entry_kind IS
    'What waits: invocation, or state-mutation (a change of state sent by an operator).';
COMMENT ON COLUMN sys_vqueues.created_at IS
    'When the entry was made.';
COMMENT ON COLUMN sys_vqueues.transitioned_at IS
    'When it came to its present stage.';
COMMENT ON COLUMN sys_vqueues.num_attempts IS
    'How often it was started.';
COMMENT ON COLUMN sys_vqueues.num_errors IS
    'How often it went back to the inbox because an attempt failed in a way that may pass.';
COMMENT ON COLUMN sys_vqueues.num_pauses IS
    'How often it was paused.';
COMMENT ON COLUMN sys_vqueues.num_suspensions IS
    'How often it was suspended.';
COMMENT ON COLUMN sys_vqueues.num_yields IS
    'How often it gave up its turn and went back to the inbox, for whatever reason.';
COMMENT ON COLUMN sys_vqueues.first_attempt_at IS
    'When the entry was first started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_vqueues.latest_attempt_at IS
    'When the entry was last started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_vqueues.first_runnable_at IS
    'Earliest time at which its first attempt could have begun: its creation, or the time it was put off to.';
COMMENT ON COLUMN sys_vqueues.deployment IS
    'Id of the deployment that the entry is bound to. NULL when it is bound to none.';
