//! The report of `tags`: images of a repository, newest first, and what they share.

mod rows;

use std::io::{self, Write};

use self::rows::{csv_table, table};
use super::document::{Block, Document, Fact, Section, Style, Text};
use super::inspect::Outcome;
use super::json::write_tags_json;
use super::words::UNKNOWN;
use super::{Format, RenderOptions, markdown, terminal, write_csv};
use crate::tags::{Group, Repository};

/// Names that are told of tags that were not read.
const NAMED: usize = 10;

/// Warnings that are told; JSON has them all.
const WARNINGS: usize = 10;

/// Writes the report about a repository.
pub fn render_tags(
    outcome: &Outcome<Repository>,
    options: &RenderOptions<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let found = match (&outcome.result, options.format) {
        (_, Format::Json) => return write_tags_json(outcome, out),
        (Ok(found), _) => found,
        (Err(_), _) => return Ok(()),
    };
    match options.format {
        Format::Csv => write_csv(&csv_table(found), out),
        Format::Markdown => {
            out.write_all(markdown(&compose(found), options.terminal.units).as_bytes())
        }
        _ => out.write_all(terminal(&compose(found), &options.terminal).as_bytes()),
    }
}

fn compose(found: &Repository) -> Document {
    let mut blocks = vec![Block::Facts(facts(found)), Block::Table(table(found))];
    blocks.push(Block::Paragraph(legend(found).styled(Style::Dim)));
    let notes = notes(found);
    blocks.extend((!notes.is_empty()).then_some(Block::Notes(notes)));
    let sections = vec![Section { heading: Text::default(), blocks }];
    Document { title: Text::name(&*found.name), sections }
}

fn facts(found: &Repository) -> Vec<Fact> {
    let shared = &found.shared;
    let tags = Text::count(found.read(), "tag", "tags")
        .styled(Style::Strong)
        .with(" read of ")
        .with(Text::number(found.listed))
        .with(", ")
        .with(Text::count(shared.groups.len(), "image", "images"));
    let layers = Text::count(shared.layers.len(), "layer", "layers");
    let unique = Text::bytes(shared.unique)
        .styled(Style::Strong)
        .with(" in ")
        .with(layers)
        .with(", each once; ")
        .with(Text::bytes(shared.compressed))
        .with(" with each image by itself");
    let count = shared.layers.iter().filter(|layer| layer.groups > 1).count();
    let several = Text::bytes(shared.shared)
        .with(" in ")
        .with(Text::count(count, "layer", "layers"))
        .with(" that several images have");
    let mut facts = vec![Fact::new("tags", tags)];
    if let [platform] = &platforms(found)[..] {
        facts.push(Fact::new("for", Text::name(&**platform)));
    }
    facts.extend([Fact::new("unique", unique), Fact::new("shared", several)]);
    if let Some(limit) = &found.rate_limit {
        let pulls = Text::name(format!("{} left of {}", limit.remaining, limit.limit))
            .with("; manifests that this run asked for: ")
            .with(Text::number(usize::try_from(found.pulls).unwrap_or(usize::MAX)));
        facts.push(Fact::new("pulls", pulls));
    }
    facts
}

/// The platforms of the images that were read, each once.
fn platforms(found: &Repository) -> Vec<String> {
    let images = found.shared.groups.iter().flat_map(|group| &group.images);
    let mut names: Vec<String> = images.map(|image| image.platform.to_string()).collect();
    names.sort();
    names.dedup();
    names
}

/// What the columns mean.
fn legend(found: &Repository) -> Text {
    let legend = Text::from(
        "next pull: layers that the next older image does not have (-: none is older); own: layers that no other image here has",
    );
    let is_unknown = |group: &Group| group.created.is_none();
    if !found.shared.groups.iter().any(is_unknown) {
        return legend;
    }
    legend.with("; ").with(UNKNOWN).with(": no date of the build; such images stand last, by name")
}

/// What a reader has to know.
fn notes(found: &Repository) -> Vec<Text> {
    let mut notes = Vec::new();
    if found.beyond > 0 {
        let tags = Text::count(found.beyond, "older tag by name was", "older tags by name were");
        notes.push(tags.with(" left out: ask for more by --newest NUMBER or --all"));
    }
    if found.attached > 0 {
        let tags = Text::count(found.attached, "tag", "tags");
        notes.push(tags.with(" of signatures and attestations left out"));
    }
    if let Some(why) = &found.incomplete {
        notes.push(Text::from("tags may be missing: ").with(Text::sentence(why)));
    }
    if found.invalid > 0 {
        let names = Text::count(found.invalid, "listed name is", "listed names are");
        notes.push(names.with(" no valid tag and left out"));
    }
    notes.extend(left_out(found));
    notes.extend(hints(found));
    let warnings = found.warnings.iter();
    notes.extend(warnings.take(WARNINGS).map(|warning| Text::sentence(warning)));
    if let Some(more @ 1..) = found.warnings.len().checked_sub(WARNINGS) {
        notes.push(Text::count(more, "more remark", "more remarks"));
    }
    notes
}

/// The tags that were left out for the sake of a pull limit, by what was said of them.
fn left_out(found: &Repository) -> Vec<Text> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for unread in found.unread.iter().filter(|unread| unread.is_left_out()) {
        let tags = unread.tags.iter().map(String::as_str);
        match reasons.iter_mut().find(|(reason, _)| *reason == unread.error.message()) {
            Some((_, known)) => known.extend(tags),
            None => reasons.push((unread.error.message(), tags.collect())),
        }
    }
    let note = |(reason, tags): (&str, Vec<&str>)| {
        let names = tags.iter().take(NAMED).map(|tag| Text::name(*tag));
        let text = Text::count(tags.len(), "tag was not read", "tags were not read")
            .styled(Style::Warn)
            .with(" (")
            .with(Text::sentence(reason))
            .with("): ")
            .with(Text::joined(names, ", "));
        match tags.len().checked_sub(NAMED) {
            Some(more @ 1..) => text.with(" and ").with(Text::number(more)).with(" more"),
            _ => text,
        }
    };
    reasons.into_iter().map(note).collect()
}

/// What to do about tags that were not read, each advice once.
fn hints(found: &Repository) -> Vec<Text> {
    let mut hints: Vec<&str> =
        found.unread.iter().filter_map(|unread| unread.error.what_to_do()).collect();
    hints.sort_unstable();
    hints.dedup();
    hints.into_iter().take(NAMED).map(Text::sentence).collect()
}
