//! The figures, the causes and the layers.

use super::{difference, pulled};
use crate::compare::{
    Compared, ComparedLayer, Comparison, Difference, LayerRow, PackageChange, PackageStatus, Status,
};
use crate::report::document::{Block, Column, Fact, Overflow, Piece, Row, Style, Table, Text};
use crate::report::encode::Untrusted;
use crate::report::words::{date, percent, phrase, unknown};

/// The figures of both images.
pub(super) fn facts(comparison: &Comparison) -> Vec<Fact> {
    let Comparison { old, new, delta, .. } = comparison;
    let size = if comparison.is_pulled() {
        from_to(old.sizes.compressed, new.sizes.compressed).with(" compressed")
    } else {
        unknown().with(" compressed: files of one image hold layers uncompressed")
    };
    let mut facts = vec![Fact::new("size", size)];
    let of_totals = [
        ("content", old.sizes.content.zip(new.sizes.content), delta.bytes.content),
        ("visible", old.sizes.visible.zip(new.sizes.visible), delta.visible),
        ("shadow", old.sizes.shadowed.zip(new.sizes.shadowed), delta.shadowed),
    ];
    for (name, totals, delta) in of_totals {
        let value = match (totals, delta) {
            (Some((old, new)), _) => from_to(old, new),
            (None, Some(delta)) => difference(Some(delta)),
            (None, None) => continue,
        };
        let value = match name {
            "content" => value.with(" in the files that layers store"),
            "visible" => value.with(" that a container sees"),
            _ => value.with(" that later layers hide"),
        };
        facts.push(Fact::new(name, value));
    }
    facts.push(Fact::new("pull", pull(comparison)));
    facts.push(Fact::new("layers", statuses(comparison)));
    if let Some((old, new)) = old.created.as_deref().zip(new.created.as_deref()) {
        facts.push(Fact::new("made", date(old).with(" and ").with(date(new))));
    }
    facts.push(Fact::new("for", Text::name(&*new.platform)));
    facts
}

fn from_to(old: u64, new: u64) -> Text {
    let delta = Difference::from(new) - Difference::from(old);
    let text = Text::bytes(old).with(" to ").with(Text::bytes(new)).with(", ");
    let text = text.with(difference(Some(delta)).styled(Style::Strong));
    if delta == 0 || old == 0 {
        return text;
    }
    let sign = if delta > 0 { " (+" } else { " (-" };
    text.with(sign).with(percent(delta.unsigned_abs(), old.into())).with(")")
}

fn pull(comparison: &Comparison) -> Text {
    let Some(pull) = comparison.next_pull else { return unknown() };
    if pull.layers == 0 {
        return match pull.documents {
            Some(0) => "nothing, for who has the old image".into(),
            _ => "no layer, for who has the old image".into(),
        };
    }
    Text::bytes(pull.bytes.saturating_add(pull.documents.unwrap_or(0)))
        .styled(Style::Strong)
        .with(" in ")
        .with(Text::count(pull.layers, "layer", "layers"))
        .with(" for who has the old image")
}

const STATUSES: [(Status, &str); 7] = [
    (Status::Same, " same"),
    (Status::Recompressed, " recompressed"),
    (Status::Rebuilt, " rebuilt with the same files"),
    (Status::Changed, " changed"),
    (Status::Moved, " moved"),
    (Status::Added, " new"),
    (Status::Removed, " gone"),
];

fn statuses(comparison: &Comparison) -> Text {
    let counted = STATUSES.iter().filter_map(|(status, words)| {
        let count = comparison.with(*status).count();
        (count > 0).then(|| Text::number(count).with(*words))
    });
    let text = Text::joined(counted, ", ");
    if text.is_empty() { "none".into() } else { text }
}

const CAUSES: [Column; 3] =
    [Column::right("content"), Column::right("compressed"), Column::rest("cause", Overflow::Wrap)];

/// What made the difference; adds up to it.
pub(super) fn causes(comparison: &Comparison, top: usize) -> Vec<Block> {
    if comparison.causes.is_empty() {
        return Vec::new();
    }
    let (leading, others) = comparison.leading(top);
    let row = |content: Option<Difference>, compressed: Difference, text: Text| -> Row {
        vec![difference(content), pulled(comparison, compressed), text]
    };
    let mut rows: Vec<Row> = leading
        .iter()
        .map(|cause| row(cause.change.content, cause.change.compressed, phrase(&cause.text)))
        .collect();
    if let Some((count, change)) = others {
        let text = Text::count(count, "smaller change", "smaller changes").styled(Style::Dim);
        rows.push(row(change.content, change.compressed, text));
    }
    let rest = comparison.rest;
    if rest.compressed != 0 || rest.content.is_some_and(|content| content != 0) {
        let text = "rest: what archives take beside the contents of files";
        let text = Text::from(text).styled(Style::Dim);
        rows.push(row(rest.content, rest.compressed, text));
    }
    let delta = comparison.delta.bytes;
    let total = row(delta.content, delta.compressed, "together".into());
    vec![Block::Table(Table { columns: CAUSES.to_vec(), rows, totals: vec![total] })]
}

const LAYERS: [Column; 6] = [
    Column::left("layer"),
    Column::right("old"),
    Column::right("new"),
    Column::right("content"),
    Column::right("compressed").ranked(1),
    Column::rest("instruction", Overflow::Cut),
];

/// Layers that are the same of which the instructions are told.
const TOLD: usize = 3;

