//! The lab itself: what the other tests compare is there.

use crate::support::{
    http,
    lab::{self, Version},
};

#[test]
fn the_workload_fills_every_version() {
    for version in Version::ALL {
        let Some(runtime) = lab::runtime(version) else {
            continue;
        };
        let query = |sql: &str| http::query(&runtime.admin, sql).expect("the runtime's answer");
        let names = |sql: &str| -> Vec<String> {
            let rows = query(sql);
            rows.iter()
                .map(|row| row["name"].as_str().expect("a name").to_owned())
                .collect()
        };
        let statuses = names("select distinct status as name from sys_invocation order by 1");
        // What is running at first is suspended within a minute.
        for status in ["backing-off", "completed", "paused", "pending", "scheduled"] {
            assert!(statuses.iter().any(|found| found == status), "{status} in {statuses:?}");
        }
        let services = names("select name from sys_service order by 1");
        assert_eq!(services, ["Counter", "Greeter", "Load", "LoadObj", "Pauser", "Signup"]);
        let state = &query("select count(*) as n from state where service_name = 'LoadObj'")[0]["n"];
        assert_eq!(state.as_u64(), Some(100_000));
    }
}
