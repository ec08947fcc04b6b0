//! An entry: what its header block and the extension headers before it say together.

use super::header::{Block, Raw, is_header_only};
use super::numeric;
use super::pax::{Records, SparseKeys, Values};
use super::sparse::{Lines, Map};
use super::{Fault, Header, MAX_SIZE};
use crate::layer::{Attributes, Kind, OddityKind};

/// Extension headers that may precede one entry.
const MAX_HEADERS: u32 = 1024;
/// What a size field holds at most; some writers leave it so where the size is in a PAX header.
const FULL_FIELD: i64 = 0o77_777_777_777;

/// The extension headers that were read since the last entry.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// The last PAX header.
    pub pax: Records,
    /// Whether there was one.
    has_pax: bool,
    /// The name of the last GNU long name header.
    name: Vec<u8>,
    /// The target of the last GNU long link header.
    link: Vec<u8>,
    has_name: bool,
    has_link: bool,
    headers: u32,
    oddities: Vec<OddityKind>,
}

impl Extensions {
    /// Another header of this type comes: the data of one before it is forgotten.
    pub(super) fn start(&mut self, flag: u8) -> Result<(), Fault> {
        self.headers += 1;
        if self.headers > MAX_HEADERS {
            return Err(Fault::Ceiling("an entry has more than 1024 extension headers"));
        }
        let (given, oddity) = match flag {
            b'L' => (&mut self.has_name, OddityKind::TwoLongNames),
            b'K' => (&mut self.has_link, OddityKind::TwoLongNames),
            _ => (&mut self.has_pax, OddityKind::RepeatedPaxHeader),
        };
        if std::mem::replace(given, true) {
            note(&mut self.oddities, oddity);
        }
        match flag {
            b'L' => self.name.clear(),
            b'K' => self.link.clear(),
            _ => self.pax.clear(),
        }
        Ok(())
    }

    /// Where the data of a header of this type goes.
    pub(super) fn data(&mut self, flag: u8) -> &mut Vec<u8> {
        match flag {
            b'L' => &mut self.name,
            b'K' => &mut self.link,
            _ => &mut self.pax.data,
        }
    }

    /// Whether any are waiting for their entry.
    pub(super) fn any(&self) -> bool {
        self.has_pax || self.has_name || self.has_link
    }

    /// Forgets them; how many there were counts on.
    pub(super) fn drop_all(&mut self) {
        self.pax.clear();
        self.name.clear();
        self.link.clear();
        self.oddities.clear();
        (self.has_pax, self.has_name, self.has_link) = (false, false, false);
    }

    /// Forgets them, as their entry has come.
    pub(super) fn clear(&mut self) {
        if self.headers > 0 {
            self.drop_all();
            self.headers = 0;
        }
    }
}

/// What the walker tells about an entry; its buffers serve one entry after the other.
#[derive(Debug, Default)]
pub(super) struct Entry {
    name: Vec<u8>,
    link: Vec<u8>,
    /// `None` for a GNU volume label, which is none.
    pub kind: Option<Kind>,
    size: i64,
    /// Bytes after the headers; a map that is still to be read among them.
    pub stored: u64,
    sparse: bool,
    mtime: i64,
    attributes: Attributes,
    pub oddities: Vec<OddityKind>,
}

/// What must be read before the content.
#[derive(Debug)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// Blocks of a map in the old GNU format.
    Blocks(Map),
    /// A map in lines.
    Lines(Lines),
}

