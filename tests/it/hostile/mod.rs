//! What is sent to break it, by row of a checklist: A before login, B TLS, C tokens, D after login, E the end of the process. Throughout, a
//! second client goes on working; before login, memory grows by no more than 1 MiB; afterwards no connection is left.
//!
//! `frames` is the corpus in `fixtures/frames`, `corpus` the one in `fixtures/tokens`; modules without a path are beside this file.
//!
//! | row | held by |
//! |---|---|
//! | A1 nothing sent; A5 one byte at a time, in every phase | `deadline::a_byte_at_a_time_ends_at_the_deadline_in_every_phase` |
//! | A2 connect and close, 1,000 resets | `throttle::connections_that_are_reset_leave_nothing` |
//! | A3, A4 lengths of the startup packet | `frames` |
//! | A6 protocols, A7 options | `frames`; `it::startup::{a_newer_minor_version_is_negotiated_down, protocol_options_that_are_not_known_are_named}` |
//! | A8 parameters | `frames`; `it::login::a_name_cannot_forge_a_line_of_the_log` |
//! | A9 encryption asked for twice, A10, A11 bytes behind it | `frames`; `it::startup::bytes_behind_the_ssl_request_are_never_believed` |
//! | A12 no TLS | `frames` |
//! | A13 other protocols | `frames` |
//! | A14 cancel requests | `frames`; `edge::cancel::tests`; `it::cancel` |
//! | A15 to A19 in place of a password | `frames` |
//! | A20 half-closed | `frames`; `it::startup::a_client_that_leaves_in_the_middle_is_let_go` |
//! | more connections than places | `deadline::more_silent_clients_than_there_are_places_shut_nobody_out`, `throttle::sessions_beyond_the_limits_are_told_so` |
//! | B1 old TLS | `frames` |
//! | B2 direct TLS and ALPN | `it::startup::direct_tls_needs_the_protocols_name`; `frames` |
//! | B3 names: one certificate for all, the name decides nothing | `tls::the_name_that_a_client_asks_for_decides_nothing`; `frames` |
//! | B4 renegotiation (rustls has none), early data | `tls::sessions_are_resumed_without_early_data` |
//! | B5 certificate replaced | `tls::a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not`; `edge::certificate::tests` |
//! | B6 no certificate | `tls::nothing_is_served_without_a_certificate`; `config::tests` |
//! | B7 PROXY protocol | `proxy`; `edge::proxy::tests` |
//! | C1 to C15 tokens | `token::tests::corpus`, twice each: once verified, once remembered |
//! | C5, C18 unknown key ids | `token::tests::rotation::a_thousand_unknown_kids_make_one_fetch` |
//! | C13 another cluster's token | `corpus`; `it::login::another_clusters_token_is_refused_as_an_unknown_user_is`; `token::tests::known` |
//! | C16 faults of the key server | `token::tests::rotation::{an_outage_keeps_the_last_good_set_for_the_stale_window, a_server_that_trickles_is_given_up, …}`; weak keys in `token::jwk` |
//! | C17 rotation | `token::tests::rotation::rotation_fails_no_login_and_drops_the_old_key`; `token::tests::known::a_withdrawn_key_takes_the_tokens_that_it_verified_with_it` |
//! | C19 token ends in a session: at the end of the statement | `throttle::a_session_ends_with_its_token_idle_and_in_a_pipeline` |
//! | C20 clocks that step | `token::tests::rotation::a_wall_clock_that_steps_does_not_age_the_keys`; `edge::throttle::tests`; `token::tests::known` |
//! | C21 revocation | `throttle::a_revoked_token_ends_its_sessions_and_opens_no_more`; `token::tests::known` |
//! | C22 bad logins in numbers | `throttle::{bad_logins_are_told_to_wait_and_good_ones_never_are, bad_logins_from_everywhere_cost_no_memory}`; `edge::throttle::tests` |
//! | C23 secrets in the log | `it::login::no_part_of_a_token_is_logged`, `session::no_cancel_key_is_logged` |
//! | D1, D2, D3, D6, D7 messages and statements | `frames`; `it::extended`, `it::refusals::a_deep_or_wide_statement_is_an_error_and_the_process_lives` |
//! | D4 statements and portals in numbers | `session::prepared_statements_and_portals_have_their_limits`; `frames` (names) |
//! | D5 a pipeline that is never read | `session::a_pipeline_that_is_never_read_is_not_taken_in` |
//! | D8 bombs | `session::bombs_end_in_an_error_and_others_do_not_feel_them` |
//! | D9, D10 results that are not read, long results | `it::memory` |
//! | D11 cancel | `it::cancel`; `edge::cancel::tests` |
//! | D12 transactions | `it::extended::transactions_are_told_by_the_status_byte` |
//! | D13, D14 files, addresses, the engine, other clusters | `reach`; `it::refusals` |
//! | D15, D16 what a runtime sends | `source::runtime::tests::{reply, hostile, slow}` |
//! | D19 clients that go in the middle | `throttle::connections_that_are_reset_leave_nothing`, `session::a_terminate_in_the_middle_of_a_result_ends_what_runs`; `it::cancel` |
//! | D20 names of applications | `session::a_name_of_the_application_is_cut_and_kept_on_its_line`; `frames` |
//! | E1, E2 told to stop | `drain::{told_to_stop_idle_sessions_end_at_once_and_busy_ones_finish, told_twice_to_stop_it_stops}` |
//! | E4 no file descriptors | `drain::without_descriptors_it_waits_and_recovers` |
//!
//! Without a test, for there is nothing to be tested: C24 (no metrics yet), D17 and D18 (nothing is passed through to a PostgreSQL behind), the
//! replicas of D11 and E5 (a cancel request is not handed on), E3 (the configuration is read once), E6 to E12 (no HTTP port).

mod deadline;
mod drain;
mod frames;
mod proxy;
mod reach;
mod session;
mod throttle;
mod tls;

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

    fn of_cluster(server: &Server, cluster: &str) -> Witness {
        Witness(Raw::login(server, cluster))
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
