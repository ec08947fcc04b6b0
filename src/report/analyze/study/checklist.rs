//! What to try after a change, and how to keep watching.

use std::collections::BTreeSet;

use super::executive::name;
use super::{Studied, section as titled};
use crate::image::{Inspection, Runtime};
use crate::report::document::{Block, Mark, Section, Text};
use crate::secrecy::hide;

/// The checks that the image's components, its own program and the findings call for.
pub(super) fn testing(studied: Studied<'_>) -> Option<Section> {
    let mut items: Vec<Text> = start(&studied.image.runtime).into_iter().collect();
    items.extend(account(&studied.image.runtime));
    let mut commands: BTreeSet<&str> = BTreeSet::new();
    for component in studied.components() {
        if let Some(check) = component.check.as_deref().filter(|check| commands.insert(*check)) {
            items.push(name(studied, component).with(" works: ").with(Text::name(check)));
        }
    }
    for finding in studied.study.findings.iter().filter(|finding| super::is_shown(finding)) {
        let check = finding.check.as_str();
        if !check.is_empty() && commands.insert(check) {
            items.push(
                Text::from("after ").with(finding.rule.id).with(": ").with(Text::name(check)),
            );
        }
    }
    (!items.is_empty()).then(|| titled("Testing checklist", vec![Block::List(Mark::Box, items)]))
}

fn start(runtime: &Runtime) -> Option<Text> {
    let words: Vec<&str> =
        runtime.entrypoint.iter().chain(&runtime.cmd).map(String::as_str).collect();
    let (program, _) = hide(&words.join(" "));
    (!program.is_empty()).then(|| Text::from("the container starts: ").with(Text::name(program)))
}

fn account(runtime: &Runtime) -> Option<Text> {
    let user = Some(runtime.user.as_str()).filter(|user| !user.is_empty())?;
    let text = Text::from("user ").with(Text::name(user)).with(" may still write to ");
    let directory = runtime.working_dir.as_str();
    Some(text.with(Text::name(if directory.is_empty() { "/" } else { directory })))
}

/// A tag before this one, for the reader to name.
fn previous(reference: &str) -> String {
    let tagged = reference.split_once('@').map_or(reference, |(tagged, _)| tagged);
    let repository = match tagged.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => tagged,
    };
    format!("{repository}:PREVIOUS")
}

/// The commands that tell the sizes again.
pub(super) fn monitoring(inspection: &Inspection) -> Section {
    let reference = &inspection.reference;
    let previous = previous(reference);
    let commands = format!(
        "# sizes per platform, layer and step, without reading a layer\n\
         regsize inspect {reference}\n\
         # what is in the layers, as a report and for programs\n\
         regsize analyze {reference} --format markdown > report.md\n\
         regsize analyze {reference} --format json | jq '.images[].optimized'\n\
         # what grew since the tag before, and by which step\n\
         regsize compare {previous} {reference}\n\
         # what docker says of an image that was pulled\n\
         docker history --no-trunc {reference}"
    );
    titled("Monitoring", vec![Block::code("sh", commands)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_before_is_of_the_same_repository() {
        let check = |reference: &str, expected: &str| assert_eq!(previous(reference), expected);
        check("registry:5000/a/b:1.3.0", "registry:5000/a/b:PREVIOUS");
        check("registry:5000/a/b", "registry:5000/a/b:PREVIOUS");
        check("a:1@sha256:00", "a:PREVIOUS");
    }
}
