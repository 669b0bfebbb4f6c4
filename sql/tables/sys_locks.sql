-- Which entry holds which virtual object, in a cluster that uses virtual queues. Since 1.7.

CREATE TABLE sys_locks (
    partition_key numeric(20,0),
    scope         text,
    lock_name     text,
    acquired_at   timestamp with time zone,
    acquired_by   text,
    PRIMARY KEY (partition_key, lock_name)
);

COMMENT ON TABLE sys_locks IS
    'Locks of virtual objects that are held now: one row for each. Empty unless the cluster uses virtual queues; sys_keyed_service_status has them otherwise. Since 1.7.';

COMMENT ON COLUMN sys_locks.partition_key IS
    'Number that decides which partition holds the row: a hash of the object''s key (of scope, where there is one). Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_locks.scope IS
    'Scope of the virtual object that is locked. NULL when it has none.';
COMMENT ON COLUMN sys_locks.lock_name IS
    'Name of the lock, as Service/key.';
COMMENT ON COLUMN sys_locks.acquired_at IS
    'When the lock was taken.';
COMMENT ON COLUMN sys_locks.acquired_by IS
    'Id of what took it: an invocation (inv_...) or a state mutation. NULL when that was not recorded.';
