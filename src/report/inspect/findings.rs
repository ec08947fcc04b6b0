//! What rules find in the manifest and config alone.

use crate::image::{Image, Inspection};
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};
use crate::report::words::phrase;
use crate::rule::{Finding, Selection, Severity, index_findings, manifest_findings};

const COLUMNS: [Column; 2] = [Column::left("severity"), Column::rest("finding", Overflow::Wrap)];

/// The section on one image; none without findings.
pub(super) fn section(image: &Image) -> Option<Section> {
    titled("Findings", &manifest_findings(image, &Selection::default()))
}

/// The section on the images of a reference; none without findings.
pub(super) fn of_index(inspection: &Inspection) -> Option<Section> {
    across(&index_findings(inspection, &Selection::default()))
}

/// A section of findings that compare images; none without any.
pub(in crate::report) fn across(findings: &[Finding]) -> Option<Section> {
    titled("Findings across images", findings)
}

fn titled(heading: &'static str, findings: &[Finding]) -> Option<Section> {
    let shown = findings.iter().filter(|finding| finding.severity > Severity::Info);
    let rows: Vec<Row> = shown.map(row).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty())
        .then(|| Section { heading: heading.into(), blocks: vec![Block::Table(table)] })
}

fn row(finding: &Finding) -> Row {
    let style = if finding.severity >= Severity::High { Style::Warn } else { Style::Plain };
    let text = Text::from(finding.rule.id).with(": ").with(phrase(&finding.message));
    vec![Text::from(finding.severity.as_str()).styled(style), text]
}
