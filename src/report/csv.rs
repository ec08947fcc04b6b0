//! The CSV renderer: one table, every field quoted, sizes as bare integers of bytes.
//!
//! Unknown values are empty fields. Text passes the CSV encoder, which alters what a spreadsheet
//! would run; JSON has the text as it is.

use std::borrow::Borrow;
use std::io::{self, Write};

use csv::{QuoteStyle, WriterBuilder};

use super::document::{Column, Piece, Row, Share, Table, Text};
use super::encode::csv_field;

/// Writes the rows of `table` under a header, without its totals.
pub fn write_csv(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write_rows(&table.columns, &table.rows, out)
}

/// Writes rows under a header, one after another.
pub(super) fn write_rows(
    columns: &[Column],
    rows: impl IntoIterator<Item: Borrow<Row>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(out);
    writer.write_record(columns.iter().map(|column| column.title)).map_err(of_sink)?;
    for row in rows {
        writer.write_record(row.borrow().iter().map(field)).map_err(of_sink)?;
    }
    writer.flush()
}

/// The sink's own error, so that its kind is known.
fn of_sink(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

fn field(text: &Text) -> String {
    text.spans.iter().map(|span| piece(&span.piece)).collect()
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Words(words) | Piece::Link(words) => (*words).to_owned(),
        Piece::Number(number) | Piece::Bytes(number) => number.to_string(),
        Piece::Difference(number) => number.to_string(),
        Piece::Share(share) | Piece::Bar(share) => percent(*share),
        Piece::Trend(_) => String::new(),
        Piece::Digest(digest) | Piece::ShortDigest(digest) => digest.to_string(),
        Piece::Name(text) | Piece::Sentence(text) => csv_field(text),
    }
}

fn percent(share: Share) -> String {
    share
        .scaled(1000)
        .map_or_else(String::new, |permille| format!("{}.{}", permille / 10, permille % 10))
}
