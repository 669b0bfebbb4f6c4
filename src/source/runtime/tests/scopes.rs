//! When it is known that no row has a scope, and that it is not known otherwise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};

use super::{eventually, schema, source};
use crate::source::{
    Source,
    runtime::testing::{Request, Server, Step, error, response, result},
};

/// What a runtime answers, as a test may change it.
#[derive(Default)]
struct Facts {
    /// How often the version was asked for: its features come in another order each time.
    asked: AtomicUsize,
    vqueues: AtomicBool,
    has_queues: AtomicBool,
    has_scopes: AtomicBool,
    /// The vqueues cannot be read, or are for as long as anybody waits.
    fails: AtomicBool,
    hangs: AtomicBool,
}

impl Facts {
    fn answer(&self, request: &Request) -> Vec<Step> {
        let names = Schema::new(vec![Field::new("name", DataType::Utf8, true)]);
        let text = |text: &str| {
            let column = Arc::new(StringArray::from(vec![text])) as ArrayRef;
            RecordBatch::try_new(Arc::new(names.clone()), vec![column]).unwrap()
        };
        let any = |there_are: bool| match there_are {
            true => result(&names, &[text("x")]),
            false => result(&names, &[]),
        };
        match request.sql.as_str() {
            "" => {
                let queues = format!("\"vqueues\":{}", self.vqueues.load(SeqCst));
                let other = "\"kafka_scope\":false".to_owned();
                let features = match self.asked.fetch_add(1, SeqCst) % 2 {
                    0 => [queues, other].join(","),
                    _ => [other, queues].join(","),
                };
                let body = format!("{{\"version\":\"1.7.12\",\"features\":{{{features}}}}}");
                vec![response(
                    "200 OK",
                    "content-type: application/json\r\n",
                    body.as_bytes(),
                )]
            }
            sql if sql.contains("information_schema.tables") => result(&names, &[text("state")]),
            sql if sql.contains("information_schema") => result(&names, &[]),
            sql if sql.contains("sys_vqueue_meta") && self.hangs.load(SeqCst) => vec![Step::Hang],
            sql if sql.contains("sys_vqueue_meta") && self.fails.load(SeqCst) => {
                vec![error("500 Internal Server Error", "no such thing")]
            }
            sql if sql.contains("sys_vqueue_meta") => any(self.has_queues.load(SeqCst)),
            sql if sql.contains("IS NOT NULL") => any(self.has_scopes.load(SeqCst)),
            _ => result(&schema(), &[]),
        }
    }
}

async fn server(facts: &Arc<Facts>) -> Server {
    let facts = Arc::clone(facts);
    Server::start(move |_, request| facts.answer(request)).await
}

fn searches(server: &Server) -> usize {
    server.sql().iter().filter(|sql| sql.contains("IS NOT NULL")).count()
}

#[tokio::test]
async fn a_search_that_found_none_holds_until_there_are_vqueues() {
    let facts = Arc::<Facts>::default();
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    assert!(
        !source.has_no_scopes("state"),
        "nothing is known before it is looked for"
    );
    eventually("the search", || source.has_no_scopes("state")).await;
    assert!(source.has_no_scopes("state"));
    assert_eq!(searches(&server), 1);

    source.distrust();
    assert!(
        !source.has_no_scopes("state"),
        "what was seen five seconds ago is not known"
    );
    source.introspect().await.unwrap();
    assert!(source.has_no_scopes("state"));

    facts.has_queues.store(true, SeqCst);
    source.distrust();
    source.introspect().await.unwrap();
    assert!(!source.has_no_scopes("state"), "another node may let scopes in");
}

fn looks(server: &Server) -> usize {
    let sql = server.sql();
    sql.iter().filter(|sql| sql.contains("sys_vqueue_meta")).count()
}

#[tokio::test]
async fn a_look_that_fails_takes_no_search_back() {
    let facts = Arc::<Facts>::default();
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    eventually("the search", || source.has_no_scopes("state")).await;

    facts.fails.store(true, SeqCst);
    source.distrust();
    source.introspect().await.unwrap();
    eventually("the failure", || !source.has_no_scopes("state")).await;

    facts.fails.store(false, SeqCst);
    source.distrust();
    source.introspect().await.unwrap();
    eventually("the next look", || source.has_no_scopes("state")).await;
    assert_eq!(searches(&server), 1);
}

/// A statement waits for no runtime that is long about its vqueues; nor does it look again meanwhile.
#[tokio::test]
async fn a_look_without_end_holds_up_nobody() {
    let facts = Arc::<Facts>::default();
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    eventually("the search", || source.has_no_scopes("state")).await;

    facts.hangs.store(true, SeqCst);
    let before = looks(&server);
    for _ in 0..3 {
        source.distrust();
        source.introspect().await.unwrap();
    }
    assert_eq!(looks(&server), before + 1);
}

#[tokio::test]
async fn a_scoped_row_is_found() {
    let facts = Arc::<Facts>::default();
    facts.has_scopes.store(true, SeqCst);
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    for _ in 0..3 {
        assert!(!source.has_no_scopes("state"));
        eventually("the search", || searches(&server) == 1).await;
    }
}

#[tokio::test]
async fn with_vqueues_nothing_is_searched() {
    let facts = Arc::<Facts>::default();
    facts.vqueues.store(true, SeqCst);
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    assert!(!source.has_no_scopes("state"));
    tokio::task::yield_now().await;
    assert_eq!(searches(&server), 0);
}

#[tokio::test]
async fn the_order_of_features_is_no_news() {
    let facts = Arc::<Facts>::default();
    let server = server(&facts).await;
    let source = source(&server);
    let first = source.introspect().await.unwrap();
    let asked = server.requests().len();
    source.distrust();
    assert!(Arc::ptr_eq(&first, &source.introspect().await.unwrap()));
    assert_eq!(server.requests().len(), asked + 1, "the version only");

    facts.vqueues.store(true, SeqCst);
    source.distrust();
    assert!(
        !Arc::ptr_eq(&first, &source.introspect().await.unwrap()),
        "another feature is"
    );
}

#[tokio::test]
async fn a_search_that_ends_with_its_threads_does_not_stand_in_the_way_of_the_next() {
    let facts = Arc::<Facts>::default();
    facts.hangs.store(true, SeqCst);
    let server = server(&facts).await;
    let source = source(&server);
    source.introspect().await.unwrap();
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let asked = source.clone();
    assert!(
        !threads
            .spawn(async move { asked.has_no_scopes("state") })
            .await
            .unwrap()
    );
    eventually("the look at the vqueues", || looks(&server) == 1).await;
    threads.shutdown_background();

    facts.hangs.store(false, SeqCst);
    let long_ago = Instant::now() - Duration::from_secs(3600);
    eventually("the end of the search", || !source.0.scopes.is_searching("state")).await;
    source.0.scopes.know(&[], long_ago);
    source.distrust();
    source.introspect().await.unwrap();
    eventually("another search", || source.has_no_scopes("state")).await;
}
