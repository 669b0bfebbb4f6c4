//! The byte stream of a session: what has arrived, what is to be sent.

use std::{future, io, mem, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    Result,
    alarm::Alarm,
    limits,
    wire::frame::{self, Frame},
};

/// Bytes read at once: a statement and its parameters usually fit.
const READ_SIZE: usize = 8 * 1024;

/// The same while a client rests, of whom there are many: a first piece, behind which the rest is read as above.
const RESTING_READ_SIZE: usize = 512;

/// When a client that says nothing counts as resting and its buffers are given back: statements of a loop follow within milliseconds.
const REST_AFTER: Duration = Duration::from_secs(1);

/// How far is read ahead while a statement runs, to learn that the client has gone: a pipeline's next messages.
const READ_AHEAD_MAX: usize = 256 * 1024;

/// How long a client has to take the last words of its session: one that has stopped reading would hold it for ever.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A framed connection. Output gathers in [`Connection::out`] until it is flushed.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    input: BytesMut,
    pub out: BytesMut,
    /// What has gathered is wanted at once: it has rows, or the end of a statement. What only says that rows will come goes with them.
    pub is_wanted: bool,
    /// How long the client may take nothing of what is sent to it.
    pub write_stall_max: Duration,
    /// For a client that says nothing.
    alarm: Alarm,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn new(stream: S) -> Self {
        Connection {
            stream,
            input: BytesMut::new(),
            out: BytesMut::new(),
            is_wanted: false,
            write_stall_max: limits::WRITE_STALL_MAX,
            alarm: Alarm::default(),
        }
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The same, to be changed.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The next startup packet's body; `None` when the client has gone.
    pub async fn startup_packet(&mut self) -> io::Result<Option<Result<Bytes>>> {
        self.next(frame::startup_packet).await
    }

    /// The password message's body; `None` when the client has gone.
    pub async fn password_message(&mut self) -> io::Result<Option<Result<Bytes>>> {
        self.next(frame::password_message).await
    }

    /// The next message of a session; `None` when the client has gone. Output is flushed only when there is nothing
    /// more to answer, or a buffer is full: a pipeline is answered in few writes, and never held whole.
    pub async fn message(&mut self) -> io::Result<Option<Result<Frame>>> {
        if self.is_full() || !frame::has_message(&self.input) {
            self.flush().await?;
        }
        let mut alarm = mem::take(&mut self.alarm);
        let message = alarm.within(REST_AFTER, self.next(frame::message)).await;
        self.alarm = alarm;
        match message {
            Some(message) => message,
            None => {
                self.rest();
                self.next(frame::message).await
            }
        }
    }

    /// Gives back the buffers, but for what is in them.
    fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::with_capacity(RESTING_READ_SIZE);
        }
        if self.out.is_empty() {
            self.out = BytesMut::new();
        }
    }

    async fn next<T>(&mut self, take: impl Fn(&mut BytesMut) -> Result<Option<T>>) -> io::Result<Option<Result<T>>> {
        loop {
            match take(&mut self.input) {
                Ok(Some(taken)) => return Ok(Some(Ok(taken))),
                Ok(None) => {}
                Err(error) => return Ok(Some(Err(error))),
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        // What a client that rested has room for is enough for its first bytes.
        if self.input.capacity() != RESTING_READ_SIZE || !self.input.is_empty() {
            self.input.reserve(READ_SIZE);
        }
        self.stream.read_buf(&mut self.input).await
    }

    /// Bytes that have arrived and were not taken: none may lie behind a request for encryption.
    pub fn has_buffered_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Resolves when the client has gone. What it sends meanwhile is kept, up to a bound.
    pub async fn closed(&mut self) {
        loop {
            if self.input.len() >= READ_AHEAD_MAX {
                return future::pending().await;
            }
            match self.fill().await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Whether so much has gathered that it should be sent.
    pub fn is_full(&self) -> bool {
        self.out.len() >= limits::WRITE_BUFFER_SIZE
    }

    /// Sends what has gathered. May be dropped half-way: what was sent has left the buffer, the rest goes with the next
    /// flush. Fails for a client that has taken nothing for too long.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            let write = self.stream.write_buf(&mut self.out);
            if timeout(self.write_stall_max, write).await?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        if self.out.capacity() > 2 * limits::WRITE_BUFFER_SIZE {
            self.out = BytesMut::new();
        }
        timeout(self.write_stall_max, self.stream.flush()).await??;
        self.is_wanted = false;
        Ok(())
    }

    /// Sends what has gathered and closes the stream. What the client still sends is not read, and a client that does not
    /// read is not waited for.
    pub async fn close(&mut self) {
        let closed = async {
            self.flush().await?;
            self.stream.shutdown().await
        };
        let _ = timeout(CLOSE_TIMEOUT, closed).await;
    }

    /// The stream, for an upgrade; only while nothing is buffered.
    pub fn into_stream(self) -> S {
        self.stream
    }
}
