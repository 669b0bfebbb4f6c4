-- The table to begin with: each invocation with its stored status and, where one runs, its latest attempt.

CREATE TABLE sys_invocation (
    id                                 text,
    vqueue_id                          text,
    target                             text,
    target_service_name                text,
    target_service_key                 text,
    target_handler_name                text,
    target_service_ty                  text,
    scope                              text,
    limit_key                          text,
    idempotency_key                    text,
    invoked_by                         text,
    invoked_by_service_name            text,
    invoked_by_id                      text,
    invoked_by_subscription_id         text,
    invoked_by_target                  text,
    restarted_from                     text,
    pinned_deployment_id               text,
    pinned_service_protocol_version    bigint,
    trace_id                           text,
    journal_size                       bigint,
    journal_commands_size              bigint,
    created_at                         timestamp with time zone,
    created_using_restate_version      text,
    modified_at                        timestamp with time zone,
    inboxed_at                         timestamp with time zone,
    scheduled_at                       timestamp with time zone,
    scheduled_start_at                 timestamp with time zone,
    running_at                         timestamp with time zone,
    completed_at                       timestamp with time zone,
    completion_retention               bigint,
    journal_retention                  bigint,
    suspended_waiting_for_completions  bigint[],
    suspended_waiting_for_signals      bigint[],
    suspended_waiting_future_json      text,
    retry_count                        bigint,
    last_start_at                      timestamp with time zone,
    next_retry_at                      timestamp with time zone,
    last_attempt_deployment_id         text,
    last_attempt_server                text,
    last_failure                       text,
    last_failure_error_code            text,
    last_failure_related_entry_index   bigint,
    last_failure_related_entry_name    text,
    last_failure_related_entry_type    text,
    last_failure_related_command_index bigint,
    last_failure_related_command_name  text,
    last_failure_related_command_type  text,
    last_awaiting_on_future_json       text,
    status                             text,
    completion_result                  text,
    completion_failure                 text,
    PRIMARY KEY (id),
    FOREIGN KEY (pinned_deployment_id) REFERENCES sys_deployment (id),
    FOREIGN KEY (target_service_name) REFERENCES sys_service (name),
    FOREIGN KEY (last_attempt_deployment_id) REFERENCES sys_deployment (id),
    FOREIGN KEY (vqueue_id) REFERENCES sys_vqueue_meta (id),
    FOREIGN KEY (invoked_by_id) REFERENCES sys_invocation (id),
    FOREIGN KEY (restarted_from) REFERENCES sys_invocation (id)
);

COMMENT ON TABLE sys_invocation IS
    'Invocations with where they stand, their latest attempt and how they ended: sys_invocation_status and sys_invocation_state in one. Ended ones stay for their retention time.';

COMMENT ON COLUMN sys_invocation.id IS
    'Id of the invocation (inv_...).';
COMMENT ON COLUMN sys_invocation.vqueue_id IS
    'Id of the queue (vq_...) that the invocation runs through. NULL when the cluster, or this invocation, does not use queues. Since 1.7.';
COMMENT ON COLUMN sys_invocation.target IS
    'What was invoked, in one text: Service/handler, or Service/key/handler for virtual objects and workflows.';
COMMENT ON COLUMN sys_invocation.target_service_name IS
    'Name of the service that was invoked.';
COMMENT ON COLUMN sys_invocation.target_service_key IS
    'Key of the virtual object or id of the workflow that was invoked. NULL for plain services.';
COMMENT ON COLUMN sys_invocation.target_handler_name IS
    'Name of the handler that was invoked.';
COMMENT ON COLUMN sys_invocation.target_service_ty IS
    'Kind of the service that was invoked: service, virtual_object or workflow.';
COMMENT ON COLUMN sys_invocation.scope IS
    'Scope that the caller gave to the invocation; it decides the partition and which limits apply. NULL when none was given. Since 1.7.';
COMMENT ON COLUMN sys_invocation.limit_key IS
    'Key, inside the scope, under which concurrency is counted: one level or two, separated by a slash. NULL when none was given. Since 1.7.';
COMMENT ON COLUMN sys_invocation.idempotency_key IS
    'Idempotency key that the caller sent. NULL when none was sent.';
COMMENT ON COLUMN sys_invocation.invoked_by IS
    'Who created the invocation: ingress (a request from outside), service (another invocation), subscription (an event, such as a Kafka record), restart_as_new (an operator restarted an older one) or restate (the runtime itself).';
COMMENT ON COLUMN sys_invocation.invoked_by_service_name IS
    'Name of the calling service. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation.invoked_by_id IS
    'Id of the calling invocation, which may be gone by now. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation.invoked_by_subscription_id IS
    'Id of the subscription whose event created the invocation. NULL unless invoked_by is subscription.';
COMMENT ON COLUMN sys_invocation.invoked_by_target IS
    'What the caller was, written as in target. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation.restarted_from IS
    'Id of the invocation that this one repeats, which may be gone by now. NULL unless invoked_by is restart_as_new.';
COMMENT ON COLUMN sys_invocation.pinned_deployment_id IS
    'Id of the deployment (dp_...) that the invocation is bound to: all its later attempts run there. NULL until the first journal entry after the input is stored.';
COMMENT ON COLUMN sys_invocation.pinned_service_protocol_version IS
    'Version of the protocol spoken with the pinned deployment. NULL as long as none is pinned.';
COMMENT ON COLUMN sys_invocation.trace_id IS
    'Id of the OpenTelemetry trace of the invocation. NULL when tracing is off, or before it was first started.';
COMMENT ON COLUMN sys_invocation.journal_size IS
    'Number of journal entries stored so far. NULL before it was first started.';
