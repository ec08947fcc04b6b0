//! Snippets, filled with the image's own steps and paths.

use super::Rule;
use super::candidate::Candidate;
use super::shares::Shares;
use crate::image::{Image, Origin};

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most (of the image's own steps, if one
/// stores any), `{{path}}` and `{{dir}}` the largest path, `{{prefix}}` the directory that this is
/// installed below, `{{module}}` the Python module that it belongs to, `{{base}}` the base image.
/// What is not known stands as `<name>`.
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
        "prefix" => {
            let layer = heaviest?.layer;
            let share = shares.paths.iter().find(|share| share.layer == layer)?;
            prefix(std::str::from_utf8(&share.path).ok()?)
        }
        "module" => shares.paths.iter().find_map(|share| module(&share.path)),
        "base" => image.base.as_ref()?.name.clone(),
        _ => None,
    }
}

/// The directory that `bin`, `lib` and their like of an installation are in.
fn prefix(path: &str) -> Option<String> {
    const PARTS: [&str; 7] = ["bin", "conda-meta", "include", "lib", "libexec", "man", "share"];
    let names: Vec<&str> = path.split('/').collect();
    let at = names.iter().position(|name| PARTS.contains(name)).filter(|at| *at > 0)?;
    let names = names.get(..at)?;
    names.iter().all(|name| is_plain(name)).then(|| format!("/{}", names.join("/")))
}

/// The Python module that a file of an installed package belongs to.
fn module(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let (_, inside) =
        path.split_once("/site-packages/").or_else(|| path.split_once("/dist-packages/"))?;
    let name = inside.split('/').next()?;
    let is_module = is_plain(name) && name != "__pycache__" && !name.contains(['.', '-', '+']);
    is_module.then(|| name.to_owned())
}

/// Whether a shell takes a name as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_prefixes_and_modules() {
        let check = |path: &str, root: Option<&str>, name: Option<&str>| {
            assert_eq!(prefix(path).as_deref(), root, "{path}");
            assert_eq!(module(path.as_bytes()).as_deref(), name, "{path}");
        };
        check("opt/conda/lib/python3/site-packages/pandas/x", Some("/opt/conda"), Some("pandas"));
        check("usr/lib/python3/dist-packages/pip", Some("/usr"), Some("pip"));
        check("usr/lib/python3/site-packages/numpy.libs/a.so", Some("/usr"), None);
        check("usr/lib/python3/site-packages/__pycache__/six.pyc", Some("/usr"), None);
        check("usr/local/bin/node", Some("/usr/local"), None);
        check("my tools/lib/x", None, None);
        check("lib/x", None, None);
        check("srv/app/x.js.map", None, None);
        check("", None, None);
    }
}
