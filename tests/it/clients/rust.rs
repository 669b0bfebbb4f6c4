//! Rust: sqlx, whose checked macros ask a server more than its queries do. tokio-postgres has tests of its own (`driver`).

use serde_json::json;

use super::Door;

#[test]
fn sqlx_reads_through_its_pool_streams_and_describes() {
    let Some(told) = Door::shared().run("sqlx") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["any"], facts.completed);
        assert_eq!(told["typed"], json!([3, true, true, true]), "{told}");
        let types = [
            "boolean",
            "smallint",
            "integer",
            "bigint",
            "real",
            "double precision",
            "numeric",
            "text",
            "bytea",
            "date",
            "time without time zone",
            "timestamp without time zone",
            "timestamp with time zone",
            "interval",
            "uuid",
            "oid",
            "json",
            "jsonb",
            "text[]",
            "bigint[]",
            "timestamp with time zone[]",
            "uuid[]",
            "numeric[]",
        ];
        assert_eq!(told["values"], json!(types));
        assert_eq!(told["decoded"], true, "text where it asks for a number");
        assert_eq!(told["bytes"], true);
        assert_eq!(told["left"], json!([3, 1]));
        assert_eq!(told["pooled"], json!([9900, 4]));
        assert_eq!(told["transaction"], json!(["42703", 1, "repeatable read"]));
        assert_eq!(told["timeout"], json!(["57014", 1]));
        assert_eq!(told["cancel"], json!(["57014", 1]));
        assert_eq!(told["several"], json!([1, 1_770_091_506, "1.50"]));
        // Of each column whether it may be NULL: keys may not, and of what is computed nothing is known.
        let checked = json!([
            ["TIMESTAMPTZ", "TEXT[]", "INT8"],
            ["TEXT", "TEXT", "INT8", "INT8"],
            [false, true, false, null]
        ]);
        assert_eq!(told["checked"], checked);
    }
}
