//! Rows on what an image holds: findings, paths and packages.

use super::figures::deciding;
use super::{
    Bound, Budget, Exempted, Figure, Forbidden, Ignore, Ignored, Levels, Measure, Offence, Row,
    Subject, Verdict,
};
use crate::analysis::PathMatches;
use crate::package::{Ecosystem, normalize_python_name};
use crate::pattern::component_fits;
use crate::rule::{Selection, Severity, rule};
use crate::snapshot::{Finding, Owner, Snapshot};

/// How often each place in the list of what to ignore was of use.
pub(super) struct Tally<'a> {
    ignores: &'a [Ignore],
    used: Vec<u64>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(ignores: &'a [Ignore]) -> Self {
        Self { ignores, used: vec![0; ignores.len()] }
    }

    /// Whether something does not count; if so, it is counted here.
    fn exempts(&mut self, fits: impl Fn(&Ignored) -> bool) -> bool {
        let Some(at) = self.ignores.iter().position(|ignore| fits(&ignore.what)) else {
            return false;
        };
        self.add(at, 1);
        true
    }

    fn add(&mut self, at: usize, count: u64) {
        if let Some(used) = self.used.get_mut(at) {
            *used = used.saturating_add(count);
        }
    }

    /// What was ignored, and what of the list was of no use.
    pub(super) fn close(self) -> (Vec<Exempted>, Vec<String>) {
        let (mut used, mut idle) = (Vec::new(), Vec::new());
        for (ignore, count) in self.ignores.iter().zip(self.used) {
            let what = ignore.describe();
            if count == 0 {
                idle.push(what);
            } else {
                let (reason, until) = (ignore.reason.clone(), ignore.until.clone());
                used.push(Exempted { what, reason, until, count });
            }
        }
        (used, idle)
    }
}

/// The row on findings, if there is a limit.
pub(super) fn findings(snapshot: &Snapshot, budget: &Budget, tally: &mut Tally<'_>) -> Option<Row> {
    let levels = severities(budget.limits.get(&Measure::Findings)?);
    let id = Measure::Findings.as_str().to_owned();
    let lowest = levels.warn.into_iter().chain(levels.fail).min()?;
    let mut found: Vec<&Finding> = Vec::new();
    for finding in snapshot.findings.iter().filter(|finding| finding.severity >= lowest) {
        if !tally.exempts(|what| is_finding(what, finding)) {
            found.push(finding);
        }
    }
    let reaches = |level: Option<Severity>| {
        level.is_some_and(|level| found.iter().any(|finding| finding.severity >= level))
    };
    let broken = match (reaches(levels.fail), reaches(levels.warn)) {
        (true, _) => Some(Verdict::Fail),
        (_, true) => Some(Verdict::Warn),
        _ => None,
    };
    let decided = deciding(&levels, broken).unwrap_or(lowest);
    found.retain(|finding| finding.severity >= decided);
    let limit = Figure::Text(decided.as_str().to_owned());
    if !snapshot.is_complete() {
        return Some(unknown(id, limit, "not all layers were read".to_owned()));
    }
    if broken.is_none() && snapshot.unread.files > 0 {
        return Some(unknown(id, limit, unread(snapshot)));
    }
    if broken.is_none() && snapshot.unread.ambiguous > 0 {
        return Some(unknown(id, limit, ambiguous(snapshot)));
    }
    let count = found.len() as u64;
    let first =
        found.first().map_or_else(String::new, |finding| format!(", first: {}", finding.message));
    let reason =
        format!("{} of severity {} or more{first}", of(count, "finding"), decided.as_str());
    Some(Row {
        id,
        limit,
        actual: Some(Figure::Count(count)),
        verdict: broken.unwrap_or(Verdict::Pass),
        reason,
        offences: found.iter().map(|finding| offence_of(finding)).collect(),
    })
}

/// Why nothing found in an ambiguous layer is no pass.
fn ambiguous(snapshot: &Snapshot) -> String {
    let places = of(snapshot.unread.ambiguous, "place");
    format!("in {places} programs unpack a layer differently, which `regsize analyze` tells")
}

/// Why nothing found is no pass.
fn unread(snapshot: &Snapshot) -> String {
    let files = of(snapshot.unread.files, "file");
    format!("the contents of {files} with packages or secrets were not looked at whole")
}

fn severities(levels: &Levels<Bound>) -> Levels<Severity> {
    let severity = |bound: Option<Bound>| match bound {
        Some(Bound::Severity(severity)) => Some(severity),
        _ => None,
    };
    Levels { warn: severity(levels.warn), fail: severity(levels.fail) }
}

fn offence_of(finding: &Finding) -> Offence {
    Offence {
        id: finding.id.clone(),
        text: format!("{} ({})", finding.message, finding.severity.as_str()),
        layer: finding.layers.first().copied(),
    }
}

/// The findings that are not to be ignored.
pub(super) fn that_count(snapshot: &Snapshot, ignores: &[Ignore]) -> Vec<Finding> {
    let counts = |finding: &&Finding| !ignores.iter().any(|i| is_finding(&i.what, finding));
    snapshot.findings.iter().filter(counts).cloned().collect()
}

fn is_finding(what: &Ignored, finding: &Finding) -> bool {
    match what {
        Ignored::Finding(id) => *id == finding.id,
        Ignored::Rule(name) => {
            let selection = Selection { only: vec![name.clone()], ..Selection::default() };
            rule(&finding.rule).is_some_and(|rule| selection.has(rule))
        }
        Ignored::Path(_) | Ignored::Package(_) => false,
    }
}

