//! What differs: packages, components, paths and findings.

use super::{difference, more, pulled};
use crate::compare::{
    Comparison, ComponentChange, PackageChange, PackageStatus, PathChange, PathStatus, Scope,
};
use crate::report::document::{Block, Column, Overflow, Row, Style, Table, Text};
use crate::report::words::unknown;
use crate::snapshot::Finding;

const PACKAGES: [Column; 6] = [
    Column::left("change"),
    Column::right("content"),
    Column::right("compressed").ranked(2),
    Column::left("kind").ranked(1),
    Column::rest("name", Overflow::Wrap),
    Column::left("version"),
];

/// The packages that differ.
pub(super) fn packages(comparison: &Comparison, top: usize) -> Vec<Block> {
    let all = &comparison.packages;
    if all.is_empty() {
        return Vec::new();
    }
    let row = |change| package_row(comparison, change);
    let rows: Vec<Row> = all.iter().take(top).map(row).collect();
    let rest = more(all.len(), rows.len(), "more package", "more packages");
    let counts = Block::Paragraph(counts(comparison));
    let table = Block::Table(Table { columns: PACKAGES.to_vec(), rows, totals: Vec::new() });
    [counts, table].into_iter().chain(rest).collect()
}

const STATUSES: [(PackageStatus, &str); 7] = [
    (PackageStatus::Added, " added"),
    (PackageStatus::Removed, " removed"),
    (PackageStatus::Upgraded, " upgraded"),
    (PackageStatus::Downgraded, " downgraded"),
    (PackageStatus::Changed, " with another version"),
    (PackageStatus::Rewritten, " with other bytes"),
    (PackageStatus::Stored, " installed or changed"),
];

fn counts(comparison: &Comparison) -> Text {
    let counted = STATUSES.iter().filter_map(|(status, words)| {
        let count = comparison.packages.iter().filter(|package| package.status == *status).count();
        (count > 0).then(|| Text::number(count).with(*words))
    });
    Text::joined(counted, ", ")
}

fn package_row(comparison: &Comparison, change: &PackageChange) -> Row {
    vec![
        status(change.status),
        difference(change.change.content),
        pulled(comparison, change.change.compressed),
        Text::name(&*change.ecosystem),
        Text::name(&*change.name),
        versions(change.old_version.as_deref(), change.new_version.as_deref()),
    ]
}

fn status(status: PackageStatus) -> Text {
    Text::from(status.as_str()).styled(match status {
        PackageStatus::Added => Style::Warn,
        PackageStatus::Removed => Style::Good,
        _ => Style::Plain,
    })
}

fn versions(old: Option<&str>, new: Option<&str>) -> Text {
    match (old, new) {
        (Some(old), Some(new)) if old != new => Text::name(old).with(" to ").with(Text::name(new)),
        (Some(version), _) | (None, Some(version)) => Text::name(version),
        (None, None) => unknown(),
    }
}

const COMPONENTS: [Column; 5] = [
    Column::left("change"),
    Column::right("content"),
    Column::right("compressed").ranked(1),
    Column::rest("name", Overflow::Wrap),
    Column::left("version"),
];

/// The components that differ.
pub(super) fn components(comparison: &Comparison, top: usize) -> Vec<Block> {
    let all = &comparison.components;
    if all.is_empty() {
        return Vec::new();
    }
    let row = |change: &ComponentChange| {
        let name = Text::name(&*change.title);
        let name = match &change.root {
            Some(root) => name.with(" in ").with(Text::name(format!("/{root}"))),
            None => name,
        };
        vec![
            status(change.status),
            difference(change.change.content),
            pulled(comparison, change.change.compressed),
            name,
            versions(change.old_version.as_deref(), change.new_version.as_deref()),
        ]
    };
    let rows: Vec<Row> = all.iter().take(top).map(row).collect();
    let rest = more(all.len(), rows.len(), "more component", "more components");
    let table = Block::Table(Table { columns: COMPONENTS.to_vec(), rows, totals: Vec::new() });
    [table].into_iter().chain(rest).collect()
}

