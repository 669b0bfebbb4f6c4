//! The parts that come from elsewhere: real Restate runtimes with the workload's rows in them, psql, a PostgreSQL server, Java
//! and pgjdbc, and the clients that are Python, Node and Rust packages.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use super::{
    ROOT, free_port, http,
    process::{Process, guard},
    wait_for,
};

/// A released Restate version that the tests run against: the newest, and the oldest that is promised to work.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    V1_7_12,
    V1_6_1,
    /// 1.7.12 with its experimental queues, whose tables are empty otherwise.
    Queues,
}

impl Version {
    pub const ALL: [Version; 2] = [Version::V1_7_12, Version::V1_6_1];
    pub const WITH_QUEUES: [Version; 3] = [Version::V1_7_12, Version::V1_6_1, Version::Queues];

    pub const fn as_str(self) -> &'static str {
        match self {
            Version::V1_7_12 | Version::Queues => "1.7.12",
            Version::V1_6_1 => "1.6.1",
        }
    }
}

/// A runtime with the workload's invocations, journals and state in it.
#[derive(Debug)]
pub struct Runtime {
    /// Base URL of the admin port, where `/query` is.
    pub admin: String,
    _processes: [Process; 2],
}

/// Where the parts are installed; untracked.
fn directory() -> &'static Path {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target directory");
        let directory = target.join("lab");
        // Quick when all is there. What it could not get is found out below, part by part.
        let setup = Command::new(Path::new(ROOT).join("tests/lab/setup"))
            .arg(&directory)
            .output();
        let setup = setup.expect("run tests/lab/setup");
        for line in String::from_utf8_lossy(&setup.stdout)
            .lines()
            .filter(|line| line.starts_with("missing: "))
        {
            say(line);
        }
        directory
    });
    &DIRECTORY
}

/// Past the test harness's capture, which would swallow what a passing test prints.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// `None`, loudly; a failure where every part must be there.
fn skipped<T>(part: &str) -> Option<T> {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "missing on this machine: {part}"
    );
    say(&format!(
        "SKIPPED: {} needs {part}",
        std::thread::current().name().unwrap_or("a test")
    ));
    None
}

/// The path of an installed file.
fn part(name: &str, path: &str) -> Option<PathBuf> {
    let path = directory().join(path);
    if path.exists() { Some(path) } else { skipped(name) }
}

/// A program on the search path.
fn program(name: &str) -> Option<PathBuf> {
    directory();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .map(|path| path.join(name))
        .find(|path| path.is_file());
    found.or_else(|| skipped(name))
}

/// psql, of whichever version this machine has.
pub fn psql() -> Option<PathBuf> {
    program("psql")
}

/// The directory of the programs of PostgreSQL 15, where Debian's package and its kin put them.
pub fn postgres() -> Option<PathBuf> {
    directory();
    let programs = PathBuf::from("/usr/lib/postgresql/15/bin");
    if programs.join("postgres").is_file() {
        Some(programs)
    } else {
        skipped("PostgreSQL 15")
    }
}

/// A `java` that compiles a source file as it starts it, with pgjdbc on its class path.
pub fn java() -> Option<Command> {
    let jar = part("pgjdbc", "postgresql.jar")?;
    program("javac")?;
    let mut java = Command::new(program("java")?);
    java.arg("-cp").arg(jar);
    Some(java)
}

/// The driver that ODBC's driver manager knows as `PostgreSQL Unicode`, where Debian's package puts it.
pub fn odbc() -> Option<()> {
    directory();
    let driver = Path::new("/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so");
    if driver.is_file() {
        Some(())
    } else {
        skipped("psqlODBC")
    }
}

/// A client's program (`psycopg_3.py`, `postgres-js.mjs`, `dbd.pl`, `sqlx`), ready to run.
pub fn client(name: &str) -> Option<Command> {
    let source = Path::new(ROOT).join("tests/lab/clients").join(name);
    if name == "sqlx" {
        Some(Command::new(part(name, "sqlx/debug/restate-pg-sqlx")?))
    } else if name.ends_with(".pl") {
        let perl = program("perl")?;
        let known = Command::new(&perl).args(["-MDBD::Pg", "-e1"]).output();
        if !known.is_ok_and(|output| output.status.success()) {
            return skipped("DBD::Pg");
        }
        let mut command = Command::new(perl);
        command.arg(source);
        Some(command)
    } else if name.ends_with(".py") {
        let (what, installed) = match name {
            "superset_.py" => ("Superset", "superset/installed.txt"),
            _ => ("the Python clients", "python/installed.txt"),
        };
        // Written last, once all packages are there.
        let python = part(what, installed)?.with_file_name("bin/python");
        let mut command = Command::new(python);
        command.arg("-B").arg(source);
        Some(command)
    } else {
        part("the Node clients", "node_modules/postgres")?;
        let mut command = Command::new(program("node")?);
        command.arg(part(name, &format!("clients/{name}"))?);
        Some(command)
    }
}

