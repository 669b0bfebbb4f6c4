//! What is sent to break it, by row of a checklist: A before login, B TLS, C tokens, D after login, E the end of the process. Throughout, a
//! second client goes on working; before login, memory grows by no more than 1 MiB; afterwards no connection is left.
//!
//! `rows.md` says which test holds which row; `rows` holds it to that.

mod deadline;
mod drain;
mod frames;
mod proxy;
mod random;
mod reach;
mod rows;
mod session;
mod throttle;
mod tls;
mod tokens;
mod upstream;

use crate::support::{
    raw::{self, Raw},
    server::Server,
};

const MIB: u64 = 1024 * 1024;

/// A good client that was there before.
struct Witness(Raw);

impl Witness {
    fn of(server: &Server) -> Witness {
        Witness::of_cluster(server, "demo")
    }

    /// Its cluster has all threads that it will have, those too that compute what is large: descriptors can be counted from here on.
    fn of_cluster(server: &Server, cluster: &str) -> Witness {
        let mut raw = Raw::login(server, cluster);
        let answer = raw.query("select count(*) from generate_series(1, 10)");
        assert_eq!(raw::tags(&answer), "TDCZ", "{answer:?}");
        Witness(raw)
    }

    /// It is still answered.
    fn is_well(&mut self) {
        let answer = self.0.query("select 1");
        assert_eq!(raw::tags(&answer), "TDCZ", "{answer:?}");
    }
}

/// A configuration whose connections begin with a PROXY protocol header.
fn proxied(configuration: String) -> String {
    configuration.replace("[tls]", "proxy_protocol = true\n\n[tls]")
}
