//! Real clients at real tasks: each reads the schema, previews a table, binds a parameter, reads a large result, meets an error, and
//! cancels, on the demo's snapshot and on a real runtime. What it must have seen is read here by tokio-postgres.
//!
//! The clients' programs are in tests/lab/clients; each prints one JSON object.

mod fdw;
mod metadata;
mod node;
mod python;
mod rust;
mod superset;

use std::{collections::BTreeMap, process::Command, sync::OnceLock};

use serde_json::{Value, json};

use crate::support::{
    lab::{self, Version},
    psql,
    server::{Data, Server, demo_data},
};

/// A server with the two clusters that every client is run against, and what is in them.
struct Door {
    server: Server,
    /// By cluster: `demo`, and `live` where there is a runtime.
    facts: BTreeMap<&'static str, Facts>,
}

/// What a client must have seen of a cluster.
struct Facts {
    /// Tables and how many columns they have, in the order of their names.
    tables: BTreeMap<String, i64>,
    views: Vec<String>,
    completed: i64,
    state: i64,
    journal: i64,
}

impl Door {
    fn shared() -> &'static Door {
        static SHARED: OnceLock<Door> = OnceLock::new();
        SHARED.get_or_init(|| {
            let mut clusters = vec![("demo", demo_data())];
            if let Some(runtime) = lab::runtime(Version::V1_7_12) {
                clusters.push(("live", Data::Runtime(runtime.admin.clone())));
            }
            let server = Server::serve(&clusters);
            let facts = clusters.iter().map(|(name, _)| (*name, Facts::of(&server, name)));
            Door {
                facts: facts.collect(),
                server,
            }
        })
    }

    /// Runs a client's program on each cluster; `None` where the program cannot be had.
    fn run(&self, program: &str) -> Option<Vec<(&Facts, Value)>> {
        let answer = |(cluster, facts)| Some((facts, self.run_on(cluster, program)?));
        self.facts
            .iter()
            .map(|(cluster, facts)| answer((*cluster, facts)))
            .collect()
    }

    fn run_on(&self, cluster: &str, program: &str) -> Option<Value> {
        let program = lab::client(program)?;
        // Nothing here takes minutes: what hangs is ended, and fails.
        let mut command = Command::new("timeout");
        command.arg("240").arg(program.get_program()).args(program.get_args());
        for (name, value) in self.environment(cluster) {
            command.env(name, value);
        }
        let answer = psql::answer(&mut command, "");
        assert!(answer.success, "{cluster}: {}{}", answer.stdout, answer.stderr);
        let told = serde_json::from_str(&answer.stdout);
        Some(told.unwrap_or_else(|error| panic!("{error}: {}", answer.stdout)))
    }

    /// Where to connect, in the variables that libpq reads.
    fn environment(&self, cluster: &str) -> [(&'static str, String); 9] {
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.server.port.to_string()),
            ("PGUSER", cluster.to_owned()),
            ("PGDATABASE", cluster.to_owned()),
            ("PGPASSWORD", self.server.token(cluster)),
            ("PGSSLMODE", "verify-full".to_owned()),
            ("PGSSLROOTCERT", self.server.certificate().display().to_string()),
            ("PGTZ", "UTC".to_owned()),
            // A user's own settings and files.
            ("HOME", "/nonexistent".to_owned()),
        ]
    }
}

impl Facts {
    fn of(server: &Server, cluster: &str) -> Facts {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime for the driver");
        runtime.block_on(async {
            let client = server.connect(cluster).await;
            let count = async |sql: &str| client.query_one(sql, &[]).await.expect(sql).get::<_, i64>(0);
            let sql = "select c.table_name::text, count(*) from information_schema.columns as c \
                       join information_schema.tables as t using (table_schema, table_name) \
                       where t.table_schema = 'public' and t.table_type = 'BASE TABLE' group by 1";
            let tables = client.query(sql, &[]).await.expect("the tables");
            let sql = "select table_name::text from information_schema.tables \
                       where table_schema = 'public' and table_type = 'VIEW' order by 1";
            let views = client.query(sql, &[]).await.expect("the views");
            Facts {
                views: views.iter().map(|row| row.get(0)).collect(),
                tables: tables.iter().map(|row| (row.get(0), row.get(1))).collect(),
                completed: count("select count(*) from sys_invocation where status = 'completed'").await,
                state: count("select count(*) from state").await,
                journal: count("select count(*) from sys_journal").await,
            }
        })
    }

    /// Whether a client saw what every client must see.
    fn check(&self, told: &Value) {
        self.check_with(told, "sys_invocation");
    }

    /// The same for one that previews another table.
    fn check_with(&self, told: &Value, previewed: &str) {
        let columns = self.tables.get(previewed);
        assert_eq!(told["tables"], json!(self.tables.keys().collect::<Vec<_>>()), "{told}");
        assert_eq!(told["preview"], json!([5, columns]), "{told}");
        assert_eq!(told["completed"], self.completed, "{told}");
        assert_eq!(told["large"], self.state, "{told}");
        assert_eq!(told["error"], "42703", "{told}");
        assert_eq!(told["write"], "25006", "{told}");
    }
}
