//! What is odd about layers: a sentence for each kind, and a table of where it is.

use std::collections::BTreeMap;

use crate::analysis::{ImageAnalysis, Remark};
use crate::layer::OddityKind;
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};

const COLUMNS: [Column; 4] = [
    Column::right("layer"),
    Column::right("places"),
    Column::rest("what", Overflow::Wrap),
    Column::rest("the first", Overflow::Cut).ranked(1),
];

/// How many places there are, and the path of the first that is about one.
#[derive(Default)]
struct Places<'a>(usize, Option<&'a [u8]>);

/// A section on remarks, those of one kind in one layer as one row; none without any.
pub(super) fn section(heading: &'static str, remarks: &[Remark]) -> Option<Section> {
    if remarks.is_empty() {
        return None;
    }
    let mut groups: BTreeMap<(usize, OddityKind), Places<'_>> = BTreeMap::new();
    for remark in remarks {
        let Places(count, first) = groups.entry((remark.layer, remark.kind)).or_default();
        *count += 1;
        *first = first.or(remark.path.as_deref());
    }
    let rows = groups.into_iter().map(|((layer, kind), Places(count, first))| -> Row {
        vec![
            Text::number(layer),
            Text::number(count),
            Text::sentence(&sentence(kind)).styled(style(kind)),
            first.map(Text::path).unwrap_or_default(),
        ]
    });
    let table = Table { columns: COLUMNS.to_vec(), rows: rows.collect(), totals: Vec::new() };
    Some(Section { heading: heading.into(), blocks: vec![Block::Table(table)] })
}

/// How many remarks are missing; none if none are.
pub(super) fn dropped(found: &ImageAnalysis) -> Option<Section> {
    let count = usize::try_from(found.remarks_dropped).unwrap_or(usize::MAX);
    let text = Text::count(count, "more oddity is", "more oddities are");
    let text = text.with(" counted but not listed").styled(Style::Dim);
    let blocks = vec![Block::Paragraph(text)];
    (count > 0).then(|| Section { heading: Text::default(), blocks })
}

fn style(kind: OddityKind) -> Style {
    if kind.is_ambiguous() { Style::Warn } else { Style::Plain }
}

/// What an oddity is, in a sentence.
pub(in crate::report) fn sentence(kind: OddityKind) -> String {
    let words = match kind {
        OddityKind::SizeWithoutContent => {
            "an entry that has no content, such as a link, has a size; no bytes are taken for it"
        }
        OddityKind::SizesDiffer => {
            "the PAX header and the tar header give different sizes; the PAX header's counts"
        }
        OddityKind::RepeatedPaxKey => "a key is twice in one PAX header; the last one counts",
        OddityKind::RepeatedPaxHeader => {
            "an entry has more than one PAX header; the last one counts"
        }
        OddityKind::TwoLongNames => "an entry has its name from a PAX header and from a GNU one",
        OddityKind::GlobalPax => {
            "a global PAX header sets what only entries have; it is not applied"
        }
        OddityKind::DanglingExtension => "an extension header stands before no entry",
        OddityKind::OrphanSparse => {
            "a sparse file's map is not all there, or there is one without a sparse file"
        }
        OddityKind::BytesAfterEnd { bytes } => {
            return format!("the archive goes on for {bytes} bytes after its end; not read");
        }
        OddityKind::BytesAfterStream { bytes } => {
            return format!(
                "the compressed stream is followed by {bytes} bytes that are not of it"
            );
        }
        OddityKind::RepeatedPath => "a path is in the layer more than once; the last one counts",
        OddityKind::EscapingPath => "a path leads out of the root; it is taken to stay in it",
        OddityKind::DottedPath => "a path has .. in it; it is resolved by its text alone",
        OddityKind::MissingTarget => "a hard link's target is not there when the link comes",
        OddityKind::ParentNotDirectory => {
            "something is below a link or file, which becomes a directory; some readers follow it"
        }
        OddityKind::NamelessWhiteout => "a whiteout does not name what it hides; it is ignored",
        OddityKind::MarkerWithContent => "a whiteout or other marker holds bytes",
        OddityKind::TocDiffers => {
            "the table of contents and the stream do not agree; the stream counts"
        }
        OddityKind::UnknownType { flag } => {
            return format!(
                "an entry is of a type that readers skip or know differently: {}",
                escaped(flag)
            );
        }
        OddityKind::NoEndMarker => "the archive ends without its two blocks of zeros",
        OddityKind::ZerosAfterStream { bytes } => {
            return format!("the compressed stream is followed by {bytes} zeros");
        }
        OddityKind::WhiteoutDevice => {
            "a device 0/0, which is a whiteout for overlayfs but not in a layer"
        }
        OddityKind::ExtremeRatio => "the stream is more than a thousand times longer than the blob",
        OddityKind::MarkerDirectory => {
            "a directory is named like a whiteout; some readers delete what one would hide"
        }
    };
    words.to_owned()
}

fn escaped(flag: u8) -> String {
    format!("'{}'", flag.escape_ascii())
}

/// The word for an oddity in JSON.
pub(in crate::report) fn kind_name(kind: OddityKind) -> &'static str {
    match kind {
        OddityKind::SizeWithoutContent => "size-without-content",
        OddityKind::SizesDiffer => "sizes-differ",
        OddityKind::RepeatedPaxKey => "repeated-pax-key",
        OddityKind::RepeatedPaxHeader => "repeated-pax-header",
        OddityKind::TwoLongNames => "two-long-names",
        OddityKind::GlobalPax => "global-pax",
        OddityKind::DanglingExtension => "dangling-extension",
        OddityKind::OrphanSparse => "orphan-sparse",
        OddityKind::BytesAfterEnd { .. } => "bytes-after-end",
        OddityKind::BytesAfterStream { .. } => "bytes-after-stream",
        OddityKind::RepeatedPath => "repeated-path",
        OddityKind::EscapingPath => "escaping-path",
        OddityKind::DottedPath => "dotted-path",
        OddityKind::MissingTarget => "missing-target",
        OddityKind::ParentNotDirectory => "parent-not-directory",
        OddityKind::NamelessWhiteout => "nameless-whiteout",
        OddityKind::MarkerWithContent => "marker-with-content",
        OddityKind::TocDiffers => "toc-differs",
        OddityKind::UnknownType { .. } => "unknown-type",
        OddityKind::NoEndMarker => "no-end-marker",
        OddityKind::ZerosAfterStream { .. } => "zeros-after-stream",
        OddityKind::WhiteoutDevice => "whiteout-device",
        OddityKind::ExtremeRatio => "extreme-ratio",
        OddityKind::MarkerDirectory => "marker-directory",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_flags_are_in_the_sentence_and_flags_are_escaped() {
        let check = |kind: OddityKind, part: &str| {
            let sentence = sentence(kind);
            assert!(sentence.contains(part), "{sentence}");
        };
        check(OddityKind::BytesAfterEnd { bytes: 512 }, "for 512 bytes");
        check(OddityKind::BytesAfterStream { bytes: 7 }, "by 7 bytes");
        check(OddityKind::ZerosAfterStream { bytes: 9 }, "by 9 zeros");
        check(OddityKind::UnknownType { flag: b'Z' }, "differently: 'Z'");
        check(OddityKind::UnknownType { flag: 0x1b }, r"differently: '\x1b'");
        check(OddityKind::RepeatedPath, "the last one counts");
    }
}
