//! Snippets, filled with the image's own steps and paths.

use super::Rule;
use super::candidate::Candidate;
use super::shares::Shares;
use crate::image::Image;

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most, `{{path}}` and `{{dir}}` the largest
/// path, `{{base}}` the base image. What is not known stands as `<name>`.
pub(super) fn snippet(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
) -> String {
    let template = candidate.snippet.as_deref().unwrap_or(rule.fix);
    let known = |name: &str| {
        let own = candidate.fill.iter().find(|(key, _)| *key == name);
        own.map(|(_, text)| text.clone()).or_else(|| of_image(name, shares, image))
    };
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, following)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        match known(name) {
            Some(text) => filled.push_str(&text),
            None => filled.extend(["<", name, ">"]),
        }
        rest = following;
    }
    filled.push_str(rest);
    filled
}

fn of_image(name: &str, shares: &Shares, image: &Image) -> Option<String> {
    let heaviest = shares.steps.iter().max_by_key(|step| step.gross.content);
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
