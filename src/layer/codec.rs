//! A [`Toc`] as bytes and back, for a disk.
//!
//! There are two encodings of one layer, so that a reader who wants the listing alone never
//! touches the contents, which may be ten times larger: that of the listing, in which
//! [`Toc::captures`] is empty, and that of the captures.
//!
//! # The format
//!
//! One zstd frame (RFC 8878, with a checksum, no dictionary, a window of at most 8 MiB) that holds
//! one value in postcard's encoding and nothing after it. Numbers are LEB128 varints of at most
//! ten bytes, signed ones in zigzag form; `u8` and `bool` are bytes as they are; a byte string or
//! a list is its length and its elements; `?` is a byte 0, or 1 and the value; an enum is the
//! number of its variant, counted from 0 in the order of its declaration, and the variant's
//! fields; a struct is its fields:
//!
//! ```text
//! listing    paths block* attributes* texts(bytes) (entry size)* (entry elf)*
//!            captures_dropped tar_size? overhead source hashing oddities
//!            (stored anew)*zstd (stored anew)*gzip
//! paths      (parent end)* names(bytes)     parents first; a name ends at `end` of `names`
//! block      paths(signed)* kind* size* compressed* mtime(signed)* attributes*
//!            (position link)* unhashed* hashes(bytes)
//! link       0 path | 1 start length        the second is a part of `texts`
//! attributes mode uid gid xattrs
//! elf        machine kind wide (name(bytes) size loaded)*
//! oddities   (kind path?)* dropped
//! captures   (entry head(bytes) tail(bytes))*
//! ```
//!
//! A block is at most 4096 entries in columns. Its paths and times are differences from the entry
//! before, which for the first is 0; `unhashed` has the positions in the block of the entries
//! without a hash, and the others have 16 bytes each of `hashes`.
//!
//! A reader takes nothing for granted: lengths are never a reason to allocate, more bytes than
//! the ceiling are refused, and positions are checked. There is no version in the bytes:
//! [`VERSION`] is part of the name of the directory that they are kept in, and a change of any
//! type named here wants another one.
//!
//! # Why columns
//!
//! Of 200,000 real files, rows take 6.3 MB and columns 5.7 MB, and columns decode in half the time
//! (a byte of a hash costs as much as a varint when it is an element of a row). Half of either is
//! hashes of contents, which nothing makes smaller, and a quarter names. Zstd's level 3 saves 9 %
//! for more than twice the time of level 1.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;

use std::borrow::Cow;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Take};

use postcard::Error::{DeserializeBadEncoding, DeserializeUnexpectedEnd, WontImplement};
use postcard::de_flavors::Flavor;
use postcard::{Deserializer, Result as Decoded};
use serde::{Deserialize, Serialize};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::columns;
use super::{
    Attributes, Capture, Elf, Entry, Hashing, Hold, Limits, Oddities, Paths, Source, Toc, Trials,
};

/// The version of the format.
pub const VERSION: u32 = 3;

const LEVEL: i32 = 1;
const WINDOW_LOG: u32 = 23;
/// Bytes that are decompressed at a time.
const STEP: usize = 64 << 10;
/// Encoded bytes of an entry with its attributes and section sizes, seldom reached.
const ENTRY: u64 = 128;

/// Encodes the listing, without the captures.
pub fn encode(toc: &Toc) -> Vec<u8> {
    compress(&Listing::of(toc))
}

/// Encodes the captures alone.
pub fn encode_captures(toc: &Toc) -> Vec<u8> {
    compress(&toc.captures)
}

/// Decodes a listing; `None` if the bytes are not one, it is not sound or beyond the ceilings.
/// Its captures are empty until [`decode_captures`] adds them.
pub fn decode(bytes: &[u8], limits: &Limits) -> Option<Toc> {
    let entries = (limits.entries as u64).saturating_mul(ENTRY);
    // Names, and texts under the same ceiling.
    let longest = entries.saturating_add((limits.names as u64).saturating_mul(2));
    let toc = decompress::<Listing>(bytes, longest)?.into_toc();
    (toc.entries.len() <= limits.entries && toc.is_sound()).then_some(toc)
}