impl Entry {
    /// Takes what the headers say.
    pub(super) fn fill(
        &mut self,
        raw: &Raw<'_>,
        block: &Block,
        extensions: &Extensions,
    ) -> Result<Before, Fault> {
        let values = extensions.pax.values().map_err(Fault::Record)?;
        self.oddities.clear();
        self.oddities.extend_from_slice(&extensions.oddities);
        if extensions.pax.repeated {
            self.odd(OddityKind::RepeatedPaxKey);
        }
        self.names(raw, &values, extensions);
        let old_directory = raw.flag == 0 && self.name.ends_with(b"/");
        let header_only = is_header_only(raw.flag) || old_directory;
        self.sizes(raw, values.size, header_only)?;
        self.kind(raw.flag, header_only, old_directory);
        let device = self.kind == Some(Kind::Character) && raw.device == Some((0, 0));
        if device {
            self.odd(OddityKind::WhiteoutDevice);
        }
        self.mtime = values.mtime.unwrap_or(raw.mtime);
        self.attributes = Attributes {
            mode: permissions(raw.mode),
            uid: owner(values.uid.unwrap_or(raw.uid)),
            gid: owner(values.gid.unwrap_or(raw.gid)),
            xattrs: values.xattrs,
        };
        let before = self.sparse(raw, block, &values.sparse, &extensions.pax)?;
        if self.sparse && header_only {
            return Err(Fault::Bad("something that is not a file has the map of a sparse file"));
        }
        if header_only {
            self.size = 0;
        } else if u64::try_from(self.size).is_ok_and(|size| size > MAX_SIZE) {
            return Err(Fault::Ceiling("a file says that it has more than 2^62 bytes"));
        }
        Ok(before)
    }

