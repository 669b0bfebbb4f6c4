//! From the start of the process to its first answer.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{Bed, SNAPSHOT, ms};
use crate::{
    measure::{RUNS, Sample, Table},
    stream::{As, Stream},
    support::{free_port, process::Process, server::binary},
};

pub fn start(bed: &Bed, table: &mut Table) {
    let running = bed.door.configuration();
    let directory = running.parent().expect("the server's directory");
    let times = (0..RUNS).map(|_| once(bed, directory)).collect();
    table.line(
        "process start to first answer, ms".to_owned(),
        Sample::new(times).to_string(),
        String::new(),
        String::new(),
    );
}

/// The same configuration on another port.
fn once(bed: &Bed, directory: &Path) -> f64 {
    let port = free_port();
    let text = fs::read_to_string(bed.door.configuration()).expect("the configuration");
    let text = text.replace(&format!(":{}\"", bed.door.port), &format!(":{port}\""));
    fs::write(directory.join("start.toml"), text).expect("write a configuration");
    let mut command = Command::new(binary());
    command.args(["serve", "--config", "start.toml"]).current_dir(directory);
    let begun = Instant::now();
    let _process = Process::start(command, directory, "start");
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not listen");
        thread::sleep(Duration::from_millis(1));
    }
    let mut stream = Stream::connect(port, true, SNAPSHOT, SNAPSHOT, &bed.token);
    assert_eq!(stream.run("SELECT 1", As::Text).rows, 1);
    ms(begun.elapsed())
}
