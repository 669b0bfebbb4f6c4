//! The configuration file: read once, every fault reported together, each with its line.
//!
//! `setting` is the table of all settings, `read` and `env` gather what was said about them, `build` judges what the values mean. Files that the
//! configuration names are read here too, so that a server which starts can also serve.

mod build;
mod env;
mod raw;
mod read;
mod setting;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::Uri;

use crate::{cluster::ClusterName, limits, token::Issuer};

/// A configuration in which nothing is wrong that can be seen from here.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    pub tls: Tls,
    /// At least one, no two of one name.
    pub issuers: Vec<Issuer>,
    /// At least one, no two of one name.
    pub clusters: Vec<Cluster>,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub struct Listen {
    pub postgres: SocketAddr,
    /// Whether each connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// Those of this program's limits that depend on the machine and on who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once, in the process and for each cluster.
    pub sessions: usize,
    pub sessions_per_cluster: usize,
    /// From accept to a verified password.
    pub login_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sessions: limits::SESSIONS_MAX,
            sessions_per_cluster: limits::CLUSTER_SESSIONS_MAX,
            login_timeout: limits::LOGIN_TIMEOUT,
        }
    }
}

/// Two PEM files that belong together.
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub name: ClusterName,
    pub data: Data,
}

/// Where a cluster's rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A runtime's admin port: scheme and authority, no path.
    Runtime(Uri),
    /// A directory of Parquet files.
    Snapshot(PathBuf),
}

impl Config {
    /// Reads `file`, with `env` laid over it (`std::env::vars_os()`).
    pub fn load<E>(file: &Path, env: E) -> Result<Config, Faults>
    where
        E: IntoIterator<Item = (OsString, OsString)>,
    {
        let mut faults = Faults {
            file: file.display().to_string(),
            faults: Vec::new(),
        };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(fault) => {
                faults.add(Place::File, fault.to_string());
                return Err(faults);
            }
        };
        let mut raw = raw::Raw::parse(&text, &mut faults);
        raw.override_with(env.into_iter(), &mut faults);
        // Without a directory of its own (`serve --config x.toml`) it lies in the current one.
        let dir = file.parent().unwrap_or(Path::new(""));
        let config = build::build(&raw, dir, &mut faults);
        faults.sort();
        match config {
            Some(config) if faults.faults.is_empty() => Ok(config),
            _ => Err(faults),
        }
    }

    /// Every setting with its meaning, default and variable, as a commented file.
    pub fn reference() -> String {
        setting::reference()
    }
}

/// Where a fault lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line of it, counted from 1.
    Line(usize),
    /// An environment variable.
    Variable(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

/// All that is wrong, in the order of the file; one line for each: `restate-pg.toml:7: …`, the
/// file as it was given.
#[derive(Clone, Debug)]
pub struct Faults {
    file: String,
    faults: Vec<Fault>,
}

impl Faults {
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }

    fn add(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push(Fault {
            place,
            message: message.into(),
        });
    }

    fn sort(&mut self) {
        self.faults.sort();
        self.faults.dedup();
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { place, message }) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match place {
                Place::File => write!(f, "{}: {message}", self.file)?,
                Place::Line(line) => write!(f, "{}:{line}: {message}", self.file)?,
                Place::Variable(name) => write!(f, "{name}: {message}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
