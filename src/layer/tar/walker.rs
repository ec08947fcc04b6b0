//! The walker: which bytes of the stream are headers, data of extensions, content, padding.

use super::entry::{Before, Entry, Extensions};
use super::header::{BLOCK, Block, Raw, Unreadable, text};
use super::sparse::{Lines, Map};
use super::{Fault, MAX_EXTENSION, Sink, detect};
use crate::layer::{Error, Kind, OddityKind};

/// Reads a tar stream; a [`Sink`] is told what is in it.
///
/// After an error it is of no more use.
#[derive(Debug, Default)]
pub(in crate::layer) struct Walker {
    state: State,
    /// Bytes fed.
    offset: u64,
    /// A block that came in pieces, and how much of it is there.
    partial: Vec<u8>,
    /// Blocks of zeros just before.
    zeros: u8,
    /// Whether the sink was told of the start of an entry that has not come yet.
    begun: bool,
    extensions: Extensions,
    entry: Entry,
}

/// What the next bytes are.
#[derive(Debug, Default)]
enum State {
    /// A header block.
    #[default]
    Header,
    /// Data of an extension header: its type, what is left, and the padding behind.
    Extension { flag: u8, left: u64, padding: u64 },
    /// A block with more of a map in the old GNU format.
    Blocks(Map),
    /// A block of a map in lines.
    Lines(Lines),
    /// Content of a file, or data of something else that is passed over.
    Content { left: u64, padding: u64, is_file: bool },
    /// Bytes up to the next block.
    Padding { left: u64 },
    /// What follows the end of the archive, and how much of it counts.
    After { bytes: u64 },
}

impl Walker {
    /// Starts at the first byte of a stream.
    pub(in crate::layer) fn new() -> Self {
        Self { partial: Vec::with_capacity(BLOCK), ..Self::default() }
    }

    /// Length of the tar stream so far.
    pub(in crate::layer) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes may be fed before something other than what comes now; at least 1.
    pub(in crate::layer) fn ahead(&self) -> u64 {
        match &self.state {
            State::Header | State::Blocks(_) | State::Lines(_) => {
                (BLOCK - self.partial.len()) as u64
            }
            State::Extension { left, .. }
            | State::Content { left, .. }
            | State::Padding { left } => (*left).max(1),
            State::After { .. } => u64::MAX,
        }
    }

    /// Whether the mark at the end of the archive has passed.
    pub(in crate::layer) fn has_ended(&self) -> bool {
        matches!(self.state, State::After { .. })
    }

    /// Passes over content of the current entry that somebody else reads, at most what is left.
    pub(in crate::layer) fn skip(&mut self, length: u64) {
        let State::Content { left, padding, .. } = &mut self.state else { return };
        let length = length.min(*left);
        *left -= length;
        self.offset = self.offset.saturating_add(length);
        if *left == 0 {
            let padding = *padding;
            self.pad(padding);
        }
    }

