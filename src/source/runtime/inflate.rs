//! Replies that a runtime compressed, as it does for whoever accepts that, since 1.7. Rows take a tenth of their bytes then (124 MB of
//! journal 10), for 1.5 GB of output a second of one core here and as much again there: worth it across the internet, and a waste within
//! a host or a private network.

use std::{io, net::IpAddr};

use bytes::Bytes;
use zstd::{
    stream::raw::{Decoder, InBuffer, Operation, OutBuffer},
    zstd_safe::DParameter,
};

/// What is put out at once; the rest of a chunk waits, so that whoever takes it can end it at any point.
const PIECE_SIZE: usize = 64 * 1024;

/// The largest window that a frame may ask for: a runtime's have 8 MiB at most, and so has anything that follows RFC 8878.
const WINDOW_LOG_MAX: u32 = 23;

/// Whether a runtime there is reached over more than a private network.
pub(super) fn is_far(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_private() || address.is_link_local()),
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()),
    }
}

/// Takes the bytes of a reply as they arrive, and gives what they say, in pieces.
pub(super) struct Inflate {
    decoder: Decoder<'static>,
    input: Bytes,
    taken: usize,
    /// What the decoder writes into: what is handed on takes the bytes that it has and no more, for whoever keeps it counts those.
    scratch: Box<[u8]>,
    /// The last piece was full: there may be more without any more input.
    is_full: bool,
}

impl Inflate {
    pub(super) fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Inflate {
            decoder,
            input: Bytes::new(),
            taken: 0,
            scratch: vec![0; PIECE_SIZE].into_boxed_slice(),
            is_full: false,
        })
    }

    /// Takes in a chunk, once [`next`](Self::next) has given all of the one before.
    pub(super) fn feed(&mut self, chunk: Bytes) {
        self.input = chunk;
        self.taken = 0;
    }

    /// The next piece; `None` where it takes another chunk.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while self.is_full || self.taken < self.input.len() {
            let mut input = InBuffer::around(self.input.get(self.taken..).unwrap_or_default());
            let mut output = OutBuffer::around(&mut *self.scratch);
            self.decoder.run(&mut input, &mut output)?;
            self.taken += input.pos();
            let size = output.pos();
            self.is_full = size == PIECE_SIZE;
            if size > 0 {
                return Ok(self.scratch.get(..size).map(Bytes::copy_from_slice));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(chunks: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut inflate = Inflate::new()?;
        let mut all = Vec::new();
        for chunk in chunks {
            inflate.feed(Bytes::copy_from_slice(chunk));
            while let Some(piece) = inflate.next()? {
                assert!(piece.len() <= PIECE_SIZE);
                all.extend_from_slice(&piece);
            }
        }
        Ok(all)
    }

    #[test]
    fn what_was_compressed_comes_out_however_it_was_cut() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect();
        let small = zstd::encode_all(text.as_slice(), 3).unwrap();
        for size in [1, 7, 1000, small.len()] {
            let chunks: Vec<&[u8]> = small.chunks(size).collect();
            assert!(inflated(&chunks).unwrap() == text, "in chunks of {size}");
        }
    }

    /// A reply that says little each time that it is flushed.
    #[test]
    fn a_small_piece_takes_little() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        let mut inflate = Inflate::new().unwrap();
        for _ in 0..3 {
            io::Write::write_all(&mut encoder, b"some bytes").unwrap();
            io::Write::flush(&mut encoder).unwrap();
            inflate.feed(std::mem::take(encoder.get_mut()).into());
            let piece = inflate.next().unwrap().unwrap();
            assert_eq!(piece, b"some bytes".as_slice());
            let owned = piece.try_into_mut().expect("nobody else has it");
            assert!(owned.capacity() < 100, "{} bytes are held", owned.capacity());
            assert!(inflate.next().unwrap().is_none());
        }
    }

    #[test]
    fn a_bomb_comes_out_in_pieces() {
        let bomb = zstd::encode_all(io::Read::take(io::repeat(0), 100 * 1024 * 1024), 3).unwrap();
        assert!(bomb.len() < 20_000);
        let mut inflate = Inflate::new().unwrap();
        inflate.feed(bomb.into());
        // Whoever has enough stops here.
        assert_eq!(inflate.next().unwrap().unwrap().len(), PIECE_SIZE);
    }

    #[test]
    fn what_is_none_is_refused() {
        inflated(&[b"no zstd at all"]).unwrap_err();
        // A frame whose window is 2 GiB: magic, descriptor without a size, window descriptor.
        inflated(&[&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]]).unwrap_err();
    }

    #[test]
    fn private_networks_are_near() {
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(!is_far(near.parse().unwrap()), "{near}");
        }
        for near in ["::ffff:127.0.0.1", "::ffff:10.0.0.1"] {
            assert!(!is_far(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert!(is_far(far.parse().unwrap()), "{far}");
        }
    }
}
