//! Reports: what was found out, for a terminal, Markdown, CSV or another program.
//!
//! A command's result becomes a [`Document`], which the renderers know how to print, or the
//! serializable types of its JSON schema. Everything here is pure: the width, the colours and the
//! units are parameters, and the same input makes the same bytes. Compressed and uncompressed
//! bytes stay in columns of their own, and an unknown size prints as `?`, never as zero.

mod analyze;
mod audit;
mod cache;
mod check;
mod compare;
mod csv;
pub mod document;
mod encode;
mod files;
mod html;
mod history;
mod inspect;
mod json;
mod markdown;
mod metrics;
mod packages;
mod pass;
mod rules;
mod tags;
mod terminal;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::analysis::Analysis;

pub use self::analyze::{
    AnalysisTable, AnalyzeOptions, analysis_table, compose_analysis, how_hidden,
};
pub use self::audit::{compose_overview, render_overview};
pub use self::cache::{render_cache, write_cache_failure};
pub use self::check::{
    CheckFormat, check_summary, compose_check, render_check, unknown_verdict, verdict_line,
};
pub use self::compare::{
    CompareOptions, CompareTable, Comparisons, MOST_IMAGES, render_comparison,
};
pub use self::csv::write_csv;
pub use self::document::Document;
pub use self::encode::Untrusted;
pub use self::files::{Listing, render_files, render_files_failure};
pub use self::history::{HistoryReport, Recorded, render_history, render_history_failure};
pub use self::html::html_overview;
pub use self::inspect::{
    Failure, InspectOptions, Outcome, Sort, compose, compose_side_by_side, layer_rows,
    side_by_side_rows,
};
pub use self::json::{usage_json, write_analyze_json, write_files_json, write_inspect_json};
pub use self::markdown::markdown;
pub use self::metrics::{METRICS_TYPE, metrics};
pub use self::packages::{PackagesOptions, render_packages};
pub use self::pass::{RunReport, render_run, render_watchlist};
pub use self::rules::render_rules;
pub use self::tags::render_tags;
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
pub struct RenderOptions<T = InspectOptions> {
    /// The form.
    pub format: Format,
    /// What the report shows.
    pub show: T,
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
        Some(inspection) => compose(inspection, &options.show),
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

/// Writes the reports of `analyze`, one after another; CSV is one table, JSON one value.
pub fn render_analysis(
    outcomes: &[Outcome<Analysis>],
    options: &RenderOptions<AnalyzeOptions>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match options.format {
        Format::Json => return write_analyze_json(outcomes, out),
        Format::Csv => return write_csv(&analysis_table(outcomes, options.show.table), out),
        Format::Terminal | Format::Markdown => {}
    }
    // Where nothing scrolls away, nothing is left out.
    let complete = AnalyzeOptions { top: usize::MAX, full: true, ..options.show };
    let is_terminal = options.format == Format::Terminal;
    let show = if is_terminal { &options.show } else { &complete };
    for (index, outcome) in outcomes.iter().enumerate() {
        let found = outcome.result.as_ref().ok().map(|analysis| compose_analysis(analysis, show));
        let Some(document) = found.or_else(|| analyze::compose_failure(outcome)) else { continue };
        if index > 0 {
            out.write_all(b"\n")?;
        }
        let text = if is_terminal {
            terminal(&document, &options.terminal)
        } else {
            markdown(&document, options.terminal.units)
        };
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Encodes text of others for a line of a terminal or log.
pub fn printable(text: &str) -> String {
    encode::printable(&Untrusted::new(text), encode::Symbols::Ascii)
}
