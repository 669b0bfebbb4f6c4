-- What happened to an invocation beside its journal: failed attempts and pauses.

CREATE TABLE sys_journal_events (
    partition_key             numeric(20,0),
    id                        text,
    after_journal_entry_index bigint,
    appended_at               timestamp with time zone,
    event_type                text,
    event_json                text,
    PRIMARY KEY (id, event_type, appended_at),
    FOREIGN KEY (id) REFERENCES sys_invocation (id)
);

COMMENT ON TABLE sys_journal_events IS
    'Events in the life of an invocation that are not steps of its handler: failed attempts, pauses, suspensions.';

COMMENT ON COLUMN sys_journal_events.partition_key IS
    'Number that decides which partition holds the row; it is part of the invocation''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_journal_events.id IS
    'Id of the invocation that the event belongs to (inv_...).';
COMMENT ON COLUMN sys_journal_events.after_journal_entry_index IS
    'Position of the last journal entry before the event: puts events and entries in one order.';
COMMENT ON COLUMN sys_journal_events.appended_at IS
    'When the event was stored.';
COMMENT ON COLUMN sys_journal_events.event_type IS
    'Type of the event: TransientError (an attempt failed and will be repeated), Paused or, since 1.7, Suspended. Unknown for types that this server cannot read.';
COMMENT ON COLUMN sys_journal_events.event_json IS
    'The event in detail, as JSON: error code, message and stack trace of a failed attempt, or what it waits for.';
