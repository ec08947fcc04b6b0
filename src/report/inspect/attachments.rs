//! The table of what is attached to the images: attestations, SOCI indexes, artifacts.

use std::collections::{BTreeMap, BTreeSet};

use super::InspectOptions;
use crate::image::{Attachment, AttachmentKind, Inspection};
use crate::oci::{Digest, Platform};
use crate::report::document::{Block, Column, Overflow, Piece, Row, Section, Style, Table, Text};
use crate::report::words::UNKNOWN;

const GROUPED: [Column; 4] = [
    Column::left("kind"),
    Column::right("count"),
    Column::right("compressed"),
    Column::rest("content", Overflow::Cut),
];

const LISTED: [Column; 5] = [
    Column::left("kind"),
    Column::left("of"),
    Column::right("compressed"),
    Column::left("digest"),
    Column::rest("content", Overflow::Cut),
];

/// The section on attachments; none when there are none.
pub(super) fn section(inspection: &Inspection, options: InspectOptions) -> Option<Section> {
    if inspection.attachments.is_empty() {
        return None;
    }
    let table = if options.verbose { listed(inspection) } else { grouped(inspection) };
    Some(Section { heading: "Attached".into(), blocks: vec![Block::Table(table)] })
}

fn listed(inspection: &Inspection) -> Table {
    let platforms: BTreeMap<&Digest, &Platform> =
        inspection.images.iter().map(|image| (&image.digest, &image.platform)).collect();
    let row = |attachment: &Attachment| {
        let subject = attachment.subject.as_ref();
        let platform = subject.and_then(|digest| platforms.get(digest));
        vec![
            kind(&attachment.kind),
            match (platform, subject) {
                (Some(platform), _) => Text::name(platform.to_string()),
                (None, Some(digest)) => Piece::ShortDigest(digest.clone()).into(),
                (None, None) => UNKNOWN.into(),
            },
            compressed(attachment.compressed.map(u128::from)),
            Piece::ShortDigest(attachment.digest.clone()).into(),
            content(&attachment.predicates.iter().collect()),
        ]
    };
    let rows = inspection.attachments.iter().map(row).collect();
    Table { columns: LISTED.to_vec(), rows, totals: Vec::new() }
}

fn grouped(inspection: &Inspection) -> Table {
    let mut groups: Vec<Vec<&Attachment>> = Vec::new();
    let mut places: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for attachment in &inspection.attachments {
        let place = *places.entry(key(&attachment.kind)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(attachment);
    }
    let rows = groups.iter().filter_map(|group| group_row(group)).collect();
    Table { columns: GROUPED.to_vec(), rows, totals: Vec::new() }
}

fn group_row(group: &[&Attachment]) -> Option<Row> {
    let bytes = group.iter().map(|attachment| attachment.compressed.map(u128::from)).sum();
    let predicates: BTreeSet<&String> =
        group.iter().flat_map(|attachment| &attachment.predicates).collect();
    Some(vec![
        kind(&group.first()?.kind),
        Text::number(group.len()),
        compressed(bytes),
        content(&predicates),
    ])
}

fn key(kind: &AttachmentKind) -> (u8, &str) {
    match kind {
        AttachmentKind::Attestation => (0, ""),
        AttachmentKind::Soci => (1, ""),
        AttachmentKind::Nydus => (2, ""),
        AttachmentKind::Artifact(artifact_type) => (3, artifact_type),
    }
}

fn kind(kind: &AttachmentKind) -> Text {
    match kind {
        AttachmentKind::Attestation => "attestation".into(),
        AttachmentKind::Soci => "SOCI index".into(),
        AttachmentKind::Nydus => "Nydus image".into(),
        AttachmentKind::Artifact(artifact_type) => Text::name(&**artifact_type),
    }
}

fn compressed(bytes: Option<u128>) -> Text {
    match bytes {
        Some(bytes) => Piece::Bytes(bytes).into(),
        None => Text::from(UNKNOWN).styled(Style::Dim),
    }
}

fn content(predicates: &BTreeSet<&String>) -> Text {
    Text::joined(predicates.iter().map(|predicate| predicate_name(predicate)), ", ")
}

fn predicate_name(predicate: &str) -> Text {
    match predicate {
        _ if predicate.starts_with("https://slsa.dev/provenance/") => "provenance".into(),
        _ if predicate.starts_with("https://spdx.dev/Document") => "SBOM (SPDX)".into(),
        _ if predicate.starts_with("https://cyclonedx.org/bom") => "SBOM (CycloneDX)".into(),
        _ => Text::name(predicate),
    }
}
