//! The report about the cache, and its schema `regsize.cache/1`.
//!
//! Numbers are bytes or counts; `limit` is `null` for none, `removed` where nothing was to be
//! removed, and `oldest` and `newest` are the times of use, to a day.

use std::io::{self, Write};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use super::document::{Block, Column, Document, Fact, Piece, Section, Table, Text};
use super::encode::write_json;
use super::json::write_no_report;
use super::{Failure, Format, TerminalOptions, markdown, terminal, write_csv};
use crate::cache::{BucketUsage, Removed, Usage};

const SCHEMA: &str = "regsize.cache/1";

/// Writes what is in the cache, and what was removed if that was asked for.
pub fn render_cache(
    usage: &Usage,
    removed: Option<Removed>,
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = || compose(usage, removed);
    match format {
        Format::Terminal => out.write_all(terminal(&document(), options).as_bytes()),
        Format::Markdown => out.write_all(markdown(&document(), options.units).as_bytes()),
        Format::Json => write_json(&CacheJson::new(usage, removed), out),
        Format::Csv => write_csv(&table(usage, seconds), out),
    }
}

/// Writes why there is nothing to say about the cache, in the schema of the report.
pub fn write_cache_failure(failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    write_no_report(SCHEMA, None, failure, out)
}

fn compose(usage: &Usage, removed: Option<Removed>) -> Document {
    let place = Text::name(usage.directory.display().to_string());
    let limit = usage.limit.map_or_else(|| "none".into(), bytes);
    let mut facts = vec![
        Fact::new("limit", limit),
        Fact::new("entries", number(usage.entries())),
        Fact::new("bytes", bytes(usage.bytes())),
    ];
    if let Some(removed) = removed {
        let noun = if removed.entries == 1 { " entry, " } else { " entries, " };
        let value = number(removed.entries).with(noun).with(bytes(removed.bytes));
        facts.push(Fact::new("removed", value));
    }
    let mut blocks = vec![Block::Facts(facts)];
    if !usage.buckets.is_empty() {
        blocks.push(Block::Table(table(usage, day)));
    }
    Document { title: place, sections: vec![Section { heading: Text::default(), blocks }] }
}

fn table(usage: &Usage, time: fn(SystemTime) -> String) -> Table {
    let columns = vec![
        Column::left("kind"),
        Column::right("entries"),
        Column::right("bytes"),
        Column::left("oldest use"),
        Column::left("newest use"),
    ];
    let row = |bucket: &BucketUsage| {
        vec![
            Text::name(&*bucket.name),
            number(bucket.entries),
            bytes(bucket.bytes),
            Text::name(time(bucket.oldest)),
            Text::name(time(bucket.newest)),
        ]
    };
    Table { columns, rows: usage.buckets.iter().map(row).collect(), totals: Vec::new() }
}

fn number(number: u64) -> Text {
    Piece::Number(number.into()).into()
}

fn bytes(bytes: u64) -> Text {
    Piece::Bytes(bytes.into()).into()
}

/// A time as RFC 3339 has it, to the second; empty for one that has no such form.
fn seconds(time: SystemTime) -> String {
    let timestamp =
        Timestamp::try_from(time).and_then(|time| Timestamp::from_second(time.as_second()));
    timestamp.map(|time| time.to_string()).unwrap_or_default()
}

fn day(time: SystemTime) -> String {
    seconds(time).split('T').next().unwrap_or_default().to_owned()
}

#[derive(Serialize)]
struct CacheJson<'a> {
    schema: &'static str,
    directory: String,
    limit: Option<u64>,
    entries: u64,
    bytes: u64,
    buckets: Vec<BucketJson<'a>>,
    removed: Option<RemovedJson>,
}

#[derive(Serialize)]
struct BucketJson<'a> {
    name: &'a str,
    entries: u64,
    bytes: u64,
    oldest: String,
    newest: String,
}

#[derive(Serialize)]
struct RemovedJson {
    entries: u64,
    bytes: u64,
}

impl<'a> CacheJson<'a> {
    fn new(usage: &'a Usage, removed: Option<Removed>) -> Self {
        let bucket = |bucket: &'a BucketUsage| BucketJson {
            name: &bucket.name,
            entries: bucket.entries,
            bytes: bucket.bytes,
            oldest: seconds(bucket.oldest),
            newest: seconds(bucket.newest),
        };
        Self {
            schema: SCHEMA,
            directory: usage.directory.display().to_string(),
            limit: usage.limit,
            entries: usage.entries(),
            bytes: usage.bytes(),
            buckets: usage.buckets.iter().map(bucket).collect(),
            removed: removed.map(|Removed { entries, bytes }| RemovedJson { entries, bytes }),
        }
    }
}