/// A runtime of `version`, filled; started when it is first asked for and shared by all tests of the run.
pub fn runtime(version: Version) -> Option<&'static Runtime> {
    static RUNTIMES: [OnceLock<Option<Runtime>>; 3] = [const { OnceLock::new() }; 3];
    let slot = match version {
        Version::V1_7_12 => &RUNTIMES[0],
        Version::V1_6_1 => &RUNTIMES[1],
        Version::Queues => &RUNTIMES[2],
    };
    match slot.get_or_init(|| start(version)) {
        Some(runtime) => Some(runtime),
        None => skipped(&format!("the Restate runtime {}", version.as_str())),
    }
}

fn start(version: Version) -> Option<Runtime> {
    let name = version.as_str();
    let package = format!("node_modules/restate-server-{name}/bin/restate-server");
    let server = part(&format!("the Restate server {name}"), &package)?;
    let node = program("node")?;
    part("the Restate SDK", "node_modules/@restatedev/restate-sdk")?;

    let queues = matches!(version, Version::Queues);
    let run = directory().join(format!("run-{version:?}-{}", std::process::id()));
    std::fs::create_dir_all(&run).expect("create the runtime's directory");
    // Never released: the directory goes when this process ends.
    std::mem::forget(guard(&format!("sleep 1; rm -rf '{}'", run.display())));

    let [admin, ingress, fabric, service] = [(); 4].map(|()| free_port());
    let local = |port: u16| format!("127.0.0.1:{port}");
    let url = |port: u16| format!("http://{}", local(port));
    let mut command = Command::new(server);
    command
        .args(["--node-name", "n1", "--no-logo", "--base-dir"])
        .arg(run.join("data"))
        .envs([
            ("DO_NOT_TRACK", "1"),
            ("RESTATE_DISABLE_TELEMETRY", "true"),
            ("RESTATE_LISTEN_MODE", "tcp"),
        ])
        .envs([
            ("RESTATE_BIND_IP", "127.0.0.1"),
            ("RESTATE_ADVERTISED_HOST", "127.0.0.1"),
        ])
        .env("RESTATE_LOG_DISABLE_ANSI_CODES", "true")
        .env("RESTATE_BIND_PORT", fabric.to_string())
        .env("RESTATE_ADMIN__BIND_ADDRESS", local(admin))
        .env("RESTATE_INGRESS__BIND_ADDRESS", local(ingress))
        // Completed invocations stay while the tests look at them.
        .env("RESTATE_WORKER__CLEANUP_INTERVAL", "1h");
    if queues {
        command.envs([
            ("RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7", "true"),
            ("RESTATE_EXPERIMENTAL_ENABLE_VQUEUES", "true"),
        ]);
    }
    let server = Process::start(command, &run, "server");

    let workload = directory().join("workload");
    let script = |name: &str| {
        let mut command = Command::new(&node);
        command.current_dir(&workload).arg(name);
        command
    };
    let mut command = script("service.mjs");
    command.arg(service.to_string());
    let endpoint = Process::start(command, &run, "service");

    let limit = Duration::from_secs(60);
    wait_for("the workload's endpoint", limit, || {
        endpoint.stdout().contains("listening").then_some(())
    });
    wait_for(&format!("runtime {name}"), limit, || {
        http::query(&url(admin), "select * from state limit 1").ok()
    });

    drive(script("drive.mjs").args([url(admin), url(ingress), url(service)]));
    if queues {
        drive(script("queues.mjs").args([url(admin), url(ingress)]));
    }
    // 100,000 rows of state: what a cursor with fetch size 100 is read over. More invocations are for measurements.
    let invocations = std::env::var("RESTATE_PG_LAB_INVOCATIONS").unwrap_or_else(|_| "400".to_owned());
    drive(script("load.mjs").args([&url(admin), &url(ingress), &invocations, "100", "1000"]));

    Some(Runtime {
        admin: url(admin),
        _processes: [server, endpoint],
    })
}

fn drive(command: &mut Command) {
    let output = command.output().expect("run the workload's driver");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
