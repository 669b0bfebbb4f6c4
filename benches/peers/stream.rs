//! A client that costs as little as can be: it reads what comes and looks at the head of each message only, so that what is measured
//! is the server.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Read at once: larger than a TLS record and than what either server writes at once.
const READ_SIZE: usize = 256 * 1024;

trait Transport: Read + Write {}
impl<T: Read + Write> Transport for T {}

/// A logged-in connection.
pub struct Stream {
    transport: Box<dyn Transport>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What came of a query.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub rows: u64,
    /// From sending it to its first row, and to its end.
    pub first: Duration,
    pub whole: Duration,
}

/// How rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    Text,
    Binary,
    CopyBinary,
}

impl Stream {
    pub fn connect(port: u16, tls: bool, user: &str, database: &str, password: &str) -> Stream {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        socket.set_nodelay(true).expect("no delay");
        let transport: Box<dyn Transport> = if tls {
            socket
                .write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
                .expect("ask for TLS");
            let mut answer = [0];
            socket.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer, *b"S", "TLS");
            let name = ServerName::try_from("localhost").expect("a name");
            let client = ClientConnection::new(Arc::new(trusting()), name).expect("a TLS client");
            Box::new(StreamOwned::new(client, socket))
        } else {
            Box::new(socket)
        };
        let mut stream = Stream {
            transport,
            buffer: vec![0; READ_SIZE],
            start: 0,
            end: 0,
        };
        let mut startup = 0x0003_0000_u32.to_be_bytes().to_vec();
        for word in ["user", user, "database", database, ""] {
            startup.extend_from_slice(word.as_bytes());
            startup.push(0);
        }
        let mut packet = length(startup.len() + 4).to_vec();
        packet.extend_from_slice(&startup);
        stream.send(&packet);
        loop {
            match stream.message() {
                (b'R', body) if body.starts_with(&[0, 0, 0, 3]) => {
                    let message = message(b'p', &[password.as_bytes(), b"\0"].concat());
                    stream.send(&message);
                }
                (b'E', body) => panic!("refused: {}", String::from_utf8_lossy(&body)),
                (b'Z', _) => return stream,
                _ => {}
            }
        }
    }

    /// Runs a query and reads all of its result.
    pub fn run(&mut self, sql: &str, shape: As) -> Seen {
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let messages = match shape {
            As::Text => message(b'Q', &text(sql)),
            As::CopyBinary => message(b'Q', &text(&format!("COPY ({sql}) TO STDOUT (FORMAT binary)"))),
            As::Binary => [
                message(b'P', &[b"\0", text(sql).as_slice(), &[0, 0]].concat()),
                message(b'B', &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1]),
                message(b'E', &[0, 0, 0, 0, 0]),
                message(b'S', &[]),
            ]
            .concat(),
        };
        let begun = Instant::now();
        self.send(&messages);
        let (mut rows, mut first) = (0, Duration::ZERO);
        loop {
            match self.skip() {
                b'D' | b'd' => {
                    if rows == 0 {
                        first = begun.elapsed();
                    }
                    rows += 1;
                }
                b'E' => panic!("{sql}: refused"),
                b'Z' => break,
                _ => {}
            }
        }
        Seen {
            rows,
            first,
            whole: begun.elapsed(),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.transport
            .write_all(bytes)
            .and_then(|()| self.transport.flush())
            .expect("send");
    }

    /// A message's tag and body.
    fn message(&mut self) -> (u8, Vec<u8>) {
        let (tag, mut left) = self.head();
        let mut body = Vec::with_capacity(left);
        while left > 0 {
            self.fill(1);
            let taken = left.min(self.end - self.start);
            body.extend_from_slice(&self.buffer[self.start..self.start + taken]);
            self.start += taken;
            left -= taken;
        }
        (tag, body)
    }

    /// A message's tag; its body is passed over.
    fn skip(&mut self) -> u8 {
        let (tag, mut left) = self.head();
        while left > 0 {
            self.fill(1);
            let taken = left.min(self.end - self.start);
            self.start += taken;
            left -= taken;
        }
        tag
    }

    fn head(&mut self) -> (u8, usize) {
        self.fill(5);
        let head = &self.buffer[self.start..self.start + 5];
        let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let tag = head[0];
        self.start += 5;
        (tag, size - 4)
    }

    /// Makes sure that `wanted` bytes lie in the buffer.
    fn fill(&mut self, wanted: usize) {
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let read = self.transport.read(&mut self.buffer[self.end..]).expect("read");
            assert!(read > 0, "the server has closed the connection");
            self.end += read;
        }
    }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    message.extend_from_slice(&length(body.len() + 4));
    message.extend_from_slice(body);
    message
}

fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("a short message").to_be_bytes()
}

/// TLS 1.3 or 1.2 with any certificate: both servers are this machine's own.
pub fn trusting() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
