-- How much state each virtual object keeps. partition_key stands in the grouping, for it tells scopes apart.

CREATE VIEW object_state AS
SELECT
    s.service_name,
    s.service_key,
    COUNT(*) AS entries,
    CAST(SUM(s.key_length) AS bigint) AS key_bytes,
    CAST(SUM(s.value_length) AS bigint) AS value_bytes,
    CAST(MAX(s.value_length) AS bigint) AS value_bytes_max
FROM state AS s
GROUP BY s.partition_key, s.service_name, s.service_key;

COMMENT ON VIEW object_state IS
    'State by service and key: one row for each virtual object or workflow that keeps any. The entries themselves stand in state.';

COMMENT ON COLUMN object_state.service_name IS
    'Name of the virtual object or workflow.';
COMMENT ON COLUMN object_state.service_key IS
    'Key of the virtual object, or id of the workflow.';
COMMENT ON COLUMN object_state.entries IS
    'Number of state entries.';
COMMENT ON COLUMN object_state.key_bytes IS
    'Length of the names of all its entries, in bytes.';
COMMENT ON COLUMN object_state.value_bytes IS
    'Length of all its values, in bytes.';
COMMENT ON COLUMN object_state.value_bytes_max IS
    'Length of its largest value, in bytes.';