    /// Takes the next bytes of the tar stream, however it is cut.
    pub(in crate::layer) fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header | State::Blocks(_) | State::Lines(_) => {
                    bytes = self.gather(bytes, sink)?;
                    continue;
                }
                State::After { bytes: counted } => {
                    *counted += match counted {
                        0 => bytes.len() - leading_zeros(bytes),
                        _ => bytes.len(),
                    } as u64;
                    self.offset += bytes.len() as u64;
                    return Ok(());
                }
                _ => {}
            }
            let (now, rest) = split(bytes, self.ahead());
            self.offset += now.len() as u64;
            bytes = rest;
            self.pass(now, sink)?;
        }
        Ok(())
    }

    /// The stream has ended; one that ends inside of something is cut, which is an error.
    pub(in crate::layer) fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        let cut = match &self.state {
            State::Header if self.partial.is_empty() => None,
            State::Header if self.zeros > 0 => Some("in its end marker"),
            State::Header => {
                if self.offset == self.partial.len() as u64 {
                    refuse_other_formats(&self.partial)?;
                }
                Some("in a header")
            }
            State::Padding { .. } | State::After { .. } => None,
            State::Extension { .. } => Some("in an extension header"),
            State::Blocks(_) | State::Lines(_) => Some("in the map of a sparse file"),
            State::Content { .. } => Some("in the content of an entry"),
        };
        if let Some(place) = cut {
            let at = self.offset;
            return Err(Error::bad(format!("its tar stream is cut after {at} bytes, {place}")));
        }
        match self.state {
            State::After { bytes: 0 } => {}
            State::After { bytes } => sink.odd(OddityKind::BytesAfterEnd { bytes }),
            _ => {
                self.dangling(sink);
                sink.odd(OddityKind::NoEndMarker);
            }
        }
        Ok(())
    }

    /// Takes bytes of a block; handles it once it is whole.
    fn gather<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn Sink) -> Result<&'a [u8], Error> {
        if self.partial.is_empty()
            && let Some((block, rest)) = bytes.split_first_chunk::<BLOCK>()
        {
            self.offset += BLOCK as u64;
            self.block(block, sink)?;
            return Ok(rest);
        }
        let (now, rest) = split(bytes, (BLOCK - self.partial.len()) as u64);
        self.partial.extend_from_slice(now);
        self.offset += now.len() as u64;
        if let Some(block) = self.partial.first_chunk::<BLOCK>() {
            let block = *block;
            self.partial.clear();
            self.block(&block, sink)?;
        }
        Ok(rest)
    }

    fn block(&mut self, block: &Block, sink: &mut dyn Sink) -> Result<(), Error> {
        match &mut self.state {
            State::Blocks(map) => match map.old_block(block) {
                Ok(true) => Ok(()),
                Ok(false) => match map.finish(self.entry.stored) {
                    Ok(()) => self.emit(sink),
                    Err(fault) => Err(self.error(fault)),
                },
                Err(fault) => Err(self.error(fault)),
            },
            State::Lines(lines) => {
                // There is a whole block, or this state would not have been entered.
                self.entry.stored -= BLOCK as u64;
                match lines.block(block) {
                    Ok(true) => match lines.map.finish(self.entry.stored) {
                        Ok(()) => self.emit(sink),
                        Err(fault) => Err(self.error(fault)),
                    },
                    Ok(false) => self.more_lines(),
                    Err(fault) => Err(self.error(fault)),
                }
            }
            _ => self.header(block, sink),
        }
    }

    fn header(&mut self, block: &Block, sink: &mut dyn Sink) -> Result<(), Error> {
        let at = self.offset - BLOCK as u64;
        if block[0] == 0 && *block == [0; BLOCK] {
            self.zeros += 1;
            if self.zeros == 2 {
                self.dangling(sink);
                self.state = State::After { bytes: 0 };
            }
            return Ok(());
        }
        if self.zeros > 0 {
            let text = format!("a single block of zeros is in its tar stream before byte {at}");
            return Err(Error::bad(text));
        }
        let raw = match Raw::parse(block) {
            Ok(raw) => raw,
            Err(Unreadable::Checksum) => {
                if at == 0 {
                    refuse_other_formats(block)?;
                }
                let text = format!("byte {at} of its tar stream starts no header: bad checksum");
                return Err(Error::bad(text));
            }
            Err(Unreadable::Number(field)) => {
                let text = format!(
                    "the {field} in the header at byte {at} of its tar stream is no number"
                );
                return Err(Error::bad(text));
            }
        };
        if !self.begun {
            self.begun = true;
            sink.begins(at);
        }
        match raw.flag {
            b'x' | b'g' | b'L' | b'K' => self.extension(&raw, sink),
            _ => self.start(&raw, block, sink),
        }
    }

    fn extension(&mut self, raw: &Raw<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
        let Ok(left) = u64::try_from(raw.size) else {
            return Err(self.error(Fault::Bad("an extension header has a negative size")));
        };
        if left > MAX_EXTENSION as u64 {
            return Err(self.error(Fault::Ceiling("an extension header is longer than 1 MiB")));
        }
        if raw.flag == b'g' {
            // For Go it is an entry of its own, which takes what stands before it.
            self.dangling(sink);
            self.extensions.drop_all();
        }
        self.extensions.start(raw.flag).map_err(|fault| self.error(fault))?;
        self.state = State::Extension { flag: raw.flag, left, padding: padding(left) };
        if left == 0 { self.extended(sink) } else { Ok(()) }
    }

    /// An extension header's data is complete.
    fn extended(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        let State::Extension { flag, padding, .. } = self.state else { return Ok(()) };
        self.pad(padding);
        if matches!(flag, b'L' | b'K') {
            let name = self.extensions.data(flag);
            name.truncate(text(name).len());
        } else {
            let fault = Fault::Bad("a PAX header is not made of records");
            self.extensions.pax.parse().ok_or_else(|| self.error(fault))?;
        }
        if flag == b'g' {
            // As for Go, a value that is none is no error here: it applies to nothing.
            let values = self.extensions.pax.values();
            if values.map_or(true, |values| values.is_about_one_entry()) {
                sink.odd(OddityKind::GlobalPax);
            }
            self.extensions.drop_all();
        }
        Ok(())
    }

    /// An entry's header block is there.
    fn start(&mut self, raw: &Raw<'_>, block: &Block, sink: &mut dyn Sink) -> Result<(), Error> {
        match self.entry.fill(raw, block, &self.extensions).map_err(|fault| self.error(fault))? {
            Before::Nothing => self.emit(sink),
            Before::Blocks(map) => {
                self.state = State::Blocks(map);
                Ok(())
            }
            Before::Lines(lines) => {
                self.state = State::Lines(lines);
                self.more_lines()
            }
        }
    }

    /// A map in lines goes on, so that there must be a block for it.
    fn more_lines(&self) -> Result<(), Error> {
        if self.entry.stored < BLOCK as u64 {
            return Err(self.error(Fault::Bad("the map of a sparse file is longer than its data")));
        }
        Ok(())
    }

    /// All headers of an entry are there.
    fn emit(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        let left = self.entry.stored;
        let padding = padding(left);
        let is_file = self.entry.kind == Some(Kind::File);
        if let Some(kind) = self.entry.kind {
            self.begun = false;
            self.extensions.clear();
            sink.entry(&self.entry.header(kind))?;
            if left == 0 || !is_file {
                sink.ends()?;
            }
        } else {
            self.dangling(sink);
            self.extensions.drop_all();
            self.entry.oddities.iter().for_each(|oddity| sink.odd(*oddity));
        }
        self.state = match left {
            0 => State::Header,
            _ => State::Content { left, padding, is_file },
        };
        Ok(())
    }

    /// Takes bytes that are all of what comes now.
    fn pass(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), Error> {
        let length = bytes.len() as u64;
        match &mut self.state {
            State::Extension { flag, left, .. } => {
                self.extensions.data(*flag).extend_from_slice(bytes);
                *left -= length;
                if *left == 0 { self.extended(sink) } else { Ok(()) }
            }
            State::Content { left, padding, is_file } => {
                *left -= length;
                let (done, padding, is_file) = (*left == 0, *padding, *is_file);
                if is_file {
                    sink.content(bytes);
                }
                if done {
                    self.pad(padding);
                    if is_file {
                        return sink.ends();
                    }
                }
                Ok(())
            }
            State::Padding { left } => {
                *left -= length;
                let left = *left;
                self.pad(left);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Padding comes next, or a header where there is none.
    fn pad(&mut self, left: u64) {
        self.state = if left == 0 { State::Header } else { State::Padding { left } };
    }

    /// Flags extension headers that no entry follows.
    fn dangling(&self, sink: &mut dyn Sink) {
        if self.extensions.any() {
            sink.odd(OddityKind::DanglingExtension);
        }
    }

    fn error(&self, fault: Fault) -> Error {
        let at = self.offset;
        match fault {
            Fault::Bad(what) => Error::bad(format!("{what}, before byte {at} of its tar stream")),
            Fault::Ceiling(what) => {
                Error::ceiling(format!("{what}, before byte {at} of its tar stream"), None)
            }
            Fault::Record(key) => Error::bad(format!(
                "a PAX header has a `{key}` with a value it cannot have, before byte {at} of its tar stream"
            )),
        }
    }
}

/// Names what the stream is, if it starts with something that is known and no header.
fn refuse_other_formats(start: &[u8]) -> Result<(), Error> {
    let refuse = |kind| Err(Error::bad(format!("it is not a tar archive; it looks like {kind}")));
    detect(start).map_or(Ok(()), refuse)
}

/// Zero bytes from the end of so many bytes to the next block.
fn padding(length: u64) -> u64 {
    length.wrapping_neg() % BLOCK as u64
}

fn split(bytes: &[u8], at: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len())))
}

/// How many zeros the bytes start with.
fn leading_zeros(bytes: &[u8]) -> usize {
    let is_zero = |chunk: &[u8]| chunk.iter().fold(0, |all, byte| all | byte) == 0;
    let whole = bytes.chunks(BLOCK).take_while(|chunk| is_zero(chunk)).map(<[u8]>::len);
    let whole: usize = whole.sum();
    whole + bytes[whole..].iter().take_while(|byte| **byte == 0).count()
}
