//! The large tools: what each takes, what it is made of, and what of it could go.

use super::executive::name;
use super::words::{number, saves, saving_text, share, step_and_lines};
use super::{Studied, section as titled};
use crate::analysis::saved;
use crate::component::{Making, Naming};
use crate::report::analyze::words::step_name;
use crate::report::document::{Block, Column, Fact, Mark, Overflow, Row, Section, Table, Text};
use crate::report::words::{phrase, step};
use crate::rule::{ComponentUsage, Finding, LayerUsage, PartUsage, Risk, Saving, Severity};

const COLUMNS: [Column; 7] = [
    Column::right("visible"),
    Column::right("compressed"),
    Column::right("shadowed").ranked(3),
    Column::right("share"),
    Column::left("made").ranked(2),
    Column::left("step").ranked(1),
    Column::rest("component", Overflow::Wrap),
];

const PART_COLUMNS: [Column; 6] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::left("risk"),
    Column::left("role"),
    Column::left("part"),
    Column::rest("needed by", Overflow::Wrap),
];

/// Components that are told in detail, and those that are in any case.
const DETAILED: usize = 8;
/// Parts of a hundred from which on one is, too.
const SHARE: u64 = 3;

/// The table of a short report; none without components.
pub(super) fn short(studied: Studied<'_>, top: usize) -> Option<Section> {
    let table = table(studied, top);
    (!table.rows.is_empty()).then(|| titled("Largest components", vec![Block::Table(table)]))
}

/// The section of a complete report; none without components.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let components = studied.components();
    if components.is_empty() {
        return None;
    }
    let mut blocks = vec![
        Block::Table(table(studied, usize::MAX)),
        Block::Paragraph(
            "A component may be in another, so the rows do not add up to the image.".into(),
        ),
    ];
    let content = studied.content();
    let is_large = |component: &ComponentUsage| component.visible.bytes >= content / 100 * SHARE;
    let detailed = components.iter().enumerate();
    let detailed = detailed.filter(|(at, component)| *at < DETAILED || is_large(component));
    for (at, component) in detailed {
        blocks.extend(details(studied, at, component));
    }
    Some(titled("Detailed component analysis", blocks))
}

fn table(studied: Studied<'_>, top: usize) -> Table {
    let components = studied.components().into_iter().take(top);
    let rows = components.map(|component| row(studied, component)).collect();
    Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() }
}

fn row(studied: Studied<'_>, component: &ComponentUsage) -> Row {
    vec![
        Text::bytes(component.visible.bytes),
        Text::bytes(component.visible.compressed),
        Text::bytes(component.shadowed.bytes),
        share(component.visible.bytes, studied.content()),
        component.making.as_str().into(),
        heaviest(component).map(|layer| step_name(studied.image, layer)).unwrap_or_default(),
        name(studied, component),
    ]
}

fn details(studied: Studied<'_>, at: usize, component: &ComponentUsage) -> Vec<Block> {
    let heading = Text::number(at + 1)
        .with(". ")
        .with(name(studied, component))
        .with(" (")
        .with(Text::bytes(component.visible.bytes))
        .with(")");
    let mut blocks = vec![Block::Heading(heading)];
    blocks.extend(instruction(studied, component));
    blocks.push(Block::Facts(facts(studied, component)));
    if !component.parts.is_empty() {
        let rows = component.parts.iter().map(part_row).collect();
        let table = Table { columns: PART_COLUMNS.to_vec(), rows, totals: Vec::new() };
        blocks.push(Block::Table(table));
    }
    let observations = observations(studied, component);
    if !observations.is_empty() {
        blocks.push(Block::List(Mark::Bullet, observations));
    }
    blocks
}

/// The step that brought most of it.
fn instruction(studied: Studied<'_>, component: &ComponentUsage) -> Option<Block> {
    let layer = studied.image.layers.get(heaviest(component)?)?;
    let step = step(studied.image, layer)?;
    (!step.instruction.is_empty()).then(|| Block::code("dockerfile", &*step.instruction))
}

