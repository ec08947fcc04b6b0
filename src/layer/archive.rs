//! Tar archives that hold images: their members one after another, with the content of each as it
//! passes.
//!
//! The archive is read as a layer's is, by the same walker. An input that can jump passes over
//! content without reading it. An archive may be compressed as a whole ([`decompressed`]).

use std::io::{self, BufRead, BufReader, Read};

use super::tar::{Header, Sink, Walker, detect};
use super::{Error, ErrorKind, Kind, OddityKind};

/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;
/// Memory for one zstd window, by its logarithm.
const MAX_WINDOW_LOG: u32 = 27;

/// Bytes behind the mark at an archive's end that are read, so that who writes a pipe can end.
const TRAILING: u64 = 64 << 20;

/// Bytes of which some may be passed over.
pub trait Input: BufRead {
    /// Passes over the next `length` bytes; an error if there are not as many.
    fn pass(&mut self, length: u64) -> io::Result<()>;
}

/// Bytes that come in order, as from a pipe.
pub struct Stream<R>(pub R);

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name as the archive has it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Content bytes that are in the archive.
    pub size: u64,
    /// Where they begin in the archive.
    pub start: u64,
    /// Whether holes were left out of them.
    pub sparse: bool,
    /// The target of a link; empty for what is none.
    pub link: Vec<u8>,
}

/// An archive that is being read.
pub struct Archive<I> {
    input: I,
    walker: Walker,
    heads: Heads,
    /// Bytes of the current member that were not read yet.
    left: u64,
    /// Bytes behind the mark at the end.
    trailing: u64,
}

/// Keeps the headers of the last entry.
#[derive(Default)]
struct Heads {
    member: Option<Member>,
}

impl Sink for Heads {
    fn begins(&mut self, _: u64) {}

    fn entry(&mut self, header: &Header<'_>) -> Result<(), Error> {
        self.member = Some(Member {
            name: header.name.to_vec(),
            kind: header.kind,
            size: header.stored,
            start: 0,
            sparse: header.sparse,
            link: header.link.to_vec(),
        });
        Ok(())
    }

    fn content(&mut self, _: &[u8]) {}

    fn ends(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn odd(&mut self, _: OddityKind) {}
}

impl<I: Input> Archive<I> {
    /// Starts at the first byte of an archive.
    pub fn new(input: I) -> Self {
        Self { input, walker: Walker::new(), heads: Heads::default(), left: 0, trailing: 0 }
    }

    /// The next member, once what is left of the one before was passed over. After the last one the
    /// input is read to its end, if that is not far.
    pub fn next_member(&mut self) -> Result<Option<Member>, Error> {
        let left = std::mem::take(&mut self.left);
        self.walker.skip(left);
        self.input.pass(left).map_err(|error| self.explain(error))?;
        loop {
            if let Some(mut member) = self.heads.member.take() {
                member.start = self.walker.offset();
                self.left = if member.kind == Kind::File { member.size } else { 0 };
                return Ok(Some(member));
            }
            let ahead = usize::try_from(self.walker.ahead()).unwrap_or(usize::MAX);
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.explain(error)),
            };
            if bytes.is_empty() || self.trailing > TRAILING {
                self.walker.finish(&mut self.heads)?;
                return Ok(None);
            }
            let length = bytes.len().min(ahead);
            if self.walker.has_ended() {
                self.trailing = self.trailing.saturating_add(length as u64);
            }
            self.walker.feed(&bytes[..length], &mut self.heads)?;
            self.input.consume(length);
        }
    }

    /// What is left of the current member's content.
    pub fn content(&mut self) -> Content<'_, I> {
        Content(self)
    }

    /// Bytes of the archive so far.
    pub fn position(&self) -> u64 {
        self.walker.offset()
    }

    fn explain(&self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Error::bad(format!("it is cut off after byte {}", self.walker.offset()));
        }
        error.into()
    }
}

/// The content of one member; that the archive ends within it is an error.
pub struct Content<'a, I>(&'a mut Archive<I>);

impl<I: Input> BufRead for Content<'_, I> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let archive = &mut *self.0;
        if archive.left == 0 {
            return Ok(&[]);
        }
        let bytes = archive.input.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(archive.left).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..length])
    }

    fn consume(&mut self, length: usize) {
        self.0.input.consume(length);
        self.0.walker.skip(length as u64);
        self.0.left = self.0.left.saturating_sub(length as u64);
    }
}

impl<I: Input> Read for Content<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: BufRead> BufRead for Stream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.0.consume(length);
    }
}

