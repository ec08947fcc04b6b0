//! The Parquet form: a flat table, one column for each field of a line.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter as Untyped;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::{Field, Row};
use parquet::schema::parser::parse_message_type;
use serde_json::value::RawValue;

use super::line::Line;

/// Rows and bytes of snapshots that are in memory at once.
const GROUP_ROWS: usize = 50_000;
const GROUP_BYTES: usize = 64 << 20;

type Number = (fn(&Line) -> Option<i64>, fn(&mut Line, i64));
type Text = (fn(&Line) -> Option<&str>, fn(&mut Line, String));

/// How a column is read from a line and put into one.
enum Access {
    Number(Number),
    /// A number that readers take for a time.
    Time(Number),
    Text(Text),
}

macro_rules! number {
    ($field:ident) => {
        (stringify!($field), Access::Number((|line| line.$field, |line, n| line.$field = Some(n))))
    };
}

macro_rules! text {
    ($field:ident) => {
        (
            stringify!($field),
            Access::Text((|line| line.$field.as_deref(), |line, text| line.$field = Some(text))),
        )
    };
}

const COLUMNS: [(&str, Access); 20] = [
    ("kind", Access::Text((|line| Some(&line.kind), |line, text| line.kind = text))),
    number!(seq),
    ("seen", Access::Time((seen, set_seen))),
    number!(target),
    text!(repository),
    text!(tag),
    text!(platform),
    text!(root),
    text!(image),
    number!(compressed),
    number!(uncompressed),
    number!(content),
    number!(visible),
    number!(shadowed),
    number!(layers),
    text!(subject),
    text!(detail),
    ("snapshot", Access::Text((snapshot, set_snapshot))),
    text!(hash),
    ("damaged", Access::Number((|line| line.damaged.map(i64::from), set_damaged))),
];

fn seen(line: &Line) -> Option<i64> {
    let time: jiff::Timestamp = line.seen.as_deref()?.parse().ok()?;
    Some(time.as_millisecond())
}

fn set_seen(line: &mut Line, milliseconds: i64) {
    line.seen = jiff::Timestamp::from_millisecond(milliseconds).ok().map(|time| time.to_string());
}

fn snapshot(line: &Line) -> Option<&str> {
    line.snapshot.as_deref().map(RawValue::get)
}

fn set_snapshot(line: &mut Line, text: String) {
    line.snapshot = RawValue::from_string(text).ok();
}

fn set_damaged(line: &mut Line, damaged: i64) {
    line.damaged = Some(damaged != 0);
}

/// Writes lines as columns, a group of rows at a time.
pub(super) struct ColumnWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    waiting: Vec<Line>,
    bytes: usize,
}

impl<W: Write + Send> ColumnWriter<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let columns: String = COLUMNS
            .iter()
            .map(|(name, access)| match access {
                Access::Number(_) => format!("optional int64 {name}; "),
                Access::Time(_) => format!("optional int64 {name} (TIMESTAMP(MILLIS,true)); "),
                Access::Text(_) => format!("optional binary {name} (STRING); "),
            })
            .collect();
        let schema =
            parse_message_type(&format!("message history {{ {columns} }}")).map_err(broken)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
        Ok(Self { file: file.map_err(broken)?, waiting: Vec::new(), bytes: 0 })
    }

    pub(super) fn write(&mut self, line: Line) -> io::Result<()> {
        self.bytes += snapshot(&line).map_or(0, str::len);
        self.waiting.push(line);
        if self.waiting.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.close().map(|_| ()).map_err(broken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if lines.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(broken)?;
        let mut columns = COLUMNS.iter();
        while let Some(mut column) = group.next_column().map_err(broken)? {
            let Some((_, access)) = columns.next() else { break };
            match (access, column.untyped()) {
                (
                    Access::Number((get, _)) | Access::Time((get, _)),
                    Untyped::Int64ColumnWriter(out),
                ) => {
                    let (values, levels) = column_of(&lines, get);
                    out.write_batch(&values, Some(&levels), None).map_err(broken)?;
                }
                (Access::Text((get, _)), Untyped::ByteArrayColumnWriter(out)) => {
                    let (values, levels) = column_of(&lines, |line| {
                        Some(ByteArray::from(get(line)?.as_bytes().to_vec()))
                    });
                    out.write_batch(&values, Some(&levels), None).map_err(broken)?;
                }
                _ => return Err(io::Error::other("a column has another type than its table says")),
            }
            column.close().map_err(broken)?;
        }
        group.close().map(|_| ()).map_err(broken)
    }
}

/// The values that are there, and for each line whether there is one.
fn column_of<T>(lines: &[Line], get: impl Fn(&Line) -> Option<T>) -> (Vec<T>, Vec<i16>) {
    let mut values = Vec::new();
    let mut levels = Vec::with_capacity(lines.len());
    for line in lines {
        let value = get(line);
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    (values, levels)
}

/// The lines of a file of columns.
pub(super) fn read(file: File) -> io::Result<impl Iterator<Item = io::Result<Line>>> {
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    if reader.metadata().file_metadata().schema().name() != "history" {
        return Err(io::Error::other("its columns are not those of a history"));
    }
    let rows = reader.into_iter();
    Ok(rows.map(|row| row.map_err(broken).map(|row| line(&row))))
}

/// The line of a row; columns of other names and types are left out.
fn line(row: &Row) -> Line {
    let mut line = Line::default();
    for (name, field) in row.get_column_iter() {
        let Some((_, access)) = COLUMNS.iter().find(|(known, _)| known == name) else { continue };
        match (access, field) {
            (Access::Number((_, set)), Field::Long(number))
            | (Access::Time((_, set)), Field::TimestampMillis(number) | Field::Long(number)) => {
                set(&mut line, *number);
            }
            (Access::Text((_, set)), Field::Str(text)) => set(&mut line, text.clone()),
            _ => {}
        }
    }
    line
}

/// The sink's own error where there is one, so that its kind is known.
fn broken(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