COMMENT ON COLUMN sys_invocation.journal_commands_size IS
    'Number of those journal entries that are commands, steps that the handler asked for; counted from protocol version 4 on. NULL before it was first started.';
COMMENT ON COLUMN sys_invocation.created_at IS
    'When the invocation was accepted.';
COMMENT ON COLUMN sys_invocation.created_using_restate_version IS
    'Version of the restate-server that accepted the invocation.';
COMMENT ON COLUMN sys_invocation.modified_at IS
    'When the stored status last changed, such as from invoked to suspended. Retries do not change it.';
COMMENT ON COLUMN sys_invocation.inboxed_at IS
    'When it joined the line for its virtual object or its queue. NULL when it never had to.';
COMMENT ON COLUMN sys_invocation.scheduled_at IS
    'When it became scheduled, that is, was put off to a later time. NULL when it was to start at once.';
COMMENT ON COLUMN sys_invocation.scheduled_start_at IS
    'Time for which its start was asked. NULL when it was to start at once.';
COMMENT ON COLUMN sys_invocation.running_at IS
    'When it was first started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_invocation.completed_at IS
    'When it ended, well or badly. NULL as long as it has not.';
COMMENT ON COLUMN sys_invocation.completion_retention IS
    'How long the invocation and its result are kept after it ended, in milliseconds.';
COMMENT ON COLUMN sys_invocation.journal_retention IS
    'How long the journal is kept after the invocation ended, in milliseconds. Zero: it is dropped at once.';
COMMENT ON COLUMN sys_invocation.suspended_waiting_for_completions IS
    'Numbers of the completions that it waits for. Empty or NULL when it waits for none or is not suspended. Superseded by suspended_waiting_future_json in 1.7.';
COMMENT ON COLUMN sys_invocation.suspended_waiting_for_signals IS
    'Numbers of the signals that it waits for; from 17 on they are awakeables. Empty or NULL when it waits for none or is not suspended. Superseded by suspended_waiting_future_json in 1.7.';
COMMENT ON COLUMN sys_invocation.suspended_waiting_future_json IS
    'What it waits for, as a JSON tree of completions and signals. NULL unless it is suspended. Since 1.7.';
COMMENT ON COLUMN sys_invocation.retry_count IS
    'Attempts made since the present leader of the partition took the invocation up: 1 is the first attempt, more means failures. It starts again after a suspension or a change of leader. NULL when the leader holds no attempt, as for suspended and completed ones.';
COMMENT ON COLUMN sys_invocation.last_start_at IS
    'When the latest attempt began. NULL while the partition''s leader holds no attempt.';
COMMENT ON COLUMN sys_invocation.next_retry_at IS
    'When the next attempt begins, or when the one now running was due. NULL when none has been put off.';
COMMENT ON COLUMN sys_invocation.last_attempt_deployment_id IS
    'Id of the deployment that the latest attempt went to; it is set before the invocation is pinned and may change until then. NULL when no attempt is known.';
COMMENT ON COLUMN sys_invocation.last_attempt_server IS
    'SDK and version that answered the latest attempt, such as restate-sdk-java/1.0.1. NULL when nothing answered.';
COMMENT ON COLUMN sys_invocation.last_failure IS
    'Why the latest failed attempt failed: code, message and often a stack trace, over several lines. NULL when no attempt failed, and between attempts where the cluster uses virtual queues: see sys_journal_events.';
COMMENT ON COLUMN sys_invocation.last_failure_error_code IS
    'Code under which Restate documents the latest failure, such as RT0007. NULL when no attempt failed or the failure has none.';
COMMENT ON COLUMN sys_invocation.last_failure_related_entry_index IS
    'Position of the journal entry that the latest failure belongs to; it may not be stored. Filled for protocol versions up to 3 only, and NULL when no entry is to blame.';
COMMENT ON COLUMN sys_invocation.last_failure_related_entry_name IS
    'Name of the journal entry that the latest failure belongs to. Filled for protocol versions up to 3 only, and NULL when it has none.';
COMMENT ON COLUMN sys_invocation.last_failure_related_entry_type IS
    'Type of the journal entry that the latest failure belongs to. Filled for protocol versions up to 3 only, and NULL when no entry is to blame.';
COMMENT ON COLUMN sys_invocation.last_failure_related_command_index IS
    'Position, among the commands of the journal, of the one that the latest failure belongs to; it may not be stored. NULL when no command is to blame.';
COMMENT ON COLUMN sys_invocation.last_failure_related_command_name IS
    'Name of the command that the latest failure belongs to, such as that of a run step. NULL when it has none.';
COMMENT ON COLUMN sys_invocation.last_failure_related_command_type IS
    'Type of the command that the latest failure belongs to, such as Run, Call or Sleep. NULL when no command is to blame.';
COMMENT ON COLUMN sys_invocation.last_awaiting_on_future_json IS
    'What the handler last said it waits for, as a JSON tree of completions and signals. NULL when it is not known. Since 1.7.';
COMMENT ON COLUMN sys_invocation.status IS
    'Where the invocation stands: pending (waits in line for its virtual object or its queue), scheduled (starts later), ready (about to start), running, backing-off (waits for its next attempt; ready where the cluster uses virtual queues), suspended (waits for a result or signal), paused (waits for an operator) or completed.';
COMMENT ON COLUMN sys_invocation.completion_result IS
    'How it ended: success or failure. NULL as long as it has not.';
COMMENT ON COLUMN sys_invocation.completion_failure IS
    'Why it failed: the code in brackets and a message, such as [409] Cancelled. NULL unless completion_result is failure.';
