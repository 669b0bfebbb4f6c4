//! The corpus of hostile frames (`fixtures/frames`): every case gets its verdict, and nothing of it is left behind.

use std::{fs, path::Path, time::Duration};

use super::{MIB, Witness};
use crate::support::{
    ROOT,
    raw::{self, Message, Raw, V3_0, query, startup, sync},
    server::{Server, demo_data},
    wait_for,
};

/// One case of a file.
struct Case {
    name: String,
    steps: Vec<Step>,
    verdicts: Vec<Verdict>,
}

enum Step {
    Send(Vec<u8>),
    EndOfStream,
    Expect(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Closed,
    Fatal(String),
    Alert(u8),
    Refused,
    Password,
    Error(Option<String>),
    Answers,
}

/// What a server did.
#[derive(Debug)]
enum Outcome {
    /// The stream ended behind these messages or this TLS alert.
    Ended(Vec<Message>),
    Alerted(u8),
    AskedForPassword,
    /// The session answered what came behind the case; before it, these.
    InStep(Vec<Message>),
    Other(String),
}

fn corpus(phase: &str) -> Vec<Case> {
    let path = Path::new(ROOT)
        .join("fixtures/frames")
        .join(phase)
        .with_extension("txt");
    let text = fs::read_to_string(path).expect("a file of the corpus");
    text.split("\n\n").filter_map(case).collect()
}

fn case(text: &str) -> Option<Case> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let name = lines.next()?.to_owned();
    let mut case = Case {
        name,
        steps: vec![],
        verdicts: vec![],
    };
    for line in lines {
        let (kind, rest) = line.split_once(' ').expect("a line's kind and the rest");
        match kind {
            ">" => {
                let (rest, ends) = rest.strip_suffix("eof").map_or((rest, false), |rest| (rest, true));
                case.steps.push(Step::Send(bytes(rest)));
                case.steps.extend(ends.then_some(Step::EndOfStream));
            }
            "<" => case.steps.push(Step::Expect(bytes(rest))),
            "=" => case.verdicts = rest.split(" or ").map(verdict).collect(),
            other => panic!("{}: {other}", case.name),
        }
    }
    assert!(!case.verdicts.is_empty(), "{} has a verdict", case.name);
    Some(case)
}

/// `00ff*3 "text"`.
fn bytes(mut text: &str) -> Vec<u8> {
    let mut bytes = vec![];
    while !text.trim_start().is_empty() {
        text = text.trim_start();
        let (piece, rest) = match text.strip_prefix('"') {
            Some(quoted) => {
                let (piece, rest) = quoted.split_once('"').expect("a closing quote");
                (piece.as_bytes().to_vec(), rest)
            }
            None => {
                let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
                assert!(end > 0 && end % 2 == 0, "hexadecimal digits: {text}");
                let byte = |start| u8::from_str_radix(&text[start..start + 2], 16).expect("two digits");
                ((0..end).step_by(2).map(byte).collect(), &text[end..])
            }
        };
        let (times, rest) = match rest.strip_prefix('*') {
            Some(rest) => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                (rest[..end].parse().expect("a number"), &rest[end..])
            }
            None => (1, rest),
        };
        bytes.extend(piece.repeat(times));
        text = rest;
    }
    bytes
}

fn verdict(text: &str) -> Verdict {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "closed" => Verdict::Closed,
        "fatal" => Verdict::Fatal(rest.to_owned()),
        "alert" => Verdict::Alert(rest.parse().expect("the description of an alert")),
        "refused" => Verdict::Refused,
        "password" => Verdict::Password,
        "error" => Verdict::Error((!rest.is_empty()).then(|| rest.to_owned())),
        "answers" => Verdict::Answers,
        other => panic!("no verdict: {other}"),
    }
}

impl Verdict {
    fn accepts(&self, outcome: &Outcome) -> bool {
        let fatal = |message: &Message| message.tag == 'E' && message.field('S').as_deref() == Some("FATAL");
        match (self, outcome) {
            (Verdict::Closed, Outcome::Ended(said)) => said.is_empty(),
            (Verdict::Fatal(code), Outcome::Ended(said)) => {
                matches!(said.as_slice(), [one] if fatal(one) && one.field('C').as_ref() == Some(code))
            }
            (Verdict::Alert(wanted), Outcome::Alerted(description)) => wanted == description,
            (Verdict::Refused, Outcome::Alerted(_)) => true,
            // A session may have answered messages before the one that ended it.
            (Verdict::Refused, Outcome::Ended(said)) => said.last().is_none_or(fatal),
            (Verdict::Password, Outcome::AskedForPassword) => true,
            (Verdict::Error(code), Outcome::InStep(said)) => {
                let first = said.iter().find(|message| message.tag == 'E');
                first.is_some_and(|error| code.is_none() || error.field('C') == *code)
            }
            (Verdict::Answers, Outcome::InStep(said)) => raw::errors(said).is_empty(),
            _ => false,
        }
    }
}

