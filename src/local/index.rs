//! An archive in a file that can be read at any place: its members are found by their headers, and
//! their content is left where it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use super::SharedFile;
use super::blob::Part;
use super::fault::{AGAIN, Place};
use super::members::Members;
use crate::layer;
use crate::layer::archive::{Archive, Input};
use crate::registry::{Error, ErrorKind};

/// Where an archive has its members.
pub(super) struct Index {
    file: SharedFile,
    members: Members<Extent>,
}

#[derive(Clone, Copy)]
struct Extent {
    start: u64,
    size: u64,
    sparse: bool,
}

impl Index {
    /// Finds the members of the archive that a file is.
    pub(super) fn read(file: File, length: u64) -> Result<Self, layer::Error> {
        let file = Arc::new(file);
        let mut archive = Archive::new(Jumping { reader: BufReader::new(&*file), at: 0, length });
        let mut members = Members::default();
        while let Some(member) = archive.next_member()? {
            let (start, size, sparse) = (member.start, member.size, member.sparse);
            if let Some(name) = members.name(&member)? {
                members.add(name, Extent { start, size, sparse });
            }
        }
        drop(archive);
        Ok(Self { file, members })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The size of a member; `None` if there is none of that name.
    pub(super) fn size(&self, place: &Place, name: &str) -> Result<Option<u64>, Error> {
        self.part(place, name).map(|part| part.map(|part| part.size))
    }

    /// Where a member's bytes are; `None` if there is none of that name.
    pub(super) fn part(&self, place: &Place, name: &str) -> Result<Option<Part>, Error> {
        let Some(Extent { start, size, sparse }) = self.members.get(name).copied() else {
            return Ok(None);
        };
        if sparse {
            let text = format!("{name} in {place} was stored with holes (tar --sparse)");
            return Err(Error::new(ErrorKind::BadData, text).hint(AGAIN));
        }
        Ok(Some(Part { file: Arc::clone(&self.file), start, size }))
    }
}

/// A file in which content is jumped over.
struct Jumping<'a> {
    reader: BufReader<&'a File>,
    at: u64,
    length: u64,
}

impl Read for Jumping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.at = self.at.saturating_add(length as u64);
        Ok(length)
    }
}

impl BufRead for Jumping<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.reader.consume(length);
        self.at = self.at.saturating_add(length as u64);
    }
}

impl Input for Jumping<'_> {
    fn pass(&mut self, length: u64) -> io::Result<()> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.length);
        self.at = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = i64::try_from(length).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.reader.seek_relative(length)
    }
}
