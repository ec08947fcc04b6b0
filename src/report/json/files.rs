//! `regsize.files/1`: one listing, its entries written one by one.
//!
//! `mode` is a text of octal digits. `overhead` are the bytes of the layer's blob that belong to none
//! of its entries; `null` where it is not a layer that is listed. What a directory that no layer lists would have is `null`.
//! For paths that are not UTF-8 see `regsize.analyze/1`; `target_bytes` is the same for `target`.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::super::encode::write_json;
use super::super::files::Listing;
use super::super::inspect::Failure;
use super::analyze::{AmountJson, PathJson, text_and_bytes};
use super::write_no_report;
use crate::analysis::UsageRow;

const SCHEMA: &str = "regsize.files/1";

/// Writes one object; the rows are taken one after another.
pub fn write_files_json(
    listing: &Listing<'_>,
    rows: impl Iterator<Item = UsageRow>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_json(&ListingJson::new(listing, rows), out)
}

/// Writes the object of a reference that could not be listed.
pub(in crate::report) fn write_files_failure(
    reference: &str,
    failure: &Failure,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_no_report(SCHEMA, Some(reference), failure, out)
}

#[derive(Serialize)]
#[serde(bound = "")]
struct ListingJson<'a, I: Iterator<Item = UsageRow>> {
    schema: &'static str,
    reference: &'a str,
    digest: &'a str,
    platform: String,
    image_digest: &'a str,
    root: PathJson<'a>,
    layer: Option<usize>,
    shadowed: bool,
    totals: AmountJson,
    overhead: Option<u64>,
    transferred: u64,
    left_out: Vec<LeftOutJson<'a>>,
    entries: Rows<I>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct LeftOutJson<'a> {
    index: usize,
    digest: &'a str,
    compressed: u64,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    path: Cow<'a, str>,
    kind: &'static str,
    files: u64,
    content: u64,
    compressed: u64,
    layer: Option<usize>,
    mode: Option<String>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    target: Option<Cow<'a, str>>,
    shadowed_in: Option<usize>,
    how: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_bytes: Option<String>,
}

/// Rows that are made while they are written.
struct Rows<I>(Cell<Option<I>>);

impl<I: Iterator<Item = UsageRow>> Serialize for Rows<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut entries = serializer.serialize_seq(None)?;
        for row in self.0.take().into_iter().flatten() {
            entries.serialize_element(&EntryJson::new(&row))?;
        }
        entries.end()
    }
}

impl<'a, I: Iterator<Item = UsageRow>> ListingJson<'a, I> {
    fn new(listing: &Listing<'a>, rows: I) -> Self {
        let left_out = listing.left_out.iter().filter_map(|index| listing.image.layers.get(*index));
        Self {
            schema: SCHEMA,
            reference: &listing.inspection.reference,
            digest: listing.inspection.digest.as_str(),
            platform: listing.image.platform.to_string(),
            image_digest: listing.image.digest.as_str(),
            root: PathJson::new(listing.root),
            layer: listing.layer,
            shadowed: listing.shadowed,
            totals: AmountJson::new(listing.totals),
            overhead: listing.overhead,
            transferred: listing.transferred,
            left_out: left_out
                .map(|layer| LeftOutJson {
                    index: layer.index,
                    digest: layer.digest.as_str(),
                    compressed: layer.compressed,
                })
                .collect(),
            entries: Rows(Cell::new(Some(rows))),
            warnings: &listing.inspection.warnings,
        }
    }
}

impl<'a> EntryJson<'a> {
    fn new(row: &'a UsageRow) -> Self {
        let (path, path_bytes) = text_and_bytes(&row.path);
        let target = row.target.as_deref().map(text_and_bytes);
        let (target, target_bytes) =
            target.map_or((None, None), |(target, bytes)| (Some(target), bytes));
        let attributes = row.attributes;
        Self {
            path,
            kind: row.kind.as_str(),
            files: row.amount.files,
            content: row.amount.bytes,
            compressed: row.amount.compressed,
            layer: row.layer,
            mode: attributes.map(|attributes| format!("{:04o}", attributes.mode)),
            uid: attributes.map(|attributes| attributes.uid),
            gid: attributes.map(|attributes| attributes.gid),
            mtime: row.mtime,
            target,
            shadowed_in: row.hidden.map(|hidden| hidden.layer),
            how: row.hidden.map(|hidden| hidden.how.as_str()),
            path_bytes,
            target_bytes,
        }
    }
}
