//! Phrases that several parts of the report share.

use crate::analysis::{Gaps, LayerUsage};
use crate::filesystem::{Amount, Hidden, How};
use crate::image::{Image, Layer};
use crate::report::document::{Piece, Text};
use crate::report::words::step;
use crate::rule::Phrase;

/// The step that made a layer, as in `step 7`; without one, the layer.
pub(in crate::report) fn step_name(image: &Image, layer: usize) -> Text {
    let (noun, number) = maker(image, layer);
    Text::from(noun).with(Text::number(number))
}

fn maker(image: &Image, layer: usize) -> (&'static str, usize) {
    let made = image.layers.get(layer).and_then(|layer| step(image, layer));
    let number = made.and_then(|step| step.number);
    number.map_or(("layer ", layer), |number| ("step ", number))
}

/// What a table of contents came from, as JSON names it.
pub(in crate::report) fn toc_source(usage: LayerUsage) -> &'static str {
    if usage.cached { "cache" } else { usage.source.as_str() }
}

/// What findings do not know of layers that were listed from tables of contents.
pub(in crate::report) fn gaps(gaps: &Gaps) -> Phrase {
    let is_one = gaps.layers.len() == 1;
    let mut told = Phrase::words(if is_one { "layer " } else { "layers " });
    for (at, layer) in gaps.layers.iter().enumerate() {
        told = if at > 0 { told.and(", ").count(*layer) } else { told.count(*layer) };
    }
    told = told.and(if is_one { " was" } else { " were" });
    told = told.and(" listed from a table of contents (");
    for (at, source) in gaps.sources.iter().enumerate() {
        told = if at > 0 { told.and(", ") } else { told };
        told = told.and(source.as_str());
    }
    told = told.and("): sections of programs");
    told = match gaps.unread {
        0 => told.and(" and heads of large files"),
        1 => told.and(", heads of large files and one file that may tell of a package"),
        files => told
            .and(", heads of large files and ")
            .count(files)
            .and(" files that may tell of packages"),
    };
    told = told.and(" were not read there, so findings about them are missing");
    if gaps.hides_copies {
        told = told.and(
            ", and copies of a file in these layers and in others are not seen, as the hashes differ",
        );
    }
    told.and("; --no-toc reads such layers whole")
}

/// Content and compressed bytes and the number of files, as three cells.
pub(in crate::report) fn amount_row(amount: Amount) -> [Text; 3] {
    [
        Text::bytes(amount.bytes),
        Text::bytes(amount.compressed),
        Piece::Number(amount.files.into()).into(),
    ]
}

/// A sentence on who hides what: `step 7 deletes <what> that step 4 shipped`.
pub(super) fn waste(image: &Image, written_in: usize, hidden: Hidden, what: Text) -> Text {
    let writer = step_name(image, written_in);
    let (verb, after) = verb(hidden.how);
    match hidden.how {
        How::Repeated | How::Marker => writer.with(" ships ").with(what).with(after),
        _ => step_name(image, hidden.layer)
            .with(verb)
            .with(what)
            .with(" that ")
            .with(writer)
            .with(" shipped")
            .with(after),
    }
}

/// What hides an entry, as in `deleted in step 7`.
pub(in crate::report) fn hidden_by(image: &Image, hidden: Hidden) -> Text {
    Text::from(participle(hidden.how)).with(step_name(image, hidden.layer))
}

/// The same for an error.
pub fn how_hidden(image: &Image, hidden: Hidden) -> String {
    let (noun, number) = maker(image, hidden.layer);
    format!("{}{noun}{number}", participle(hidden.how))
}

fn participle(how: How) -> &'static str {
    match how {
        How::Whiteout => "deleted in ",
        How::OpaqueDirectory => "under an opaque directory of ",
        How::OverwriteChanged => "replaced in ",
        How::OverwriteSame => "stored again unchanged in ",
        How::Overwrite => "stored again in ",
        How::TypeChange => "replaced by another type in ",
        How::AncestorReplaced => "lost with its directory in ",
        How::Repeated => "repeated in ",
        How::Marker => "never shown, a marker of ",
    }
}

