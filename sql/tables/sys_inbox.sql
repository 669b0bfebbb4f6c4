-- Invocations of virtual objects that wait for the one that holds the object.

CREATE TABLE sys_inbox (
    partition_key   numeric(20,0),
    service_name    text,
    service_key     text,
    id              text,
    sequence_number bigint,
    created_at      timestamp with time zone,
    PRIMARY KEY (id),
    FOREIGN KEY (id) REFERENCES sys_invocation (id),
    FOREIGN KEY (service_name) REFERENCES sys_service (name)
);

COMMENT ON TABLE sys_inbox IS
    'Invocations that wait for a virtual object or workflow that another holds: one row for each, in order of sequence_number. Empty when the cluster uses virtual queues.';

COMMENT ON COLUMN sys_inbox.partition_key IS
    'Number that decides which partition holds the row: a hash of service_key (of scope, where there is one). Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_inbox.service_name IS
    'Name of the virtual object or workflow.';
COMMENT ON COLUMN sys_inbox.service_key IS
    'Key of the virtual object, or id of the workflow.';
COMMENT ON COLUMN sys_inbox.id IS
    'Id of the invocation that waits (inv_...).';
COMMENT ON COLUMN sys_inbox.sequence_number IS
    'Place in line: the lowest of a service_name and service_key runs next. Numbers are counted by partition, so they have gaps.';
COMMENT ON COLUMN sys_inbox.created_at IS
    'Not filled any more: always NULL. The times of the invocation stand in sys_invocation.';
