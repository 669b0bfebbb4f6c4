-- The limits that operators have set. Since 1.7.

CREATE TABLE sys_rules (
    pattern       text,
    concurrency   bigint,
    description   text,
    disabled      boolean,
    version       bigint,
    last_modified timestamp with time zone,
    PRIMARY KEY (pattern)
);

COMMENT ON TABLE sys_rules IS
    'Rules that limit how many invocations run at a time: one row for each pattern. Since 1.7.';

COMMENT ON COLUMN sys_rules.pattern IS
    'What the rule applies to: scope, or scope/limit key of one or two levels, where * stands for any.';
COMMENT ON COLUMN sys_rules.concurrency IS
    'How many may run at a time. NULL when the rule sets no such limit.';
COMMENT ON COLUMN sys_rules.description IS
    'What its author wrote about it. NULL when nothing was.';
COMMENT ON COLUMN sys_rules.disabled IS
    'Whether the rule is set aside: kept, but without effect.';
COMMENT ON COLUMN sys_rules.version IS
    'Number of its present version: it grows with each change that has an effect.';
COMMENT ON COLUMN sys_rules.last_modified IS
    'When the rule was last changed.';
