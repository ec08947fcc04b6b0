//! Snippets, filled with the image's own steps and paths.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::candidate::Candidate;
use super::finding::StepShare;
use super::quote::{all_quoted, quoted};
use super::reach::roots;
use super::shares::Shares;
use super::{Facts, Rule};
use crate::component::programs::interpreter;
use crate::image::{Image, Origin};

/// The snippet of a candidate.
///
/// Beside what the candidate fills in, `{{step}}`, `{{cmd}}` and `{{line}}` are the number,
/// command and Dockerfile line of the step that stores most, before those of the base image,
/// `{{path}}` and `{{dir}}` its largest path, `{{paths}}` all of its paths that the finding lists,
/// with remarks on those of other steps, `{{prefix}}` the installation that they are in,
/// `{{site}}` its directory of Python packages, `{{module}}` its package there, `{{roots}}` the
/// directories of Python's or R's modules that all of its paths are in, with remarks on those of
/// other steps, `{{base}}` the base image. A step's command that is not known stands as `…`, all else as `<name>` in a comment. What only the base image can mend says so.
pub(super) fn snippet(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
) -> String {
    let template = candidate.snippet.as_deref().unwrap_or(rule.fix);
    let part = |part: &str| match filled(part, candidate, shares, image) {
        Ok(text) if !has_placeholder(part) => text,
        Ok(text) | Err(text) => commented(&text),
    };
    let text = instructions(template).into_iter().map(part).collect::<Vec<_>>().join("\n");
    let is_edit = ["{{cmd}}", "{{strip}}"].iter().any(|name| template.contains(name));
    if is_edit && is_base_only(shares, image) {
        format!("# in the base image's Dockerfile:\n{text}")
    } else {
        text
    }
}

/// Whether only steps of the base image store what a finding is about.
fn is_base_only(shares: &Shares, image: &Image) -> bool {
    let is_base = |share: &StepShare| {
        image.layers.get(share.layer).is_some_and(|layer| layer.origin == Origin::Base)
    };
    !shares.steps.is_empty() && shares.steps.iter().all(is_base)
}

/// The instructions of a template, each with the lines that continue it.
fn instructions(template: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut at, mut is_open) = (0, 0, false);
    for line in template.split_inclusive('\n') {
        at += line.len();
        let is_comment = line.trim_start().starts_with('#');
        is_open = line.trim_end().ends_with('\\') && !is_comment || is_open && is_comment;
        if !is_open {
            parts.push(template.get(from..at).unwrap_or_default());
            from = at;
        }
    }
    parts.push(template.get(from..).unwrap_or_default());
    parts.retain(|part| !part.is_empty());
    parts.into_iter().map(|part| part.strip_suffix('\n').unwrap_or(part)).collect()
}

/// Whether a template has something like `<URL>`, for the reader to write.
fn has_placeholder(template: &str) -> bool {
    let is_name = |name: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || " _-'".contains(c);
        let is_whole = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.ends_with(' ');
        is_whole && name.chars().all(is_inner)
    };
    let mut parts = template.split('<').skip(1).filter_map(|after| after.split_once('>'));
    parts.any(|(name, _)| is_name(name))
}

