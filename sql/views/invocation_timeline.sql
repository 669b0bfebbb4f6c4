-- The life of an invocation in one list: changes of status, journal entries and events.
-- Ask for one id at a time, WHERE id = 'inv_...' ORDER BY happened_at, entry_index NULLS FIRST: without it all are read.

CREATE VIEW invocation_timeline AS
SELECT
    id,
    appended_at AS happened_at,
    'journal' AS source,
    CAST("index" AS bigint) AS entry_index,
    entry_type AS what,
    name,
    entry_lite_json AS detail
FROM sys_journal
UNION ALL
SELECT
    id,
    created_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'created' AS what,
    target AS name,
    invoked_by AS detail
FROM sys_invocation_status
UNION ALL
SELECT
    id,
    scheduled_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'scheduled' AS what,
    target AS name,
    CAST(NULL AS text) AS detail
FROM sys_invocation_status
WHERE scheduled_at IS NOT NULL
UNION ALL
SELECT
    id,
    scheduled_start_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'due' AS what,
    target AS name,
    CAST(NULL AS text) AS detail
FROM sys_invocation_status
WHERE scheduled_start_at IS NOT NULL
UNION ALL
SELECT
    id,
    inboxed_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'inboxed' AS what,
    target AS name,
    CAST(NULL AS text) AS detail
FROM sys_invocation_status
WHERE inboxed_at IS NOT NULL
UNION ALL
SELECT
    id,
    running_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'first started' AS what,
    target AS name,
    pinned_deployment_id AS detail
FROM sys_invocation_status
WHERE running_at IS NOT NULL
UNION ALL
SELECT
    id,
    modified_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    status AS what,
    target AS name,
    CAST(NULL AS text) AS detail
FROM sys_invocation_status
WHERE status IN ('suspended', 'paused')
UNION ALL
SELECT
    id,
    completed_at AS happened_at,
    'status' AS source,
    CAST(NULL AS bigint) AS entry_index,
    'completed' AS what,
    target AS name,
    COALESCE(completion_failure, completion_result) AS detail
FROM sys_invocation_status
WHERE completed_at IS NOT NULL
UNION ALL
SELECT
    id,
    appended_at AS happened_at,
    'event' AS source,
    after_journal_entry_index AS entry_index,
    event_type AS what,
    CAST(NULL AS text) AS name,
    event_json AS detail
FROM sys_journal_events;

COMMENT ON VIEW invocation_timeline IS
    'What happened to an invocation, in one list: changes of status, journal entries and events. Filter by id and sort by happened_at, entry_index NULLS FIRST.';

COMMENT ON COLUMN invocation_timeline.id IS
    'Id of the invocation (inv_...).';
COMMENT ON COLUMN invocation_timeline.happened_at IS
    'When it happened, or of a time put off to, when it will. NULL for journal entries of version 1.';
COMMENT ON COLUMN invocation_timeline.source IS
    'Where the row comes from: status, journal or event.';
COMMENT ON COLUMN invocation_timeline.entry_index IS
    'Position of the journal entry; for an event, of the last entry before it. NULL for changes of status.';
COMMENT ON COLUMN invocation_timeline.what IS
    'What happened: created, scheduled, due (the time that it was put off to), inboxed, first started, suspended, paused or completed; the type of the journal entry; the type of the event.';
COMMENT ON COLUMN invocation_timeline.name IS
    'For changes of status what was invoked, for journal entries the name of the step. NULL for events and notifications.';
COMMENT ON COLUMN invocation_timeline.detail IS
    'More about it: who created the invocation, its deployment, how it ended; the entry or the event as JSON. NULL when there is no more to say.';
