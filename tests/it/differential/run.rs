//! Asks each statement everywhere and says what came of it.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _, path::Path, process::Command};

use arrow::array::RecordBatch;

use super::{
    Target,
    answer::{Format, Ours, Session, difference, theirs},
    generate::{Shape, Statement},
};
use crate::support::{
    http,
    server::{Data, Server, binary},
};

const CLUSTER: &str = "yourcluster";

/// The cluster lives on while it is asked: an answer that the runtime itself has changed since is asked for again, so often.
const ATTEMPTS: usize = 6;

/// Snapshots that are taken for what moved since the last one.
const SNAPSHOTS: usize = 3;

/// A long run says how far it is after so many statements.
const PROGRESS: usize = 250;

/// Differences that are told in full.
const TOLD: usize = 40;

/// What came of the statements on one route.
#[derive(Default)]
struct Counts {
    tried: usize,
    equal: usize,
    refused_alike: usize,
    /// PostgreSQL accepts it, and the runtime does not.
    here_only: usize,
    /// The runtime's answer is known to be wrong; ours is the same with all the work done here.
    at_fault: usize,
    different: usize,
    /// The cluster's rows changed each time that it was asked.
    moved: usize,
}

impl Counts {
    fn line(&self) -> String {
        format!(
            "{} tried, {} equal, {} refused alike, {} answered here only, {} where the runtime is at fault, {} moved, {} different",
            self.tried, self.equal, self.refused_alike, self.here_only, self.at_fault, self.moved, self.different
        )
    }
}

/// Differences, told as they are found.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn push(&mut self, failure: String) {
        if self.0.len() < TOLD {
            tell(&failure);
        }
        self.0.push(failure);
    }
}

