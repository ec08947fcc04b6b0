//! Reads tables, vectors and numbers of a `FlatBuffer`, every position checked against its bytes;
//! the `FlatBuffers` internals document.
//!
//! There is no recursion: the shape is the caller's.

/// A table in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    buffer: &'a [u8],
    at: usize,
    /// The offsets of fields, two bytes each.
    fields: &'a [u8],
}

/// A vector of tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables<'a> {
    buffer: &'a [u8],
    first: usize,
    count: usize,
}

fn array<const N: usize>(buffer: &[u8], at: usize) -> Option<[u8; N]> {
    buffer.get(at..)?.first_chunk().copied()
}

/// The position that the relative one at `at` leads to.
fn follow(buffer: &[u8], at: usize) -> Option<usize> {
    let relative = u32::from_le_bytes(array(buffer, at)?);
    at.checked_add(usize::try_from(relative).ok()?).filter(|target| *target < buffer.len())
}

/// The number of elements of the vector at `at`, of `width` bytes each, and where they start.
fn vector(buffer: &[u8], at: usize, width: usize) -> Option<(usize, usize)> {
    let count = usize::try_from(u32::from_le_bytes(array(buffer, at)?)).ok()?;
    let first = at.checked_add(4)?;
    let end = count.checked_mul(width)?.checked_add(first)?;
    (end <= buffer.len()).then_some((count, first))
}

impl<'a> Table<'a> {
    /// The root table of a buffer.
    pub(super) fn root(buffer: &'a [u8]) -> Option<Self> {
        Self::at(buffer, follow(buffer, 0)?)
    }

    fn at(buffer: &'a [u8], at: usize) -> Option<Self> {
        let back = i64::from(i32::from_le_bytes(array(buffer, at)?));
        let start = usize::try_from(i64::try_from(at).ok()?.checked_sub(back)?).ok()?;
        let length = usize::from(u16::from_le_bytes(array(buffer, start)?));
        let fields = buffer.get(start.checked_add(4)?..start.checked_add(length)?)?;
        Some(Self { buffer, at, fields })
    }

    /// Where a field is; `None` where it is absent and has its default.
    fn field(&self, id: usize) -> Option<usize> {
        let offset = usize::from(u16::from_le_bytes(array(self.fields, id * 2)?));
        (offset > 0).then_some(self.at + offset)
    }

    fn number<const N: usize>(&self, id: usize) -> Option<[u8; N]> {
        self.field(id).map_or(Some([0; N]), |at| array(self.buffer, at))
    }

    /// A number of 64 bits; 0 if absent.
    pub(super) fn long(&self, id: usize) -> Option<i64> {
        self.number(id).map(i64::from_le_bytes)
    }

    /// A number of 32 bits; 0 if absent.
    pub(super) fn int(&self, id: usize) -> Option<u32> {
        self.number(id).map(u32::from_le_bytes)
    }

    /// A number of 8 bits, if it is there.
    pub(super) fn byte(&self, id: usize) -> Option<u8> {
        self.field(id).and_then(|at| self.buffer.get(at).copied())
    }

    /// A string or vector of bytes; empty if absent.
    pub(super) fn bytes(&self, id: usize) -> Option<&'a [u8]> {
        let Some(at) = self.field(id) else { return Some(b"") };
        let (count, first) = vector(self.buffer, follow(self.buffer, at)?, 1)?;
        self.buffer.get(first..first + count)
    }

    /// A table, if it is there.
    pub(super) fn table(&self, id: usize) -> Option<Self> {
        Self::at(self.buffer, follow(self.buffer, self.field(id)?)?)
    }

    /// A vector of tables; empty if absent.
    pub(super) fn tables(&self, id: usize) -> Option<Tables<'a>> {
        let buffer = self.buffer;
        let Some(at) = self.field(id) else { return Some(Tables { buffer, first: 0, count: 0 }) };
        let (count, first) = vector(buffer, follow(buffer, at)?, 4)?;
        Some(Tables { buffer, first, count })
    }
}

impl<'a> Tables<'a> {
    /// The tables; `None` in the place of one that is not in the buffer.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<Table<'a>>> + use<'a> {
        let Self { buffer, first, count } = *self;
        (0..count).map(move |at| Table::at(buffer, follow(buffer, first + at * 4)?))
    }
}
