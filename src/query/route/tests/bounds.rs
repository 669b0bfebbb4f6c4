//! How large one query may be.

use super::Routes;

/// Deep statements take a deep stack, as the server's threads have.
#[test]
fn queries_are_bounded() {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(32 * 1024 * 1024)
        .build()
        .unwrap();
    threads.block_on(async { tokio::spawn(bounded()).await.unwrap() });
}

async fn bounded() {
    let routes = Routes::over("1.7.12").await;
    let grouped = |filter: &str| format!("select status, count(*) from sys_invocation where {filter} group by 1");
    let chain = |terms: usize, separator: &str| {
        (0..terms)
            .map(|i| format!("substr(id, {i}) = 'x'"))
            .collect::<Vec<_>>()
            .join(separator)
    };
    let nested = |depth: usize| format!("{}id{} = 'x'", "upper(".repeat(depth), ")".repeat(depth));
    let joined = |count: usize| {
        let joins: String = (1..count)
            .map(|i| format!(" join sys_service s{i} on s{i}.name = s0.name"))
            .collect();
        format!("select count(*) from sys_service s0{joins}")
    };
    for (sql, whole) in [
        (grouped(&chain(50, " or ")), true),
        (grouped(&chain(200, " or ")), false),
        (grouped(&nested(8)), true),
        (grouped(&nested(20)), false),
        (
            grouped(&format!(
                "lower(id) in ({})",
                (0..4000).map(|i| format!("'{i}'")).collect::<Vec<_>>().join(",")
            )),
            true,
        ),
        (
            grouped(&format!(
                "lower(id) in ({})",
                (0..6000).map(|i| format!("'{i}'")).collect::<Vec<_>>().join(",")
            )),
            false,
        ),
        (grouped(&format!("lower(id) = '{}'", "x".repeat(300_000))), false),
        (joined(8), true),
        (joined(40), false),
    ] {
        let sent = routes.sent(&sql).await;
        assert_eq!(
            sent.len() == 1 && sent[0].contains("count("),
            whole,
            "{:.100}: {} sent, {:.200}",
            sql,
            sent.len(),
            sent[0]
        );
        assert!(sent.iter().all(|sent| sent.len() <= 256 * 1024 + 200));
        if whole {
            routes.same(&sql).await;
        }
    }
}
