-- The fleeting half of sys_invocation: what the leader of a partition knows of the attempts it makes.

CREATE TABLE sys_invocation_state (
    partition_key                      numeric(20,0),
    id                                 text,
    in_flight                          boolean,
    retry_count                        bigint,
    last_start_at                      timestamp with time zone,
    last_attempt_deployment_id         text,
    last_attempt_server                text,
    next_retry_at                      timestamp with time zone,
    last_failure                       text,
    last_failure_error_code            text,
    last_failure_related_command_index bigint,
    last_failure_related_command_name  text,
    last_failure_related_command_type  text,
    last_failure_related_entry_index   bigint,
    last_failure_related_entry_name    text,
    last_failure_related_entry_type    text,
    last_awaiting_on_future_json       text,
    PRIMARY KEY (id),
    FOREIGN KEY (id) REFERENCES sys_invocation (id),
    FOREIGN KEY (last_attempt_deployment_id) REFERENCES sys_deployment (id)
);

COMMENT ON TABLE sys_invocation_state IS
    'Attempts as the leader of each partition holds them in memory: one row for each invocation it has taken up. Lost when the leader changes, and read without touching the disk.';

COMMENT ON COLUMN sys_invocation_state.partition_key IS
    'Number that decides which partition holds the row; it is part of the invocation''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_invocation_state.id IS
    'Id of the invocation (inv_...).';
COMMENT ON COLUMN sys_invocation_state.in_flight IS
    'Whether an attempt is under way now. False: the invocation waits for its next one.';
COMMENT ON COLUMN sys_invocation_state.retry_count IS
    'Attempts made since the present leader of the partition took the invocation up: 1 is the first attempt, more means failures. It starts again after a suspension or a change of leader. NULL when the leader holds no attempt, as for suspended and completed ones.';
COMMENT ON COLUMN sys_invocation_state.last_start_at IS
    'When the latest attempt began. NULL while the partition''s leader holds no attempt.';
COMMENT ON COLUMN sys_invocation_state.last_attempt_deployment_id IS
    'Id of the deployment that the latest attempt went to; it is set before the invocation is pinned and may change until then. NULL when no attempt is known.';
COMMENT ON COLUMN sys_invocation_state.last_attempt_server IS
    'SDK and version that answered the latest attempt, such as restate-sdk-java/1.0.1. NULL when nothing answered.';
COMMENT ON COLUMN sys_invocation_state.next_retry_at IS
    'When the next attempt begins, or when the one now running was due. NULL when none has been put off.';
COMMENT ON COLUMN sys_invocation_state.last_failure IS
    'Why the latest failed attempt failed: code, message and often a stack trace, over several lines. NULL when no attempt failed, and between attempts where the cluster uses virtual queues: see sys_journal_events.';
COMMENT ON COLUMN sys_invocation_state.last_failure_error_code IS
    'Code under which Restate documents the latest failure, such as RT0007. NULL when no attempt failed or the failure has none.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_command_index IS
    'Position, among the commands of the journal, of the one that the latest failure belongs to; it may not be stored. NULL when no command is to blame.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_command_name IS
    'Name of the command that the latest failure belongs to, such as that of a run step. NULL when it has none.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_command_type IS
    'Type of the command that the latest failure belongs to, such as Run, Call or Sleep. NULL when no command is to blame.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_entry_index IS
    'Position of the journal entry that the latest failure belongs to; it may not be stored. Filled for protocol versions up to 3 only, and NULL when no entry is to blame.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_entry_name IS
    'Name of the journal entry that the latest failure belongs to. Filled for protocol versions up to 3 only, and NULL when it has none.';
COMMENT ON COLUMN sys_invocation_state.last_failure_related_entry_type IS
    'Type of the journal entry that the latest failure belongs to. Filled for protocol versions up to 3 only, and NULL when no entry is to blame.';
COMMENT ON COLUMN sys_invocation_state.last_awaiting_on_future_json IS
    'What the handler last said it waits for, as a JSON tree of completions and signals. NULL when it is not known. Since 1.7.';