impl<R: BufRead> Input for Stream<R> {
    fn pass(&mut self, mut length: u64) -> io::Result<()> {
        while length > 0 {
            let available = match self.0.fill_buf() {
                Ok(bytes) => bytes.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = usize::try_from(length).unwrap_or(usize::MAX).min(available);
            self.0.consume(step);
            length -= step as u64;
        }
        Ok(())
    }
}

/// How an archive is compressed as a whole, by its first bytes: `false` for not at all. What is
/// compressed otherwise is refused.
pub fn is_compressed(start: &[u8]) -> Result<bool, Error> {
    match detect(start) {
        None | Some("text") => Ok(false),
        Some("gzip" | "zstd") => Ok(true),
        Some(name) => {
            let text = format!("it is no tar archive; it looks like {name}");
            Err(Error::new(ErrorKind::Unsupported, text))
        }
    }
}

/// The bytes without the compression that they have as a whole: gzip, zstd or none.
pub fn decompressed<'a>(input: impl BufRead + 'a) -> Result<Box<dyn BufRead + 'a>, Error> {
    let mut input = BufReader::with_capacity(BUFFER, input);
    let start = input.fill_buf()?;
    if !is_compressed(start)? {
        return Ok(Box::new(input));
    }
    if start.starts_with(b"\x1f\x8b") {
        let decoder = flate2::bufread::MultiGzDecoder::new(input);
        return Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)))
}

#[cfg(test)]
mod tests {
    use super::super::tar::archive::{Archive as Written, Head};
    use super::*;

    fn written() -> Vec<u8> {
        let link = Head::new(b'2', b"link", 0).link(b"a");
        Written::default().file("a", b"first").file("b", &[7; 1500]).head(link).end()
    }

    fn names<I: Input>(archive: &mut Archive<I>) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        while let Some(member) = archive.next_member()? {
            let name = String::from_utf8_lossy(&member.name).into_owned();
            names.push(format!("{name} {} {}", member.start, member.size));
        }
        Ok(names)
    }

    #[test]
    fn members_are_told_with_the_place_of_their_content() {
        let bytes = written();
        let mut archive = Archive::new(Stream(&bytes[..]));
        let expected = ["a 512 5", "b 1536 1500", "link 3584 0"];
        assert_eq!(names(&mut archive).unwrap(), expected);
        assert_eq!(archive.position(), bytes.len() as u64);
        let mut archive = Archive::new(Stream(&bytes[..]));
        archive.next_member().unwrap();
        let mut text = String::new();
        archive.content().read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
        archive.next_member().unwrap();
        let mut some = [0; 700];
        archive.content().read_exact(&mut some).unwrap();
        assert_eq!(some, [7; 700]);
        assert_eq!(names(&mut archive).unwrap(), expected[2..]);
    }

    #[test]
    fn what_follows_the_end_is_not_read_for_ever() {
        let bytes = written();
        let mut read = 0;
        let zeros = std::iter::repeat_with(|| [0_u8; 4096]).flatten();
        let endless =
            BufReader::new(Counted { bytes: bytes.iter().copied().chain(zeros), read: &mut read });
        assert_eq!(names(&mut Archive::new(Stream(endless))).unwrap().len(), 3);
        assert!((TRAILING..2 * TRAILING).contains(&read), "{read}");
    }

    /// Bytes that come one after another, counted.
    struct Counted<'a, B> {
        bytes: B,
        read: &'a mut u64,
    }

    impl<B: Iterator<Item = u8>> Read for Counted<'_, B> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length =
                buffer.iter_mut().zip(&mut self.bytes).map(|(to, byte)| *to = byte).count();
            *self.read += length as u64;
            Ok(length)
        }
    }

    #[test]
    fn an_archive_that_is_cut_is_an_error_wherever_that_is() {
        let bytes = written();
        let headers = bytes.len() - 1024;
        for end in [511, 513, 516, 1540, 2000, headers - 1] {
            let error = names(&mut Archive::new(Stream(&bytes[..end]))).unwrap_err();
            assert!(error.to_string().contains("cut"), "{end}: {error}");
        }
    }

    #[test]
    fn compression_of_the_whole_is_told_by_its_bytes() {
        let gzip = || {
            let mut encoder =
                flate2::read::GzEncoder::new(&b"text of it"[..], flate2::Compression::fast());
            let mut bytes = Vec::new();
            encoder.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let check = |bytes: &[u8]| {
            let mut text = String::new();
            decompressed(bytes).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text of it");
        };
        check(b"text of it");
        check(&gzip());
        check(&zstd::bulk::compress(b"text of it", 1).unwrap());
        let error = decompressed(&b"BZh91AY&SY"[..]).map(drop).unwrap_err();
        assert!(error.to_string().contains("bzip2"), "{error}");
    }
}
