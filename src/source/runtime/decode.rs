//! An Arrow IPC stream, decoded as its bytes arrive. Says when the stream is whole: a reply that was cut at a batch boundary decodes
//! cleanly, so the end-of-stream marker, which every runtime sends, is required.

use arrow::{array::RecordBatch, buffer::Buffer, datatypes::SchemaRef, error::ArrowError, ipc::reader::StreamDecoder};
use bytes::Bytes;

/// The largest message held. Cells of 43 MB have been seen and a batch has up to 128 rows; beyond this the peer is at fault.
pub(super) const MESSAGE_SIZE_MAX: usize = 512 * 1024 * 1024;

/// The continuation marker and a length of zero.
const END_OF_STREAM: u64 = 0xffff_ffff_0000_0000;

/// Decodes one reply.
#[derive(Default)]
pub(super) struct IpcDecoder {
    decoder: StreamDecoder,
    buffer: Buffer,
    /// Bytes that arrived since the last batch was complete.
    pending: usize,
    /// The last eight bytes that arrived, the newest lowest.
    tail: u64,
}

impl IpcDecoder {
    /// Takes in what arrived. Call [`next`](Self::next) until it has nothing more before the next chunk.
    pub(super) fn feed(&mut self, chunk: Bytes) -> Result<(), ArrowError> {
        self.pending = self.pending.saturating_add(chunk.len());
        if self.pending > MESSAGE_SIZE_MAX {
            return Err(ArrowError::IpcError(format!(
                "a message exceeds {MESSAGE_SIZE_MAX} bytes"
            )));
        }
        for byte in chunk.iter().rev().take(8).rev() {
            self.tail = self.tail << 8 | u64::from(*byte);
        }
        self.buffer = Buffer::from(chunk);
        Ok(())
    }

    /// The next complete batch, zero-copy where its bytes lie in one chunk.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while !self.buffer.is_empty() {
            if let Some(batch) = self.decoder.decode(&mut self.buffer)? {
                self.pending = self.buffer.len();
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The schema, once it has arrived.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.decoder.schema()
    }

    /// Whether the stream is whole; to be asked at the end of the HTTP body.
    pub(super) fn is_whole(&mut self) -> bool {
        self.decoder.finish().is_ok() && self.tail == END_OF_STREAM && self.decoder.schema().is_some()
    }
}
