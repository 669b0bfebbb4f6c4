-- The stored half of sys_invocation. Cheaper to read where nothing about attempts is asked.

CREATE TABLE sys_invocation_status (
    partition_key                     numeric(20,0),
    id                                text,
    vqueue_id                         text,
    status                            text,
    completion_result                 text,
    completion_failure                text,
    target                            text,
    target_service_name               text,
    target_service_key                text,
    target_handler_name               text,
    target_service_ty                 text,
    scope                             text,
    limit_key                         text,
    idempotency_key                   text,
    invoked_by                        text,
    invoked_by_id                     text,
    invoked_by_subscription_id        text,
    invoked_by_service_name           text,
    invoked_by_target                 text,
    restarted_from                    text,
    pinned_deployment_id              text,
    pinned_service_protocol_version   bigint,
    trace_id                          text,
    journal_size                      bigint,
    journal_commands_size             bigint,
    created_at                        timestamp with time zone,
    created_using_restate_version     text,
    modified_at                       timestamp with time zone,
    inboxed_at                        timestamp with time zone,
    scheduled_at                      timestamp with time zone,
    scheduled_start_at                timestamp with time zone,
    running_at                        timestamp with time zone,
    completed_at                      timestamp with time zone,
    completion_retention              bigint,
    journal_retention                 bigint,
    suspended_waiting_for_completions bigint[],
    suspended_waiting_for_signals     bigint[],
    suspended_waiting_future_json     text,
    PRIMARY KEY (id),
    FOREIGN KEY (id) REFERENCES sys_invocation (id),
    FOREIGN KEY (pinned_deployment_id) REFERENCES sys_deployment (id),
    FOREIGN KEY (target_service_name) REFERENCES sys_service (name),
    FOREIGN KEY (vqueue_id) REFERENCES sys_vqueue_meta (id)
);

COMMENT ON TABLE sys_invocation_status IS
    'Stored status of each invocation, without what only the running attempt knows (sys_invocation_state).';

COMMENT ON COLUMN sys_invocation_status.partition_key IS
    'Number that decides which partition holds the row; it is part of the invocation''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_invocation_status.id IS
    'Id of the invocation (inv_...).';
COMMENT ON COLUMN sys_invocation_status.vqueue_id IS
    'Id of the queue (vq_...) that the invocation runs through. NULL when the cluster, or this invocation, does not use queues. Since 1.7.';
COMMENT ON COLUMN sys_invocation_status.status IS
    'Stored status: inboxed (waits in line for its virtual object or its queue), scheduled (starts later), invoked (runs or retries; sys_invocation_state says which), suspended, paused or completed.';
COMMENT ON COLUMN sys_invocation_status.completion_result IS
    'How it ended: success or failure. NULL as long as it has not.';
COMMENT ON COLUMN sys_invocation_status.completion_failure IS
    'Why it failed: the code in brackets and a message, such as [409] Cancelled. NULL unless completion_result is failure.';
COMMENT ON COLUMN sys_invocation_status.target IS
    'What was invoked, in one text: Service/handler, or Service/key/handler for virtual objects and workflows.';
COMMENT ON COLUMN sys_invocation_status.target_service_name IS
    'Name of the service that was invoked.';
COMMENT ON COLUMN sys_invocation_status.target_service_key IS
    'Key of the virtual object or id of the workflow that was invoked. NULL for plain services.';
COMMENT ON COLUMN sys_invocation_status.target_handler_name IS
    'Name of the handler that was invoked.';
COMMENT ON COLUMN sys_invocation_status.target_service_ty IS
    'Kind of the service that was invoked: service, virtual_object or workflow.';
COMMENT ON COLUMN sys_invocation_status.scope IS
    'Scope that the caller gave to the invocation; it decides the partition and which limits apply. NULL when none was given. Since 1.7.';
COMMENT ON COLUMN sys_invocation_status.limit_key IS
    'Key, inside the scope, under which concurrency is counted: one level or two, separated by a slash. NULL when none was given. Since 1.7.';
