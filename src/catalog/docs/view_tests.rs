//! What each view answers over a few rows: one question of whoever is on call, one test.

use arrow::util::pretty::pretty_format_batches;

use super::tests::context;
use super::views;

/// What `select` returns from the view `name` over tables made by `setup`, as a drawn table without its frame.
async fn ask(setup: &[&str], name: &str, select: &str) -> Vec<String> {
    let context = context();
    for statement in setup {
        context.sql(statement).await.unwrap().collect().await.unwrap();
    }
    let view = context.sql(&views()[name].sql).await.unwrap();
    context.register_table(name, view.into_view()).unwrap();
    let batches = context.sql(select).await.unwrap().collect().await.unwrap();
    let drawn = pretty_format_batches(&batches).unwrap().to_string();
    let cells = |line: &str| line.split('|').map(str::trim).collect::<Vec<_>>().join("|");
    drawn
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

#[tokio::test]
async fn a_deployment_is_unused_once_neither_service_nor_open_invocation_needs_it() {
    let setup = [
        "CREATE TABLE sys_deployment AS SELECT column1 AS id, 'http' AS ty, 'http://a' AS endpoint,
             now() AS created_at, ['s'] AS services
         FROM (VALUES ('dp_latest'), ('dp_pinned'), ('dp_drained'), ('dp_idle'))",
        "CREATE TABLE sys_service AS SELECT 'dp_latest' AS deployment_id",
        "CREATE TABLE sys_invocation_status AS SELECT column1 AS pinned_deployment_id, column2 AS status
         FROM (VALUES ('dp_pinned', 'suspended'), ('dp_drained', 'completed'), (NULL, 'inboxed'))",
    ];
    let found = ask(
        &setup,
        "unused_deployments",
        "SELECT id FROM unused_deployments ORDER BY id",
    )
    .await;
    assert_eq!(found, ["|dp_drained|", "|dp_idle|"]);
}

#[tokio::test]
async fn an_invocation_is_stuck_for_a_reason() {
    let setup = [
        "CREATE TABLE sys_deployment AS SELECT 'dp_1' AS id",
        "CREATE TABLE sys_invocation AS SELECT column1 AS id, column2 AS status, column3 AS retry_count,
             column4 AS pinned_deployment_id, 'S/h' AS target, 'S' AS target_service_name,
             'k' AS target_service_key, 'h' AS target_handler_name, now() AS modified_at, now() AS next_retry_at,
             'RT0007' AS last_failure_error_code, 'boom' AS last_failure,
             'step' AS last_failure_related_command_name, now() AS created_at
         FROM (VALUES ('1', 'running', 1, 'dp_1'), ('2', 'running', 2, 'dp_1'), ('3', 'paused', NULL, 'dp_1'),
                      ('4', 'backing-off', 3, 'dp_gone'), ('5', 'scheduled', NULL, NULL), ('6', 'pending', NULL, NULL),
                      ('7', 'completed', NULL, 'dp_gone'), ('8', 'suspended', NULL, 'dp_1'))",
    ];
    let found = ask(
        &setup,
        "stuck_invocations",
        "SELECT id, reason FROM stuck_invocations ORDER BY id",
    )
    .await;
    let expected = [
        "|2|failed, runs its next attempt|",
        "|3|paused until an operator resumes it|",
        "|4|its deployment is gone|",
        "|6|waits in line behind others|",
        "|8|waits for a result, a signal or a timer|",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn failures_are_grouped_by_the_first_line_of_the_error() {
    let setup = ["CREATE TABLE sys_invocation AS SELECT column1 AS id, column2 AS status, column3 AS completion_failure,
             column4 AS last_failure, column5 AS last_failure_error_code, 1 AS retry_count, 'S' AS target_service_name,
             'h' AS target_handler_name, now() AS completed_at, now() AS last_start_at, now() AS modified_at
         FROM (VALUES ('1', 'completed', '[409] Cancelled', NULL, NULL), ('2', 'completed', NULL, NULL, NULL),
                      ('3', 'backing-off', NULL, E'[500] boom\\n at a', 'RT0007'),
                      ('4', 'running', NULL, E'[500] boom\\n at b', 'RT0007'), ('5', 'paused', NULL, '[500] boom', NULL))"];
    let select = "SELECT outcome, error, invocations, example_id FROM failures ORDER BY 1";
    let found = ask(&setup, "failures", select).await;
    assert_eq!(
        found,
        [
            "|failed|[409] Cancelled|1|1|",
            "|paused|[500] boom|1|5|",
            "|retrying|[500] boom|2|3|"
        ]
    );
}

#[tokio::test]
async fn an_object_shows_its_holder_and_who_waits_in_which_order() {
    let setup = [
        "CREATE TABLE sys_keyed_service_status AS SELECT 'Counter' AS service_name, column1 AS service_key,
             column2 AS invocation_id FROM (VALUES ('a', 'inv_1'), ('b', 'inv_2'))",
        "CREATE TABLE sys_inbox AS SELECT 'Counter' AS service_name, 'a' AS service_key, column1 AS id,
             column2 AS sequence_number FROM (VALUES ('inv_9', 17), ('inv_3', 40))",
        "CREATE TABLE sys_invocation AS SELECT column1 AS id, 'add' AS target_handler_name, column2 AS status,
             now() AS modified_at, 'boom' AS last_failure FROM (VALUES ('inv_1', 'suspended'), ('inv_2', 'running'))",
        "CREATE TABLE sys_invocation_status AS SELECT column1 AS id, 'get' AS target_handler_name,
             now() AS inboxed_at FROM (VALUES ('inv_3'), ('inv_9'))",
    ];
    let select = "SELECT service_key, holder_id, holder_status, queue_position, waiting_id, waiting_handler
                  FROM object_queue ORDER BY service_key, queue_position";
    let found = ask(&setup, "object_queue", select).await;
    let expected = [
        "|a|inv_1|suspended|1|inv_9|get|",
        "|a|inv_1|suspended|2|inv_3|get|",
        "|b|inv_2|running||||",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_queue_shows_what_holds_it_back_and_who_has_its_lock() {
    let setup = [
        "CREATE TABLE sys_vqueue_meta AS SELECT column1 AS id, 7 AS partition_key, column2 AS lock_name,
             column3 AS num_inbox, false AS queue_is_paused, 'S' AS service_name, 's' AS scope, 'l' AS limit_key,
             1 AS num_running, 0 AS num_suspended, 0 AS num_paused
         FROM (VALUES ('vq_1', 'Counter/a', 3), ('vq_2', NULL, 1), ('vq_3', NULL, 0))",
        "CREATE TABLE sys_scheduler AS SELECT column1 AS id, 'blocked' AS status, column2 AS blocked_on,
             '{}' AS blocked_on_json, 'inv_9' AS head_entry_id
         FROM (VALUES ('vq_1', 'lock'), ('vq_2', 'limit-key-concurrency'))",
        // The same lock name in another scope, which lies in another partition key, is another lock.
        "CREATE TABLE sys_locks AS SELECT column1 AS partition_key, 'Counter/a' AS lock_name, column2 AS acquired_by,
             now() AS acquired_at FROM (VALUES (7, 'inv_1'), (8, 'inv_2'))",
        "CREATE TABLE sys_invocation AS SELECT 'inv_1' AS id, 'add' AS target_handler_name, 'paused' AS status,
             'boom' AS last_failure",
    ];
    let select = "SELECT id, blocked_on, lock_holder_id, lock_holder_status FROM vqueue_backlog ORDER BY id";
    let found = ask(&setup, "vqueue_backlog", select).await;
    assert_eq!(found, ["|vq_1|lock|inv_1|paused|", "|vq_2|limit-key-concurrency|||"]);
}

#[tokio::test]
async fn a_timeline_holds_status_changes_journal_and_events() {
    let setup = [
        "CREATE TABLE sys_invocation_status AS SELECT 'inv_1' AS id, 'completed' AS status, 'S/h' AS target,
             'ingress' AS invoked_by, 'dp_1' AS pinned_deployment_id, '[500] boom' AS completion_failure,
             'failure' AS completion_result, arrow_cast(1, 'Timestamp(Millisecond, None)') AS created_at,
             NULL::timestamp AS scheduled_at, NULL::timestamp AS scheduled_start_at, NULL::timestamp AS inboxed_at,
             arrow_cast(2, 'Timestamp(Millisecond, None)') AS running_at,
             arrow_cast(9, 'Timestamp(Millisecond, None)') AS completed_at,
             arrow_cast(9, 'Timestamp(Millisecond, None)') AS modified_at",
        "CREATE TABLE sys_journal AS SELECT 'inv_1' AS id, arrow_cast(3, 'Timestamp(Millisecond, None)') AS appended_at,
             0 AS index, 'Command: Input' AS entry_type, '' AS name, '{}' AS entry_lite_json",
        "CREATE TABLE sys_journal_events AS SELECT 'inv_1' AS id, 0 AS after_journal_entry_index,
             arrow_cast(5, 'Timestamp(Millisecond, None)') AS appended_at, 'TransientError' AS event_type,
             '{}' AS event_json",
    ];
    let select = "SELECT source, entry_index, what, detail FROM invocation_timeline WHERE id = 'inv_1'
                  ORDER BY happened_at, entry_index NULLS FIRST";
    let found = ask(&setup, "invocation_timeline", select).await;
    let expected = [
        "|status||created|ingress|",
        "|status||first started|dp_1|",
        "|journal|0|Command: Input|{}|",
        "|event|0|TransientError|{}|",
        "|status||completed|[500] boom|",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn state_is_counted_by_object_and_scope() {
    let setup = [
        "CREATE TABLE state AS SELECT column1 AS partition_key, 'Counter' AS service_name, 'a' AS service_key,
                      column2 AS key_length, column3 AS value_length FROM (VALUES (7, 5, 10), (7, 6, 30), (8, 5, 1))",
    ];
    let select = "SELECT service_key, entries, key_bytes, value_bytes, value_bytes_max FROM object_state ORDER BY 2";
    assert_eq!(
        ask(&setup, "object_state", select).await,
        ["|a|1|5|1|1|", "|a|2|11|40|30|"]
    );
}
