//! A client that sends whatever bytes a test wants, over TLS or in the clear, and reads backend messages.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::server::Server;

/// The codes of the untagged requests, and the protocol versions.
pub const SSL_REQUEST: u32 = 80_877_103;
pub const GSSENC_REQUEST: u32 = 80_877_104;
pub const CANCEL_REQUEST: u32 = 80_877_102;
pub const V3_0: u32 = 0x0003_0000;
pub const V3_2: u32 = 0x0003_0002;

trait Transport: Read + Write + Send {}
impl<T: Read + Write + Send> Transport for T {}

/// A connection.
pub struct Raw {
    stream: Box<dyn Transport>,
    socket: TcpStream,
}

/// A message from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub tag: char,
    pub body: Vec<u8>,
}

impl Message {
    /// A field of an ErrorResponse or NoticeResponse.
    pub fn field(&self, code: char) -> Option<String> {
        assert!(matches!(self.tag, 'E' | 'N'), "not an error or a notice: {self:?}");
        self.body
            .split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&(code as u8)))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    }

    /// `S C: M`, with detail and hint where there are any: an error as a test wants to see it.
    pub fn error(&self) -> String {
        let field = |code| self.field(code).unwrap_or_default();
        let mut text = format!("{} {}: {}", field('S'), field('C'), field('M'));
        for (code, name) in [('D', "DETAIL"), ('H', "HINT")] {
            if let Some(value) = self.field(code) {
                text.push_str(&format!(" {name}: {value}"));
            }
        }
        text
    }

    /// The body up to its NUL: a command tag.
    pub fn text(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == 0).unwrap_or(self.body.len());
        String::from_utf8_lossy(&self.body[..end]).into_owned()
    }

    /// The values of a DataRow.
    pub fn values(&self) -> Vec<Option<Vec<u8>>> {
        assert_eq!(self.tag, 'D', "not a row: {self:?}");
        let mut rest = &self.body[2..];
        let mut values = vec![];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let size = usize::try_from(length).unwrap_or(0);
            values.push((length >= 0).then(|| after[..size].to_vec()));
            rest = &after[size..];
        }
        values
    }
}

impl Raw {
    /// In the clear, from an address of its own: no test is held up by what another got wrong.
    pub fn plain(server: &Server) -> Raw {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let [_, host @ ..] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Raw::plain_from(server, Ipv4Addr::new(127, 64 + host[0], host[1], host[2]))
    }

    /// In the clear, from this loopback address.
    pub fn plain_from(server: &Server, address: Ipv4Addr) -> Raw {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((address, 0)).into())
            .expect("a loopback address");
        socket.connect(&server.address().into()).expect("connect");
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true).expect("no delay");
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a read timeout");
        Raw {
            stream: Box::new(socket.try_clone().expect("a second handle")),
            socket,
        }
    }

    /// Asks for TLS as libpq does, and starts it.
    pub fn tls(server: &Server) -> Raw {
        Raw::plain(server)
            .into_tls(server, "localhost")
            .expect("a TLS handshake")
    }

    /// The same, over this connection, by this name of the server.
    pub fn into_tls(mut self, server: &Server, name: &str) -> io::Result<Raw> {
        self.send(&request(SSL_REQUEST, &[]));
        assert_eq!(self.byte(), Some(b'S'));
        self.handshake(server, name, &[])
    }

    /// Starts TLS at once, offering `protocols` by ALPN.
    pub fn direct_tls(server: &Server, protocols: &[&str]) -> io::Result<Raw> {
        Raw::plain(server).handshake(server, "localhost", protocols)
    }

    fn handshake(self, server: &Server, name: &str, protocols: &[&str]) -> io::Result<Raw> {
        let mut config = server.tls();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        let mut stream = StreamOwned::new(connection, self.socket.try_clone()?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Raw {
            stream: Box::new(stream),
            socket: self.socket,
        })
    }

    /// Logged in to `cluster`, up to the first ReadyForQuery.
    pub fn login(server: &Server, cluster: &str) -> Raw {
        let (raw, messages) = Raw::login_with(
            server,
            V3_0,
            &[("user", cluster), ("database", cluster)],
            &server.token(cluster),
        );
        assert_eq!(messages.last().map(|message| message.tag), Some('Z'), "{messages:?}");
        raw
    }

    /// Goes through login; the messages after the password end with ReadyForQuery or with the connection. Messages that
    /// came before the password was asked for (NegotiateProtocolVersion) stand in front of them.
    pub fn login_with(
        server: &Server,
        version: u32,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> (Raw, Vec<Message>) {
        Raw::tls(server).log_in(version, parameters, password)
    }

    /// The same over this connection, which is inside TLS.
    pub fn log_in(mut self, version: u32, parameters: &[(&str, &str)], password: &str) -> (Raw, Vec<Message>) {
        self.send(&startup(version, parameters));
        let mut messages = vec![];
        loop {
            let message = self.message().expect("an answer to the startup packet");
            match message.tag {
                'R' => {
                    break assert_eq!(message.body, [0, 0, 0, 3], "the cleartext password is asked for");
                }
                'E' => return (self, vec![message]),
                _ => messages.push(message),
            }
        }
        self.send(&tagged('p', &[password.as_bytes(), b"\0"].concat()));
        messages.extend(self.until_ready());
        (self, messages)
    }

    /// Waits for so long for each message.
    pub fn wait_for(&self, limit: Duration) {
        self.socket.set_read_timeout(Some(limit)).expect("a read timeout");
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush())
            .expect("send");
    }

    /// As [`Raw::send`], to a server that may have closed already.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// As [`Raw::try_send`], giving up when nothing is taken for this long.
    pub fn try_send_within(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(limit))?;
        self.try_send(bytes)
    }

    /// One byte, such as the answer to SSLRequest; `None` at the end of the stream.
    pub fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.fill(&mut byte).then_some(byte[0])
    }

    /// The next message; `None` at the end of the stream.
    pub fn message(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        if !self.fill(&mut head) {
            return None;
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).expect("a length") - 4];
        assert!(self.fill(&mut body), "the stream ended inside a message");
        Some(Message {
            tag: head[0] as char,
            body,
        })
    }

    /// Every message up to ReadyForQuery or the end of the stream.
    pub fn until_ready(&mut self) -> Vec<Message> {
        let mut messages = vec![];
        while let Some(message) = self.message() {
            let ready = message.tag == 'Z';
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// Runs a simple query.
    pub fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(&query(sql));
        self.until_ready()
    }

    /// Every byte up to the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.byte()).collect()
    }

    /// Ends the connection with a reset, whatever is still on its way.
    pub fn reset(self) {
        let socket = Socket::from(self.socket);
        socket.set_linger(Some(Duration::ZERO)).expect("no lingering");
    }

    /// Closes the sending half only.
    pub fn half_close(&self) {
        self.socket
            .shutdown(std::net::Shutdown::Write)
            .expect("close the sending half");
    }

    /// Whether the server has closed, with nothing more to read.
    pub fn at_end(&mut self) -> bool {
        self.byte().is_none()
    }

    /// False at the end of the stream, whichever way it ended: a peer that closes with bytes unread resets it.
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        match self.stream.read_exact(bytes) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("nothing was sent, and the connection was not closed")
            }
            Err(_) => false,
        }
    }
}

