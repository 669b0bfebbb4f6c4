//! Superset's model of a database, with its engine spec for PostgreSQL.

use serde_json::json;

use super::Door;

#[test]
fn superset_browses_charts_and_cancels() {
    let Some(told) = Door::shared().run("superset_.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["spec"], "PostgresEngineSpec");
        assert_eq!(told["default_schema"], "public");
        assert_eq!(told["catalogs"].as_array().map(Vec::len), Some(1), "{told}");
        assert_eq!(told["schemas"], json!(["information_schema", "public"]));
        assert_eq!(told["views"], json!(facts.views));
        assert_eq!(told["materialized_views"], json!([]));
        assert_eq!(told["described"], true, "{told}");
        let kinds = json!({
            "id": "STRING", "retry_count": "NUMERIC", "created_at": "TEMPORAL", "pinned_deployment_id": "STRING",
        });
        assert_eq!(told["kinds"], kinds);
        assert_eq!(told["primary_key"], json!(["id"]), "{told}");
        assert_eq!(told["foreign_keys"], 2);
        assert_eq!(told["indexes"], 0);
        assert_eq!(told["has"], json!([true, false]));
        assert_eq!(told["dtypes"]["key_length"], "int64");

        let grains = told["grains"].as_object().expect("grains");
        assert_eq!(grains.len(), 15, "{told}");
        for (grain, groups) in grains {
            assert_eq!(groups[0], "datetime64[ns, UTC]", "{grain}");
            assert_eq!(groups[1], told["since"], "{grain}: each invocation is in one group");
        }
        assert!(told["since"].as_i64() > Some(0), "{told}");
        assert_eq!(told["epoch"], true);
        assert_eq!(told["epoch_ms"], "2026-11-28 16:10:44");
        let literals = json!({
            "DATE": "2026-02-03",
            "TIMESTAMP": "2026-02-03 04:05:06.789+00",
            "TIMESTAMP WITH TIME ZONE": "2026-02-03 04:05:06.789+00",
        });
        assert_eq!(told["literals"], literals);
        let columns = ["__timestamp", "target_service_name", "status", "count"];
        assert_eq!(told["chart"], json!([null, columns, true]), "{}", told["chart_sql"]);
        let values = told["values"].as_array().expect("values");
        assert!(values.contains(&json!("completed")), "{told}");

        // No cost is known of a plan.
        assert_eq!(told["cost"], json!([{}]));
        assert_eq!(
            told["errors"],
            json!(["SYNTAX_ERROR", "CONNECTION_UNKNOWN_DATABASE_ERROR"])
        );
        let message = told["message"].as_str().unwrap_or_default();
        assert!(
            message.starts_with("column \"no_such_column\" does not exist\nLINE 2:"),
            "{message}"
        );
        // It ends the session, of which psycopg2 says as much here as with PostgreSQL.
        assert_eq!(told["cancelled"], true);
        let ended = told["cancel"].as_str().unwrap_or_default();
        assert!(ended.starts_with("OperationalError"), "{ended}");
        assert_eq!(told["left"], 0);
    }
}