/// Decodes the captures of a listing into it; `false`, and nothing is changed, if the bytes are
/// not captures of it or beyond the ceilings.
pub fn decode_captures(bytes: &[u8], toc: &mut Toc, limits: &Limits) -> bool {
    let longest = (limits.captured as u64).saturating_mul(2).saturating_add(STEP as u64);
    let Some(captures) = decompress::<Vec<Capture>>(bytes, longest) else { return false };
    let known = |capture: &Capture| (capture.entry as usize) < toc.entries.len();
    let sound = captures.iter().all(known);
    if sound {
        toc.captures = captures;
    }
    sound
}

/// A [`Toc`] as it is encoded: without captures, and its entries in columns.
#[derive(Serialize, Deserialize)]
struct Listing<'a> {
    paths: Cow<'a, Paths>,
    #[serde(with = "columns")]
    entries: Cow<'a, [Entry]>,
    attributes: Cow<'a, [Attributes]>,
    #[serde(serialize_with = "serde_bytes::serialize", deserialize_with = "owned")]
    texts: Cow<'a, [u8]>,
    sparse: Cow<'a, [(u32, u64)]>,
    elf: Cow<'a, [(u32, Elf)]>,
    captures_dropped: u64,
    tar_size: Option<u64>,
    overhead: u64,
    source: Source,
    hashing: Hashing,
    oddities: Cow<'a, Oddities>,
    trials: Cow<'a, Trials>,
}

fn owned<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Cow<'static, [u8]>, D::Error> {
    serde_bytes::deserialize(from).map(Cow::Owned)
}

impl<'a> Listing<'a> {
    fn of(toc: &'a Toc) -> Self {
        Self {
            paths: Cow::Borrowed(&toc.paths),
            entries: Cow::Borrowed(&toc.entries),
            attributes: Cow::Borrowed(&toc.attributes),
            texts: Cow::Borrowed(&toc.texts),
            sparse: Cow::Borrowed(&toc.sparse),
            elf: Cow::Borrowed(&toc.elf),
            captures_dropped: toc.captures_dropped,
            tar_size: toc.tar_size,
            overhead: toc.overhead,
            source: toc.source,
            hashing: toc.hashing,
            oddities: Cow::Borrowed(&toc.oddities),
            trials: Cow::Borrowed(&toc.trials),
        }
    }

    fn into_toc(self) -> Toc {
        Toc {
            paths: self.paths.into_owned(),
            entries: self.entries.into_owned(),
            attributes: self.attributes.into_owned(),
            texts: self.texts.into_owned(),
            sparse: self.sparse.into_owned(),
            elf: self.elf.into_owned(),
            captures: Vec::new(),
            captures_dropped: self.captures_dropped,
            tar_size: self.tar_size,
            overhead: self.overhead,
            source: self.source,
            hashing: self.hashing,
            oddities: self.oddities.into_owned(),
            trials: self.trials.into_owned(),
            held: Hold::default(),
        }
    }
}

/// One frame of a value, made without the value's encoding ever being in memory whole. Memory for
/// the compressor is all that can be missing; nothing decodes what is returned then.
fn compress(value: &impl Serialize) -> Vec<u8> {
    let compressed = || -> io::Result<Vec<u8>> {
        let mut frame = Encoder::new(Vec::new(), LEVEL)?;
        frame.include_checksum(true)?;
        let writer = BufWriter::with_capacity(STEP, frame);
        let writer = postcard::to_io(value, writer).map_err(io::Error::other)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
    };
    compressed().unwrap_or_default()
}

/// The value in a frame of at most `longest` bytes, with nothing after either.
fn decompress<T: for<'de> Deserialize<'de>>(bytes: &[u8], longest: u64) -> Option<T> {
    let mut frame = Decoder::with_buffer(bytes).ok()?.single_frame();
    frame.window_log_max(WINDOW_LOG).ok()?;
    let reader = BufReader::with_capacity(STEP, frame.take(longest));
    let mut decoder = Deserializer::from_flavor(Stream { reader, taken: Vec::new() });
    let value = T::deserialize(&mut decoder).ok()?;
    let mut reader = decoder.finalize().ok()?;
    // The end of the frame is where its checksum is compared.
    let ended = reader.fill_buf().ok()?.is_empty();
    let rest = reader.into_inner().into_inner().finish();
    (ended && rest.is_empty()).then_some(value)
}

/// What postcard takes its bytes from.
struct Stream<'a> {
    reader: BufReader<Take<Decoder<'static, &'a [u8]>>>,
    taken: Vec<u8>,
}

