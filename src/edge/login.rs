//! From an accepted socket to a logged-in client: encryption, startup, password. One deadline over all of it.

use std::{io, sync::Arc};

use pgwire::messages::startup::{Authentication, NegotiateProtocolVersion};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;
use tracing::{debug, info};

use super::{server::Server, tls::ALPN};
use crate::{
    Error, Result, SqlState, limits,
    query::Engine,
    session::{Admitted, Connection},
    token::{Identity, Reason, Refusal, Secret},
    wire::{
        backend, frontend,
        startup::{self, PROTOCOL_MINOR_MAX, Request},
    },
};

/// The first byte of a TLS record that carries a handshake: the client starts TLS without asking.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that has proved which cluster it may see.
pub struct Login {
    pub connection: Connection<TlsStream<TcpStream>>,
    pub admitted: Admitted,
}

/// Leads one client to its login. `None` when there is nothing to go on with: a cancel request, a refusal (which the
/// client was told), a client that went away or took too long.
pub async fn login(socket: TcpStream, server: &Server) -> Option<Login> {
    match tokio::time::timeout(limits::LOGIN_TIMEOUT, negotiate(socket, server)).await {
        Ok(Ok(login)) => login,
        Ok(Err(error)) => {
            debug!(%error, "a connection broke before it was logged in");
            None
        }
        Err(_) => {
            debug!("a login took too long");
            None
        }
    }
}

async fn negotiate(socket: TcpStream, server: &Server) -> io::Result<Option<Login>> {
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first == [TLS_HANDSHAKE] {
        let stream = server.acceptor.accept(socket).await?;
        // Without ALPN, a client of another protocol could be led here: PostgreSQL 17 asks for it as well.
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            let error = Error::fatal(
                SqlState::PROTOCOL_VIOLATION,
                "received direct SSL connection request without ALPN protocol negotiation extension",
            );
            return refused(Connection::new(stream), &error).await;
        }
        return startup(Connection::new(stream), server).await;
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
                let stream = server.acceptor.accept(connection.into_stream()).await?;
                return startup(Connection::new(stream), server).await;
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
async fn startup(mut connection: Connection<TlsStream<TcpStream>>, server: &Server) -> io::Result<Option<Login>> {
    let request = match connection.startup_packet().await? {
        None => return Ok(None),
        Some(packet) => packet.and_then(startup::decode),
    };
    let startup = match request {
        Ok(Request::Startup(startup)) => startup,
        Ok(Request::Cancel(key)) => {
            server.cancels.cancel(&key);
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
    let admitted = match password {
        Ok(password) => admit(server, &user, Secret::new(password), startup.parameter("database")).await,
        Err(error) => Err(error),
    };
    match admitted {
        Ok((engine, identity, database)) => {
            let registration = match server.cancels.register(startup.minor) {
                Ok(registration) => registration,
                Err(error) => return refused(connection, &error).await,
            };
            backend::put(&mut connection.out, &Authentication::Ok);
            info!(cluster = %identity.cluster, "logged in");
            let admitted = Admitted {
                engine,
                user,
                database,
                parameters: startup.parameters,
                expires_at: identity.expires_at,
                registration,
            };
            Ok(Some(Login { connection, admitted }))
        }
        Err(error) => refused(connection, &error).await,
    }
}

/// Whether `password` is a token for the cluster that `user` names, and that cluster is one of ours.
async fn admit(
    server: &Server,
    user: &str,
    password: Secret,
    database: Option<&str>,
) -> Result<(Arc<Engine>, Identity, String)> {
    let identity = server.verifier.verify(&password, user).await.map_err(|refusal| {
        info!(reason = %refusal.reason, "refused a login");
        refusal.to_error(user)
    })?;
    let Some(engine) = server.engines.get(&identity.cluster) else {
        info!(cluster = %identity.cluster, "refused a login: the token is good, the cluster is not served here");
        return Err(Refusal::from(Reason::Cluster).to_error(user));
    };
    let database = database.filter(|name| !name.is_empty()).unwrap_or(user);
    if !engine.databases().iter().any(|known| known == database) {
        return Err(Error::fatal(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{}\" does not exist", database.escape_debug()),
        ));
    }
    Ok((Arc::clone(engine), identity, database.to_owned()))
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
    debug!(?error, "refused a connection");
    backend::put_error(&mut connection.out, error);
    connection.close().await;
}
