//! Snippets, filled with the image's own steps and paths.

use super::Rule;
use super::candidate::Candidate;
use super::shares::Shares;
use crate::image::{Image, Origin};

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most, before
/// those of the base image, `{{path}}` and `{{dir}}` the largest path, `{{base}}` the base image. What is not known stands as `<name>`.
pub(super) fn snippet(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
) -> String {
    let template = candidate.snippet.as_deref().unwrap_or(rule.fix);
    filled(template, candidate, shares, image).unwrap_or_else(|partly| partly)
}

/// The command that tries what a candidate changes; none if a name in it is not known.
pub(super) fn check(rule: &Rule, candidate: &Candidate, shares: &Shares, image: &Image) -> String {
    filled(rule.check, candidate, shares, image).unwrap_or_default()
}

/// A template with its names filled in; as an error one in which some stand as `<name>`.
fn filled(
    template: &str,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
) -> Result<String, String> {
    let known = |name: &str| {
        let own = candidate.fill.iter().find(|(key, _)| *key == name);
        own.map(|(_, text)| text.clone()).or_else(|| of_image(name, shares, image))
    };
    let mut filled = String::with_capacity(template.len());
    let mut is_whole = true;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, following)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        match known(name) {
            Some(text) => filled.push_str(&text),
            None => {
                is_whole = false;
                filled.extend(["<", name, ">"]);
            }
        }
        rest = following;
    }
    filled.push_str(rest);
    if is_whole { Ok(filled) } else { Err(filled) }
}

fn of_image(name: &str, shares: &Shares, image: &Image) -> Option<String> {
    // A step of the base image cannot be edited.
    let is_own =
        |layer: usize| image.layers.get(layer).is_some_and(|layer| layer.origin != Origin::Base);
    let heaviest = shares.steps.iter().max_by_key(|step| (is_own(step.layer), step.gross.content));
    let layer = || image.layers.get(heaviest?.layer);
    let step = || image.steps.get(layer()?.step?);
    match name {
        "step" => step()?.number.map(|number| number.to_string()),
        "cmd" => Some(step()?.instruction.strip_prefix("RUN ")?.to_owned()),
        "line" => layer()?.source.as_ref().map(|source| source.start_line.to_string()),
        "path" | "dir" => {
            let path = &shares.paths.first()?.path;
            Some(format!("/{}", String::from_utf8_lossy(path)))
        }
        "base" => image.base.as_ref()?.name.clone(),
        _ => None,
    }
}