/// The layers that are not the same, and what most of the others is.
pub(super) fn layers(comparison: &Comparison) -> Vec<Block> {
    let rows = comparison.layers.iter().filter(|row| row.status != Status::Same);
    let rows: Vec<Row> = rows.map(|row| layer_row(comparison, row)).collect();
    let is_empty = rows.is_empty();
    let table = Block::Table(Table { columns: LAYERS.to_vec(), rows, totals: Vec::new() });
    (!is_empty).then_some(table).into_iter().chain([same(comparison)]).collect()
}

/// How much is the same, and the largest of it by their instructions.
fn same(comparison: &Comparison) -> Block {
    let layers = comparison.with(Status::Same).filter_map(|row| comparison.layer(row));
    let mut layers: Vec<&ComparedLayer> = layers.collect();
    let bytes = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.compressed));
    if layers.is_empty() {
        return Block::Paragraph("No layer is the same.".into());
    }
    let text = Text::count(layers.len(), "layer is the same: ", "layers are the same: ");
    let text = text.with(Text::bytes(bytes)).with(" compressed");
    // Of equal sizes the later one.
    layers.reverse();
    layers.sort_by_key(|layer| std::cmp::Reverse(layer.compressed));
    let told = layers.iter().take(TOLD).filter(|layer| layer.compressed > 0);
    let told = told.map(|layer| Text::bytes(layer.compressed).with(" by ").with(shortened(layer)));
    let told = Text::joined(told, "; ");
    Block::Paragraph(if told.is_empty() { text } else { text.with(", of it ").with(told) })
}

/// Characters that are shown of the instructions of layers that are the same.
const SHORT: usize = 60;

fn shortened(layer: &ComparedLayer) -> Text {
    let Some(step) = &layer.step else { return instruction(layer) };
    let mut start: String = step.instruction.chars().take(SHORT).collect();
    if start.len() < step.instruction.len() {
        start.push('…');
    }
    Piece::Name(Untrusted::folded(&start)).into()
}

fn layer_row(comparison: &Comparison, row: &LayerRow) -> Row {
    let number = |at: Option<usize>| at.map(Text::number).unwrap_or_default();
    let style = match row.status {
        Status::Added => Style::Warn,
        Status::Removed => Style::Good,
        _ => Style::Plain,
    };
    vec![
        Text::from(row.status.as_str()).styled(style),
        number(row.old),
        number(row.new),
        difference(row.change.content),
        pulled(comparison, row.change.compressed),
        comparison.layer(row).map(instruction).unwrap_or_default(),
    ]
}

/// The instruction that made a layer, on one line.
pub(super) fn instruction(layer: &ComparedLayer) -> Text {
    match &layer.step {
        Some(step) => Piece::Name(Untrusted::folded(&step.instruction)).into(),
        None => Text::from("no build step recorded").styled(Style::Dim),
    }
}

/// Whether there are packages of which the layers that differ do not tell what was before.
fn has_new_packages(comparison: &Comparison) -> bool {
    let is_open = |change: &PackageChange| {
        change.status == PackageStatus::Added
            && !["dpkg", "apk", "rpm"].contains(&change.ecosystem.as_str())
    };
    comparison.packages.iter().any(is_open)
}

/// That compressed sizes of an image are not those of a pull.
pub(super) fn plain(image: &Compared) -> Option<Text> {
    let count = image.sizes.plain_layers;
    let text = Text::name(&*image.reference)
        .with(" is in files that hold ")
        .with(Text::count(count, "layer", "layers"))
        .with(" uncompressed, so what a pull will download is not known: push it, or copy it with `skopeo copy … oci:DIRECTORY`, and name the copy.");
    (count > 0).then_some(text)
}

/// What a reader has to know.
pub(super) fn notes(comparison: &Comparison) -> Vec<Block> {
    let mut notes = Vec::new();
    let again = comparison.with(Status::Rebuilt).chain(comparison.with(Status::Recompressed));
    let again: Vec<&LayerRow> = again.collect();
    let bytes = again.iter().filter_map(|row| comparison.new.layers.get(row.new?));
    let bytes = bytes.fold(0_u64, |sum, layer| sum.saturating_add(layer.compressed));
    if !again.is_empty() && comparison.is_pulled() {
        notes.push(
            Text::count(again.len(), "layer is", "layers are")
                .with(" stored in another blob with the same files: ")
                .with(Text::bytes(bytes))
                .with(" that a pull downloads for nothing. Build with a shared cache, or with SOURCE_DATE_EPOCH and rewrite-timestamp."),
        );
    }
    for image in [&comparison.old, &comparison.new] {
        notes.extend(plain(image));
    }
    let unread = comparison.layers.iter().filter(|row| row.change.content.is_none()).count();
    if unread > 0 {
        notes.push(
            Text::count(unread, "layer that differs was", "layers that differ were")
                .with(" not read, so contents are not compared. Of reports, those of `analyze` hold contents, and those of `inspect` do not."),
        );
    }
    for kind in &comparison.unsure {
        notes.push(
            Text::from("One image has no list of ")
                .with(Text::name(&**kind))
                .with(" packages in the layers that differ, so packages that are only stored in the other may have been there before: --all-layers tells."),
        );
    }
    if unread == 0 && comparison.delta.visible.is_none() && has_new_packages(comparison) {
        notes.push("Packages are those of the layers that differ: one that is new there may replace one of a layer that both have. --all-layers tells.".into());
    }
    if comparison.findings.is_none() && unread == 0 {
        notes.push("Findings are not compared, as one image was read as a whole and the other one was not: --all-layers compares them.".into());
    }
    if notes.is_empty() { Vec::new() } else { vec![Block::Notes(notes)] }
}
