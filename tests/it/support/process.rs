//! A child process with its output in files, which ends with the test, whichever way the test ends.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running child. Dropping it kills it; so does the end of the test process, where a static is never dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guard: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `command` with standard output and error in `directory`/`name`.stdout and .stderr.
    pub fn start(mut command: Command, directory: &Path, name: &str) -> Process {
        let stdout = directory.join(format!("{name}.stdout"));
        let stderr = directory.join(format!("{name}.stderr"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("create a file for standard output"))
            .stderr(File::create(&stderr).expect("create a file for standard error"))
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let guard = guard(&format!("kill -9 {}", child.id()));
        Process {
            child,
            guard,
            stdout,
            stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ask for the child's status")
    }

    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Resident memory in bytes, from the kernel's own count.
    pub fn resident(&self) -> u64 {
        let status = text(Path::new(&format!("/proc/{}/status", self.pid())));
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("VmRSS of a living process");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        kib * 1024
    }
}

impl Process {
    /// How many files and sockets it has open.
    pub fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        open.expect("the descriptors of a living process").count()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status();
        assert!(status.expect("run kill").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process has already ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        release(&mut self.guard);
    }
}

/// A shell that waits for the end of this process and then runs `command`, unless it is [`release`]d first. It is in a
/// process group of its own, for ^C must not end it before it has done its duty.
pub fn guard(command: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("read -r released || {{ {command}; }} 2>/dev/null")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("start a guard")
}

/// Lets a guard go without its command.
pub fn release(guard: &mut Child) {
    if let Some(mut stdin) = guard.stdin.take() {
        let _ = stdin.write_all(b"released\n");
    }
    let _ = guard.wait();
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
