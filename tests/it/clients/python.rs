//! Python: drivers, SQLAlchemy's reflection, and the data tools that read by COPY in binary.

use serde_json::json;

use super::Door;

#[test]
fn psycopg_3_reads_through_server_side_cursors_copy_and_pipelines() {
    let Some(told) = Door::shared().run("psycopg_3.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["scrolled"], json!([1, 2, 3, 2, 3, 4]));
        assert_eq!(told["held"], 1000);
        assert_eq!(told["copied"], facts.state);
        assert_eq!(told["pipelined"], 9900);
        assert_eq!(told["savepoint"], 1);
        assert_eq!(told["prepared"], 45);
        assert!(told["quoted"].as_i64() > Some(0), "{told}");
        assert_eq!(told["cancel"], "57014");
    }
}

#[test]
fn psycopg2_reads_through_named_cursors_and_copy() {
    let Some(told) = Door::shared().run("psycopg_2.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert!(told["copied"].as_i64() >= Some(facts.state), "{told}");
        assert_eq!(told["cancel"], "57014");
    }
}

#[test]
fn asyncpg_reads_binary_through_cursors_and_its_pool() {
    let Some(told) = Door::shared().run("asyncpg_.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check_with(&told, "sys_journal");
        assert_eq!(told["any"], facts.completed);
        assert_eq!(told["described"][0], "numeric");
        assert_eq!(told["cancel"], "57014");
        assert_eq!(told["pooled"], 1);
    }
}

#[test]
fn pg8000_reads_without_libpq() {
    let Some(told) = Door::shared().run("pg8000_.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["prepared"], 9900);
    }
}

#[test]
fn sqlalchemy_reflects_tables_comments_and_keys() {
    let Some(told) = Door::shared().run("reflection.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["columns"], json!(facts.tables));
        assert_eq!(told["schemas"], json!(["information_schema", "public"]));
        assert_eq!(told["uncommented"], json!([]));
        assert_eq!(told["uncommented_columns"], json!([]));
        assert_eq!(told["definition"], json!([]), "views without a definition");
        assert_eq!(told["types"]["partition_key"], "NUMERIC(20, 0)");
        assert_eq!(told["types"]["value"], "BYTEA");
        assert_eq!(told["types"]["key_length"], "BIGINT");
        assert_eq!(told["primary_key"], json!(["id", "index"]));
        let keys = json!([
            [["id"], "sys_invocation", ["id"]],
            [["invoked_id"], "sys_invocation", ["id"]]
        ]);
        assert_eq!(told["foreign_keys"], keys);
        assert_eq!(told["joined"], facts.journal);
    }
}

#[test]
fn adbc_and_polars_read_by_binary_copy() {
    let Some(told) = Door::shared().run("adbc.py") else {
        return;
    };
    for (facts, told) in told {
        facts.check(&told);
        assert_eq!(told["types"]["key"], "String");
        assert_eq!(told["types"]["key_length"], "Int64");
        assert_eq!(told["types"]["value"], "Binary");
        assert_eq!(told["uri"], facts.state);
    }
}

#[test]
fn duckdb_attaches_a_cluster_and_joins_its_tables() {
    let Some(told) = Door::shared().run("duck.py") else {
        return;
    };
    for (facts, told) in told {
        // It lists views among the tables.
        let mut relations: Vec<&String> = facts.tables.keys().chain(&facts.views).collect();
        relations.sort();
        assert_eq!(told["tables"], json!(relations));
        assert_eq!(told["preview"], json!([5, facts.tables.get("sys_invocation")]));
        assert_eq!(told["completed"], facts.completed);
        assert_eq!(told["large"], facts.state);
        assert_eq!(told["joined"], facts.journal);
        assert_eq!(told["query"], 42);
        assert_eq!(told["error"], true);
    }
}
