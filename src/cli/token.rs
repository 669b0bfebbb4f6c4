//! `restate-pg token` and `restate-pg keygen`: passwords, and the keys that sign them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use restate_pg::{
    cluster::ClusterName,
    token::{self, DEFAULT_AUDIENCE, DEFAULT_ISSUER, IssueOptions, Secret, SigningKey, parse_duration},
};

#[derive(Debug, clap::Args)]
pub struct Token {
    /// The private key (Ed25519, PKCS#8 PEM) that `keygen` wrote.
    #[arg(long, value_name = "PRIVATE.pem")]
    key: PathBuf,
    /// A cluster that the token opens; may be given several times.
    #[arg(long = "cluster", value_name = "NAME", required = true)]
    clusters: Vec<ClusterName>,
    /// Who issues it (`iss`).
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    /// Whom it is for (`aud`).
    #[arg(long, default_value = DEFAULT_AUDIENCE)]
    audience: String,
    /// How long it is good: `90s`, `30m`, `1h`, `7d`.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    ttl: Duration,
}

pub fn run(arguments: Token) -> Result<(), String> {
    let pem =
        std::fs::read_to_string(&arguments.key).map_err(|error| format!("{}: {error}", arguments.key.display()))?;
    let key =
        SigningKey::from_pem(&Secret::new(pem)).map_err(|fault| format!("{}: {fault}", arguments.key.display()))?;
    let options = IssueOptions {
        issuer: arguments.issuer,
        audience: arguments.audience,
        ttl: arguments.ttl,
        ..IssueOptions::new(arguments.clusters)
    };
    let token = token::issue(&key, &options, SystemTime::now()).map_err(|fault| fault.to_string())?;
    println!("{}", token.expose());
    Ok(())
}

pub fn keygen(dir: &Path) -> Result<(), String> {
    token::keygen(dir).map_err(|fault| fault.to_string())?;
    println!(
        "wrote {} and {}",
        dir.join("private.pem").display(),
        dir.join("keys.jwks.json").display()
    );
    Ok(())
}
