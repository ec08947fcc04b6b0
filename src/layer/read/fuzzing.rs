//! What must hold for any blob.

use std::io::BufReader;

use super::{Limits, Memory, ReadRequest, read_layer};

/// Reads the bytes as a layer: it ends, costs add up, the table fits together, and how the input
/// is cut does not matter.
///
/// # Panics
///
/// Where that does not hold.
pub fn layer(bytes: &[u8]) {
    let memory = Memory::default();
    let request = ReadRequest {
        blob_size: bytes.len() as u64,
        limits: Limits { unpacked: 16 << 20, ..Limits::default() },
        captures: true,
        uncompressed: None,
        table_at_end: false,
        memory: &memory,
    };
    let read = |cut: usize| read_layer(&mut BufReader::with_capacity(cut, bytes), &request);
    match (read(1 << 20), read(7)) {
        (Ok(toc), Ok(other)) => {
            assert!(toc == other && toc.is_sound());
            let sum: u64 = toc.entries.iter().map(|entry| entry.compressed).sum();
            assert_eq!(sum + toc.overhead, bytes.len() as u64);
        }
        (Err(error), Err(other)) => assert_eq!(error.to_string(), other.to_string()),
        (one, other) => panic!("{one:?} and {other:?} of the same bytes"),
    }
}
