use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use tempfile::TempDir;

use super::{BLOCK_SIZE, Disk, SpoolReader, spool};
use crate::{SqlState, limits::REPLY_MEMORY_MAX};

fn disk(dir: &TempDir) -> Arc<Disk> {
    Arc::new(Disk::new(dir.path().to_owned(), 1 << 30, 1 << 30))
}

/// Chunks of lengths from nothing to more than a block, whose bytes say where they stand.
fn chunks(count: usize) -> Vec<Bytes> {
    let lengths = [0, 1, 7, 16_384, 14_000, 100_000, BLOCK_SIZE, 3, BLOCK_SIZE + 1, 65_535];
    let mut at = 0u32;
    (0..count)
        .map(|number| {
            let chunk: Vec<u8> = (0..lengths[number % lengths.len()])
                .map(|_| {
                    at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    at.to_be_bytes()[0]
                })
                .collect();
            Bytes::from(chunk)
        })
        .collect()
}

/// Takes at least `size` bytes, or all.
async fn take(reader: &mut SpoolReader, size: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < size {
        match reader.next().await.map_err(|failure| failure.error).unwrap() {
            Some(chunk) => taken.extend_from_slice(&chunk),
            None => break,
        }
    }
    taken
}

#[tokio::test]
async fn bytes_come_out_as_they_went_in_however_the_reader_stops_and_goes() {
    let chunks = chunks(100);
    let whole = chunks.concat();
    assert!(whole.len() > 4 * REPLY_MEMORY_MAX);
    // How much is read after each so many chunks were written.
    for (every, size) in [
        (1, 0),
        (1, 100_000),
        (5, 400_000),
        (20, 3_000_000),
        (30, usize::MAX / 2),
        (100, 0),
    ] {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir);
        let spooled = Count::new();
        let (mut writer, mut reader) = spool(disk.clone(), spooled.clone());
        let (mut read, mut written) = (Vec::new(), 0);
        for (number, chunk) in chunks.iter().enumerate() {
            writer.push(chunk.clone()).await.unwrap();
            written += chunk.len();
            if (number + 1) % every == 0 {
                let size = size.min(written - read.len());
                read.extend(take(&mut reader, size).await);
            }
            let waiting = written - read.len();
            assert!(waiting as u64 <= disk.used() + (REPLY_MEMORY_MAX + BLOCK_SIZE) as u64);
            assert!(disk.used() <= waiting as u64 + spooled.value() as u64);
        }
        writer.end(Ok(()));
        read.extend(take(&mut reader, usize::MAX).await);
        assert!(read == whole, "{every} {size}");
        assert_eq!(disk.used(), 0);
    }
}

#[tokio::test]
async fn slots_are_used_again() {
    let dir = TempDir::new().unwrap();
    let disk = Arc::new(Disk::new(dir.path().to_owned(), 12 * BLOCK_SIZE as u64, 1 << 30));
    let spooled = Count::new();
    let (mut writer, mut reader) = spool(disk.clone(), spooled.clone());
    let block = Bytes::from(vec![7; BLOCK_SIZE]);
    let ahead = REPLY_MEMORY_MAX / BLOCK_SIZE + 5;
    for number in 0..100 {
        writer.push(block.clone()).await.unwrap();
        if number >= ahead {
            assert_eq!(take(&mut reader, BLOCK_SIZE).await, block);
        }
    }
    assert!(spooled.value() > 80 * BLOCK_SIZE);
    assert!(disk.used() <= 12 * BLOCK_SIZE as u64);
}

#[tokio::test]
async fn a_writer_that_dies_leaves_an_error_behind_what_it_wrote() {
    let dir = TempDir::new().unwrap();
    let (mut writer, mut reader) = spool(disk(&dir), Count::new());
    writer.push(Bytes::from_static(b"abc")).await.unwrap();
    drop(writer);
    assert_eq!(take(&mut reader, 3).await, b"abc");
    let error = reader.next().await.map_err(|failure| failure.error).unwrap_err();
    assert_eq!(error.code(), SqlState::INTERNAL_ERROR);
}

#[tokio::test]
async fn what_nobody_takes_is_given_up_with_its_disk() {
    let dir = TempDir::new().unwrap();
    let disk = disk(&dir);
    let (mut writer, mut reader) = spool(disk.clone(), Count::new());
    let watch = writer.watch();
    let block = Bytes::from(vec![7; BLOCK_SIZE]);
    for _ in 0..2 * REPLY_MEMORY_MAX / BLOCK_SIZE {
        writer.push(block.clone()).await.unwrap();
    }
    writer.end(Ok(()));
    assert!(disk.used() > 0);
    watch.idle(Duration::from_millis(20)).await;
    drop(watch);
    assert_eq!(disk.used(), 0);
    let error = reader.next().await.map_err(|failure| failure.error).unwrap_err();
    assert_eq!(error.code(), SqlState::CONFIGURATION_LIMIT_EXCEEDED);
}

#[tokio::test]
async fn what_fits_in_memory_may_wait() {
    let dir = TempDir::new().unwrap();
    let (mut writer, mut reader) = spool(disk(&dir), Count::new());
    let watch = writer.watch();
    writer.push(Bytes::from_static(b"abc")).await.unwrap();
    writer.end(Ok(()));
    let wait = tokio::time::timeout(Duration::from_millis(20), watch.idle(Duration::from_millis(1)));
    assert!(wait.await.is_err());
    assert_eq!(take(&mut reader, usize::MAX).await, b"abc");
}
