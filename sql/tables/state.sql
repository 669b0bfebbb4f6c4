-- What the handlers of virtual objects and workflows have stored under their keys.

CREATE TABLE state (
    partition_key numeric(20,0),
    scope         text,
    service_name  text,
    service_key   text,
    key           text,
    key_length    bigint,
    value_utf8    text,
    value         bytea,
    value_length  bigint,
    PRIMARY KEY (partition_key, service_name, service_key, key),
    FOREIGN KEY (service_name) REFERENCES sys_service (name)
);

COMMENT ON TABLE state IS
    'Key-value state of virtual objects and workflows: one row for each entry.';

COMMENT ON COLUMN state.partition_key IS
    'Number that decides which partition holds the row: a hash of service_key (of scope, where there is one). Filtering on it reads one partition only.';
COMMENT ON COLUMN state.scope IS
    'Scope in which the instance lives, a name space chosen by the caller. NULL when the instance has no scope, which is the rule. Since 1.7.';
COMMENT ON COLUMN state.service_name IS
    'Name of the virtual object or workflow.';
COMMENT ON COLUMN state.service_key IS
    'Key of the virtual object, or id of the workflow.';
COMMENT ON COLUMN state.key IS
    'Name of the state entry. NULL when its bytes are not UTF-8, which no SDK writes.';
COMMENT ON COLUMN state.key_length IS
    'Length of the entry''s name in bytes. Reading it is cheaper than measuring key.';
COMMENT ON COLUMN state.value_utf8 IS
    'The value as text: JSON, with most SDKs. NULL when the bytes are not UTF-8.';
COMMENT ON COLUMN state.value IS
    'The value as the bytes that the handler stored.';
COMMENT ON COLUMN state.value_length IS
    'Length of the value in bytes. Reading it is cheaper than measuring value.';
