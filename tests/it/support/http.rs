//! Asks a runtime itself, so that its answer can be held against ours.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use arrow::{array::RecordBatch, ipc::reader::StreamReader};
use serde_json::{Map, Value};

/// One row as `POST /query` returns it in JSON: NULL columns are left out.
pub type Row = Map<String, Value>;

/// The rows of `sql`, or what went wrong.
pub fn query(base: &str, sql: &str) -> Result<Vec<Row>, String> {
    let body = serde_json::json!({ "query": sql }).to_string();
    let (status, answer) = post(base, "/query", "application/json", &body).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&answer);
    if status != 200 {
        return Err(answer.into_owned());
    }
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error} in {answer}"))?;
    let rows = answer["rows"].as_array().ok_or("no rows")?;
    rows.iter()
        .map(|row| row.as_object().cloned().ok_or("not an object".to_owned()))
        .collect()
}

/// The rows of `sql` with the types that the runtime gives them, or its refusal.
pub fn arrow(base: &str, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let body = serde_json::json!({ "query": sql }).to_string();
    let (status, answer) = post(base, "/query", "*/*", &body).map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(String::from_utf8_lossy(&answer).into_owned());
    }
    // Without Arrow's mark of the end, the runtime broke off.
    assert!(
        answer.ends_with(&[255, 255, 255, 255, 0, 0, 0, 0]),
        "a cut answer to {sql}"
    );
    let reader = StreamReader::try_new(answer.as_slice(), None).map_err(|error| error.to_string())?;
    reader.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// The runtime's version, as `/version` says it.
pub fn version(base: &str) -> String {
    let (_, answer) = exchange(base, "GET /version", "application/json", "").expect("the runtime's version");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    answer["version"].as_str().expect("a version").to_owned()
}

fn post(base: &str, path: &str, accept: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    exchange(base, &format!("POST {path}"), accept, body)
}

/// One request. HTTP/1.0, for its answer ends with the connection and needs no decoding of chunks.
fn exchange(base: &str, what: &str, accept: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let host = base.strip_prefix("http://").expect("an http:// URL");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{what} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let body = end.map_or_else(Vec::new, |end| answer.split_off(end + 4));
    let status = String::from_utf8_lossy(&answer)
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Ok((status, body))
}
