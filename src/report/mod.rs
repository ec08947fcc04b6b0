//! Reports: what was found out, for a terminal, Markdown, CSV or another program.
//!
//! A command's result becomes a [`Document`], which the renderers know how to print, or the
//! serializable types of its JSON schema. Everything here is pure: the width, the colours and the
//! units are parameters, and the same input makes the same bytes. Compressed and uncompressed
//! bytes stay in columns of their own, and an unknown size prints as `?`, never as zero.

mod csv;
pub mod document;
mod encode;
mod inspect;
mod json;
mod markdown;
mod terminal;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub use self::csv::write_csv;
pub use self::document::Document;
pub use self::encode::Untrusted;
pub use self::inspect::{
    Failure, InspectOptions, Outcome, Sort, compose, compose_side_by_side, layer_rows,
    side_by_side_rows,
};
pub use self::json::{usage_json, write_inspect_json};
pub use self::markdown::markdown;
pub use self::terminal::{TerminalOptions, terminal};

/// The forms that a report can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned text, with colours if wanted.
    #[default]
    Terminal,
    /// GitHub-flavoured Markdown.
    Markdown,
    /// The published schema.
    Json,
    /// A table of bare numbers.
    Csv,
}

/// How a report is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// The form.
    pub format: Format,
    /// What the report shows.
    pub inspect: InspectOptions,
    /// The terminal; its units hold for Markdown too.
    pub terminal: TerminalOptions,
}

/// Writes the report of `inspect`: in detail for one reference, side by side for several.
pub fn render(
    outcomes: &[Outcome],
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let one = match outcomes {
        [Outcome { result: Ok(inspection), .. }] => Some(inspection),
        _ => None,
    };
    let document = || match one {
        Some(inspection) => compose(inspection, &options.inspect),
        None => compose_side_by_side(outcomes),
    };
    match options.format {
        Format::Terminal => out.write_all(terminal(&document(), &options.terminal).as_bytes()),
        Format::Markdown => out.write_all(markdown(&document(), options.terminal.units).as_bytes()),
        Format::Json => write_inspect_json(outcomes, out),
        Format::Csv => {
            let table = one.map_or_else(|| side_by_side_rows(outcomes), layer_rows);
            write_csv(&table, out)
        }
    }
}

/// Encodes text of others for a line of a terminal or log.
pub fn printable(text: &str) -> String {
    encode::printable(&Untrusted::new(text), encode::Symbols::Ascii)
}
