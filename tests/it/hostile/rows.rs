//! Holds `rows.md` to what it says: every row is there, and every test that it names.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use crate::support::ROOT;

/// The rows that there must be: a letter, and up to which number.
const ROWS: [(&str, usize); 5] = [("A", 21), ("B", 7), ("C", 24), ("D", 23), ("E", 5)];

/// A row's name and what stands in its last column.
fn rows() -> Vec<(String, String)> {
    let text = read("tests/it/hostile/rows.md");
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.filter_map(|line| {
        let mut cells = line.split(" | ");
        Some((cells.next()?.to_owned(), cells.nth(1)?.to_owned()))
    });
    rows.filter(|(row, _)| row != "row").collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_default()
}

/// The tests of this binary, as it lists them itself.
fn own() -> BTreeSet<String> {
    let list = Command::new(env::current_exe().expect("this binary"))
        .arg("--list")
        .output();
    let list = String::from_utf8(list.expect("run it").stdout).expect("UTF-8");
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect()
}

/// Whether the library has this test: the file of its module says so. A module of tests may lie in the file of what it tests.
fn library_has(test: &str) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else {
        return false;
    };
    let file = format!("src/{}", module.replace("::", "/"));
    let parent = file.strip_suffix("/tests");
    let places = [Some(file.as_str()), parent].into_iter().flatten();
    let texts = places.flat_map(|place| [read(&format!("{place}.rs")), read(&format!("{place}/mod.rs"))]);
    let attribute_and_name = |text: String| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let is_test = |attribute: &str| attribute == "#[test]" || attribute.starts_with("#[tokio::test");
        lines.windows(2).any(|pair| {
            is_test(pair[0])
                && pair[1]
                    .trim_start_matches("async ")
                    .starts_with(&format!("fn {name}()"))
        })
    };
    texts.into_iter().any(attribute_and_name)
}

/// The rows that have a case in a corpus.
fn of_frames() -> BTreeSet<String> {
    let phases =
        ["accept", "startup", "password", "session"].map(|phase| read(&format!("fixtures/frames/{phase}.txt")));
    let first_line = |case: &str| {
        case.lines()
            .find(|line| !line.starts_with('#') && !line.is_empty())?
            .split(' ')
            .next()
            .map(str::to_owned)
    };
    phases
        .iter()
        .flat_map(|text| text.split("\n\n"))
        .filter_map(first_line)
        .collect()
}

fn of_tokens() -> BTreeSet<String> {
    let corpus: serde_json::Value = serde_json::from_str(&read("fixtures/tokens/corpus.json")).expect("JSON");
    let cases = corpus["cases"].as_array().expect("cases");
    cases
        .iter()
        .filter_map(|case| case["row"].as_str())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_row_is_held_by_tests_that_exist() {
    let rows = rows();
    let wanted = ROWS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    let there: Vec<String> = rows.iter().map(|(row, _)| row.clone()).collect();
    assert_eq!(there, wanted.collect::<Vec<_>>());
    let (own, frames, tokens) = (own(), of_frames(), of_tokens());
    let mut missing = vec![];
    for (row, held) in &rows {
        if held.strip_prefix("none: ").is_some_and(|reason| !reason.is_empty()) {
            continue;
        }
        for test in held.split(", ").map(|test| test.trim_matches('`')) {
            let exists = match test {
                "frames" => frames.contains(row),
                "tokens" => tokens.contains(row),
                test => own.contains(test) || library_has(test),
            };
            if !exists {
                missing.push(format!("{row}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    // And no case of a corpus belongs to a row that does not say so.
    for (corpus, name) in [(&frames, "`frames`"), (&tokens, "`tokens`")] {
        for row in corpus.iter().filter(|row| !row.is_empty()) {
            let (_, held) = rows.iter().find(|(name, _)| name == row).expect("a row of a corpus");
            assert!(held.contains(name), "{row} has cases: {name}");
        }
    }
}
