//! Phrases that several of these parts share.

use super::Studied;
use crate::analysis::{Group, saved};
use crate::image::{Image, Origin};
use crate::owner::OwnerId;
use crate::report::analyze::words::step_name;
use crate::report::document::{Piece, Share, Style, Text};
use crate::report::words::{UNKNOWN, lines};
use crate::rule::{Effort, Finding, Phase, Risk, Saving, Severity};

/// Content and compressed bytes, as two cells.
pub(super) fn saving_cells(saving: Saving) -> [Text; 2] {
    [Text::bytes(saving.content), Text::bytes(saving.compressed)]
}

/// Both in a sentence; bytes of blobs alone where there is no content.
pub(super) fn saving_text(saving: Saving) -> Text {
    let compressed = Text::bytes(saving.compressed);
    if saving.content == 0 && saving.compressed > 0 {
        return compressed.styled(Style::Strong).with(" compressed");
    }
    let content = Text::bytes(saving.content).styled(Style::Strong);
    content.with(" content, ").with(compressed).with(" compressed")
}

pub(super) fn share(part: u64, whole: u64) -> Text {
    Piece::Share(Share { part: part.into(), whole: whole.into() }).into()
}

pub(super) fn number(number: u64) -> Text {
    Piece::Number(number.into()).into()
}

pub(super) fn unknown() -> Text {
    Text::from(UNKNOWN).styled(Style::Dim)
}

/// The step that made a layer with its lines in the Dockerfile, where they are known.
pub(super) fn step_and_lines(image: &Image, layer: usize) -> Text {
    let name = step_name(image, layer);
    match image.layers.get(layer).and_then(|layer| layer.source.as_ref()) {
        Some(source) => {
            name.with(" (").with(Text::name(format!("{}:{}", source.file, lines(source)))).with(")")
        }
        None => name,
    }
}

/// The severity, in the colour of its urgency.
pub(super) fn severity(severity: Severity) -> Text {
    let style = match severity {
        Severity::Critical | Severity::High => Style::Warn,
        Severity::Medium => Style::Plain,
        Severity::Low | Severity::Info => Style::Dim,
    };
    Text::from(severity.as_str()).styled(style)
}

/// What a fix risks, in a sentence.
pub(super) fn risk(risk: Risk) -> Text {
    match risk {
        Risk::Safe => "safe: nothing documented depends on the bytes",
        Risk::Test => "test: a few known uses break",
        Risk::Review => "review: function or data goes, so somebody has to agree",
    }
    .into()
}

/// How much of a build a fix changes, in a sentence.
pub(super) fn effort(effort: Effort) -> Text {
    match effort {
        Effort::Line => "line: an edit in one step",
        Effort::Step => "step: steps merged or reordered",
        Effort::Stage => "stage: a builder stage",
        Effort::Base => "base: another base image",
        Effort::Split => "split: several images in place of one",
        Effort::Transport => "transport: the image packed anew",
    }
    .into()
}

/// Whose layers a finding's bytes are in.
pub(super) fn origin(finding: &Finding) -> Text {
    let split = finding.origins;
    let parts =
        [(Origin::Own, split.own), (Origin::Base, split.base), (Origin::Unknown, split.unknown)];
    let named = parts.into_iter().filter(|(_, saving)| *saving != Saving::default());
    Text::joined(
        named.map(|(origin, _)| match origin {
            Origin::Unknown => Text::from(UNKNOWN),
            _ => Text::from(origin.as_str()),
        }),
        " + ",
    )
}

/// What a finding adds to the others as two cells; in parentheses what it tells from another side.
pub(super) fn net_cells(finding: &Finding) -> [Text; 2] {
    if finding.rule.phase != Phase::View {
        return saving_cells(finding.net);
    }
    let aside = |bytes: u64| match bytes {
        0 => Text::default(),
        _ => Text::from("(").with(Text::bytes(bytes)).with(")").styled(Style::Dim),
    };
    [aside(finding.gross.content), aside(finding.gross.compressed)]
}

/// What a finding saves, in a sentence that promises no more than is known.
pub(super) fn saves(finding: &Finding) -> Text {
    let (own, base) = (saved(finding), finding.origins.base);
    if own == Saving::default() {
        if base == Saving::default() {
            return Text::default();
        }
        return saving_text(base).with(", all of it in the base image");
    }
    let text = will_save(finding.risk, own);
    if base == Saving::default() {
        return text;
    }
    text.with("; ").with(saving_text(base)).with(" more in the base image")
}

/// Bytes that go if something is done that risks so much.
pub(super) fn will_save(risk: Risk, saving: Saving) -> Text {
    let words = match risk {
        Risk::Safe => "will free ",
        Risk::Test => "frees ",
        Risk::Review => "may free up to ",
    };
    Text::from(words).with(saving_text(saving))
}

/// What is left of some bytes without others.
pub(super) fn less(from: Saving, saving: Saving) -> Saving {
    Saving {
        content: from.content.saturating_sub(saving.content),
        compressed: from.compressed.saturating_sub(saving.compressed),
    }
}

/// An owner's name and version.
pub(super) fn owner_name(studied: Studied<'_>, owner: OwnerId) -> Text {
    let Some(owner) = studied.study.owners.get(owner.0 as usize) else { return unknown() };
    let name = Text::name(&*owner.name);
    match &owner.version {
        Some(version) => name.with(" ").with(Text::name(&**version)),
        None => name,
    }
}

/// A group of owners.
pub(super) fn group_name(group: Group) -> &'static str {
    match group {
        Group::Packages(ecosystem) => ecosystem.as_str(),
        Group::PackageDatabase => "package databases",
        Group::Generated => "generated by the system",
        Group::Components => "tools without a package",
        Group::Application => "application",
        Group::Unowned => "without an owner",
    }
}

/// What a snippet is written in.
pub(in crate::report) fn language(snippet: &str) -> &'static str {
    const VERBS: [&str; 9] =
        ["RUN ", "COPY ", "FROM ", "ENV ", "ARG ", "ADD ", "USER ", "WORKDIR ", "LABEL "];
    let is_instruction = |line: &str| VERBS.iter().any(|verb| line.starts_with(verb));
    if snippet.lines().any(is_instruction) { "dockerfile" } else { "sh" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_told_apart_by_instructions() {
        let check = |snippet: &str, expected| assert_eq!(language(snippet), expected, "{snippet}");
        check("# first\nRUN x", "dockerfile");
        check("regsize analyze x", "sh");
        check("", "sh");
        check("echo RUN x", "sh");
    }
}
