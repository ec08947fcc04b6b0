//! What must hold for any table of contents.
//!
//! An input of [`estargz`] and [`zstd_chunked`] begins with a byte that chooses what the others
//! are: the end of a blob in `testdata/toc`, which the digest of the real table seldom lets pass,
//! or a table's JSON, which is put behind the data of such a blob with the digest that it has.

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::{Claim, Position, TocRequest, claim, read_claimed, read_ztoc};
use crate::layer::{Error, Limits, Memory, Ranges, Toc};
use crate::oci::{Annotations, Digest, MediaType};

/// Requests that a table and the contents of files may take.
const MOST_READS: usize = 136;

/// A blob, and the ranges of it that were read.
pub(super) struct Blob {
    bytes: Bytes,
    pub(super) read: RefCell<Vec<(u64, u64)>>,
}

impl Blob {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), read: RefCell::default() }
    }
}

impl Ranges for Blob {
    fn read(&self, start: u64, length: u64) -> Result<Bytes, Error> {
        self.read.borrow_mut().push((start, length));
        let at = |position| usize::try_from(position).expect("a part of the blob");
        Ok(self.bytes.slice(at(start)..at(start + length)))
    }
}

/// A blob of `testdata/toc`.
struct Fixture {
    blob: &'static [u8],
    annotations: &'static str,
    media_type: &'static str,
    /// Where its data ends.
    data: usize,
}

macro_rules! fixture {
    ($name:literal, $compression:literal, $data:literal) => {
        Fixture {
            blob: include_bytes!(concat!("../../../testdata/toc/", $name, ".blob")),
            annotations: include_str!(concat!(
                "../../../testdata/toc/",
                $name,
                ".annotations.json"
            )),
            media_type: concat!("application/vnd.oci.image.layer.v1.tar+", $compression),
            data: $data,
        }
    };
}

const GZIP: [Fixture; 3] = [
    fixture!("estargz-library", "gzip", 22368),
    fixture!("stargz-legacy", "gzip", 22233),
    fixture!("estargz-lossless", "gzip", 22233),
];
const ZSTD: [Fixture; 4] = [
    fixture!("zstd-gen1", "zstd", 21704),
    fixture!("zstd-broken", "zstd", 21704),
    fixture!("zstd-gen2", "zstd", 21704),
    fixture!("zstd-containerd", "zstd", 21915),
];
/// Bytes at the end of a blob that an input stands for.
pub(super) const END: usize = 4096;

impl Fixture {
    fn claim(&self) -> Claim {
        let annotations: Annotations = serde_json::from_str(self.annotations).expect("JSON");
        let media_type = MediaType(self.media_type.into());
        claim(&media_type, &annotations, self.blob.len() as u64).expect("it has a table")
    }

    fn ending_with(&self, end: &[u8]) -> Vec<u8> {
        [&self.blob[..self.blob.len() - END], end].concat()
    }
}

fn check(toc: Result<Toc, Error>, blob_size: usize) {
    let Ok(toc) = toc else { return };
    assert!(toc.is_sound());
    let sum: u64 = toc.entries.iter().map(|entry| entry.compressed).sum();
    assert_eq!(sum + toc.overhead, blob_size as u64);
}

/// A request for all that a blob's table has.
pub(in crate::layer) fn request(blob_size: usize) -> TocRequest<'static> {
    static MEMORY: LazyLock<Memory> = LazyLock::new(Memory::default);
    let limits = Limits::default();
    TocRequest { blob_size: blob_size as u64, limits, captures: true, memory: &MEMORY }
}

fn read(claim: &Claim, blob: Vec<u8>) {
    let request = request(blob.len());
    let blob = Blob::new(blob);
    check(read_claimed(claim, &request, &blob), blob.bytes.len());
    assert!(blob.read.borrow().len() <= MOST_READS);
}

/// Reads a gzip layer with a table: sound or an error, costs adding up to the blob, and only
/// parts of the blob that there are.
///
/// # Panics
///
/// Where that does not hold.
pub fn estargz(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let choice = usize::from(*choice);
    if let Some(fixture) = GZIP.get(choice % 4) {
        return read(&fixture.claim(), fixture.ending_with(rest));
    }
    let data = &GZIP[0].blob[..GZIP[0].data];
    let claim = Claim::EStargz { json: Digest::of(rest), tar_size: None };
    read(&claim, [data, &packed(rest), &footer(data.len())].concat());
}

/// The member of an eStargz layer that has its table.
fn packed(json: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..17].copy_from_slice(b"stargz.index.json");
    header[124..135].copy_from_slice(format!("{:011o}", json.len()).as_bytes());
    header[156] = b'0';
    let mut member = GzEncoder::new(Vec::new(), Compression::none());
    member.write_all(&header).expect("memory to write to");
    member.write_all(json).expect("memory to write to");
    member.finish().expect("memory to write to")
}

fn footer(offset: usize) -> Vec<u8> {
    let extra = format!("{offset:016x}STARGZ");
    let end = b"\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
    let start = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0";
    [start, extra.as_bytes(), end].concat()
}

/// Reads a zstd layer with a table, found by annotations and by footers: as [`estargz`].
///
/// # Panics
///
/// Where that does not hold.
pub fn zstd_chunked(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let choice = usize::from(*choice);
    if let Some(fixture) = ZSTD.get(choice % 5) {
        let annotated = fixture.claim();
        let mut footed = annotated.clone();
        if let Claim::ZstdChunked { position, .. } = &mut footed {
            *position = None;
        }
        read(&annotated, fixture.ending_with(rest));
        return read(&footed, fixture.ending_with(rest));
    }
    let data = &ZSTD[0].blob[..ZSTD[0].data];
    let table = zstd::encode_all(rest, 1).expect("memory to write to");
    let header = u32::try_from(table.len()).expect("a small table").to_le_bytes();
    let position = Position {
        offset: data.len() as u64 + 8,
        length: table.len() as u64,
        unpacked: rest.len() as u64,
    };
    let claim = Claim::ZstdChunked {
        position: Some(position),
        compressed: Some(Digest::of(&table)),
        json: None,
        tar_split: None,
        tar_size: None,
    };
    read(&claim, [data, b"\x50\x2a\x4d\x18", &header, &table].concat());
}

/// Reads bytes as the ztoc of blobs of two sizes: as [`estargz`].
///
/// # Panics
///
/// Where that does not hold.
pub fn ztoc(bytes: &[u8]) {
    for size in [21_473, 92_160] {
        check(read_ztoc(bytes, &request(size)), size);
    }
}