/// Lines that no build takes for instructions.
fn commented(text: &str) -> String {
    let line = |line: &str| {
        if line.starts_with('#') { line.to_owned() } else { format!("# {line}") }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The command that tries what a candidate changes; none if a name in it is not known, or the
/// image does not have the Python that it takes.
pub(super) fn check(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    image: &Image,
    facts: Option<&Facts<'_>>,
) -> String {
    let text = filled(rule.check, candidate, shares, image).unwrap_or_default();
    let Some((facts, arguments)) = facts.zip(text.strip_prefix("python ")) else { return text };
    let is_of_path = rule.check.contains("{{module}}");
    let chosen = heaviest(shares, image);
    let mut paths = shares.paths.iter().filter(|share| Some(share.layer) == chosen);
    let path = paths.find(|share| is_of_path && module(&share.path).is_some());
    let program = interpreter(facts.ledger, image, path.map(|share| &*share.path));
    program.map_or_else(String::new, |program| format!("{program} {arguments}"))
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
    let mut remarks = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        remark(&mut filled, before, &mut remarks);
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
        match name {
            "paths" => remarks = about_others(shares, image),
            "roots" => remarks = other_roots(shares, image),
            _ => {}
        }
        rest = following;
    }
    remark(&mut filled, rest, &mut remarks);
    filled.push_str(&remarks);
    if is_whole { Ok(filled) } else { Err(filled) }
}

/// Adds a part of a template, and the remarks after its first line.
fn remark(filled: &mut String, part: &str, remarks: &mut String) {
    match part.split_once('\n').filter(|_| !remarks.is_empty()) {
        Some((line, rest)) => {
            filled.push_str(line);
            filled.push_str(&std::mem::take(remarks));
            filled.push('\n');
            filled.push_str(rest);
        }
        None => filled.push_str(part),
    }
}

/// A line for each other step that stores listed paths, and one on those that are not listed.
fn about_others(shares: &Shares, image: &Image) -> String {
    let chosen = heaviest(shares, image);
    let mut others: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
    for share in shares.paths.iter().filter(|share| Some(share.layer) != chosen) {
        others.entry(share.layer).or_default().push(&share.path);
    }
    let mut text = String::new();
    for (layer, paths) in others {
        // Writing to a string does not fail.
        let _ = write!(text, "\n# {} stores {}", maker(image, layer), all_quoted(paths));
    }
    match shares.more_paths {
        0 => {}
        1 => text.push_str("\n# and 1 more path like these"),
        more => {
            let _ = write!(text, "\n# and {more} more paths like these");
        }
    }
    text
}

/// Who made a layer.
fn maker(image: &Image, layer: usize) -> String {
    let layer = image.layers.get(layer);
    let number = layer.and_then(|layer| image.steps.get(layer.step?)?.number);
    match (layer.map(|layer| layer.origin), number) {
        (Some(Origin::Base), _) => "the base image".to_owned(),
        (_, Some(number)) => format!("step {number}"),
        _ => "another layer".to_owned(),
    }
}

/// A line for each other step that stores modules, with the directories that they are in.
fn other_roots(shares: &Shares, image: &Image) -> String {
    let chosen = heaviest(shares, image);
    let others = shares.by_layer.keys().filter(|layer| Some(**layer) != chosen);
    let line = |layer: &usize| {
        let (who, roots) = (maker(image, *layer), roots(shares, *layer));
        format!("\n# {who} stores more in {}", all_quoted(roots.iter().map(Vec::as_slice)))
    };
    others.map(line).collect()
}

/// The layer that a snippet mends: of those with a listed path, the one that stores most.
pub(super) fn heaviest(shares: &Shares, image: &Image) -> Option<usize> {
    // A step of the base image cannot be edited.
    let is_own =
        |layer: usize| image.layers.get(layer).is_some_and(|layer| layer.origin != Origin::Base);
    let is_listed = |layer: usize| shares.paths.iter().any(|share| share.layer == layer);
    let weight =
        |step: &&StepShare| (is_listed(step.layer), is_own(step.layer), step.gross.content);
    shares.steps.iter().max_by_key(weight).map(|step| step.layer)
}

fn of_image(name: &str, shares: &Shares, image: &Image) -> Option<String> {
    let chosen = heaviest(shares, image);
    let mut paths = shares.paths.iter().filter(|share| Some(share.layer) == chosen).peekable();
    let layer = || image.layers.get(chosen?);
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
        "path" | "dir" => Some(quoted(&paths.next()?.path)),
        "paths" => paths.peek().is_some().then(|| all_quoted(paths.map(|share| &*share.path))),
        "prefix" => {
            let share = paths.next()?;
            prefix(std::str::from_utf8(&share.path).ok()?).or_else(|| Some(quoted(&share.path)))
        }
        "site" => paths.find_map(|share| site(&share.path)),
        "roots" => {
            let roots = roots(shares, chosen?);
            (!roots.is_empty()).then(|| all_quoted(roots.iter().map(Vec::as_slice)))
        }
        "module" => paths.find_map(|share| module(&share.path)),
        "base" => image.base.as_ref()?.name.clone(),
        _ => None,
    }
}

/// The directory that `bin`, `lib` and their like of an installation are in.
pub(super) fn prefix(path: &str) -> Option<String> {
    const PARTS: [&str; 7] = ["bin", "conda-meta", "include", "lib", "libexec", "man", "share"];
    let names: Vec<&str> = path.split('/').collect();
    let at = names.iter().position(|name| PARTS.contains(name)).filter(|at| *at > 0)?;
    let names = names.get(..at)?;
    names.iter().all(|name| is_plain(name)).then(|| format!("/{}", names.join("/")))
}

