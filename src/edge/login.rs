//! From an accepted socket to a logged-in client: encryption, startup, password. One deadline over all of it.

use std::{io, net::IpAddr, sync::Arc};

use pgwire::messages::startup::{Authentication, NegotiateProtocolVersion};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::Instant,
};
use tokio_rustls::server::TlsStream;
use tracing::{debug, field, info};

use super::{
    places::LoginPlace,
    proxy,
    server::{Cluster, Server},
    socket::Socket,
    throttle::{self, Culprit},
    tls::ALPN,
};
use crate::{
    Error, Result, SqlState,
    query::Engine,
    session::{Admitted, Connection},
    threads::Lease,
    token::{Identity, Reason, Refusal, Secret, printable_user},
    wire::{
        backend, frontend,
        startup::{self, PROTOCOL_MINOR_MAX, Request},
    },
};

/// The first byte of a TLS record that carries a handshake: the client starts TLS without asking.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that has proved which cluster it may see.
pub struct Login {
    pub connection: Connection<TlsStream<Socket>>,
    pub admitted: Admitted,
    /// Its cluster's threads.
    pub threads: Lease,
    /// Its places among the sessions of the process and of the cluster.
    pub places: [OwnedSemaphorePermit; 2],
}

/// Leads one client to its login. `None` when there is nothing to go on with: a cancel request, a refusal (which the
/// client was told), a client that went away or took too long.
pub async fn login(socket: TcpStream, peer: IpAddr, server: &Server, deadline: Instant) -> Option<Login> {
    let mut place = server.logins.enter(peer);
    let lost = place.lost.clone();
    tokio::select! {
        negotiated = negotiate(socket, peer, &mut place, server) => match negotiated {
            Ok(login) => login,
            Err(error) => {
                debug!(%error, "a connection broke before it was logged in");
                None
            }
        },
        () = tokio::time::sleep_until(deadline) => {
            debug!("a login took too long");
            None
        }
        () = lost.cancelled() => {
            debug!("a login gave way to newer ones");
            None
        }
    }
}

async fn negotiate(
    mut socket: TcpStream,
    mut peer: IpAddr,
    place: &mut LoginPlace,
    server: &Server,
) -> io::Result<Option<Login>> {
    if server.proxy_protocol
        && let Some(source) = proxy::read(&mut socket).await?
    {
        peer = source;
        place.comes_from(source);
    }
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first == [TLS_HANDSHAKE] {
        let stream = server.acceptor.accept(socket.into()).await?;
        // Without ALPN, a client of another protocol could be led here: PostgreSQL 17 asks for it as well.
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            let error = Error::fatal(
                SqlState::PROTOCOL_VIOLATION,
                "received direct SSL connection request without ALPN protocol negotiation extension",
            );
            return refused(Connection::new(stream), &error).await;
        }
        return startup(Connection::new(stream), server, peer).await;
    }
    let mut connection = Connection::new(socket);
    let mut gss_refused = false;
    loop {
        let request = match connection.startup_packet().await? {
            None => return Ok(None),
            Some(packet) => packet.and_then(startup::decode),
        };
        match request {
            Ok(Request::Tls) if connection.has_buffered_input() => {
                return refused(connection, &unencrypted_data("SSL")).await;
            }
            Ok(Request::Tls) => {
                connection.out.extend_from_slice(b"S");
                connection.flush().await?;
                let stream = server.acceptor.accept(connection.into_stream().into()).await?;
                return startup(Connection::new(stream), server, peer).await;
            }
            Ok(Request::GssEncryption) if connection.has_buffered_input() => {
                return refused(connection, &unencrypted_data("GSSAPI encryption")).await;
            }
            Ok(Request::GssEncryption) if !gss_refused => {
                gss_refused = true;
                connection.out.extend_from_slice(b"N");
                connection.flush().await?;
            }
            Ok(Request::GssEncryption) => return refused(connection, &unexpected("GSSENCRequest")).await,
            Ok(Request::Cancel(key)) => {
                server.cancels.cancel(&key);
                return Ok(None);
            }
            Ok(Request::Startup(_)) => {
                let error = Error::fatal(SqlState::INVALID_AUTHORIZATION, "connection requires TLS")
                    .with_hint("Use sslmode=require or stronger.");
                return refused(connection, &error).await;
            }
            Err(error) => return refused(connection, &error).await,
        }
    }
}