const PATHS: [Column; 5] = [
    Column::left("change"),
    Column::right("content"),
    Column::right("old").ranked(1),
    Column::right("new").ranked(1),
    Column::rest("where", Overflow::Wrap),
];

/// The paths that differ.
pub(super) fn paths(comparison: &Comparison, top: usize) -> Vec<Block> {
    let all = &comparison.paths;
    if all.is_empty() {
        return Vec::new();
    }
    let (sized, same): (Vec<_>, Vec<_>) =
        all.iter().partition(|change| change.status != PathStatus::Changed);
    let shown = &sized[..sized.len().min(top)];
    let rows: Vec<Row> = shown.iter().map(|change| path_row(change)).collect();
    let left = (sized.len() > shown.len()).then(|| "Smaller differences are left out.".into());
    let doubtful = shown.iter().any(|change| is_doubtful(change));
    let doubtful = doubtful
        .then(|| "~ may be off by the smaller files of large layers, which are not listed".into());
    let table = Block::Table(Table { columns: PATHS.to_vec(), rows, totals: Vec::new() });
    let table = (!shown.is_empty()).then_some(table);
    let partly = comparison.delta.visible.is_none() && !shown.is_empty();
    let partly = partly.then(|| "Old and new: in the layers that differ alone.".into());
    let note = |text: Text| Block::Paragraph(text.styled(Style::Dim));
    let notes = [left, doubtful, partly].into_iter().flatten().map(note);
    table.into_iter().chain(notes).chain(of_same_size(&same)).collect()
}

/// Files that changed at the same size, as a sentence.
fn of_same_size(same: &[&PathChange]) -> Option<Block> {
    let largest = same.first()?;
    let text = match same.len() {
        1 => Text::from("One file has another content of the same size: "),
        count => Text::number(count).with(" files have another content of the same size, as "),
    };
    let text = text.with(Text::name(format!("/{}", largest.path)));
    Some(Block::Paragraph(text.with(" of ").with(Text::bytes(largest.new))))
}

/// Whether the difference may be off by more than its last digit.
fn is_doubtful(change: &PathChange) -> bool {
    u128::from(change.uncertainty).saturating_mul(200) > change.delta().unsigned_abs()
        && change.status != PathStatus::Changed
}

fn path_row(change: &PathChange) -> Row {
    let style = match change.status {
        PathStatus::Added => Style::Warn,
        PathStatus::Removed => Style::Good,
        _ => Style::Plain,
    };
    let slash = if change.directory { "/" } else { "" };
    let delta = difference(Some(change.delta()));
    vec![
        Text::from(change.status.as_str()).styled(style),
        if is_doubtful(change) { Text::from("~").with(delta) } else { delta },
        Text::bytes(change.old),
        Text::bytes(change.new),
        Text::name(format!("/{}{slash}", change.path)),
    ]
}

const FINDINGS: [Column; 4] = [
    Column::left("finding"),
    Column::left("severity"),
    Column::right("content"),
    Column::rest("what", Overflow::Wrap),
];

/// The findings that only one image has.
pub(super) fn findings(comparison: &Comparison) -> Vec<Block> {
    let Some(found) = &comparison.findings else { return Vec::new() };
    let row = |state: &'static str, finding: &Finding| -> Row {
        vec![
            state.into(),
            finding.severity.as_str().into(),
            Text::bytes(finding.content),
            Text::name(&*finding.rule).with(": ").with(Text::sentence(&finding.message)),
        ]
    };
    let new = found.new.iter().map(|finding| row("new", finding));
    let rows: Vec<Row> = new.chain(found.gone.iter().map(|finding| row("gone", finding))).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let table = Block::Table(Table { columns: FINDINGS.to_vec(), rows, totals: Vec::new() });
    let note = (found.scope == Scope::Layers).then(|| {
        let text = "in the layers that differ; --all-layers looks at the whole images";
        Block::Paragraph(Text::from(text).styled(Style::Dim))
    });
    [table].into_iter().chain(note).collect()
}
