//! Node: the two drivers that most of its tools are built on.

use serde_json::json;

use super::Door;

#[test]
fn node_postgres_reads_through_its_pool_and_cursor() {
    let Some(told) = Door::shared().run("node-postgres.mjs") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["any"], facts.completed);
        assert_eq!(told["prepared"], 6);
        assert_eq!(told["several"], json!(["BEGIN", "SELECT", "COMMIT"]));
        assert_eq!(told["cancel"], "57014");
        assert_eq!(told["after"], 1);
    }
}

#[test]
fn postgres_js_pipelines_and_nests_transactions() {
    let Some(told) = Door::shared().run("postgres-js.mjs") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["any"], facts.completed);
        assert_eq!(told["pipelined"], 9900);
        assert_eq!(told["transaction"], json!(["42703", 1]));
        assert_eq!(told["cancel"], "57014");
    }
}
