//! Detection by paths.
//!
//! A directory fits only a pattern that ends with a slash or a lone star, so that a directory with
//! the name of a file, as `numpy/core`, is never taken for one. What stays fits whatever it is.

use std::collections::HashMap;

use super::needed::Needed;
use super::{Candidate, Claim, Detect, Facts, Phrase, Risk, Rule, rules};
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::{AtomId, Ledger};
use crate::pattern::Patterns;

/// What a rule takes by its path. A directory that fits stands for all that is in it.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// Patterns of [`crate::pattern`]; one without a slash or a lone star at the end takes files.
    pub any: &'static [&'static str],
    /// Patterns of what some uses need: a finding of its own, one risk above the rule's.
    pub careful: &'static [&'static str],
    /// Patterns of what stays nevertheless.
    pub except: &'static [&'static str],
    /// Variables of the image's environment that name such a directory, or a list of them; with
    /// a path behind the name, as `CARGO_HOME/registry`, what is there below it.
    pub env: &'static [&'static str],
    /// What else must hold of a path that fits.
    pub at: Option<fn(&Facts<'_>, NodeId) -> bool>,
    /// What else must hold of a file.
    pub only: Option<fn(&Facts<'_>, AtomId) -> bool>,
    /// What the image tells of a candidate beside its files.
    pub then: Option<fn(&Facts<'_>, Candidate) -> Candidate>,
}

/// A visible path that fits a rule's pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) node: NodeId,
    /// Bytes of the pattern without its stars: how closely it describes the path.
    pub(super) closeness: u32,
    pub(super) role: Role,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes.
    Takes,
    /// It takes what some uses need.
    Careful,
    /// It keeps.
    Stays,
}

/// Where cached files are unless the environment says otherwise.
const CACHE_HOME: &str = "**/.cache/";
const CACHE_VARIABLE: &str = "XDG_CACHE_HOME";

impl Paths {
    /// Those that fit any of some patterns.
    pub const fn any(any: &'static [&'static str]) -> Self {
        let none: &[&str] = &[];
        Self { any, careful: none, except: none, env: none, at: None, only: None, then: None }
    }

    /// And those that fit others, which some uses need.
    #[must_use]
    pub const fn careful(self, careful: &'static [&'static str]) -> Self {
        Self { careful, ..self }
    }

    /// Without those that fit some others.
    #[must_use]
    pub const fn except(self, except: &'static [&'static str]) -> Self {
        Self { except, ..self }
    }

    /// With the directories that variables of the environment name.
    #[must_use]
    pub const fn env(self, env: &'static [&'static str]) -> Self {
        Self { env, ..self }
    }

    /// Of the paths that fit, the ones for which something holds.
    #[must_use]
    pub const fn at(self, at: fn(&Facts<'_>, NodeId) -> bool) -> Self {
        Self { at: Some(at), ..self }
    }

    /// Of the files there, the ones for which something holds.
    #[must_use]
    pub const fn only(self, only: fn(&Facts<'_>, AtomId) -> bool) -> Self {
        Self { only: Some(only), ..self }
    }

    /// With what the image tells of a candidate.
    #[must_use]
    pub const fn then(self, then: fn(&Facts<'_>, Candidate) -> Candidate) -> Self {
        Self { then: Some(then), ..self }
    }

    fn rows(&self) -> impl Iterator<Item = (Role, &'static str)> {
        let rows =
            [(Role::Takes, self.any), (Role::Careful, self.careful), (Role::Stays, self.except)];
        rows.into_iter().flat_map(|(role, rows)| rows.iter().map(move |row| (role, *row)))
    }
}

/// What fits the paths of each rule.
pub(super) fn hits(image: &Image, ledger: &Ledger) -> HashMap<&'static str, Vec<Hit>> {
    let mut patterns = Patterns::default();
    for rule in rules() {
        let Detect::Paths(paths) = &rule.detect else { continue };
        let mut add = |row: &str, role: Role| {
            let file = role != Role::Stays && !row.ends_with('/') && !row.ends_with("/*");
            patterns.add(row.as_bytes(), (rule.id, closeness(row), role, file));
        };
        for variable in paths.env {
            for directory in named_by(image, variable) {
                add(&format!("{directory}/"), Role::Takes);
            }
        }
        for (role, row) in paths.rows() {
            add(row, role);
            let Some(rest) = row.strip_prefix(CACHE_HOME) else { continue };
            for home in named_by(image, CACHE_VARIABLE) {
                add(&format!("{home}/{rest}"), role);
            }
        }
    }
    let mut hits: HashMap<&'static str, Vec<Hit>> = HashMap::new();
    ledger.for_each_below(NodeId::ROOT, |node, components, is_directory| {
        for (rule, closeness, role, file) in patterns.fitting(components, is_directory) {
            if *file && is_directory {
                continue;
            }
            let hit = Hit { node, closeness: *closeness, role: *role };
            hits.entry(rule).or_default().push(hit);
        }
    });
    hits
}

/// The directories of a variable; a path behind its name leads on from there.
fn named_by(image: &Image, variable: &str) -> Vec<String> {
    let (name, rest) = variable.split_once('/').unwrap_or((variable, ""));
    let Some(value) = image.runtime.env.get(name) else { return Vec::new() };
    let is_directory = |text: &&str| {
        text.starts_with('/') && !text.contains('*') && !text.trim_matches('/').is_empty()
    };
    let directories = value.split([':', ',']).map(str::trim).filter(is_directory);
    let below = |text: &str| [text.trim_matches('/'), rest].join("/");
    directories.map(|text| below(text).trim_end_matches('/').to_owned()).collect()
}

fn closeness(pattern: &str) -> u32 {
    u32::try_from(pattern.bytes().filter(|byte| *byte != b'*').count()).unwrap_or(u32::MAX)
}

/// One candidate of all files that a rule takes by their paths, and one of those that some uses
/// need; none if there are none.
pub(super) fn detect(facts: &Facts<'_>, rule: &'static Rule, paths: &Paths) -> Vec<Candidate> {
    let (plain, careful) = taken(facts, rule, paths);
    let mut found = Vec::new();
    let title = || Phrase::words(rule.title);
    if !plain.is_empty() {
        found.push(Candidate::new("", title(), Claim::Files(plain)));
    }
    if !careful.is_empty() {
        let message = title().and(", where some uses need them");
        let candidate = Candidate::new("careful", message, Claim::Files(careful));
        let risk = if rule.risk == Risk::Safe { Risk::Test } else { Risk::Review };
        found.push(candidate.risk(risk));
    }
    match paths.then {
        Some(then) => found.into_iter().map(|candidate| then(facts, candidate)).collect(),
        None => found,
    }
}

/// A path that decides about the files in it.
struct Mark {
    start: usize,
    end: usize,
    closeness: u32,
    role: Role,
}

/// What the marks around a file come to.
#[derive(Clone, Copy, Default)]
struct Verdict {
    end: usize,
    closeness: u32,
    careful: bool,
    stays: bool,
}

/// Files, each with how closely a pattern describes it.
type Taken = Vec<(AtomId, u32)>;

/// The files that a rule takes, and those that it takes with care.
fn taken(facts: &Facts<'_>, rule: &'static Rule, paths: &Paths) -> (Taken, Taken) {
    let ledger = facts.ledger;
    let Some(hits) = facts.hits.get(rule.id) else { return Default::default() };
    let holds =
        |hit: &&Hit| hit.role == Role::Stays || paths.at.is_none_or(|at| at(facts, hit.node));
    let hits: Vec<Hit> = hits.iter().filter(holds).copied().collect();
    let taking = |hit: &&Hit| hit.role != Role::Stays;
    let roots: Vec<NodeId> = hits.iter().filter(taking).map(|hit| hit.node).collect();
    let mark = |node: NodeId, closeness: u32, role: Role| {
        let span = ledger.span(node);
        Mark { start: span.start, end: span.end, closeness, role }
    };
    let mut marks: Vec<Mark> =
        hits.iter().map(|hit| mark(hit.node, hit.closeness, hit.role)).collect();
    if rule.risk == Risk::Safe {
        let Needed { started, named } = facts.needed.inside(ledger, &roots);
        marks.extend(started.into_iter().map(|node| mark(node, 0, Role::Stays)));
        marks.extend(named.into_iter().map(|node| mark(node, 0, Role::Careful)));
    }
    marks.sort_by_key(|mark| (mark.start, std::cmp::Reverse(mark.end)));
    let mut marks = marks.into_iter().peekable();
    let mut open: Vec<Verdict> = Vec::new();
    let (mut plain, mut careful) = (Vec::new(), Vec::new());
    for atom in ledger.select(&roots) {
        let at = ledger.span(ledger.atom(atom).node).start;
        while let Some(mark) = marks.next_if(|mark| mark.start <= at) {
            while open.pop_if(|last| last.end <= mark.start).is_some() {}
            open.push(open.last().copied().unwrap_or_default().under(&mark));
        }
        while open.pop_if(|last| last.end <= at).is_some() {}
        let verdict = open.last().copied().unwrap_or_default();
        if verdict.stays || paths.only.is_some_and(|only| !only(facts, atom)) {
            continue;
        }
        let list = if verdict.careful { &mut careful } else { &mut plain };
        list.push((atom, verdict.closeness));
    }
    (plain, careful)
}

impl Verdict {
    /// That of what is at one more mark.
    fn under(self, mark: &Mark) -> Self {
        Self {
            end: mark.end,
            closeness: self.closeness.max(mark.closeness),
            careful: self.careful || mark.role == Role::Careful,
            stays: self.stays || mark.role == Role::Stays,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::found;

    /// What `cache-pip` claims, by its findings.
    fn check(text: &str, expected: &[(&str, u64)]) {
        let findings = found(text, &["cache-pip"]);
        let found: Vec<_> =
            findings.iter().map(|finding| (finding.risk.as_str(), finding.gross.content)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn caches_are_found_where_the_environment_has_them() {
        check(
            "ENV XDG_CACHE_HOME=/var/caches\nRUN a\n  var/caches/pip/x 2_000_000\n",
            &[("safe", 2_000_000)],
        );
        check("ENV PIP_CACHE_DIR=/\nRUN a\n  bin/x 2_000_000\n", &[]);
    }

    #[test]
    fn what_is_in_the_base_alone_is_not_urgent() {
        let severity = |image: &str| found(image, &["cache-pip"])[0].severity.as_str();
        let cache = "RUN a\n  root/.cache/pip/x 2_000_000_000\n";
        assert_eq!(severity(cache), "critical");
        assert_eq!(severity(&format!("base: {cache}")), "medium");
        let both = format!("base: {cache}RUN b\n  root/.cache/pip/y 2_000_000\n");
        assert_eq!(severity(&both), "critical");
    }

    #[test]
    fn what_the_image_names_or_links_to_is_not_safe() {
        let image = |line: &str| {
            format!(
                "{line}\nRUN a\n  root/.cache/pip/a/x 2_000_000\n  root/.cache/pip/b/y 3_000_000\n"
            )
        };
        check(&image("CMD /bin/sh"), &[("safe", 5_000_000)]);
        check(&image("ENTRYPOINT sh /root/.cache/pip/b/y"), &[("safe", 2_000_000)]);
        check(&image("ENV X=/root/.cache/pip/b"), &[("safe", 2_000_000), ("test", 3_000_000)]);
        check(&image("ENV HOME=/root"), &[("safe", 5_000_000)]);
        let linked = image("CMD x") + "  opt/venv -> ../root/.cache/pip/b\n";
        check(&linked, &[("safe", 2_000_000)]);
        let inner = image("CMD x") + "  root/.cache/pip/a/z -> ../b/y\n";
        check(&inner, &[("safe", 5_000_000)]);
        let whole = image("CMD x") + "  pip -> /root/.cache/pip\n";
        check(&whole, &[("safe", 5_000_000)]);
    }
}
