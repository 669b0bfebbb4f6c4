//! A runtime that misbehaves on purpose: an HTTP server of a few lines that sends exactly the bytes that a test wants sent.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::Schema,
    ipc::writer::StreamWriter,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What the server does in answer to one request, in order. After the last step it waits for the next request.
#[derive(Clone)]
pub(in crate::source) enum Step {
    Send(Vec<u8>),
    /// Sends the same bytes until the client goes away.
    Endless(Vec<u8>),
    Wait(Duration),
    /// Says nothing more until the client goes away.
    Hang,
    Close,
}

type Answer = dyn Fn(usize, &Request) -> Vec<Step> + Send + Sync;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::source) struct Request {
    /// Method and path.
    pub(in crate::source) target: String,
    pub(in crate::source) head: String,
    /// The `query` of the body; empty without one.
    pub(in crate::source) sql: String,
}

pub(in crate::source) struct Server {
    pub(in crate::source) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    /// How many were made.
    connections: Arc<AtomicUsize>,
    /// One number for each client that went away before its answer was whole: how many bytes had been sent.
    pub(in crate::source) gone: mpsc::UnboundedReceiver<usize>,
    /// Bytes that clients have taken, or that the kernel holds for them.
    pub(in crate::source) sent: Arc<Mutex<usize>>,
}

impl Server {
    /// `answer` gets the number of the request, counted from 0, and the request.
    pub(in crate::source) async fn start(
        answer: impl Fn(usize, &Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, answer).await
    }

    /// Over TLS, with this certificate.
    pub(in crate::source) async fn start_tls(
        tls: ServerConfig,
        answer: impl Fn(usize, &Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Some(TlsAcceptor::from(Arc::new(tls))), answer).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(usize, &Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let sent: Arc<Mutex<usize>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (gone_sender, gone) = mpsc::unbounded_channel();
        let answer: Arc<Answer> = Arc::new(answer);
        tokio::spawn({
            let (requests, sent, connections) = (requests.clone(), sent.clone(), connections.clone());
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::Relaxed);
                    let (answer, requests, sent, gone) =
                        (answer.clone(), requests.clone(), sent.clone(), gone_sender.clone());
                    match &tls {
                        None => drop(tokio::spawn(serve(socket, answer, requests, sent, gone))),
                        Some(tls) => {
                            let accepting = tls.accept(socket);
                            tokio::spawn(async move {
                                if let Ok(socket) = accepting.await {
                                    serve(socket, answer, requests, sent, gone).await;
                                }
                            });
                        }
                    }
                }
            }
        });
        Server {
            url,
            requests,
            connections,
            gone,
            sent,
        }
    }

    /// Gives the same answer to everything.
    pub(in crate::source) async fn always(steps: Vec<Step>) -> Self {
        Self::start(move |_, _| steps.clone()).await
    }

    pub(in crate::source) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(in crate::source) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(in crate::source) fn sql(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.sql).collect()
    }
}

async fn serve(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Request>>>,
    sent: Arc<Mutex<usize>>,
    gone: mpsc::UnboundedSender<usize>,
) {
    while let Some(request) = read_request(&mut socket).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        for step in answer(number, &request) {
            match step {
                Step::Send(bytes) => {
                    if socket.write_all(&bytes).await.is_err() {
                        let _ = gone.send(*sent.lock().unwrap());
                        return;
                    }
                    *sent.lock().unwrap() += bytes.len();
                }
                Step::Endless(bytes) => {
                    while socket.write_all(&bytes).await.is_ok() {
                        *sent.lock().unwrap() += bytes.len();
                    }
                    let _ = gone.send(*sent.lock().unwrap());
                    return;
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hang => {
                    let _ = socket.read_u8().await;
                    let _ = gone.send(0);
                    return;
                }
                Step::Close => return,
            }
        }
    }
}

async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(socket.read_u8().await.ok()?);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let sql = match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(body) => body["query"].as_str().unwrap().to_owned(),
        Err(_) => String::new(),
    };
    Some(Request {
        target: head.split(" http/1.1").next().unwrap().to_owned(),
        head,
        sql,
    })
}

/// A response that has its body's length.
pub(in crate::source) fn response(status: &str, headers: &str, body: &[u8]) -> Step {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Step::Send(bytes)
}

/// An error as a runtime sends it.
pub(in crate::source) fn error(status: &str, message: &str) -> Step {
    let body = serde_json::json!({ "message": message }).to_string();
    response(status, "content-type: application/json\r\n", body.as_bytes())
}

/// The head of a result.
pub(in crate::source) fn head() -> Step {
    Step::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.apache.arrow.stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec(),
    )
}

pub(in crate::source) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// A runtime of this version with these tables and what each holds, and one function, `abs`.
pub(in crate::source) async fn runtime(version: &'static str, tables: Vec<(&'static str, Vec<RecordBatch>)>) -> Server {
    let names = |names: Vec<&str>| {
        let column: ArrayRef = Arc::new(StringArray::from(names));
        let batch = RecordBatch::try_from_iter([("name", column)]).unwrap();
        result(&batch.schema(), &[batch])
    };
    Server::start(move |_, request| match request.sql.as_str() {
        "" => {
            let body = serde_json::json!({ "version": version }).to_string();
            vec![response(
                "200 OK",
                "content-type: application/json\r\n",
                body.as_bytes(),
            )]
        }
        sql if sql.contains("information_schema.tables") => names(tables.iter().map(|(name, _)| *name).collect()),
        sql if sql.contains("information_schema.routines") => names(vec!["ABS"]),
        sql => {
            let (_, batches) = tables
                .iter()
                .find(|(name, _)| sql.contains(&format!("\"{name}\"")))
                .unwrap();
            result(
                &batches[0].schema(),
                if sql.ends_with("LIMIT 0") { &[] } else { batches },
            )
        }
    })
    .await
}

/// The chunk that ends a body.
pub(in crate::source) fn end() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}

/// A result's messages as bytes: the schema, each batch, the end-of-stream marker.
pub(in crate::source) fn messages(schema: &Schema, batches: &[RecordBatch]) -> Vec<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema).unwrap();
    let mut ends = vec![writer.get_ref().len()];
    for batch in batches {
        writer.write(batch).unwrap();
        ends.push(writer.get_ref().len());
    }
    writer.finish().unwrap();
    let bytes = writer.into_inner().unwrap();
    ends.push(bytes.len());
    let mut start = 0;
    ends.into_iter()
        .map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec())
        .collect()
}

/// A whole result, a chunk for each message.
pub(in crate::source) fn result(schema: &Schema, batches: &[RecordBatch]) -> Vec<Step> {
    let mut steps = vec![head()];
    steps.extend(
        messages(schema, batches)
            .iter()
            .map(|message| Step::Send(chunk(message))),
    );
    steps.push(end());
    steps
}
