//! Section sizes of ELF files that pass by as a stream.
//!
//! Of a file whose size is known beforehand, the header and the last MiB are looked at: linkers
//! write the section table to the file's end, and its names just before. What is out of reach
//! stays unknown: without the table there are no sections, without the names they are empty.
//! Offsets and counts are claims; they are only followed inside of what was kept.

use object::elf::{FileHeader32, FileHeader64, SHF_ALLOC, SHN_XINDEX, SHT_NOBITS, SHT_NULL};
use object::endian::Endianness;
use object::pod::{bytes_of_slice, bytes_of_slice_mut, from_bytes};
use object::read::elf::{FileHeader, SectionHeader};

use super::{Elf, ElfSection};

/// Smaller files are not looked at.
const SMALLEST: u64 = 256 << 10;
const REACH: u64 = 1 << 20;
/// Bytes of the longer of the two kinds of headers.
const HEADER: usize = 64;
/// Bytes of a section's name that are kept.
const MAX_NAME: usize = 64;
const MAGIC: &[u8; 4] = b"\x7fELF";
const CLASS_64: u8 = 2;

/// Follows one file after another.
#[derive(Debug, Default)]
pub(super) struct ElfReader {
    state: State,
    size: u64,
    /// Bytes seen.
    at: u64,
    header: Vec<u8>,
    tail: Vec<u8>,
    /// Where the tail starts in the file.
    tail_start: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The file is none of interest.
    #[default]
    Idle,
    Header,
    Tail,
}

impl ElfReader {
    /// Starts with a file of this size.
    pub(super) fn begin(&mut self, size: u64) {
        self.state = if size < SMALLEST { State::Idle } else { State::Header };
        self.size = size;
        self.at = 0;
        self.tail_start = size.saturating_sub(REACH).max(HEADER as u64);
        self.header.clear();
        self.tail.clear();
    }

    /// Takes the next bytes of the file.
    pub(super) fn content(&mut self, bytes: &[u8]) {
        if self.state == State::Idle {
            return;
        }
        let mut start = 0;
        if self.state == State::Header {
            start = bytes.len().min(HEADER - self.header.len());
            self.header.extend_from_slice(&bytes[..start]);
            let known = self.header.len().min(MAGIC.len());
            if self.header[..known] != MAGIC[..known] {
                self.state = State::Idle;
            } else if self.header.len() == HEADER {
                self.state = State::Tail;
            }
        }
        let offset = self.at + start as u64;
        self.at += bytes.len() as u64;
        if self.state == State::Tail && self.at > self.tail_start {
            let skip =
                usize::try_from(self.tail_start.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.tail.extend_from_slice(bytes[start..].get(skip..).unwrap_or_default());
        }
    }

    /// What the file is, at its end.
    pub(super) fn end(&mut self) -> Option<Elf> {
        if std::mem::take(&mut self.state) != State::Tail {
            return None;
        }
        if self.header[MAGIC.len()] == CLASS_64 {
            self.read::<FileHeader64<Endianness>>(true)
        } else {
            self.read::<FileHeader32<Endianness>>(false)
        }
    }

    fn read<H: FileHeader<Endian = Endianness>>(&self, wide: bool) -> Option<Elf> {
        let aligned = aligned(&self.header);
        let header = H::parse(bytes_of_slice(&aligned)).ok()?;
        let endian = header.endian().ok()?;
        Some(Elf {
            machine: header.e_machine(endian).0,
            kind: header.e_type(endian).0,
            wide,
            sections: self.sections(header, endian).unwrap_or_default(),
        })
    }

    fn sections<H>(&self, header: &H, endian: Endianness) -> Option<Vec<ElfSection>>
    where
        H: FileHeader<Endian = Endianness>,
    {
        let length = size_of::<H::SectionHeader>();
        if usize::from(header.e_shentsize(endian)) != length {
            return None;
        }
        let table = self.reach(header.e_shoff(endian).into(), self.size)?;
        let table = |index: usize| {
            let at = index.checked_mul(length)?;
            Some(aligned(table.get(at..)?.get(..length)?))
        };
        // Numbers too large for the header are in the first section's.
        let first = table(0)?;
        let (first, _) = from_bytes::<H::SectionHeader>(bytes_of_slice(&first)).ok()?;
        let count = match header.e_shnum(endian) {
            0 => first.sh_size(endian).into(),
            count => count.into(),
        };
        let names = match header.e_shstrndx(endian).0 {
            index if index == SHN_XINDEX.0 => first.sh_link(endian) as usize,
            index => index.into(),
        };
        let names = table(names).and_then(|bytes| {
            let (names, _) = from_bytes::<H::SectionHeader>(bytes_of_slice(&bytes)).ok()?;
            self.reach(names.sh_offset(endian).into(), names.sh_size(endian).into())
        });
        let mut sections = Vec::new();
        for bytes in (0..usize::try_from(count).ok()?).map_while(table) {
            let (section, _) = from_bytes::<H::SectionHeader>(bytes_of_slice(&bytes)).ok()?;
            let kind = section.sh_type(endian);
            if kind != SHT_NULL {
                sections.push(ElfSection {
                    name: name(names, section.sh_name(endian)),
                    size: if kind == SHT_NOBITS { 0 } else { section.sh_size(endian).into() },
                    loaded: section.sh_flags(endian).0 & SHF_ALLOC.0 != 0,
                });
            }
        }
        Some(sections)
    }

    /// The bytes of the file from an offset on, if they were kept: `length` of them or as many as
    /// there are.
    fn reach(&self, offset: u64, length: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.tail_start)?).ok()?;
        let bytes = self.tail.get(start..)?;
        Some(&bytes[..bytes.len().min(usize::try_from(length).unwrap_or(usize::MAX))])
    }
}

