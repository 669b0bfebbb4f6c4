-- The durable promises of workflows.

CREATE TABLE sys_promise (
    partition_key                 numeric(20,0),
    scope                         text,
    service_name                  text,
    service_key                   text,
    key                           text,
    completed                     boolean,
    completion_success_value      bytea,
    completion_success_value_utf8 text,
    completion_failure            text,
    PRIMARY KEY (partition_key, service_name, service_key, key),
    FOREIGN KEY (service_name) REFERENCES sys_service (name)
);

COMMENT ON TABLE sys_promise IS
    'Durable promises of workflows: one row for each promise that was asked for or completed.';

COMMENT ON COLUMN sys_promise.partition_key IS
    'Number that decides which partition holds the row: a hash of service_key (of scope, where there is one). Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_promise.scope IS
    'Scope in which the instance lives, a name space chosen by the caller. NULL when the instance has no scope, which is the rule. Since 1.7.';
COMMENT ON COLUMN sys_promise.service_name IS
    'Name of the workflow.';
COMMENT ON COLUMN sys_promise.service_key IS
    'Id of the workflow run.';
COMMENT ON COLUMN sys_promise.key IS
    'Name of the promise.';
COMMENT ON COLUMN sys_promise.completed IS
    'Whether the promise has been resolved or rejected.';
COMMENT ON COLUMN sys_promise.completion_success_value IS
    'The value it was resolved with, as bytes. NULL when it is open or was rejected.';
COMMENT ON COLUMN sys_promise.completion_success_value_utf8 IS
    'The value it was resolved with, as text. NULL when it is open or was rejected, or when the bytes are not UTF-8.';
COMMENT ON COLUMN sys_promise.completion_failure IS
    'Why it was rejected: the code in brackets and a message. NULL when it is open or was resolved.';