impl<'a: 'de, 'de> Flavor<'de> for Stream<'a> {
    type Remainder = BufReader<Take<Decoder<'static, &'a [u8]>>>;
    type Source = &'a [u8];

    #[inline]
    fn pop(&mut self) -> Decoded<u8> {
        let buffered = match self.reader.buffer() {
            [] => self.reader.fill_buf().map_err(|_| DeserializeBadEncoding)?,
            some => some,
        };
        let byte = *buffered.first().ok_or(DeserializeUnexpectedEnd)?;
        self.reader.consume(1);
        Ok(byte)
    }

    fn try_take_n(&mut self, _: usize) -> Decoded<&'de [u8]> {
        // Nothing of a listing borrows.
        Err(WontImplement)
    }

    /// Grows with the bytes that are there, whatever `count` says.
    fn try_take_n_temp<'t>(&'t mut self, count: usize) -> Decoded<&'t [u8]>
    where
        'de: 't,
    {
        self.taken.clear();
        let mut part = self.reader.by_ref().take(count as u64);
        let length = part.read_to_end(&mut self.taken).map_err(|_| DeserializeBadEncoding)?;
        if length == count { Ok(&self.taken) } else { Err(DeserializeUnexpectedEnd) }
    }

    fn finalize(self) -> Decoded<Self::Remainder> {
        Ok(self.reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Bucket;
    use crate::layer::{
        ContentHash, ElfSection, Kind, Link, OddityKind, PathId, TocBuilder, Trial,
    };
    use proptest::prelude::*;

    fn attributes(mode: u16) -> Attributes {
        Attributes { mode, uid: 1000, gid: u64::MAX, xattrs: 7 }
    }

    /// A listing of `files` files, and of one of everything else.
    fn listing(files: u32) -> Toc {
        let mut builder = TocBuilder::new(Source::Stream, Hashing::Xxh3, Limits::default());
        for number in 0..files {
            let name = format!("usr/{}/file-{number}", number % 97);
            let mtime = i64::from(number) * 1_000_003 - 5;
            let attributes = attributes(u16::try_from(number % 512).unwrap());
            let at = builder.add(name.as_bytes(), Kind::File, number.into(), mtime, attributes);
            let entry = builder.entry(at.unwrap());
            entry.compressed = u64::from(number) << 20;
            entry.hash = (number % 5 > 0).then(|| ContentHash([number.to_le_bytes()[0]; 16]));
        }
        let add = |builder: &mut TocBuilder, name: &[u8], kind, mtime| {
            builder.add(name, kind, 0, mtime, attributes(0o4755)).unwrap()
        };
        let hard = add(&mut builder, b"bin/\xff\xfe", Kind::Hardlink, i64::MIN);
        builder.link_hard(hard, b"usr/1/file-1").unwrap();
        let symbolic = add(&mut builder, b"lib", Kind::Symlink, i64::MAX);
        builder.link_symbolic(symbolic, b"../\xf0usr").unwrap();
        let marker = add(&mut builder, b"etc/.wh.gone", Kind::File, -1);
        builder.flag(OddityKind::BytesAfterEnd { bytes: 512 }, None);
        builder.flag(OddityKind::RepeatedPath, Some(marker));
        let toc = builder.toc();
        toc.sparse.push((hard, 4096));
        let section = ElfSection { name: b".text".to_vec(), size: 9, loaded: true };
        toc.elf.push((hard, Elf { machine: 62, kind: 3, wide: true, sections: vec![section] }));
        toc.captures.push(Capture { entry: hard, head: vec![1; 70_000], tail: b"end".to_vec() });
        toc.tar_size = Some(10_240);
        toc.captures_dropped = 2;
        toc.trials.zstd.push(Trial { stored: 70_000, anew: 60_000 });
        toc.trials.gzip.push(Trial { stored: 70_000, anew: 69_000 });
        builder.finish(1 << 50)
    }

    fn decoded(toc: &Toc) -> Option<Toc> {
        let limits = Limits::default();
        let mut decoded = decode(&encode(toc), &limits)?;
        decode_captures(&encode_captures(toc), &mut decoded, &limits).then_some(decoded)
    }

    #[test]
    fn a_listing_and_its_captures_come_back_as_they_were() {
        for files in [0, 1, 4093, 4094, 9000] {
            let toc = listing(files);
            assert_eq!(decoded(&toc).as_ref(), Some(&toc), "{files} files");
            let alone = decode(&encode(&toc), &Limits::default()).unwrap();
            assert_eq!(alone, Toc { captures: Vec::new(), ..toc });
        }
        assert_eq!(decoded(&Toc::default()), Some(Toc::default()));
    }

    #[test]
    fn the_format_is_the_one_of_its_version() {
        let (toc, raw) = (listing(3), |bytes: &[u8]| zstd::decode_all(bytes).unwrap());
        let digest = crate::oci::Digest::of(&raw(&encode(&toc)));
        // Another digest here means another format: raise `VERSION` and the buckets' names.
        assert_eq!((VERSION, digest.short()), (3, "8eb3d06dd761"));
        for bucket in [Bucket::Tocs, Bucket::Captures] {
            assert!(bucket.name().ends_with(&format!("-{VERSION}")), "{bucket:?}");
        }
        let captures =
            Toc { captures: vec![Capture { entry: 1, head: vec![2, 3], tail: vec![] }], ..toc };
        assert_eq!(raw(&encode_captures(&captures)), [1, 1, 2, 2, 3, 0]);
    }

    #[test]
    fn every_damage_is_refused_or_changes_nothing() {
        let toc = listing(40);
        let (sound, limits) = (encode(&toc), Limits::default());
        let expected = decode(&sound, &limits);
        for at in 0..sound.len() {
            assert_eq!(decode(&sound[..at], &limits), None, "cut to {at} bytes");
            let mut damaged = sound.clone();
            damaged[at] ^= 0x10;
            let result = decode(&damaged, &limits);
            assert!(result.is_none() || result == expected, "byte {at} flipped");
        }
        assert_eq!(decode(&[&sound[..], b"x"].concat(), &limits), None);
        assert_eq!(decode(&[&sound[..], &sound].concat(), &limits), None);
    }

    /// A frame around bytes that another program could have written.
    fn frame(raw: &[u8]) -> Vec<u8> {
        zstd::encode_all(raw, LEVEL).unwrap()
    }

    #[test]
    fn lengths_are_no_reason_to_allocate_and_ceilings_hold() {
        let limits = Limits { entries: 100, names: 4000, captured: 1000, ..Limits::default() };
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for before in [&[][..], &[1, 0, 0], &[1, 0, 0, 0], &[1, 0, 0, 0, 0, 0]] {
            assert_eq!(decode(&frame(&[before, &huge].concat()), &limits), None, "{before:?}");
        }
        let mut toc = listing(3);
        assert!(!decode_captures(&frame(&huge), &mut toc, &limits));
        assert!(!decode_captures(&frame(&[&[1, 0][..], &huge].concat()), &mut toc, &limits));
        assert!(decode(&encode(&listing(50)), &limits).is_some());
        assert_eq!(decode(&encode(&listing(101)), &limits), None);
        let mut long = listing(1);
        long.texts = vec![b'x'; 30_000];
        assert_eq!(decode(&encode(&long), &limits), None);
        assert!(!decode_captures(&encode_captures(&listing(1)), &mut toc, &limits));
        let bomb = frame(&vec![0; 64 << 20]);
        assert_eq!(decode(&bomb, &Limits::default()), None);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let check = |change: fn(&mut Toc)| {
            let mut toc = listing(3);
            change(&mut toc);
            assert_eq!(decoded(&toc), None);
        };
        check(|toc| toc.entries[0].path = PathId::numbered(999));
        check(|toc| toc.entries[0].attributes = 999);
        check(|toc| toc.entries[3].link = Some(Link::Hard(PathId::numbered(999))));
        check(|toc| toc.texts.clear());
        check(|toc| toc.sparse[0].0 = 6);
        check(|toc| toc.elf[0].0 = 6);
        check(|toc| toc.captures[0].entry = 6);
        check(|toc| toc.oddities.kept[1].path = Some(PathId::numbered(999)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_sound_listing_or_none(bytes: Vec<u8>) {
            fuzzing::codec(&bytes);
        }

        #[test]
        fn damaged_values_are_a_sound_listing_or_none(at: prop::sample::Index, byte: u8) {
            let toc = listing(5);
            for encoded in [encode(&toc), encode_captures(&toc)] {
                let mut input = vec![1];
                input.extend(zstd::decode_all(&encoded[..]).unwrap());
                let at = 1 + at.index(input.len() - 1);
                input[at] = byte;
                fuzzing::codec(&input);
            }
        }
    }
}
