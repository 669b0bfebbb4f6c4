//! Bytes → frames → messages: a pipeline as a client sends it that does not wait for answers.

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput};
use restate_pg::wire::{frame, frontend};

/// A simple query, and a prepared statement used once: Query, Parse, Bind, Describe, Execute, Sync.
const ROUND: &[(u8, &[u8])] = &[
    (b'Q', b"select id, status from sys_invocation limit 10\0"),
    (
        b'P',
        b"s1\0select id from sys_invocation where id = $1\0\0\x01\0\0\0\x19",
    ),
    (b'B', b"\0s1\0\0\x01\0\x01\0\x01\0\0\0\x10inv_1aaaaaaaaaaa\0\x01\0\x01"),
    (b'D', b"P\0"),
    (b'E', b"\0\0\0\0\0"),
    (b'S', b""),
];

const ROUNDS: usize = 200;

pub fn framing(criterion: &mut Criterion) {
    let round: Vec<u8> = ROUND.iter().flat_map(|(tag, body)| message(*tag, body)).collect();
    let pipeline = BytesMut::from(round.repeat(ROUNDS).as_slice());
    let mut group = criterion.benchmark_group("framing");
    group.throughput(Throughput::Bytes(pipeline.len() as u64));
    group.bench_function("frames", |bencher| {
        let split = |buffer: &mut BytesMut| {
            let mut size = 0;
            while let Some(frame) = frame::message(buffer).expect("a frame") {
                size += frame.body.len();
            }
            size
        };
        bencher.iter_batched_ref(|| pipeline.clone(), split, BatchSize::SmallInput);
    });
    group.bench_function("messages", |bencher| {
        let decode = |buffer: &mut BytesMut| {
            let mut messages = 0;
            while let Some(frame) = frame::message(buffer).expect("a frame") {
                std::hint::black_box(frontend::decode(frame).expect("a message"));
                messages += 1;
            }
            messages
        };
        bencher.iter_batched_ref(|| pipeline.clone(), decode, BatchSize::SmallInput);
    });
    group.finish();
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}
