//! How the figures came about, what they leave out, and pages to read.

use super::words::share;
use super::{Studied, section as titled};
use crate::analysis::{Balance, Declared, Gaps, Group, Identity};
use crate::image::{Inspection, Origin};
use crate::owner::OwnerKind;
use crate::report::analyze::words::{gaps as gap_phrase, step_name};
use crate::report::document::{Block, Mark, Piece, Section, Text};
use crate::report::words::phrase;
use crate::rule::rules;

/// Notes of package records that are listed.
const NOTES: usize = 20;

/// Parts of a hundred without an owner that call for a word.
const UNOWNED: u64 = 5;

/// Directories that are named of what has no owner.
const DIRECTORIES: usize = 5;

/// The section on method and caveats.
pub(super) fn section(inspection: &Inspection, studied: Studied<'_>) -> Section {
    let mut items: Vec<Text> = basis().into_iter().map(Text::from).collect();
    items.push(base(studied));
    items.extend(Gaps::of(studied.found).map(|gaps| phrase(&gap_phrase(&gaps))));
    items.extend(studied.study.balances.iter().filter_map(balance));
    items.extend(studied.study.declared.iter().map(declared));
    items.extend(unowned(studied));
    if !inspection.attachments.is_empty() {
        items.push("Attestations and other attached documents are not part of the sizes.".into());
    }
    items.push(
        Text::number(rules().len())
            .with(" rules are known to this version, regsize ")
            .with(VERSION),
    );
    let notes = &studied.study.inventory.notes;
    items.extend(
        notes
            .iter()
            .take(NOTES)
            .map(|note| Text::path(&note.path).with(": ").with(Text::sentence(&note.text))),
    );
    if notes.len() > NOTES {
        items.push(Text::count(notes.len() - NOTES, "more note", "more notes").with(" on records"));
    }
    titled("Method and caveats", vec![Block::List(Mark::Bullet, items)])
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn basis() -> [&'static str; 6] {
    [
        "Content is the sum of file sizes in the layers; compressed is what a pull downloads. The two are never added.",
        "What a file costs of a compressed layer is read off the decompressor, file by file.",
        "A file with several names (hard links) counts once, under its first visible name.",
        "Steps are numbered in the order of the history, those without a layer left out.",
        "No byte is saved twice: what one finding claims is not counted for another.",
        "What would be left is an estimate; a figure with a risk of review is never part of it.",
    ]
}

fn base(studied: Studied<'_>) -> Text {
    let image = studied.image;
    let unknown = image.layers.iter().any(|layer| layer.origin == Origin::Unknown);
    let Some(base) = &image.base else {
        return "There is no evidence of a base image: all layers count as the image's own.".into();
    };
    let text = Text::from("The base image is ").with(base.evidence.describe());
    let text = if base.confirmed {
        text.with(" and confirmed by its own list of layers")
    } else {
        text.with(" and was not confirmed")
    };
    if unknown {
        text.with("; where it ends is not known, so all layers count as own")
    } else {
        text
    }
}

/// A sum that does not come out.
fn balance(balance: &Balance) -> Option<Text> {
    let residue = balance.residue();
    if residue == 0 {
        return None;
    }
    let bytes = Text::bytes(residue);
    Some(match balance.identity {
        Identity::Owners => bytes.with(" of the content has no owner: unexplained"),
        Identity::Layers => {
            bytes.with(" of the layers is neither visible nor shadowed: unexplained")
        }
        Identity::Blobs => {
            bytes.with(" of the blobs belongs to no entry that was read: unexplained")
        }
        Identity::Steps => Text::from("The history tells of ")
            .with(Piece::Number(balance.found))
            .with(" steps with a layer, and there are ")
            .with(Piece::Number(balance.expected))
            .with(" layers: steps may be named wrongly"),
    })
}

fn declared(declared: &Declared) -> Text {
    Text::from(declared.ecosystem.as_str())
        .with(": ")
        .with(Text::count(declared.packages, "package says", "packages say"))
        .with(" to take ")
        .with(Text::bytes(declared.declared))
        .with("; their visible files take ")
        .with(Text::bytes(declared.measured))
}

fn unowned(studied: Studied<'_>) -> Option<Text> {
    let shares = &studied.study.attribution.shares;
    let bytes = shares
        .iter()
        .filter(|share| share.group == Group::Unowned)
        .fold(0_u64, |sum, share| sum.saturating_add(share.visible.bytes));
    let whole = studied.found.visible.bytes;
    (bytes > whole / 100 * UNOWNED).then(|| {
        Text::bytes(bytes)
            .with(", ")
            .with(share(bytes, whole))
            .with(" of what is visible, belongs to no package and no tool that is known, most in ")
            .with(largest_unowned(studied))
    })
}

/// The directories of most bytes without an owner, and the steps that began them.
fn largest_unowned(studied: Studied<'_>) -> Text {
    let owners = studied.study.owners.iter().filter(|owner| owner.kind == OwnerKind::Unowned);
    let directories = owners.take(DIRECTORIES).map(|owner| {
        Text::name(&*owner.name)
            .with(" (")
            .with(Text::bytes(owner.visible.bytes))
            .with(", ")
            .with(step_name(studied.image, owner.layer))
            .with(")")
    });
    Text::joined(directories, ", ")
}

/// The pages that the findings name; none if they name none.
pub(super) fn resources(studied: Studied<'_>) -> Option<Section> {
    let findings = studied.study.findings.iter().filter(|finding| super::is_shown(finding));
    let mut links: Vec<&'static str> = Vec::new();
    for link in findings.flat_map(|finding| finding.rule.links) {
        if !links.contains(link) {
            links.push(link);
        }
    }
    let items: Vec<Text> = links.into_iter().map(|link| Piece::Link(link).into()).collect();
    (!items.is_empty()).then(|| titled("Resources", vec![Block::List(Mark::Bullet, items)]))
}
