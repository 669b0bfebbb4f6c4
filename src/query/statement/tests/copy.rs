//! COPY and its options.

use super::*;

#[test]
fn copy_options_in_both_syntaxes() {
    let copy = |sql| match ok(sql) {
        Statement::CopyTo { query, options } => (query.to_string(), options),
        other => panic!("{other:?}"),
    };
    let text = CopyOptions {
        format: CopyFormat::Text,
        delimiter: b'\t',
        null: "\\N".into(),
        header: false,
        quote: b'"',
        escape: b'"',
        force_quote: ForceQuote::None,
    };
    let csv = CopyOptions {
        format: CopyFormat::Csv,
        delimiter: b',',
        null: String::new(),
        ..text.clone()
    };
    let binary = CopyOptions {
        format: CopyFormat::Binary,
        ..text.clone()
    };
    for (sql, options) in [
        ("copy t to stdout", text.clone()),
        ("copy t to stdin with (freeze, encoding 'utf8')", text.clone()),
        ("copy binary t to stdout", binary.clone()),
        ("copy t to stdout with binary", binary.clone()),
        ("copy t to stdout (format 'binary')", binary.clone()),
        (
            "COPY t TO STDOUT CSV HEADER",
            CopyOptions {
                header: true,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format CSV, header 1)",
            CopyOptions {
                header: true,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (header true)",
            CopyOptions {
                header: true,
                ..text.clone()
            },
        ),
        (
            "copy t to stdout delimiter as ';' null 'x'",
            CopyOptions {
                delimiter: b';',
                null: "x".into(),
                ..text.clone()
            },
        ),
        (
            "copy t to stdout using delimiters ','",
            CopyOptions {
                delimiter: b',',
                ..text.clone()
            },
        ),
        (
            "copy t to stdout with delimiter E'\\t' csv",
            CopyOptions {
                delimiter: b'\t',
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format csv, delimiter 'a', quote '''')",
            CopyOptions {
                delimiter: b'a',
                quote: b'\'',
                escape: b'\'',
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout (format csv, force_quote *)",
            CopyOptions {
                force_quote: ForceQuote::All,
                ..csv.clone()
            },
        ),
        (
            "copy t to stdout csv force quote a, \"B\"",
            CopyOptions {
                force_quote: ForceQuote::Columns(vec!["a".into(), "B".into()]),
                ..csv.clone()
            },
        ),
    ] {
        assert_eq!(copy(sql), ("SELECT * FROM \"t\"".to_owned(), options), "{sql}");
    }
    assert_eq!(
        copy("copy public.T (\"A\", b) to stdout").0,
        "SELECT \"A\", \"b\" FROM \"public\".\"t\""
    );
    assert_eq!(
        copy("copy (with x as (select 1) select ')' from x) to stdout").0,
        "WITH x AS (SELECT 1) SELECT ')' FROM x"
    );
}

#[test]
fn copy_options_are_checked_as_postgresql_does() {
    refused(&[
        (
            "copy t to stdout (delimiter 'ab')",
            "0A000",
            "COPY delimiter must be a single one-byte character",
        ),
        (
            "copy t to stdout (format csv, delimiter 'é')",
            "0A000",
            "COPY delimiter must be a single one-byte character",
        ),
        (
            "copy t to stdout (delimiter 'a')",
            "22023",
            "COPY delimiter cannot be \"a\"",
        ),
        (
            "copy t to stdout (format csv, delimiter '\"')",
            "22023",
            "COPY delimiter and quote must be different",
        ),
        (
            "copy t to stdout (format binary, delimiter ',')",
            "42601",
            "cannot specify DELIMITER in BINARY mode",
        ),
        (
            "copy t to stdout (format binary, null '')",
            "42601",
            "cannot specify NULL in BINARY mode",
        ),
        (
            "copy t to stdout (format binary, header)",
            "0A000",
            "cannot specify HEADER in BINARY mode",
        ),
        (
            "copy t to stdout (format 'CSV')",
            "22023",
            "COPY format \"CSV\" not recognized",
        ),
        ("copy t to stdout csv csv", "42601", "conflicting or redundant options"),
        ("copy t to stdout (foo)", "42601", "option \"foo\" not recognized"),
        (
            "copy t to stdout (header 3)",
            "42601",
            "header requires a Boolean value or \"match\"",
        ),
        (
            "copy t to stdout (header match)",
            "0A000",
            "cannot use \"match\" with HEADER in COPY TO",
        ),
        (
            "copy t to stdout (quote '\"')",
            "0A000",
            "COPY quote available only in CSV mode",
        ),
        (
            "copy t to stdout (escape 'a')",
            "0A000",
            "COPY escape available only in CSV mode",
        ),
        (
            "copy t to stdout (format csv, escape 'ab')",
            "0A000",
            "COPY escape must be a single one-byte character",
        ),
        (
            "copy t to stdout (force_quote *)",
            "0A000",
            "COPY force quote available only in CSV mode",
        ),
        (
            "copy t to stdout (format csv, force_quote i)",
            "22023",
            "argument to option \"force_quote\" must be a list of column names",
        ),
        (
            "copy t to stdout csv force not null i",
            "0A000",
            "COPY force not null only available using COPY FROM",
        ),
        (
            "copy t to stdout (encoding 'foo')",
            "22023",
            "argument to option \"encoding\" must be a valid encoding name",
        ),
        (
            "copy t to stdout (encoding 'latin1')",
            "0A000",
            "conversion between LATIN1 and UTF8 is not supported",
        ),
        (
            "copy t to stdout (null 'a,b', format csv)",
            "0A000",
            "COPY delimiter must not appear in the NULL specification",
        ),
        (
            "copy t to stdout (null '\"', format csv)",
            "0A000",
            "CSV quote character must not appear in the NULL specification",
        ),
        (
            "copy t to stdout (delimiter)",
            "42601",
            "delimiter requires a parameter",
        ),
        ("copy t to stdout (format)", "42601", "format requires a parameter"),
    ]);
}
