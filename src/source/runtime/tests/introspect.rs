//! What is learned of a runtime, and when it is asked again.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};

use super::{schema, source};
use crate::{
    SqlState,
    source::{
        Source,
        runtime::testing::{Request, Server, response, result},
    },
};

#[tokio::test]
async fn what_a_runtime_has_is_asked_once_for_each_version() {
    let names = Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, false)]));
    let name = |name: &str| {
        RecordBatch::try_new(names.clone(), vec![Arc::new(StringArray::from(vec![name])) as ArrayRef]).unwrap()
    };
    let (table, function, names) = (name("state"), name("ABS"), names.clone());
    let version = Arc::new(std::sync::Mutex::new("1.6.1"));
    let answer = {
        let version = version.clone();
        move |_: usize, request: &Request| match request.sql.as_str() {
            "" => {
                let body = serde_json::json!({ "version": *version.lock().unwrap() }).to_string();
                vec![response(
                    "200 OK",
                    "content-type: application/json\r\n",
                    body.as_bytes(),
                )]
            }
            sql if sql.contains("information_schema.tables") => result(&names, std::slice::from_ref(&table)),
            sql if sql.contains("information_schema.routines") => result(&names, std::slice::from_ref(&function)),
            _ => result(&schema(), &[]),
        }
    };
    let server = Server::start(answer).await;
    let source = source(&server);
    let first = source.introspect().await.unwrap();
    assert_eq!(first.version, "1.6.1");
    assert_eq!(
        first.tables.iter().collect::<Vec<_>>(),
        [(&"state".to_owned(), &schema())]
    );
    assert_eq!(first.functions.iter().collect::<Vec<_>>(), ["abs"]);
    assert!(!source.compares_partition_key());
    let asked = server.requests().len();

    assert!(
        Arc::ptr_eq(&first, &source.introspect().await.unwrap()),
        "believed for a while"
    );
    assert_eq!(server.requests().len(), asked);
    source.distrust();
    assert!(
        Arc::ptr_eq(&first, &source.introspect().await.unwrap()),
        "the same version has the same tables"
    );
    assert_eq!(server.requests().len(), asked + 1);

    *version.lock().unwrap() = "1.7.12";
    source.distrust();
    assert_eq!(source.introspect().await.unwrap().version, "1.7.12");
    assert!(source.compares_partition_key());
    assert_eq!(server.requests().len(), asked * 2 + 1);
}

#[tokio::test]
async fn one_discovery_serves_all_who_wait_for_it() {
    let server = Server::start(|_, request| match request.sql.is_empty() {
        true => vec![response("200 OK", "", br#"{"version":"1.7.12"}"#)],
        false => result(&Schema::new(vec![Field::new("name", DataType::Utf8, true)]), &[]),
    })
    .await;
    let source = source(&server);
    let all = futures::future::join_all((0..20).map(|_| source.introspect())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn those_who_wait_for_a_dead_cluster_share_its_refusal_and_what_was_known_stands() {
    let alive = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answer = {
        let alive = alive.clone();
        move |_: usize, request: &Request| match request.sql.is_empty() {
            _ if !alive.load(std::sync::atomic::Ordering::SeqCst) => {
                vec![response("503 Service Unavailable", "", b"")]
            }
            true => vec![response("200 OK", "", br#"{"version":"1.7.12"}"#)],
            false => result(&Schema::new(vec![Field::new("name", DataType::Utf8, true)]), &[]),
        }
    };
    let server = Server::start(answer).await;
    let source = source(&server);
    let all = futures::future::join_all((0..20).map(|_| source.introspect())).await;
    assert!(all.iter().all(|one| {
        one.as_ref()
            .is_err_and(|error| error.code() == SqlState::CANNOT_CONNECT_NOW)
    }));
    assert_eq!(server.requests().len(), 1);

    alive.store(true, std::sync::atomic::Ordering::SeqCst);
    let known = source.introspect().await.unwrap();
    alive.store(false, std::sync::atomic::Ordering::SeqCst);
    source.distrust();
    assert!(Arc::ptr_eq(&known, &source.introspect().await.unwrap()));
}