/// What was refused or is wrong, by who did and the words: how often, and one statement.
#[derive(Default)]
struct Refusals(BTreeMap<(&'static str, String), (usize, String)>);

impl Refusals {
    fn add(&mut self, who: &'static str, statement: &Statement, words: &str) {
        let refused = self.0.entry((who, kind(words)));
        refused.or_insert((0, statement.to_string())).0 += 1;
    }

    fn text(&self) -> String {
        let line = |((who, words), (count, statement)): (&(&str, String), &(usize, String))| {
            format!("{count} × {who}: {words}\n  {statement}\n")
        };
        self.0.iter().map(line).collect()
    }
}

/// The beginning of an error's words, without numbers and names: one for all errors of a kind.
fn kind(words: &str) -> String {
    const SHOWN: usize = 120;
    let line = words.trim_start_matches("{\"message\":\"").replace('\\', "");
    let mut kind = String::new();
    for (index, piece) in line.split(['\'', '"']).enumerate() {
        match index % 2 {
            0 => kind.extend(piece.chars().map(|c| if c.is_ascii_digit() { '0' } else { c })),
            _ => kind.push('…'),
        }
    }
    kind.chars().take(SHOWN).collect()
}

enum Outcome {
    Equal,
    RefusedAlike,
    /// With what the runtime says.
    HereOnly(String),
    /// With what the runtime is known for.
    AtFault(&'static str),
    Different(String),
    /// The cluster's rows changed meanwhile.
    Moved,
}

type Answer = Result<Result<Ours, String>, String>;

/// Runs `statements` on every route; `what` is how they can be had again.
pub fn run(target: &Target, statements: &[Statement], what: &str) -> Result<(), String> {
    let server = Server::serve(&[(CLUSTER, Data::Runtime(target.url.clone()))]);
    let mut local = Session::new(&server, CLUSTER, "local", Format::Text);
    let mut auto = Session::new(&server, CLUSTER, "auto", Format::Binary);
    let mut routes = [Counts::default(), Counts::default()];
    let mut failures = Failures::default();
    let mut answers = Vec::new();
    let mut refusals = Refusals::default();
    for (index, statement) in statements.iter().enumerate() {
        if index > 0 && index.is_multiple_of(PROGRESS) {
            tell(&format!(
                "{} {what}: {index} of {}, {} differences\n",
                target.name,
                statements.len(),
                failures.0.len()
            ));
        }
        let (outcomes, answer) = ask(target, statement, &mut local, &mut auto);
        if let Ok(Err(words)) = &answer {
            refusals.add("here", statement, words);
        }
        match &outcomes {
            [_, Outcome::HereOnly(words)] => refusals.add("by the runtime alone", statement, words),
            [_, Outcome::AtFault(why)] => refusals.add("wrong there", statement, why),
            _ => {}
        }
        answers.push(answer);
        for ((route, outcome), counts) in ["local", "auto"].into_iter().zip(outcomes).zip(&mut routes) {
            let mut fail = |why: String| {
                failures.push(format!(
                    "{} {what} #{index} {route}: {statement}\n  {why}\n",
                    target.name
                ))
            };
            counts.tried += 1;
            match outcome {
                Outcome::Equal => counts.equal += 1,
                Outcome::RefusedAlike => counts.refused_alike += 1,
                Outcome::HereOnly(_) => counts.here_only += 1,
                Outcome::AtFault(_) => counts.at_fault += 1,
                Outcome::Different(why) => {
                    counts.different += 1;
                    fail(why);
                }
                Outcome::Moved => counts.moved += 1,
            }
        }
    }
    let snapshot = snapshot(target, statements, &answers, &mut auto, &mut failures, what);
    let [local, auto] = routes;
    let mut summary = String::new();
    for (route, counts) in [("auto", &auto), ("local", &local), ("snapshot", &snapshot)] {
        writeln!(summary, "{} {what} {route}: {}", target.name, counts.line()).expect("text");
    }
    tell(&summary);
    if std::env::var_os("RESTATE_PG_DIFFERENTIAL_REFUSALS").is_some() {
        tell(&refusals.text());
    }
    match failures.0.is_empty() {
        true => Ok(()),
        false => Err(summary),
    }
}

/// Past the harness's capture: the counts are what a run is for.
fn tell(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).expect("standard error");
}

/// The outcomes on `local` and `auto`, and the last answer of `auto`.
fn ask(target: &Target, statement: &Statement, local: &mut Session, auto: &mut Session) -> ([Outcome; 2], Answer) {
    let sql = &statement.sql;
    for attempt in 1..=ATTEMPTS {
        let before = http::arrow(&target.url, sql);
        let here = statement.ask(local);
        let there = statement.ask(auto);
        let mut outcomes = [&here, &there].map(|ours| compare(ours, &before, statement));
        let differs = |outcome: &Outcome| matches!(outcome, Outcome::Different(_));
        // Where the runtime has no say, ours must agree.
        if let (Ok(Ok(a)), Ok(Ok(b)), Err(_)) = (&here, &there, &before)
            && let Some(difference) = difference(&a.rows, &b.rows, statement.ordered)
        {
            outcomes[1] = Outcome::Different(format!("of local: {difference}"));
        }
        if !outcomes.iter().any(differs) {
            return (outcomes, there);
        }
        // The runtime may be known to be wrong: then both of ours are the same.
        if let (Ok(Ok(a)), Ok(Ok(b)), Some(why)) = (&here, &there, fault(target, statement))
            && difference(&a.rows, &b.rows, statement.ordered).is_none()
        {
            return (
                outcomes.map(|outcome| {
                    if differs(&outcome) {
                        Outcome::AtFault(why)
                    } else {
                        outcome
                    }
                }),
                there,
            );
        }
        let behind = http::arrow(&target.url, sql);
        let still = match (&there, &before, &behind) {
            (Ok(Ok(ours)), Ok(before), Ok(behind)) => {
                let rows = [before, behind].map(|batches| theirs(batches, &ours.types));
                matches!(rows, [Ok(a), Ok(b)] if difference(&a, &b, statement.ordered).is_none())
            }
            (_, before, behind) => before == behind,
        };
        if still || attempt == ATTEMPTS {
            let outcomes = outcomes.map(|outcome| match outcome {
                Outcome::Different(_) if !still => Outcome::Moved,
                outcome => outcome,
            });
            return (outcomes, there);
        }
    }
    unreachable!("the last attempt returns")
}

fn compare(ours: &Answer, runtime: &Result<Vec<RecordBatch>, String>, statement: &Statement) -> Outcome {
    match (ours, runtime) {
        (Err(fault), _) => Outcome::Different(fault.clone()),
        (Ok(Err(error)), _) if error.contains(" XX000: ") => Outcome::Different(error.clone()),
        (Ok(Err(_)), Err(_)) => Outcome::RefusedAlike,
        (Ok(Err(error)), Ok(_)) => Outcome::Different(format!("only the runtime answers: {error}")),
        (Ok(Ok(_)), Err(words)) => Outcome::HereOnly(words.clone()),
        (Ok(Ok(ours)), Ok(batches)) => match theirs(batches, &ours.types) {
            Err(why) => Outcome::Different(why),
            Ok(rows) => match difference(&ours.rows, &rows, statement.ordered) {
                Some(difference) => Outcome::Different(difference),
                None => Outcome::Equal,
            },
        },
    }
}

/// Why the runtime's own answer to a statement may be wrong, by the faults that `src/query/route/exceptions.md` lists.
fn fault(target: &Target, statement: &Statement) -> Option<&'static str> {
    let sql = &statement.sql;
    let joins = sql.contains(" join ") || sql.contains("(select") || statement.shape == Shape::Semijoin;
    if sql.contains("scheduled_start_at") {
        Some("scheduled_start_at is NULL where scheduled_at is not read beside it")
    } else if sql.contains(" not in (select ") {
        Some("NULL NOT IN what has rows is taken for true")
    } else if sql.contains(" intersect ") || sql.contains(" except ") {
        Some("a join in which NULL equals NULL loses its NULLs")
    } else if target.version < [1, 7, 0] && sql.contains(" fetch first ") {
        Some("FETCH FIRST is read and forgotten")
    } else if target.version < [1, 7, 0] && sql.contains("ntile(") {
        Some("rows that are left over are shared out in another way")
    } else if target.version < [1, 7, 0]
        && [" rollup (", " cube (", " grouping sets ("]
            .iter()
            .any(|word| sql.contains(word))
    {
        Some("of no rows the set of no keys has no group")
    } else if target.version < [1, 7, 0] && (joins || sql.contains(" limit ") || sql.contains("distinct on")) {
        Some("filters that are derived while a query runs compare the wrong column")
    } else {
        None
    }
}

/// The same statements over a snapshot of the cluster. What differs may have moved: it is asked of the runtime behind the capture, and
/// then before and behind another one. What is the same before and behind has not moved.
fn snapshot(
    target: &Target,
    statements: &[Statement],
    answers: &[Answer],
    auto: &mut Session,
    failures: &mut Failures,
    what: &str,
) -> Counts {
    let mut counts = Counts {
        tried: statements.len(),
        ..Counts::default()
    };
    let mut left: Vec<(usize, &Statement, Answer)> = statements
        .iter()
        .zip(answers)
        .enumerate()
        .map(|(index, (statement, answer))| (index, statement, answer.clone()))
        .collect();
    for round in 1..=SNAPSHOTS {
        if left.is_empty() {
            break;
        }
        if round > 1 {
            for (_, statement, expected) in &mut left {
                *expected = statement.ask(auto);
            }
        }
        let directory = tempfile::tempdir().expect("a directory");
        capture(target, directory.path());
        let server = Server::serve(&[(CLUSTER, Data::Snapshot(directory.path().to_owned()))]);
        let mut archive = Session::new(&server, CLUSTER, "auto", Format::Text);
        let mut moved = Vec::new();
        for (index, statement, expected) in left {
            let answer = statement.ask(&mut archive);
            let mut differs = differ(&answer, &expected, statement.ordered);
            let mut has_moved = false;
            if differs.is_some() {
                let again = statement.ask(auto);
                differs = differ(&answer, &again, statement.ordered);
                has_moved = differ(&again, &expected, statement.ordered).is_some();
            }
            match differs {
                None if matches!(answer, Ok(Ok(_))) => counts.equal += 1,
                None => counts.refused_alike += 1,
                Some(_) if round < SNAPSHOTS => moved.push((index, statement, expected)),
                Some(_) if has_moved => counts.moved += 1,
                Some(why) => {
                    counts.different += 1;
                    failures.push(format!(
                        "{} {what} #{index} snapshot: {statement}\n  {why}\n",
                        target.name
                    ));
                }
            }
        }
        left = moved;
    }
    counts
}

/// A snapshot of the cluster.
pub fn capture(target: &Target, directory: &Path) {
    let captured = Command::new(binary())
        .args(["snapshot", "--runtime", &target.url, "--out"])
        .arg(directory)
        .output()
        .expect("run the program");
    assert!(
        captured.status.success(),
        "{}",
        String::from_utf8_lossy(&captured.stderr)
    );
}

/// How the answer of a snapshot differs from the one by way of the runtime.
fn differ(ours: &Answer, expected: &Answer, ordered: bool) -> Option<String> {
    match (ours, expected) {
        (Err(fault), _) => Some(fault.clone()),
        (Ok(Ok(a)), Ok(Ok(b))) if a.types != b.types => {
            Some(format!("types {:?} where {:?} are the runtime's", a.types, b.types))
        }
        (Ok(Ok(a)), Ok(Ok(b))) => difference(&a.rows, &b.rows, ordered),
        (Ok(Err(_)), Ok(Err(_))) => None,
        (Ok(Err(error)), _) => Some(format!("refused: {error}")),
        (Ok(Ok(_)), Ok(Err(error)) | Err(error)) => Some(format!("answered, where by way of the runtime: {error}")),
    }
}