fn facts(studied: Studied<'_>, component: &ComponentUsage) -> Vec<Fact> {
    let mut facts = Vec::new();
    if !component.about.is_empty() {
        facts.push(Fact::new("what", Text::sentence(&component.about)));
    }
    facts.extend(component.root.as_deref().map(|root| Fact::new("where", Text::path(root))));
    facts.extend(
        component.named.as_ref().map(|naming| Fact::new("named by", named(studied, naming))),
    );
    facts.extend(component.version.as_ref().map(|(version, source)| {
        Fact::new("version", Text::name(&**version).with(", by ").with(Text::name(&**source)))
    }));
    let amount = component.visible;
    let size = Text::bytes(amount.bytes)
        .with(" content, ")
        .with(Text::bytes(amount.compressed))
        .with(" compressed in ")
        .with(number(amount.files))
        .with(if amount.files == 1 { " file" } else { " files" });
    facts.push(Fact::new("size", size));
    if component.shadowed.bytes > 0 {
        let shadowed = Text::bytes(component.shadowed.bytes).with(" more is stored but not shown");
        facts.push(Fact::new("hidden", shadowed));
    }
    let potential = potential(studied, component);
    if !potential.is_empty() {
        facts.push(Fact::new("saves", potential));
    }
    let outer = component.inside.and_then(|outer| studied.study.components.get(outer));
    facts.extend(outer.map(|outer| Fact::new("inside", name(studied, outer))));
    facts.extend(
        heaviest(component).map(|layer| Fact::new("step", step_and_lines(studied.image, layer))),
    );
    facts
}

/// The step whose text names a component.
fn named(studied: Studied<'_>, naming: &Naming) -> Text {
    let number = studied.image.steps.get(naming.step).and_then(|step| step.number);
    let step = number.map_or_else(
        || Text::from(" in a step of the image"),
        |number| Text::from(" in step ").with(Text::number(number)),
    );
    Text::name(&*naming.word).with(step).with(" and the name of the directory")
}

/// The layer that stores most of it.
fn heaviest(component: &ComponentUsage) -> Option<usize> {
    let bytes = |usage: &LayerUsage| usage.visible.bytes.saturating_add(usage.shadowed.bytes);
    component.layers.iter().max_by_key(|usage| bytes(usage)).map(|usage| usage.layer)
}

fn part_row(part: &PartUsage) -> Row {
    vec![
        Text::bytes(part.visible.bytes),
        Text::bytes(part.visible.compressed),
        Text::name(&*part.risk),
        Text::name(&*part.role),
        Text::name(&*part.name),
        part.needed_by.as_deref().map(Text::sentence).unwrap_or_default(),
    ]
}

fn observations(studied: Studied<'_>, component: &ComponentUsage) -> Vec<Text> {
    let mut observations: Vec<Text> = component.observations.iter().map(phrase).collect();
    match component.making {
        Making::Prebuilt => observations.push(
            "It is unpacked as it is: a builder stage alone saves nothing, leaving parts out does."
                .into(),
        ),
        Making::Compiled => observations.push(
            "It is compiled: what only its build needs can stay behind in a builder stage.".into(),
        ),
        Making::Packages => {}
    }
    let about = studied.study.findings.iter().filter(|found| is_about(found, component));
    observations.extend(about.take(DETAILED).map(|finding| {
        let text = phrase(&finding.message).with(" (").with(finding.rule.id).with(")");
        let saves = saves(finding);
        if saves.is_empty() { text } else { text.with(": ").with(saves) }
    }));
    observations.extend(
        component
            .slimmer
            .iter()
            .map(|slimmer| Text::from("Smaller: ").with(Text::sentence(slimmer))),
    );
    observations
}

/// What findings on it alone would free, by what they risk.
fn potential(studied: Studied<'_>, component: &ComponentUsage) -> Text {
    let sum = |risk: Risk| {
        let about = studied.study.findings.iter().filter(|found| is_about(found, component));
        let mut sum = Saving::default();
        about.filter(|finding| finding.risk == risk).for_each(|finding| sum += saved(finding));
        sum
    };
    let part = |risk, words| {
        let sum = sum(risk);
        (sum != Saving::default()).then(|| saving_text(sum).with(words))
    };
    let parts = [
        part(Risk::Safe, " safely"),
        part(Risk::Test, " after tests"),
        part(Risk::Review, " at most after a review"),
    ];
    Text::joined(parts.into_iter().flatten(), "; ")
}

/// Whether all paths that a finding names are of a component.
fn is_about(finding: &Finding, component: &ComponentUsage) -> bool {
    let Some(root) = component.root.as_deref().filter(|root| !root.is_empty()) else {
        return false;
    };
    let is_inside = |path: &[u8]| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    finding.severity > Severity::Info
        && !finding.paths.is_empty()
        && finding.paths.iter().all(|share| is_inside(&share.path))
}