/// The startup message and the password, inside TLS.
async fn startup(
    mut connection: Connection<TlsStream<Socket>>,
    server: &Server,
    peer: IpAddr,
) -> io::Result<Option<Login>> {
    let request = match connection.startup_packet().await? {
        None => return Ok(None),
        Some(packet) => packet.and_then(startup::decode),
    };
    let startup = match request {
        Ok(Request::Startup(startup)) => startup,
        Ok(Request::Cancel(key)) => {
            server.cancels.cancel(&key);
            // In good order: libpq's encrypted cancel fails for a stream that ends without TLS' own word for it.
            connection.close().await;
            return Ok(None);
        }
        Ok(Request::Tls) => return refused(connection, &unexpected("SSLRequest")).await,
        Ok(Request::GssEncryption) => return refused(connection, &unexpected("GSSENCRequest")).await,
        Err(error) => return refused(connection, &error).await,
    };
    if startup.negotiate {
        let newest = i32::from(3u8) << 16 | i32::from(PROTOCOL_MINOR_MAX);
        let unknown = startup.unknown_options.clone();
        backend::put(&mut connection.out, &NegotiateProtocolVersion::new(newest, unknown));
    }
    let user = match startup.parameter("user") {
        Some(user) if !user.is_empty() => user.to_owned(),
        _ => {
            let error = Error::fatal(
                SqlState::INVALID_AUTHORIZATION,
                "no PostgreSQL user name specified in startup packet",
            );
            return refused(connection, &error).await;
        }
    };
    backend::put(&mut connection.out, &Authentication::CleartextPassword);
    connection.flush().await?;
    let password = match connection.password_message().await? {
        None => return Ok(None),
        Some(body) => body.and_then(frontend::password),
    };
    let admission = match password {
        Ok(password) => {
            admit(
                server,
                peer,
                &user,
                Secret::new(password),
                startup.parameter("database"),
            )
            .await
        }
        Err(error) => Err(error),
    };
    let registered = admission.and_then(|admission| Ok((admission, server.cancels.register(startup.minor)?)));
    let (admission, registration) = match registered {
        Ok(registered) => registered,
        Err(error) => return refused(connection, &error).await,
    };
    backend::put(&mut connection.out, &Authentication::Ok);
    info!(%peer, cluster = %admission.identity.cluster, "logged in");
    let admitted = Admitted {
        engine: admission.engine,
        user,
        database: admission.database,
        parameters: startup.parameters,
        expires_at: admission.identity.expires_at,
        registration,
    };
    admitted.registration.identify(admission.identity);
    Ok(Some(Login {
        connection,
        admitted,
        threads: admission.threads,
        places: admission.places,
    }))
}

/// What a good password opens.
struct Admission {
    engine: Arc<Engine>,
    identity: Identity,
    database: String,
    threads: Lease,
    places: [OwnedSemaphorePermit; 2],
}

/// Whether `password` is a token for the cluster that `user` names, that cluster is one of ours, and there is room.
async fn admit(
    server: &Server,
    peer: IpAddr,
    user: &str,
    password: Secret,
    database: Option<&str>,
) -> Result<Admission> {
    let wanted = user.parse().ok().and_then(|name| server.clusters.get_key_value(&name));
    let culprit = Culprit::new(peer, wanted.map(|(name, _)| name.clone()));
    let verified = server.verifier.verify(&password, user).await;
    let (identity, cluster) = match (verified, wanted) {
        (Ok(identity), Some((_, cluster))) => (identity, cluster),
        // The token is good, the cluster is not served here.
        (Ok(_), None) => return Err(turned_away(server, peer, &culprit, Reason::Cluster.into(), user)),
        (Err(refusal), _) => return Err(turned_away(server, peer, &culprit, refusal, user)),
    };
    server.throttle.succeeded(&culprit);
    let database = database.filter(|name| !name.is_empty()).unwrap_or(user);
    let places = places(server, cluster, database).inspect_err(
        |error| info!(%peer, cluster = %identity.cluster, code = error.code().code(), "refused a login"),
    )?;
    let threads = cluster.threads.enter();
    Ok(Admission {
        threads: threads.map_err(|error| Error::internal(format!("no threads: {error}")).into_fatal())?,
        places,
        engine: Arc::clone(&cluster.engine),
        identity,
        database: database.to_owned(),
    })
}

/// Places for a session in `database`, if there is such a one and there is room.
fn places(server: &Server, cluster: &Cluster, database: &str) -> Result<[OwnedSemaphorePermit; 2]> {
    if !cluster.engine.databases().iter().any(|known| known == database) {
        return Err(Error::fatal(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{}\" does not exist", printable_user(database)),
        ));
    }
    Ok([cluster.sessions.enter()?, server.sessions.enter()?])
}

/// What a client reads whose token was refused; counted against it, unless it is only late or the fault is not its own.
fn turned_away(server: &Server, peer: IpAddr, culprit: &Culprit, refusal: Refusal, user: &str) -> Error {
    let counts = !matches!(refusal.reason, Reason::Expired | Reason::KeysUnavailable);
    match counts.then(|| server.throttle.failed(culprit)).flatten() {
        // Not worth a line each: they can be as many as connections.
        Some(wait) => throttle::too_many(wait),
        None => {
            // A user that is no cluster of ours is not named: some put their token there.
            let cluster = culprit.cluster.as_ref().map(field::display);
            info!(%peer, cluster, reason = %refusal.reason, "refused a login");
            refusal.to_error(user)
        }
    }
}

async fn refused<S, T>(connection: Connection<S>, error: &Error) -> io::Result<Option<T>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    refuse(connection, error).await;
    Ok(None)
}

fn unencrypted_data(request: &str) -> Error {
    Error::fatal(
        SqlState::PROTOCOL_VIOLATION,
        format!("received unencrypted data after {request} request"),
    )
    .with_detail("This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.")
}

fn unexpected(request: &str) -> Error {
    Error::fatal(SqlState::PROTOCOL_VIOLATION, format!("unexpected {request}"))
}

/// Tells the client why it is not let in, and closes.
pub async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut connection: Connection<S>, error: &Error) {
    // Not its words: what the client said may be in them.
    debug!(code = error.code().code(), reason = error.log(), "refused a connection");
    backend::put_error(&mut connection.out, error);
    connection.close().await;
}
