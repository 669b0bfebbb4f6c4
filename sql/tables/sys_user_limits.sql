-- How far each limit is used. It lives in the memory of the partitions' leaders. Since 1.7.
-- A row is told from others by partition_key, scope, l1 and l2. l1 and l2 are NULL on the upper levels, so that
-- there is no primary key.

CREATE TABLE sys_user_limits (
    partition_key     numeric(20,0),
    scope             text,
    l1                text,
    l2                text,
    level             text,
    usage             bigint,
    concurrency_limit bigint,
    rule_pattern      text,
    available         bigint,
    num_waiters       bigint
);

COMMENT ON TABLE sys_user_limits IS
    'Concurrency counters by scope and limit key: how much of each limit is in use. Known to each partition''s leader only. Since 1.7.';

COMMENT ON COLUMN sys_user_limits.partition_key IS
    'Lowest partition key of the partition that keeps the counter. Filtering on it reads one partition only.';
COMMENT ON COLUMN sys_user_limits.scope IS
    'Scope that the counter belongs to.';
COMMENT ON COLUMN sys_user_limits.l1 IS
    'First level of the limit key. NULL for the counter of the whole scope.';
COMMENT ON COLUMN sys_user_limits.l2 IS
    'Second level of the limit key. NULL for counters of the scope and of the first level.';
COMMENT ON COLUMN sys_user_limits.level IS
    'What the counter counts: Scope, Level1 or Level2.';
COMMENT ON COLUMN sys_user_limits.usage IS
    'How many invocations it counts as running.';
COMMENT ON COLUMN sys_user_limits.concurrency_limit IS
    'How many may run at a time. NULL when nothing limits it.';
COMMENT ON COLUMN sys_user_limits.rule_pattern IS
    'Pattern of the rule that sets the limit; [removed] when the rule has been deleted since. NULL when nothing limits it.';
COMMENT ON COLUMN sys_user_limits.available IS
    'How many more may start now. NULL when nothing limits it.';
COMMENT ON COLUMN sys_user_limits.num_waiters IS
    'How many queues wait for this counter.';
