-- Which invocation holds which virtual object.

CREATE TABLE sys_keyed_service_status (
    partition_key numeric(20,0),
    service_name  text,
    service_key   text,
    invocation_id text,
    PRIMARY KEY (partition_key, service_name, service_key),
    FOREIGN KEY (invocation_id) REFERENCES sys_invocation (id),
    FOREIGN KEY (service_name) REFERENCES sys_service (name)
);

COMMENT ON TABLE sys_keyed_service_status IS
    'Virtual objects and workflows that an invocation holds now: one row for each. Empty when the cluster uses virtual queues, where sys_locks has them.';

COMMENT ON COLUMN sys_keyed_service_status.partition_key IS
    'Number that decides which partition holds the row: a hash of service_key (of scope, where there is one). Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_keyed_service_status.service_name IS
    'Name of the virtual object or workflow.';
COMMENT ON COLUMN sys_keyed_service_status.service_key IS
    'Key of the virtual object, or id of the workflow.';
COMMENT ON COLUMN sys_keyed_service_status.invocation_id IS
    'Id of the invocation that holds it; others wait in sys_inbox.';