COMMENT ON COLUMN sys_invocation_status.idempotency_key IS
    'Idempotency key that the caller sent. NULL when none was sent.';
COMMENT ON COLUMN sys_invocation_status.invoked_by IS
    'Who created the invocation: ingress (a request from outside), service (another invocation), subscription (an event, such as a Kafka record), restart_as_new (an operator restarted an older one) or restate (the runtime itself).';
COMMENT ON COLUMN sys_invocation_status.invoked_by_id IS
    'Id of the calling invocation, which may be gone by now. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation_status.invoked_by_subscription_id IS
    'Id of the subscription whose event created the invocation. NULL unless invoked_by is subscription.';
COMMENT ON COLUMN sys_invocation_status.invoked_by_service_name IS
    'Name of the calling service. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation_status.invoked_by_target IS
    'What the caller was, written as in target. NULL unless invoked_by is service.';
COMMENT ON COLUMN sys_invocation_status.restarted_from IS
    'Id of the invocation that this one repeats, which may be gone by now. NULL unless invoked_by is restart_as_new.';
COMMENT ON COLUMN sys_invocation_status.pinned_deployment_id IS
    'Id of the deployment (dp_...) that the invocation is bound to: all its later attempts run there. NULL until the first journal entry after the input is stored.';
COMMENT ON COLUMN sys_invocation_status.pinned_service_protocol_version IS
    'Version of the protocol spoken with the pinned deployment. NULL as long as none is pinned.';
COMMENT ON COLUMN sys_invocation_status.trace_id IS
    'Id of the OpenTelemetry trace of the invocation. NULL when tracing is off, or before it was first started.';
COMMENT ON COLUMN sys_invocation_status.journal_size IS
    'Number of journal entries stored so far. NULL before it was first started.';
COMMENT ON COLUMN sys_invocation_status.journal_commands_size IS
    'Number of those journal entries that are commands, steps that the handler asked for; counted from protocol version 4 on. NULL before it was first started.';
COMMENT ON COLUMN sys_invocation_status.created_at IS
    'When the invocation was accepted.';
COMMENT ON COLUMN sys_invocation_status.created_using_restate_version IS
    'Version of the restate-server that accepted the invocation.';
COMMENT ON COLUMN sys_invocation_status.modified_at IS
    'When the stored status last changed, such as from invoked to suspended. Retries do not change it.';
COMMENT ON COLUMN sys_invocation_status.inboxed_at IS
    'When it joined the line for its virtual object or its queue. NULL when it never had to.';
COMMENT ON COLUMN sys_invocation_status.scheduled_at IS
    'When it became scheduled, that is, was put off to a later time. NULL when it was to start at once.';
COMMENT ON COLUMN sys_invocation_status.scheduled_start_at IS
    'Time for which its start was asked. NULL when it was to start at once.';
COMMENT ON COLUMN sys_invocation_status.running_at IS
    'When it was first started. NULL when it has not been yet.';
COMMENT ON COLUMN sys_invocation_status.completed_at IS
    'When it ended, well or badly. NULL as long as it has not.';
COMMENT ON COLUMN sys_invocation_status.completion_retention IS
    'How long the invocation and its result are kept after it ended, in milliseconds.';
COMMENT ON COLUMN sys_invocation_status.journal_retention IS
    'How long the journal is kept after the invocation ended, in milliseconds. Zero: it is dropped at once.';
COMMENT ON COLUMN sys_invocation_status.suspended_waiting_for_completions IS
    'Numbers of the completions that it waits for. Empty or NULL when it waits for none or is not suspended. Superseded by suspended_waiting_future_json in 1.7.';
COMMENT ON COLUMN sys_invocation_status.suspended_waiting_for_signals IS
    'Numbers of the signals that it waits for; from 17 on they are awakeables. Empty or NULL when it waits for none or is not suspended. Superseded by suspended_waiting_future_json in 1.7.';
COMMENT ON COLUMN sys_invocation_status.suspended_waiting_future_json IS
    'What it waits for, as a JSON tree of completions and signals. NULL unless it is suspended. Since 1.7.';