/// The bare socket of a connection that says nothing any more: the server goes on as before, this side forgets the rest.
impl From<Raw> for TcpStream {
    fn from(raw: Raw) -> TcpStream {
        raw.socket
    }
}

/// Messages' tags, in order: `TDDCZ`. What most protocol tests are about.
pub fn tags(messages: &[Message]) -> String {
    messages.iter().map(|message| message.tag).collect()
}

/// The errors among messages.
pub fn errors(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter(|message| message.tag == 'E')
        .map(Message::error)
        .collect()
}

/// The transaction status of the last ReadyForQuery.
pub fn status(messages: &[Message]) -> char {
    let last = messages.last().expect("a message");
    assert_eq!(last.tag, 'Z', "{messages:?}");
    last.body[0] as char
}

/// An untagged packet: length, code, rest.
pub fn request(code: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 8).expect("a short packet");
    [&length.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
}

pub fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut rest = vec![];
    for (name, value) in parameters {
        rest.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    rest.push(0);
    request(version, &rest)
}

/// A tagged message.
pub fn tagged(tag: char, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag as u8][..], &length.to_be_bytes(), body].concat()
}

fn strings(parts: &[&str]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| [part.as_bytes(), b"\0"].concat())
        .collect()
}

pub fn query(sql: &str) -> Vec<u8> {
    tagged('Q', &strings(&[sql]))
}

/// Parse, with parameter types left to the server.
pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    tagged('P', &[strings(&[name, sql]), vec![0, 0]].concat())
}

/// Bind with text parameters and text results.
pub fn bind(portal: &str, statement: &str, values: &[Option<&str>]) -> Vec<u8> {
    let mut body = strings(&[portal, statement]);
    body.extend([0, 0]);
    body.extend(u16::try_from(values.len()).expect("few values").to_be_bytes());
    for value in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend(i32::try_from(value.len()).expect("a short value").to_be_bytes());
                body.extend(value.as_bytes());
            }
        }
    }
    body.extend([0, 0]);
    tagged('B', &body)
}

/// Describe of a statement (`S`) or a portal (`P`).
pub fn describe(kind: char, name: &str) -> Vec<u8> {
    tagged('D', &[vec![kind as u8], strings(&[name])].concat())
}

/// Close of a statement (`S`) or a portal (`P`).
pub fn close(kind: char, name: &str) -> Vec<u8> {
    tagged('C', &[vec![kind as u8], strings(&[name])].concat())
}

pub fn execute(portal: &str, max_rows: i32) -> Vec<u8> {
    tagged('E', &[strings(&[portal]), max_rows.to_be_bytes().to_vec()].concat())
}

pub fn sync() -> Vec<u8> {
    tagged('S', &[])
}

pub fn flush() -> Vec<u8> {
    tagged('H', &[])
}
