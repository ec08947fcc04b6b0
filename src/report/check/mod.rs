//! The report of `check`: a table of limits for people, annotations for GitHub, test cases, SARIF.
//!
//! Where text is written for a log, its last line is the verdict in a fixed form.

mod document;
mod github;
mod junit;
mod sarif;

use std::io::{self, Write};

pub use self::document::compose_check;
pub(in crate::report) use self::document::figure;

use self::document::{compose_no_check, table};
use super::json::write_check_json;
use super::{Outcome, TerminalOptions, markdown, terminal, write_csv};
use crate::check::{Checked, Verdict};

/// The forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFormat {
    /// Aligned text.
    Terminal,
    /// GitHub-flavoured Markdown.
    Markdown,
    /// The published schema.
    Json,
    /// A table of bare numbers.
    Csv,
    /// Text, and workflow commands that make annotations.
    Github,
    /// Test cases, as JUnit writes them.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
}

impl CheckFormat {
    /// Whether the report is text for a log, which the verdict stands at the end of.
    pub fn is_log(self) -> bool {
        matches!(self, Self::Terminal | Self::Markdown | Self::Github)
    }
}

/// Writes the report.
pub fn render_check(
    outcome: &Outcome<Checked>,
    format: CheckFormat,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = || match &outcome.result {
        Ok(checked) => compose_check(checked),
        Err(failure) => compose_no_check(outcome, failure),
    };
    // An error stands on stderr already.
    let is_told = outcome.result.is_err();
    match format {
        CheckFormat::Terminal if is_told => return writeln!(out, "{}", verdict_line(outcome)),
        CheckFormat::Terminal => out.write_all(terminal(&document(), options).as_bytes())?,
        CheckFormat::Markdown => out.write_all(markdown(&document(), options.units).as_bytes())?,
        CheckFormat::Json => write_check_json(outcome, out)?,
        CheckFormat::Csv => write_csv(&table(outcome.result.as_ref().ok()), out)?,
        CheckFormat::Github => {
            if !is_told {
                out.write_all(terminal(&document(), options).as_bytes())?;
            }
            out.write_all(github::annotations(outcome).as_bytes())?;
        }
        CheckFormat::Junit => out.write_all(junit::document(outcome).as_bytes())?,
        CheckFormat::Sarif => sarif::write(outcome, out)?,
    }
    if format.is_log() {
        writeln!(out, "\n{}", verdict_line(outcome))?;
    }
    Ok(())
}

/// The report in Markdown, for the summary of a job.
pub fn check_summary(outcome: &Outcome<Checked>, options: &TerminalOptions) -> String {
    let document = match &outcome.result {
        Ok(checked) => compose_check(checked),
        Err(failure) => compose_no_check(outcome, failure),
    };
    markdown(&document, options.units)
}

/// The line of a check that ended before there was an image, by the class of its error.
pub fn unknown_verdict(kind: &str) -> String {
    format!("regsize-verdict: unknown error={kind}")
}

/// The verdict for programs that read a log.
pub fn verdict_line(outcome: &Outcome<Checked>) -> String {
    match &outcome.result {
        Err(failure) => unknown_verdict(failure.kind),
        Ok(checked) => {
            let count = |verdict| checked.count(verdict);
            format!(
                "regsize-verdict: {} failed={} warned={} unknown={} passed={} digest={}",
                checked.verdict().as_str(),
                count(Verdict::Fail),
                count(Verdict::Warn),
                count(Verdict::Unknown),
                count(Verdict::Pass),
                checked.digest
            )
        }
    }
}
