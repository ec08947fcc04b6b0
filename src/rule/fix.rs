//! Snippets, filled with the image's own steps and paths.

use super::Rule;
use super::candidate::Candidate;
use super::shares::Shares;
use crate::image::Image;

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most, `{{path}}` and `{{dir}}` the largest
/// path, `{{prefix}}` the installation that it is in, `{{site}}` its directory of Python packages,
/// `{{module}}` its package there, `{{base}}` the base image. A step's command that is not known
/// stands as `…`, all else as `<name>`.
pub(super) fn snippet(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
) -> String {
    let template = candidate.snippet.as_deref().unwrap_or(rule.fix);
    filled(template, candidate, shares, image)
}

/// The command that shows that the fix of a candidate broke nothing.
pub(super) fn check(rule: &Rule, candidate: &Candidate, shares: &Shares, image: &Image) -> String {
    filled(rule.check, candidate, shares, image)
}

fn filled(template: &str, candidate: &Candidate, shares: &Shares, image: &Image) -> String {
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
        "cmd" => {
            let run = step().and_then(|step| step.instruction.strip_prefix("RUN "));
            // Nothing can follow a here-document on its line.
            let line = run.filter(|run| !run.starts_with("<<"));
            Some(line.unwrap_or("…").trim_end().to_owned())
        }
        "line" => layer()?.source.as_ref().map(|source| source.start_line.to_string()),
        "path" | "dir" => {
            let path = &shares.paths.first()?.path;
            Some(format!("/{}", String::from_utf8_lossy(path)))
        }
        "prefix" | "site" | "module" => {
            let mut paths = shares.paths.iter().map(|share| String::from_utf8_lossy(&share.path));
            paths.find_map(|path| part_of(name, &format!("/{path}")))
        }
        "base" => image.base.as_ref()?.name.clone(),
        _ => None,
    }
}

/// A part of a path: the installation, the directory of Python packages, or the package.
fn part_of(name: &str, path: &str) -> Option<String> {
    let packages = path.find("-packages").map(|at| at + "-packages".len());
    match (name, packages) {
        ("site", Some(end)) => Some(path[..end].to_owned()),
        ("module", Some(end)) => {
            let module = path[end..].trim_start_matches('/').split(['/', '.']).next()?;
            Some(module.to_owned()).filter(|module| !module.is_empty())
        }
        ("module", None) => None,
        _ => {
            let marks = ["/lib/", "/share/", "/conda-meta/", "/include/"];
            let end = marks.iter().filter_map(|mark| path.find(mark)).filter(|at| *at > 0).min();
            let whole = path.trim_end_matches("/include");
            Some(end.map_or(whole, |end| &path[..end]).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;
    use crate::rule::testing::found;

    #[test]
    fn parts_of_paths() {
        let check = |name: &str, path: &str, expected: Option<&str>| {
            assert_eq!(part_of(name, path).as_deref(), expected, "{name} {path}");
        };
        let numpy = "/opt/conda/lib/python3.11/site-packages/numpy/core";
        check("prefix", numpy, Some("/opt/conda"));
        check("site", numpy, Some("/opt/conda/lib/python3.11/site-packages"));
        check("module", numpy, Some("numpy"));
        check("module", "/opt/x", None);
        check("prefix", "/opt/x/include", Some("/opt/x"));
        check("prefix", "/lib/python3.11/test", Some("/lib/python3.11/test"));
        check("site", "/app/x.py", Some("/app/x.py"));
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
}