/// Where the bytes of a case are sent.
fn reach(phase: &str, server: &Server, token: &str) -> Raw {
    let nobody = [("user", "nobody"), ("database", "nobody")];
    match phase {
        "accept" => Raw::plain(server),
        "startup" => Raw::tls(server),
        "password" => {
            let mut raw = Raw::tls(server);
            raw.send(&startup(V3_0, &nobody));
            assert_eq!(raw.message().map(|message| message.tag), Some('R'));
            raw
        }
        _ => {
            let demo = [("user", "demo"), ("database", "demo")];
            let (raw, messages) = Raw::login_with(server, V3_0, &demo, token);
            assert_eq!(raw::status(&messages), 'I');
            raw
        }
    }
}

fn outcome(phase: &str, case: &Case, mut raw: Raw) -> Outcome {
    for step in &case.steps {
        match step {
            // The server may have closed before all of it is sent.
            Step::Send(bytes) => drop(raw.try_send(bytes)),
            Step::EndOfStream => raw.half_close(),
            Step::Expect(expected) => {
                let came: Vec<u8> = expected.iter().map_while(|_| raw.byte()).collect();
                if came != *expected {
                    return Outcome::Other(format!("{came:?} came, not {expected:?}"));
                }
            }
        }
    }
    match phase {
        "accept" => match raw.rest().as_slice() {
            [0x15, _, _, 0, 2, 2, description, ..] => Outcome::Alerted(*description),
            [] => Outcome::Ended(vec![]),
            said => match said.split_first_chunk::<5>() {
                Some((&[b'E', a, b, c, d], body)) if u32::from_be_bytes([a, b, c, d]) as usize == body.len() + 4 => {
                    Outcome::Ended(vec![Message {
                        tag: 'E',
                        body: body.to_vec(),
                    }])
                }
                _ => Outcome::Other(format!("{said:?}")),
            },
        },
        "session" => {
            let _ = raw.try_send(&[sync(), query("select 'in step'")].concat());
            let mut said = vec![];
            loop {
                match raw.message() {
                    None => return Outcome::Ended(said),
                    Some(row) if row.tag == 'D' && row.values() == [Some(b"in step".to_vec())] => break,
                    Some(message) => said.push(message),
                }
            }
            match raw::tags(&raw.until_ready()).as_str() {
                "CZ" => Outcome::InStep(said),
                tags => Outcome::Other(format!("{tags} behind the last row")),
            }
        }
        _ => {
            let mut said = vec![];
            while let Some(message) = raw.message() {
                match message.tag {
                    'R' => return Outcome::AskedForPassword,
                    'v' => {}
                    _ => said.push(message),
                }
            }
            Outcome::Ended(said)
        }
    }
}

/// Runs a file; gives what did not get its verdict.
fn failures(phase: &str, server: &Server, token: &str) -> Vec<String> {
    let mut failures = vec![];
    for case in corpus(phase) {
        let outcome = outcome(phase, &case, reach(phase, server, token));
        if !case.verdicts.iter().any(|verdict| verdict.accepts(&outcome)) {
            let shown = match outcome {
                Outcome::Other(words) => words,
                known => format!("{known:?}"),
            };
            let shown: String = shown.chars().take(400).collect();
            failures.push(format!("{}: {:?}, but {shown}", case.name, case.verdicts));
        }
    }
    failures
}

#[test]
fn frames_before_login_get_their_verdicts_and_cost_no_memory() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let descriptors = server.process.descriptors();
    let mut resident = 0;
    // The first rounds fill what an allocator keeps for good.
    for round in 0..4 {
        for phase in ["accept", "startup", "password"] {
            let failures = failures(phase, &server, "");
            assert!(failures.is_empty(), "{phase}: {failures:#?}");
            witness.is_well();
        }
        if round == 2 {
            resident = server.process.resident();
        }
    }
    let grown = server.process.resident().saturating_sub(resident);
    assert!(grown <= MIB, "grew by {grown} bytes");
    wait_for("the end of every connection", Duration::from_secs(10), || {
        (server.process.descriptors() <= descriptors).then_some(())
    });
}

#[test]
fn frames_of_a_session_get_their_verdicts() {
    let server = Server::serve(&[("demo", demo_data())]);
    let mut witness = Witness::of(&server);
    let descriptors = server.process.descriptors();
    let failures = failures("session", &server, &server.token("demo"));
    assert!(failures.is_empty(), "{failures:#?}");
    witness.is_well();
    wait_for("the end of every session", Duration::from_secs(10), || {
        (server.process.descriptors() <= descriptors).then_some(())
    });
}