fn name(names: Option<&[u8]>, at: u32) -> Vec<u8> {
    let text = names.and_then(|names| names.get(at as usize..)).unwrap_or_default();
    let text = &text[..text.len().min(MAX_NAME)];
    text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// The bytes of a header where the types of `object` can be laid over them.
fn aligned(bytes: &[u8]) -> [u64; HEADER / 8] {
    let mut aligned = [0; HEADER / 8];
    let length = bytes.len().min(HEADER);
    bytes_of_slice_mut(&mut aligned)[..length].copy_from_slice(&bytes[..length]);
    aligned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of one class and byte order, with sections of these names, kinds, flags and sizes.
    fn elf(wide: bool, big: bool, sections: &[(&str, u32, u64, u64)], last: u64) -> Vec<u8> {
        let number = |value: u64, length: usize| {
            let bytes = value.to_le_bytes();
            let mut bytes = bytes[..length].to_vec();
            if big {
                bytes.reverse();
            }
            bytes
        };
        let word = if wide { 8 } else { 4 };
        let section = |name: u64, kind: u32, flags: u64, offset: u64, size: u64| {
            let fields = [
                (name, 4),
                (kind.into(), 4),
                (flags, word),
                (0, word),
                (offset, word),
                (size, word),
                (0, 4),
                (0, 4),
                (1, word),
                (0, word),
            ];
            fields.iter().flat_map(|(value, length)| number(*value, *length)).collect::<Vec<u8>>()
        };
        let mut names = vec![0];
        let mut table = section(0, 0, 0, 0, 0);
        for (name, kind, flags, size) in sections {
            table.extend(section(names.len() as u64, *kind, *flags, 64, *size));
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        let at = SMALLEST + 1000;
        table.extend(section(0, 3, 0, at, names.len() as u64));
        let table_at = at + names.len() as u64;
        let mut file = [&MAGIC[..], &[1 + u8::from(wide), 1 + u8::from(big), 1]].concat();
        file.resize(16, 0);
        let rest: [(u64, usize); 13] = [
            (3, 2),
            (62, 2),
            (1, 4),
            (0, word),
            (0, word),
            (table_at, word),
            (0, 4),
            (if wide { 64 } else { 52 }, 2),
            (0, 2),
            (0, 2),
            (if wide { 64 } else { 40 }, 2),
            (sections.len() as u64 + 2, 2),
            (sections.len() as u64 + 1, 2),
        ];
        file.extend(rest.iter().flat_map(|(value, length)| number(*value, *length)));
        file.resize(usize::try_from(at).unwrap(), 0xee);
        file.extend(names);
        file.extend(table);
        file.resize(file.len() + usize::try_from(last).unwrap(), 0);
        file
    }

    fn read(file: &[u8], cut: usize) -> Option<Elf> {
        let mut reader = ElfReader::default();
        reader.begin(file.len() as u64);
        file.chunks(cut).for_each(|bytes| reader.content(bytes));
        assert!(reader.tail.len() as u64 <= REACH);
        reader.end()
    }

    const SECTIONS: [(&str, u32, u64, u64); 4] =
        [(".text", 1, 6, 5000), (".bss", 8, 3, 1 << 30), (".debug_info", 1, 0, 777), ("", 1, 2, 1)];

    #[test]
    fn sections_are_read_in_both_classes_and_byte_orders() {
        for (wide, big) in [(true, false), (true, true), (false, false), (false, true)] {
            let file = elf(wide, big, &SECTIONS, 0);
            for cut in [1, 50, 64, 100_000, 1 << 20] {
                let elf = read(&file, cut).unwrap();
                assert_eq!((elf.machine, elf.kind, elf.wide), (62, 3, wide));
                let found: Vec<_> = elf
                    .sections
                    .iter()
                    .map(|section| (&*section.name, section.size, section.loaded))
                    .collect();
                let expected: [(&[u8], u64, bool); 4] = [
                    (b".text", 5000, true),
                    (b".bss", 0, true),
                    (b".debug_info", 777, false),
                    (b"", 1, true),
                ];
                assert_eq!(found[..4], expected, "{wide} {big} {cut}");
                assert_eq!(found.len(), 5);
            }
        }
    }

    #[test]
    fn what_is_out_of_reach_stays_unknown() {
        let file = elf(true, false, &SECTIONS, REACH);
        assert_eq!(read(&file, 1 << 16).unwrap().sections, []);
        // The table in reach, the names not.
        let mut file = elf(true, false, &SECTIONS, REACH);
        let table = file.len() - usize::try_from(REACH).unwrap() - 6 * 64;
        let moved = file[table..table + 6 * 64].to_vec();
        let at = file.len() as u64;
        file.extend(moved);
        file[0x28..0x30].copy_from_slice(&at.to_le_bytes());
        let sections = read(&file, 1 << 16).unwrap().sections;
        assert_eq!(sections.len(), 5);
        assert!(sections.iter().all(|section| section.name.is_empty()));
        assert_eq!(sections[0].size, 5000);
    }

    #[test]
    fn other_files_are_none() {
        let file = elf(true, false, &SECTIONS, 0);
        let small = &file[..usize::try_from(SMALLEST).unwrap() - 1];
        assert_eq!(read(small, 1 << 16), None);
        for at in [0, 3, 4, 5, 6] {
            let mut other = file.clone();
            other[at] = 9;
            assert!(read(&other, 1 << 16).is_none_or(|elf| elf.sections.is_empty()), "{at}");
        }
        assert_eq!(read(&vec![0; file.len()], 1), None);
    }

    #[test]
    fn numbers_that_do_not_fit_the_header_are_in_the_first_section() {
        let mut file = elf(true, false, &SECTIONS, 0);
        let table = file.len() - 6 * 64;
        file[0x3c..0x3e].copy_from_slice(&[0, 0]);
        file[0x3e..0x40].copy_from_slice(&[0xff, 0xff]);
        file[table + 32..table + 40].copy_from_slice(&6u64.to_le_bytes());
        file[table + 40..table + 44].copy_from_slice(&5u32.to_le_bytes());
        let sections = read(&file, 1 << 16).unwrap().sections;
        assert_eq!((sections.len(), &*sections[0].name), (5, &b".text"[..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hostile_numbers_are_harmless(
            wide in any::<bool>(),
            changes in proptest::collection::vec((0usize..800, any::<u8>()), 1..12),
        ) {
            let mut file = elf(wide, false, &SECTIONS, 0);
            let table = file.len() - 6 * if wide { 64 } else { 40 };
            for (at, byte) in changes {
                let at = if at < 64 { at } else { table - 40 + at - 64 };
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            let elf = read(&file, 1 << 16);
            prop_assert!(elf.is_none_or(|elf| elf.sections.len() <= file.len() / 40));
        }
    }
}
