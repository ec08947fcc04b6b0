//! The tables behind the CSV reports on findings, packages, owners and components: one row for
//! each, every figure in a column of its own. Images of which layers were left out have no rows.

use super::rows::analysis_rows;
use crate::analysis::{Analysis, Group, PackageUsage, Study};
use crate::image::Image;
use crate::owner::Owner;
use crate::package::Package;
use crate::report::Outcome;
use crate::report::document::{Column, Piece, Row, Table, Text};
use crate::rule::{ComponentUsage, Finding};

/// What a CSV report of `analyze` has a row for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnalysisTable {
    /// Each layer.
    #[default]
    Layers,
    /// Each finding.
    Findings,
    /// Each installed package.
    Packages,
    /// Each owner.
    Owners,
    /// Each component.
    Components,
}

/// What stands first in each row.
const IMAGE: [Column; 2] = [Column::left("reference"), Column::left("platform")];

const FINDINGS: [Column; 19] = [
    Column::left("rule"),
    Column::left("id"),
    Column::left("severity"),
    Column::left("risk"),
    Column::left("effort"),
    Column::left("phase"),
    Column::left("quick_win"),
    Column::right("net_content"),
    Column::right("net_compressed"),
    Column::right("gross_content"),
    Column::right("gross_compressed"),
    Column::right("own_content"),
    Column::right("base_content"),
    Column::right("unknown_content"),
    Column::right("files"),
    Column::right("layer"),
    Column::left("path"),
    Column::left("exclusion_group"),
    Column::left("message"),
];

const PACKAGES: [Column; 10] = [
    Column::left("ecosystem"),
    Column::left("name"),
    Column::left("version"),
    Column::right("bytes"),
    Column::right("compressed"),
    Column::right("exclusive"),
    Column::left("requested"),
    Column::right("layer"),
    Column::right("step"),
    Column::left("location"),
];

const OWNERS: [Column; 8] = [
    Column::left("kind"),
    Column::left("name"),
    Column::left("version"),
    Column::left("origin"),
    Column::right("visible"),
    Column::right("shadowed"),
    Column::right("compressed"),
    Column::right("files"),
];

const COMPONENTS: [Column; 7] = [
    Column::left("id"),
    Column::left("title"),
    Column::left("version"),
    Column::left("root"),
    Column::right("visible"),
    Column::right("shadowed"),
    Column::right("compressed"),
];

/// One table of all images that were analysed.
pub fn analysis_table(outcomes: &[Outcome<Analysis>], table: AnalysisTable) -> Table {
    match table {
        AnalysisTable::Layers => analysis_rows(outcomes),
        AnalysisTable::Findings => {
            rows(outcomes, &FINDINGS, |_, study| study.findings.iter().map(finding_row).collect())
        }
        AnalysisTable::Packages => packages_table(outcomes, |_| true),
        AnalysisTable::Owners => rows(outcomes, &OWNERS, |image, study| {
            study.owners.iter().map(|owner| owner_row(image, study, owner)).collect()
        }),
        AnalysisTable::Components => rows(outcomes, &COMPONENTS, |_, study| {
            study.components.iter().map(component_row).collect()
        }),
    }
}

/// One row for each installed package that is `wanted`.
pub(in crate::report) fn packages_table(
    outcomes: &[Outcome<Analysis>],
    wanted: impl Fn(&Package) -> bool,
) -> Table {
    rows(outcomes, &PACKAGES, |image, study| {
        let installed = study.installed().filter(|(package, _)| wanted(package));
        installed.map(|(package, usage)| package_row(image, package, usage)).collect()
    })
}

fn rows(
    outcomes: &[Outcome<Analysis>],
    columns: &[Column],
    of: impl Fn(&Image, &Study) -> Vec<Row>,
) -> Table {
    let mut all = Vec::new();
    for analysis in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()) {
        for super::Subject { image, found } in super::subjects(analysis) {
            let Some(study) = &found.study else { continue };
            all.extend(of(image, study).into_iter().map(|row| {
                let mut whole = vec![
                    Text::name(&*analysis.inspection.reference),
                    Text::name(image.platform.to_string()),
                ];
                whole.extend(row);
                whole
            }));
        }
    }
    Table { columns: [&IMAGE, columns].concat(), rows: all, totals: Vec::new() }
}

fn number(number: u64) -> Text {
    Piece::Number(number.into()).into()
}

fn truth(truth: bool) -> Text {
    if truth { "true".into() } else { "false".into() }
}

fn name(text: Option<&str>) -> Text {
    text.map(Text::name).unwrap_or_default()
}

fn finding_row(finding: &Finding) -> Row {
    let rule = finding.rule;
    let heaviest = finding.steps.iter().max_by_key(|share| share.gross.content);
    vec![
        rule.id.into(),
        Text::name(&*finding.id),
        finding.severity.as_str().into(),
        finding.risk.as_str().into(),
        rule.effort.as_str().into(),
        rule.phase.as_str().into(),
        truth(finding.quick_win),
        Text::bytes(finding.net.content),
        Text::bytes(finding.net.compressed),
        Text::bytes(finding.gross.content),
        Text::bytes(finding.gross.compressed),
        Text::bytes(finding.origins.own.content),
        Text::bytes(finding.origins.base.content),
        Text::bytes(finding.origins.unknown.content),
        number(finding.files),
        heaviest.map(|share| Text::number(share.layer)).unwrap_or_default(),
        finding.paths.first().map(|share| Text::path(&share.path)).unwrap_or_default(),
        name(finding.group.as_deref()),
        Text::sentence(&finding.message.to_string()),
    ]
}

fn package_row(image: &Image, package: &Package, usage: &PackageUsage) -> Row {
    let step = image.layers.get(package.layer).and_then(|layer| image.steps.get(layer.step?));
    vec![
        package.ecosystem.as_str().into(),
        Text::name(&*package.name),
        name(package.version.as_deref()),
        Text::bytes(usage.visible.bytes),
        Text::bytes(usage.visible.compressed),
        usage.exclusive.map(Text::bytes).unwrap_or_default(),
        package.requested.map(truth).unwrap_or_default(),
        Text::number(package.layer),
        step.and_then(|step| step.number).map(Text::number).unwrap_or_default(),
        if package.location.is_empty() { Text::default() } else { Text::path(&package.location) },
    ]
}

fn owner_row(image: &Image, study: &Study, owner: &Owner) -> Row {
    let layer = image.layers.get(owner.layer);
    vec![
        Group::of(owner, &study.inventory).as_str().into(),
        Text::name(&*owner.name),
        name(owner.version.as_deref()),
        layer.map_or("unknown", |layer| layer.origin.as_str()).into(),
        Text::bytes(owner.visible.bytes),
        Text::bytes(owner.shadowed.bytes),
        Text::bytes(owner.visible.compressed),
        number(owner.visible.files),
    ]
}

fn component_row(component: &ComponentUsage) -> Row {
    vec![
        Text::name(&*component.id),
        Text::name(&*component.title),
        name(component.version.as_ref().map(|(version, _)| version.as_str())),
        component.root.as_deref().map(Text::path).unwrap_or_default(),
        Text::bytes(component.visible.bytes),
        Text::bytes(component.shadowed.bytes),
        Text::bytes(component.visible.compressed),
    ]
}