/// The verb for how something is hidden, and what is to be said after it.
fn verb(how: How) -> (&'static str, &'static str) {
    match how {
        How::Whiteout => (" deletes ", ""),
        How::OpaqueDirectory => (" hides ", ", by a directory that is marked opaque"),
        How::OverwriteChanged => (" replaces ", ", with other content"),
        How::OverwriteSame => (" stores again ", ", unchanged"),
        How::Overwrite => (" stores again ", ", changed or not"),
        How::TypeChange => (" replaces ", ", with something that is not a file"),
        How::AncestorReplaced => {
            (" removes ", ", with something in the place of their directory that is not one")
        }
        How::Repeated => ("", " more than once"),
        How::Marker => ("", " in whiteouts and reserved names, which nothing shows"),
    }
}

/// That layers were not read, and what of the report that concerns.
pub(in crate::report) fn left_out(image: &Image, layers: &[usize]) -> Option<Text> {
    if layers.is_empty() {
        return None;
    }
    let missing = || layers.iter().filter_map(|index| image.layers.get(*index));
    let bytes: u128 = missing().map(|layer: &Layer| u128::from(layer.compressed)).sum();
    let numbers = Text::joined(layers.iter().map(|index| Text::number(*index)), ", ");
    let was = if layers.len() == 1 { " was not read: layer " } else { " were not read: layers " };
    Some(
        Text::count(layers.len(), "layer", "layers")
            .with(" of ")
            .with(Text::bytes(bytes))
            .with(" compressed")
            .with(was)
            .with(numbers)
            .with("; what is known of files is of the others"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Block, Document, Section};
    use crate::report::{TerminalOptions, sample, terminal};

    fn shown(text: Text) -> String {
        let section = Section { heading: Text::default(), blocks: vec![Block::Paragraph(text)] };
        let document = Document { title: Text::default(), sections: vec![section] };
        let options = TerminalOptions { width: 400, ..TerminalOptions::default() };
        terminal(&document, &options).trim().to_owned()
    }

    #[test]
    fn waste_is_told_by_who_does_what_to_whose_bytes() {
        let image = &sample::ml().images[0];
        let check = |how: How, expected: &str| {
            let hidden = Hidden { layer: 3, how };
            let text = waste(image, 1, hidden, Text::bytes(412_000_000_u64));
            assert_eq!(shown(text), expected);
        };
        check(How::Whiteout, "step 4 deletes 412 MB that step 2 shipped");
        check(
            How::OpaqueDirectory,
            "step 4 hides 412 MB that step 2 shipped, by a directory that is marked opaque",
        );
        check(
            How::OverwriteChanged,
            "step 4 replaces 412 MB that step 2 shipped, with other content",
        );
        check(How::OverwriteSame, "step 4 stores again 412 MB that step 2 shipped, unchanged");
        check(How::Overwrite, "step 4 stores again 412 MB that step 2 shipped, changed or not");
        check(
            How::TypeChange,
            "step 4 replaces 412 MB that step 2 shipped, with something that is not a file",
        );
        check(
            How::AncestorReplaced,
            "step 4 removes 412 MB that step 2 shipped, with something in the place of their \
             directory that is not one",
        );
        check(How::Repeated, "step 2 ships 412 MB more than once");
        check(
            How::Marker,
            "step 2 ships 412 MB in whiteouts and reserved names, which nothing shows",
        );
    }

    #[test]
    fn a_layer_without_a_step_is_named_by_its_number() {
        let image = &sample::plain().images[0];
        let check = |layer, expected: &str| assert_eq!(shown(step_name(image, layer)), expected);
        check(0, "step 1");
        check(3, "layer 3");
        check(9, "layer 9");
    }

    #[test]
    fn layers_that_were_not_read_are_named() {
        let image = &sample::plain().images[0];
        let check = |layers: &[usize], expected: &str| {
            assert_eq!(left_out(image, layers).map(shown).unwrap_or_default(), expected);
        };
        check(&[], "");
        check(
            &[1],
            "1 layer of 8.20 MB compressed was not read: layer 1; what is known of files is of \
             the others",
        );
        check(
            &[1, 3],
            "2 layers of 8.20 MB compressed were not read: layers 1, 3; what is known of files is \
             of the others",
        );
    }
}