    /// What the sink is told.
    pub(super) fn header(&self, kind: Kind) -> Header<'_> {
        let is_file = kind == Kind::File;
        let is_link = matches!(kind, Kind::Hardlink | Kind::Symlink);
        Header {
            name: &self.name,
            kind,
            size: if is_file { self.size.try_into().unwrap_or_default() } else { 0 },
            stored: if is_file { self.stored } else { 0 },
            sparse: is_file && self.sparse,
            mtime: self.mtime,
            attributes: self.attributes,
            link: if is_link { &self.link } else { &[] },
            oddities: &self.oddities,
        }
    }

    fn odd(&mut self, kind: OddityKind) {
        note(&mut self.oddities, kind);
    }

    fn names(&mut self, raw: &Raw<'_>, values: &Values<'_>, extensions: &Extensions) {
        let parts: [&[u8]; 3] = match () {
            () if !extensions.name.is_empty() => [&extensions.name, b"", b""],
            () if !values.path.is_empty() => [values.path, b"", b""],
            () if !raw.prefix.is_empty() => [raw.prefix, b"/", raw.name],
            () => [raw.name, b"", b""],
        };
        self.name.clear();
        for part in parts {
            self.name.extend_from_slice(part);
        }
        let links = [&extensions.link, values.linkpath, raw.link];
        self.link.clear();
        self.link.extend_from_slice(links.iter().find(|link| !link.is_empty()).unwrap_or(&&[][..]));
        let both = |gnu: &[u8], pax: &[u8]| !gnu.is_empty() && !pax.is_empty();
        if both(&extensions.name, values.path)
            || both(&extensions.name, values.sparse.name)
            || both(&extensions.link, values.linkpath)
        {
            self.odd(OddityKind::TwoLongNames);
        }
    }

    fn sizes(&mut self, raw: &Raw<'_>, pax: Option<i64>, header_only: bool) -> Result<(), Fault> {
        let negative = Fault::Bad("an entry has a negative size");
        if raw.size < 0 && !is_header_only(raw.flag) {
            return Err(negative);
        }
        let differ = pax.is_some_and(|size| size != raw.size);
        if differ && raw.size != 0 && raw.size != FULL_FIELD {
            self.odd(OddityKind::SizesDiffer);
        }
        self.size = pax.unwrap_or(raw.size);
        let has_size = self.size != 0 || raw.size != 0;
        if header_only && has_size {
            self.odd(OddityKind::SizeWithoutContent);
        }
        let payload = if header_only { 0 } else { self.size };
        self.stored = u64::try_from(payload).map_err(|_| negative)?;
        if self.stored > MAX_SIZE {
            return Err(Fault::Ceiling("a file says that it has more than 2^62 bytes"));
        }
        Ok(())
    }

    fn kind(&mut self, flag: u8, header_only: bool, old_directory: bool) {
        self.kind = match flag {
            b'1' => Some(Kind::Hardlink),
            b'2' => Some(Kind::Symlink),
            b'3' => Some(Kind::Character),
            b'4' => Some(Kind::Block),
            b'5' | b'D' => Some(Kind::Directory),
            b'6' => Some(Kind::Fifo),
            b'V' => None,
            _ if old_directory => Some(Kind::Directory),
            _ => Some(Kind::File),
        };
        if !header_only && !matches!(flag, 0 | b'0' | b'7' | b'S') {
            self.odd(OddityKind::UnknownType { flag });
        }
        if self.kind.is_none() && self.stored > 0 {
            self.odd(OddityKind::SizeWithoutContent);
        }
    }

    /// Reads the map of a sparse file, or says what must be read first.
    fn sparse(
        &mut self,
        raw: &Raw<'_>,
        block: &Block,
        keys: &SparseKeys<'_>,
        records: &Records,
    ) -> Result<Before, Fault> {
        self.sparse = raw.flag == b'S' || is_sparse(keys);
        if keys.any && (raw.flag == b'S' || !self.sparse) {
            self.odd(OddityKind::OrphanSparse);
        }
        if raw.flag == b'S' {
            return self.old_sparse(raw, block);
        }
        if !self.sparse {
            return Ok(Before::Nothing);
        }
        if !keys.name.is_empty() {
            self.name.clear();
            self.name.extend_from_slice(keys.name);
        }
        let sizes = [keys.size, keys.real_size];
        if let Some(size) = sizes.iter().find(|size| !size.is_empty()) {
            self.size = numeric::decimal(size).ok_or(Fault::Record("GNU.sparse.size"))?;
        }
        if sizes.iter().all(|size| !size.is_empty()) && keys.size != keys.real_size {
            self.odd(OddityKind::SizesDiffer);
        }
        let mut map = self.map()?;
        if keys.major == b"1" {
            return Ok(Before::Lines(Lines::new(map)));
        }
        map.records(records, keys)?;
        map.finish(self.stored)?;
        Ok(Before::Nothing)
    }

    fn old_sparse(&mut self, raw: &Raw<'_>, block: &Block) -> Result<Before, Fault> {
        if !raw.gnu {
            return Err(Fault::Bad("a sparse file has a header that is not of the GNU format"));
        }
        let size = numeric::field(&block[483..495]);
        self.size = size.ok_or(Fault::Bad("the size of a sparse file is not a number"))?;
        let mut map = self.map()?;
        if map.old_header(block)? {
            return Ok(Before::Blocks(map));
        }
        map.finish(self.stored)?;
        Ok(Before::Nothing)
    }

    fn map(&self) -> Result<Map, Fault> {
        if self.size < 0 {
            return Err(Fault::Bad("a sparse file has a negative size"));
        }
        Ok(Map::new(self.size))
    }
}

/// Whether the keys are of a format that is known; formats 0.0 and 0.1 need not say so.
fn is_sparse(keys: &SparseKeys<'_>) -> bool {
    match (keys.major, keys.minor) {
        (b"0", b"0" | b"1") | (b"1", b"0") => true,
        (b"", b"") => keys.has_pairs || !keys.map.is_empty(),
        _ => false,
    }
}

fn note(oddities: &mut Vec<OddityKind>, kind: OddityKind) {
    if !oddities.contains(&kind) {
        oddities.push(kind);
    }
}

fn permissions(mode: i64) -> u16 {
    u16::try_from(mode & 0o7777).unwrap_or_default()
}

/// The number that a system would take: owners have 32 bits there, so that -2 is 4294967294.
fn owner(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_else(|_| number.cast_unsigned() & u64::from(u32::MAX))
}