/// One row for each forbidden path.
pub(super) fn paths(subject: &Subject, budget: &Budget, tally: &mut Tally<'_>) -> Vec<Row> {
    let row = |forbidden: &Forbidden| {
        let matches = subject.paths.iter().find(|found| found.pattern == forbidden.pattern);
        path_row(subject, budget, forbidden, matches, tally)
    };
    budget.paths.iter().map(row).collect()
}

fn path_row(
    subject: &Subject,
    budget: &Budget,
    forbidden: &Forbidden,
    matches: Option<&PathMatches>,
    tally: &mut Tally<'_>,
) -> Row {
    let (id, limit) = ("forbid-path".to_owned(), Figure::Text(forbidden.pattern.clone()));
    for (at, ignore) in budget.ignores.iter().enumerate() {
        let Ignored::Path(pattern) = &ignore.what else { continue };
        let spared = matches.into_iter().flat_map(|found| &found.excepted);
        let spared = spared.filter(|(except, _)| except == pattern).map(|(_, count)| *count);
        tally.add(at, spared.sum());
    }
    let count = matches.map_or(0, |found| found.count);
    let is_known = matches.is_some() && subject.snapshot.is_complete();
    if count == 0 && !is_known {
        return unknown(id, limit, "not all layers were read".to_owned());
    }
    if count == 0 && subject.snapshot.unread.ambiguous > 0 {
        return unknown(id, limit, ambiguous(&subject.snapshot));
    }
    let found = matches.into_iter().flat_map(|found| &found.paths);
    let offences: Vec<Offence> = found.map(offence_of_path).collect();
    let first =
        offences.first().map_or_else(String::new, |first| format!(", first {}", first.text));
    let reason = format!("{}{first}", of(count, "path"));
    let verdict = of_forbidden(forbidden, count);
    Row { id, limit, actual: Some(Figure::Count(count)), verdict, reason, offences }
}

fn offence_of_path(found: &crate::analysis::PathMatch) -> Offence {
    let path = crate::analysis::text_of_path(&found.path);
    let layer = found.layer;
    let fate = if found.visible { "" } else { ", deleted or replaced later" };
    Offence { text: format!("/{path} in layer {layer}{fate}"), id: path, layer: Some(layer) }
}

/// One row for each forbidden package.
pub(super) fn packages(subject: &Subject, budget: &Budget, tally: &mut Tally<'_>) -> Vec<Row> {
    let row = |forbidden: &Forbidden| package_row(subject, forbidden, tally);
    budget.packages.iter().map(row).collect()
}

fn package_row(subject: &Subject, forbidden: &Forbidden, tally: &mut Tally<'_>) -> Row {
    let (id, limit) = ("forbid-package".to_owned(), Figure::Text(forbidden.pattern.clone()));
    let installed = subject.snapshot.owners.iter().filter(|owner| {
        owner.package.as_ref().is_some_and(|package| package.installed)
            && is_package(&forbidden.pattern, owner)
    });
    let mut found = Vec::new();
    for owner in installed {
        let spared = |what: &Ignored| matches!(what, Ignored::Package(pattern) if is_package(pattern, owner));
        if !tally.exempts(spared) {
            found.push(owner);
        }
    }
    if found.is_empty() && !subject.snapshot.is_complete() {
        return unknown(id, limit, "not all layers were read".to_owned());
    }
    if found.is_empty() && subject.snapshot.unread.files > 0 {
        return unknown(id, limit, unread(&subject.snapshot));
    }
    if found.is_empty() && subject.snapshot.unread.ambiguous > 0 {
        return unknown(id, limit, ambiguous(&subject.snapshot));
    }
    if found.is_empty() && subject.snapshot.unread.records > 0 {
        let records = of(subject.snapshot.unread.records, "record");
        let reason = format!("{records} of packages could not be read");
        return unknown(id, limit, reason);
    }
    let count = found.len() as u64;
    let offences: Vec<Offence> = found.into_iter().map(offence_of_package).collect();
    let first =
        offences.first().map_or_else(String::new, |first| format!(", first {}", first.text));
    let reason = format!("{}{first}", of(count, "package"));
    let verdict = of_forbidden(forbidden, count);
    Row { id, limit, actual: Some(Figure::Count(count)), verdict, reason, offences }
}

/// Whether a package fits a pattern, as in `torch*` or `python:torch*`; case does not matter.
fn is_package(pattern: &str, owner: &Owner) -> bool {
    let (kind, name) = match pattern.split_once(':') {
        Some((kind, name)) => (Some(kind), name),
        None => (None, pattern),
    };
    let fits = |pattern: &str, text: &str| {
        let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
        component_fits(pattern.as_bytes(), text.as_bytes())
    };
    // Names of Python's distributions are the same in several spellings.
    let is_named = fits(name, &owner.name)
        || (owner.kind == Ecosystem::Python.as_str()
            && fits(&normalize_python_name(name), &owner.name));
    kind.is_none_or(|kind| fits(kind, &owner.kind)) && is_named
}

fn offence_of_package(owner: &Owner) -> Offence {
    let id = format!("{}:{}", owner.kind, owner.name);
    let version = owner.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
    let layer = owner.package.as_ref().map(|package| package.layer);
    Offence { text: format!("{id}{version}"), id, layer }
}

fn of_forbidden(forbidden: &Forbidden, count: u64) -> Verdict {
    match (count, forbidden.soft) {
        (0, _) => Verdict::Pass,
        (_, true) => Verdict::Warn,
        (_, false) => Verdict::Fail,
    }
}

fn unknown(id: String, limit: Figure, reason: String) -> Row {
    Row { id, limit, actual: None, verdict: Verdict::Unknown, reason, offences: Vec::new() }
}

/// A number and its noun.
fn of(count: u64, noun: &str) -> String {
    match count {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}
