-- Only in 1.6: nothing has been written here since 1.3, and 1.7 dropped the table.
-- sys_invocation.idempotency_key has the key of each invocation.

CREATE TABLE sys_idempotency (
    partition_key   numeric(20,0),
    service_name    text,
    service_key     text,
    service_handler text,
    idempotency_key text,
    invocation_id   text,
    PRIMARY KEY (invocation_id),
    FOREIGN KEY (invocation_id) REFERENCES sys_invocation (id)
);

COMMENT ON TABLE sys_idempotency IS
    'Idempotency keys of invocations accepted by 1.2 or older. Gone in 1.7: see idempotency_key in sys_invocation.';

COMMENT ON COLUMN sys_idempotency.partition_key IS
    'Number that decides which partition holds the row; it is part of the invocation''s id. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_idempotency.service_name IS
    'Name of the service that was invoked with the key.';
COMMENT ON COLUMN sys_idempotency.service_key IS
    'Key of the virtual object or id of the workflow that was invoked with it. NULL for plain services.';
COMMENT ON COLUMN sys_idempotency.service_handler IS
    'Name of the handler that was invoked with it.';
COMMENT ON COLUMN sys_idempotency.idempotency_key IS
    'The idempotency key.';
COMMENT ON COLUMN sys_idempotency.invocation_id IS
    'Id of the invocation that the key stands for.';
