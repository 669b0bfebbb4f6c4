-- The journal of each invocation: what its handler did, step by step.

CREATE TABLE sys_journal (
    partition_key   numeric(20,0),
    id              text,
    "index"         bigint,
    entry_type      text,
    name            text,
    completed       boolean,
    invoked_id      text,
    invoked_target  text,
    sleep_wakeup_at timestamp with time zone,
    promise_name    text,
    raw             bytea,
    raw_length      bigint,
    version         bigint,
    entry_json      text,
    entry_lite_json text,
    appended_at     timestamp with time zone,
    PRIMARY KEY (id, "index"),
    FOREIGN KEY (id) REFERENCES sys_invocation (id),
    FOREIGN KEY (invoked_id) REFERENCES sys_invocation (id)
);

COMMENT ON TABLE sys_journal IS
    'Journal entries: one row for each step of an invocation, kept for its journal_retention after the end.';

COMMENT ON COLUMN sys_journal.partition_key IS
    'Number that decides which partition holds the row; it is part of the invocation''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_journal.id IS
    'Id of the invocation whose journal this is (inv_...).';
COMMENT ON COLUMN sys_journal."index" IS
    'Position in the journal, from 0: the input.';
COMMENT ON COLUMN sys_journal.entry_type IS
    'Type of the entry. Version 2: Command: or Notification: and a name, such as Command: Run or Notification: Sleep. Version 1: the name alone.';
COMMENT ON COLUMN sys_journal.name IS
    'Name that the handler gave to the step; empty when it gave none. NULL for notifications.';
COMMENT ON COLUMN sys_journal.completed IS
    'Whether the entry has its result. Version 1 only, and there only for entries that have one; otherwise NULL.';
COMMENT ON COLUMN sys_journal.invoked_id IS
    'Id of the invocation that the entry called, which may be gone by now. Version 1 only; otherwise NULL, and entry_lite_json has it.';
COMMENT ON COLUMN sys_journal.invoked_target IS
    'What the entry called, as Service/handler or Service/key/handler. Version 1 only; otherwise NULL.';
COMMENT ON COLUMN sys_journal.sleep_wakeup_at IS
    'When the sleep ends. Version 1 only, for sleeps; otherwise NULL.';
COMMENT ON COLUMN sys_journal.promise_name IS
    'Name of the workflow promise that the entry reads or completes. Version 1 only; otherwise NULL.';
COMMENT ON COLUMN sys_journal.raw IS
    'The entry as the bytes of the service protocol. NULL for version 2 before 1.7.';
COMMENT ON COLUMN sys_journal.raw_length IS
    'Length of raw in bytes. Reading it is cheaper than measuring raw. NULL for version 1. Since 1.7.';
COMMENT ON COLUMN sys_journal.version IS
    'Version of the journal''s format: 1 for protocol versions up to 3, 2 from 4 on.';
COMMENT ON COLUMN sys_journal.entry_json IS
    'The entry as JSON, payloads included as arrays of bytes. NULL for version 1.';
COMMENT ON COLUMN sys_journal.entry_lite_json IS
    'The entry as JSON without its payloads: what to read first. NULL for version 1.';
COMMENT ON COLUMN sys_journal.appended_at IS
    'When the entry was stored. NULL for version 1.';
