//! Asks a runtime itself, so that its answer can be held against ours.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Map, Value};

/// One row as `POST /query` returns it in JSON: NULL columns are left out.
pub type Row = Map<String, Value>;

/// The rows of `sql`, or what went wrong.
pub fn query(base: &str, sql: &str) -> Result<Vec<Row>, String> {
    let body = serde_json::json!({ "query": sql }).to_string();
    let (status, answer) = post(base, "/query", &body).map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(answer);
    }
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error} in {answer}"))?;
    let rows = answer["rows"].as_array().ok_or("no rows")?;
    rows.iter()
        .map(|row| row.as_object().cloned().ok_or("not an object".to_owned()))
        .collect()
}

/// One request. HTTP/1.0, for its answer ends with the connection and needs no decoding of chunks.
fn post(base: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let host = base.strip_prefix("http://").expect("an http:// URL");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Ok((status, body.to_owned()))
}