/// The directory of Python packages that a path is in.
pub(super) fn site(path: &[u8]) -> Option<String> {
    const PACKAGES: &[u8] = b"-packages";
    let start = path.windows(PACKAGES.len()).position(|part| part == PACKAGES)?;
    Some(quoted(path.get(..start + PACKAGES.len())?))
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
    use crate::rule::testing::found;

    #[test]
    fn snippets_name_all_paths_that_are_listed() {
        let file = |at: usize| {
            format!(
                "  srv/{at}/.git/HEAD 10\n  srv/{at}/.git/objects/a 3_000_000\n  srv/{at}/app 1\n"
            )
        };
        let files: String = (10..22).map(file).collect();
        let check = |count: usize, expected: &str| {
            let lines: Vec<&str> = files.lines().take(3 * count).collect();
            let image = format!("RUN clone\n{}", lines.join("\n"));
            let findings = found(&image, &["left-vcs-history"]);
            let text = findings.first().map_or("", |finding| &finding.snippet);
            assert!(text.contains(expected), "{text}");
        };
        check(1, "rm -rf /srv/10/.git\n# or");
        check(2, "rm -rf /srv/10/.git /srv/11/.git\n# or");
        check(12, "/srv/18/.git /srv/19/.git\n# and 2 more paths like these\n# or");
    }

    #[test]
    fn a_snippet_deletes_what_its_own_step_stores() {
        let check = |image: &str, expected: &str| {
            let findings = found(image, &["left-vcs-history"]);
            let text = findings.first().map_or("", |finding| &finding.snippet);
            assert!(text.starts_with(expected), "{text}");
        };
        let two = "RUN a\n  srv/a/.git/HEAD 10\n  srv/a/.git/objects/a 3_000_000\n  srv/a/x 1\n\
                   RUN b\n  srv/b/.git/HEAD 10\n  srv/b/.git/objects/a 4_000_000\n  srv/b/x 1\n";
        check(two, "RUN b \\\n && rm -rf /srv/b/.git\n# step 1 stores /srv/a/.git\n# or");
        let base = two.replace("RUN b", "RUN c").replace("RUN a", "base: RUN a");
        check(&base, "RUN c \\\n && rm -rf /srv/b/.git\n# the base image stores /srv/a/.git\n# or");
        let only = two.replace("RUN ", "base: RUN ");
        check(&only, "# in the base image's Dockerfile:\nRUN b \\\n && rm -rf /srv/b/.git\n");
    }

    #[test]
    fn what_is_left_to_the_reader_is_a_comment() {
        let check = |template: &str, expected: &str| {
            let is_open = |part: &&str| has_placeholder(part);
            let parts = instructions(template);
            assert_eq!(parts.join("\n"), template);
            let open: Vec<String> = parts.iter().copied().filter(is_open).map(commented).collect();
            assert_eq!(open.join("|"), expected, "{template}");
        };
        check("FROM <this image> AS full\nRUN a", "# FROM <this image> AS full");
        check(
            "RUN a \\\n# why\n && <b> \\\n && c\nRUN d",
            "# RUN a \\\n# why\n#  && <b> \\\n#  && c",
        );
        check("# <a>\nRUN <<'SH'\na >b\nSH", "# <a>");
        check("RUN a <in >out", "");
    }

    #[test]
    fn what_a_report_would_escape_is_spelled_for_the_shell() {
        let image = "RUN x\n  tmp/\u{1b}[31mcore 2_000_000 elf=62,4,.note:100\n  root/.npm/_cacache/a\u{202e}b 2_000_000\n";
        for finding in found(image, &[]) {
            assert!(
                finding.snippet.chars().all(|c| c == '\n' || !c.is_control()),
                "{:?}",
                finding.snippet
            );
            assert!(!finding.snippet.contains('\u{202e}'), "{:?}", finding.snippet);
        }
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
        let cleaned = |clean: &str| format!("RUN mamba install x \\\n && {clean}");
        check("cache-conda-pkgs", conda, &cleaned("rm -rf /opt/conda/pkgs"));
        let program = format!("{conda}  opt/conda/bin/mamba 1\n");
        check("cache-conda-pkgs", &program, &cleaned("/opt/conda/bin/mamba clean -afy"));
        let named = format!("{program}ENV PATH=/opt/conda/bin:/usr/bin\n");
        check("cache-conda-pkgs", &named, &cleaned("mamba clean -afy"));
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
