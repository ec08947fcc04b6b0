//! Snippets, filled with the image's own steps and paths.

use super::Rule;
use super::candidate::Candidate;
use super::shares::Shares;
use crate::image::{Image, Origin};

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most, before those of the base image,
/// `{{path}}` and `{{dir}}` the largest path, `{{prefix}}` the installation that it is in,
/// `{{site}}` its directory of Python packages, `{{module}}` its package there, `{{base}}` the base
/// image. A step's command that is not known stands as `…`, all else as `<name>`.
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
        if let Some(text) = known(name) {
            filled.push_str(&text);
        } else {
            is_whole = false;
            filled.extend(["<", name, ">"]);
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
        "cmd" => {
            let run = step().and_then(|step| step.instruction.strip_prefix("RUN "));
            // Nothing can follow a here-document on its line.
            let line = run.filter(|run| !run.starts_with("<<"));
            let is_rest = |c: char| c.is_whitespace() || c == '\\';
            Some(line.unwrap_or("…").trim_end_matches(is_rest).to_owned())
        }
        "line" => layer()?.source.as_ref().map(|source| source.start_line.to_string()),
        "path" | "dir" => {
            let path = &shares.paths.first()?.path;
            Some(quoted(&String::from_utf8_lossy(path)))
        }
        "prefix" => {
            let layer = heaviest?.layer;
            let share = shares.paths.iter().find(|share| share.layer == layer)?;
            prefix(std::str::from_utf8(&share.path).ok()?)
                .or_else(|| of_image("path", shares, image))
        }
        "site" => shares.paths.iter().find_map(|share| site(&share.path)),
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

/// The directory of Python packages that a path is in.
fn site(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let end = path.find("-packages")? + "-packages".len();
    Some(quoted(&path[..end]))
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

/// A path from the root as a shell takes it.
fn quoted(path: &str) -> String {
    if path.split('/').all(is_plain) {
        return format!("/{path}");
    }
    format!("'/{}'", path.replace('\'', "'\\''"))
}

/// Whether a shell takes a name as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::found;

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        let check = |path: &str, expected: &str| assert_eq!(quoted(path), expected);
        check("opt/a-1.0", "/opt/a-1.0");
        check("my tools/x", "'/my tools/x'");
        check("a;rm -rf/x'y", r"'/a;rm -rf/x'\''y'");
    }

    #[test]
    fn snippets_have_the_step_and_the_directory() {
        let check = |rule: &str, image: &str, expected: &str| {
            let findings = found(image, &[rule]);
            let text = findings.first().map_or("", |finding| &finding.snippet);
            assert!(text.starts_with(expected), "{text}");
        };
        let npm = "RUN npm install -g x\n  root/.npm/_cacache/a 2_000_000\n";
        check("cache-node", npm, "RUN npm install -g x \\\n && npm cache clean --force");
        let conda = "RUN mamba install x\n  opt/conda/conda-meta/x.json 1\n  opt/conda/pkgs/x.conda 2_000_000\n";
        let cleaned = "RUN mamba install x \\\n && conda clean -afy\n# or: mamba clean -afy, micromamba clean -afy, rm -rf /opt/conda/pkgs";
        check("cache-conda-pkgs", conda, cleaned);
        let copied = "COPY . /\n  root/.npm/_cacache/a 2_000_000\n";
        check("cache-node", copied, "RUN … \\\n && npm cache clean --force");
    }

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
