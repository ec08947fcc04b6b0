//! What rules find in the manifest and config alone.

use crate::image::Image;
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};
use crate::report::words::phrase;
use crate::rule::{Finding, Selection, Severity, manifest_findings};

const COLUMNS: [Column; 2] = [Column::left("severity"), Column::rest("finding", Overflow::Wrap)];

/// The section on one image; none without findings.
pub(super) fn section(image: &Image) -> Option<Section> {
    let findings = manifest_findings(image, &Selection::default());
    let shown = findings.iter().filter(|finding| finding.severity > Severity::Info);
    let rows: Vec<Row> = shown.map(row).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty())
        .then(|| Section { heading: "Findings".into(), blocks: vec![Block::Table(table)] })
}

fn row(finding: &Finding) -> Row {
    let style = if finding.severity >= Severity::High { Style::Warn } else { Style::Plain };
    let text = Text::from(finding.rule.id).with(": ").with(phrase(&finding.message));
    vec![Text::from(finding.severity.as_str()).styled(style), text]
}
