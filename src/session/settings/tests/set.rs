//! What SET takes, and what SHOW then says.

use super::*;

#[test]
fn show_after_set_says_what_postgresql_says() {
    for (sql, name, shown) in [
        ("datestyle='ISO, DMY'", "datestyle", "ISO, DMY"),
        ("datestyle=iso", "datestyle", "ISO, MDY"),
        ("datestyle='german'", "datestyle", "German, DMY"),
        ("datestyle='sql, euro'", "datestyle", "SQL, DMY"),
        ("datestyle='ymd'", "datestyle", "ISO, YMD"),
        ("datestyle=iso, mdy", "datestyle", "ISO, MDY"),
        ("datestyle='postgres, us'", "datestyle", "Postgres, MDY"),
        ("datestyle=''", "datestyle", "ISO, MDY"),
        ("timezone='europe/berlin'", "timezone", "Europe/Berlin"),
        ("timezone=utc", "TimeZone", "UTC"),
        ("timezone='gmt'", "timezone", "GMT"),
        ("timezone=5", "timezone", "<+05>-05"),
        ("timezone=-5.5", "timezone", "<-05:30>+05:30"),
        ("timezone='5.25'", "timezone", "<+05:15>-05:15"),
        ("timezone='+02:30'", "timezone", "+02:30"),
        ("timezone='EST5EDT'", "timezone", "EST5EDT"),
        ("timezone='<+03>-3'", "timezone", "<+03>-3"),
        ("timezone='GMT+3'", "timezone", "GMT+3"),
        ("timezone='UTC5:30'", "timezone", "UTC5:30"),
        ("timezone='abc5'", "timezone", "ABC5"),
        ("timezone='est'", "timezone", "EST"),
        ("timezone='us/pacific'", "timezone", "US/Pacific"),
        ("time zone interval '-08:00' hour to minute", "timezone", "<-08>+08"),
        ("time zone interval '5'", "timezone", "<+00:00:05>-00:00:05"),
        ("time zone -3.5", "timezone", "<-03:30>+03:30"),
        ("client_encoding='unicode'", "client_encoding", "UTF8"),
        ("names 'utf-8'", "client_encoding", "UTF8"),
        ("client_encoding='SQL_ASCII'", "client_encoding", "SQL_ASCII"),
        ("statement_timeout=30000", "statement_timeout", "30s"),
        ("statement_timeout='1min'", "statement_timeout", "1min"),
        ("statement_timeout='90 s'", "statement_timeout", "90s"),
        ("statement_timeout='1.5s'", "statement_timeout", "1500ms"),
        ("statement_timeout='1500us'", "statement_timeout", "2ms"),
        ("statement_timeout='1d'", "statement_timeout", "1d"),
        ("statement_timeout=0", "statement_timeout", "0"),
        ("statement_timeout=1.6", "statement_timeout", "2ms"),
        ("work_mem='64MB'", "work_mem", "64MB"),
        ("work_mem=65", "work_mem", "65kB"),
        ("work_mem='0.5GB'", "work_mem", "512MB"),
        ("work_mem='0x400'", "work_mem", "1MB"),
        ("work_mem=1e3", "work_mem", "1000kB"),
        ("temp_buffers=1000", "temp_buffers", "8000kB"),
        ("temp_buffers=1024", "temp_buffers", "8MB"),
        ("extra_float_digits=-15", "extra_float_digits", "-15"),
        ("seq_page_cost='2.50'", "seq_page_cost", "2.5"),
        ("geqo_seed=0.25", "geqo_seed", "0.25"),
        ("vacuum_cost_delay=2", "vacuum_cost_delay", "2ms"),
        ("vacuum_cost_delay='0.5'", "vacuum_cost_delay", "500us"),
        ("effective_cache_size='4GB'", "effective_cache_size", "4GB"),
        ("jit=t", "jit", "on"),
        ("jit='ye'", "jit", "on"),
        ("jit='of'", "jit", "off"),
        ("jit=0", "jit", "off"),
        ("intervalstyle='POSTGRES_VERBOSE'", "intervalstyle", "postgres_verbose"),
        ("client_min_messages=WARNING", "client_min_messages", "warning"),
        ("client_min_messages=info", "client_min_messages", "info"),
        ("backslash_quote=yes", "backslash_quote", "on"),
        ("application_name='hällo'", "application_name", "h??llo"),
        ("search_path=public, pg_catalog", "search_path", "public, pg_catalog"),
        ("search_path=\"Foo\", bar", "search_path", "\"Foo\", bar"),
        ("search_path='foo, bar'", "search_path", "\"foo, bar\""),
        ("search_path='$user', public", "search_path", "\"$user\", public"),
        ("search_path=''", "search_path", "\"\""),
        ("search_path='user'", "search_path", "\"user\""),
        ("schema 'foo'", "search_path", "foo"),
        (
            "default_transaction_isolation='REPEATABLE READ'",
            "default_transaction_isolation",
            "repeatable read",
        ),
        ("transaction_read_only=off", "transaction_read_only", "on"),
        (
            "transaction_isolation='serializable'",
            "transaction_isolation",
            "read committed",
        ),
        ("default_transaction_read_only=off", "transaction_read_only", "off"),
        ("default_transaction_deferrable=on", "transaction_deferrable", "on"),
        ("\"TimeZone\"='utc'", "timezone", "UTC"),
        ("local work_mem='1MB'", "work_mem", "4MB"),
        ("role joe", "role", "joe"),
        ("role none", "role", "none"),
        ("session authorization joe", "session_authorization", "joe"),
        ("seed=0.5", "seed", "unavailable"),
        ("Foo.Bar=1.50", "foo.bar", "1.50"),
        ("foo.bar.baz=-3", "FOO.bar.baz", "-3"),
        ("foo.bar=true", "foo.bar", "true"),
        ("foo.bar=default", "foo.bar", ""),
        ("restate.route = LOCAL", "restate.route", "local"),
    ] {
        let mut settings = settings();
        set(&mut settings, sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(settings.get(name).unwrap(), shown, "{sql}");
    }
}

#[test]
fn faults_are_told_in_the_words_of_postgresql() {
    let units = "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".";
    let memory = "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".";
    let simple = "Custom parameter names must be two or more simple identifiers separated by dots.";
    for (sql, code, message, more) in [
        (
            "datestyle='iso, sql'",
            "22023",
            "invalid value for parameter \"DateStyle\": \"iso, sql\"",
            "Conflicting \"datestyle\" specifications.",
        ),
        (
            "datestyle='mdy, dmy'",
            "22023",
            "invalid value for parameter \"DateStyle\": \"mdy, dmy\"",
            "Conflicting \"datestyle\" specifications.",
        ),
        (
            "datestyle='foo'",
            "22023",
            "invalid value for parameter \"DateStyle\": \"foo\"",
            "Unrecognized key word: \"foo\".",
        ),
        (
            "timezone='foo'",
            "22023",
            "invalid value for parameter \"TimeZone\": \"foo\"",
            "",
        ),
        (
            "timezone='Z'",
            "22023",
            "invalid value for parameter \"TimeZone\": \"Z\"",
            "",
        ),
        (
            "timezone=''",
            "22023",
            "invalid value for parameter \"TimeZone\": \"\"",
            "",
        ),
        (
            "timezone='UTC', 'x'",
            "22023",
            "SET timezone takes only one argument",
            "",
        ),
        (
            "client_encoding='foo'",
            "22023",
            "invalid value for parameter \"client_encoding\": \"foo\"",
            "",
        ),
        (
            "client_encoding='MULE_INTERNAL'",
            "0A000",
            "invalid value for parameter \"client_encoding\": \"MULE_INTERNAL\"",
            "Conversion between MULE_INTERNAL and UTF8 is not supported.",
        ),
        (
            "statement_timeout='1x'",
            "22023",
            "invalid value for parameter \"statement_timeout\": \"1x\"",
            units,
        ),
        (
            "statement_timeout='abc'",
            "22023",
            "invalid value for parameter \"statement_timeout\": \"abc\"",
            "",
        ),
        (
            "statement_timeout=''",
            "22023",
            "invalid value for parameter \"statement_timeout\": \"\"",
            "",
        ),
        (
            "statement_timeout=-1",
            "22023",
            "-1 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)",
            "",
        ),
        (
            "statement_timeout=99999999999",
            "22023",
            "invalid value for parameter \"statement_timeout\": \"99999999999\"",
            "Value exceeds integer range.",
        ),
        (
            "work_mem='64mb'",
            "22023",
            "invalid value for parameter \"work_mem\": \"64mb\"",
            memory,
        ),
        (
            "work_mem='1'",
            "22023",
            "1 kB is outside the valid range for parameter \"work_mem\" (64 .. 2147483647)",
            "",
        ),
        (
            "temp_buffers='8kB'",
            "22023",
            "1 8kB is outside the valid range for parameter \"temp_buffers\" (100 .. 1073741823)",
            "",
        ),
        (
            "extra_float_digits=4",
            "22023",
            "4 is outside the valid range for parameter \"extra_float_digits\" (-15 .. 3)",
            "",
        ),
        (
            "extra_float_digits='3 s'",
            "22023",
            "invalid value for parameter \"extra_float_digits\": \"3 s\"",
            "",
        ),
        (
            "seq_page_cost=-1",
            "22023",
            "-1 is outside the valid range for parameter \"seq_page_cost\" (0 .. 1.79769e+308)",
            "",
        ),
        (
            "seq_page_cost='nan'",
            "22023",
            "invalid value for parameter \"seq_page_cost\": \"nan\"",
            "",
        ),
        ("jit='o'", "22023", "parameter \"jit\" requires a Boolean value", ""),
        ("jit=2", "22023", "parameter \"jit\" requires a Boolean value", ""),
        (
            "intervalstyle='foo'",
            "22023",
            "invalid value for parameter \"intervalstyle\": \"foo\"",
            "Available values: postgres, postgres_verbose, sql_standard, iso_8601.",
        ),
        (
            "client_min_messages=panic",
            "22023",
            "invalid value for parameter \"client_min_messages\": \"panic\"",
            "Available values: debug5, debug4, debug3, debug2, debug1, log, notice, warning, error.",
        ),
        (
            "default_tablespace='foo'",
            "22023",
            "invalid value for parameter \"default_tablespace\": \"foo\"",
            "Tablespace \"foo\" does not exist.",
        ),
        (
            "application_name=a, b",
            "22023",
            "SET application_name takes only one argument",
            "",
        ),
        ("foo.bar=on, off", "22023", "SET foo.bar takes only one argument", ""),
        ("foo=1", "42704", "unrecognized configuration parameter \"foo\"", ""),
        (
            "\"foo bar.baz\"=1",
            "42602",
            "invalid configuration parameter name \"foo bar.baz\"",
            simple,
        ),
        (
            "restate.foo=1",
            "42602",
            "invalid configuration parameter name \"restate.foo\"",
            "\"restate\" is a reserved prefix.",
        ),
        (
            "server_version='1'",
            "55P02",
            "parameter \"server_version\" cannot be changed",
            "",
        ),
        (
            "is_superuser=on",
            "55P02",
            "parameter \"is_superuser\" cannot be changed",
            "",
        ),
        (
            "max_connections=1",
            "55P02",
            "parameter \"max_connections\" cannot be changed without restarting the server",
            "",
        ),
        ("ssl=on", "55P02", "parameter \"ssl\" cannot be changed now", ""),
        (
            "ignore_system_indexes=on",
            "55P02",
            "parameter \"ignore_system_indexes\" cannot be set after connection start",
            "",
        ),
        (
            "log_connections=on",
            "55P02",
            "parameter \"log_connections\" cannot be set after connection start",
            "",
        ),
        (
            "lc_messages='C'",
            "42501",
            "permission denied to set parameter \"lc_messages\"",
            "",
        ),
        ("role foo", "22023", "role \"foo\" does not exist", ""),
        // PostgreSQL has another lexer for this; one is enough here.
        (
            "standard_conforming_strings=off",
            "0A000",
            "standard_conforming_strings cannot be turned off",
            "",
        ),
    ] {
        let mut settings = settings();
        let error = set(&mut settings, sql)
            .err()
            .unwrap_or_else(|| panic!("accepted: {sql}"));
        let told = error.detail().or(error.hint()).unwrap_or_default();
        assert_eq!(
            (error.code().code(), error.message(), told),
            (code, message, more),
            "{sql}"
        );
    }
    let settings = settings();
    let message = "must be superuser or have privileges of pg_read_all_settings to examine \"data_directory\"";
    for (name, code, message) in [
        ("foo.bar", "42704", "unrecognized configuration parameter \"foo.bar\""),
        ("foo", "42704", "unrecognized configuration parameter \"foo\""),
        ("data_directory", "42501", message),
    ] {
        let error = settings.get(name).unwrap_err();
        assert_eq!((error.code().code(), error.message()), (code, message));
    }
}
