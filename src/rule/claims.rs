//! Who gets which bytes: candidates claim in phases, and each stored file is claimed once.

use std::collections::{BTreeMap, HashMap};

use super::candidate::{Candidate, Claim};
use super::duplicates::groups_of;
use super::finding::{Confidence, Finding, Saving};
use super::{
    Bands, Detect, Effort, Facts, OriginSplit as Origins, Phase, Risk, Rule, Severity, fix, needed,
    paths, reach, rules, shares,
};
use crate::image::{Image, Inspection, Origin};
use crate::ledger::AtomId;
use crate::pattern::component_fits;

/// Which rules run, and what their severities are.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids, families or patterns of ids of the rules that run; all where it is empty.
    pub only: Vec<String>,
    /// Those that do not.
    pub skip: Vec<String>,
    /// Severities by id, in place of those by bytes.
    pub severities: BTreeMap<String, Severity>,
}

/// From this many bytes on, what is safe and a small edit is worth doing at once.
const QUICK: u64 = 1_000_000;

/// A candidate and what became of it.
struct Claimant {
    rule: &'static Rule,
    candidate: Candidate,
    gross: Saving,
    /// What it gets of each layer.
    gains: BTreeMap<usize, Saving>,
}

/// Who claimed a file, and how closely it describes it.
#[derive(Clone, Copy)]
struct Holder {
    claimant: usize,
    closeness: u32,
    phase: Phase,
}

impl Selection {
    /// Whether a rule runs.
    pub fn has(&self, rule: &Rule) -> bool {
        let names = |name: &String| {
            name == rule.family() || component_fits(name.as_bytes(), rule.id.as_bytes())
        };
        (self.only.is_empty() || self.only.iter().any(names)) && !self.skip.iter().any(names)
    }
}

/// What the rules find in an image, the most important first.
pub fn findings(facts: &Facts<'_>, selection: &Selection) -> Vec<Finding> {
    let whole = facts.whole();
    let mut findings: Vec<Finding> = claimants(facts, selection)
        .into_iter()
        .filter(Claimant::has_something)
        .map(|claimant| claimant.finding(Some(facts), facts.image, whole, selection))
        .collect();
    sort(&mut findings);
    findings
}

/// What the findings together take of each layer.
#[cfg(test)]
pub(super) fn taken(facts: &Facts<'_>, selection: &Selection) -> BTreeMap<usize, Saving> {
    let mut sums: BTreeMap<usize, Saving> = BTreeMap::new();
    for (layer, saving) in claimants(facts, selection).into_iter().flat_map(|one| one.gains) {
        *sums.entry(layer).or_default() += saving;
    }
    sums
}

/// All that the rules propose, each with what it gets.
fn claimants(facts: &Facts<'_>, selection: &Selection) -> Vec<Claimant> {
    let mut claimants = Vec::new();
    for rule in rules().iter().filter(|rule| selection.has(rule)) {
        let candidates = match &rule.detect {
            Detect::Paths(paths) => paths::detect(facts, rule, paths),
            Detect::Layers(detect) | Detect::Both(_, detect) => detect(facts),
            Detect::Manifest(detect) => detect(facts.image),
            Detect::Index(_) | Detect::Platforms(_) => Vec::new(),
        };
        let spared = |candidate| needed::spare(&facts.needed, facts.ledger, rule, candidate);
        let candidates = candidates.into_iter().filter_map(spared).map(|candidate| Claimant {
            gross: gross(Some(facts), &candidate.claim),
            rule,
            candidate,
            gains: BTreeMap::new(),
        });
        claimants.extend(candidates.filter(Claimant::is_enough));
    }
    claimants.sort_by(|a, b| {
        let key = |claimant: &Claimant| {
            let Saving { content, compressed } = claimant.gross;
            std::cmp::Reverse((content, compressed))
        };
        let name = |claimant: &Claimant| (claimant.rule.id, claimant.candidate.anchor.clone());
        (a.rule.phase, key(a)).cmp(&(b.rule.phase, key(b))).then_with(|| name(a).cmp(&name(b)))
    });
    settle(facts, &mut claimants);
    claimants
}

/// What the rules find that need the manifest and config alone.
pub fn manifest_findings(image: &Image, selection: &Selection) -> Vec<Finding> {
    without_layers(image, selection, |rule| match &rule.detect {
        Detect::Manifest(detect) | Detect::Both(detect, _) => detect(image),
        _ => Vec::new(),
    })
}

/// What the rules find that compare the images of a reference, by their manifests and configs.
pub fn index_findings(inspection: &Inspection, selection: &Selection) -> Vec<Finding> {
    let Some(shown) = inspection.images.get(inspection.shown) else { return Vec::new() };
    without_layers(shown, selection, |rule| match &rule.detect {
        Detect::Index(detect) => detect(inspection),
        _ => Vec::new(),
    })
}

pub(super) fn without_layers(
    image: &Image,
    selection: &Selection,
    detect: impl Fn(&Rule) -> Vec<Candidate>,
) -> Vec<Finding> {
    let whole =
        Saving { content: 0, compressed: u64::try_from(image.compressed()).unwrap_or(u64::MAX) };
    let mut findings = Vec::new();
    for rule in rules().iter().filter(|rule| selection.has(rule)) {
        findings.extend(detect(rule).into_iter().map(|candidate| {
            let gross = gross(None, &candidate.claim);
            let claimant = Claimant { rule, candidate, gross, gains: BTreeMap::new() };
            claimant.finding(None, image, whole, selection)
        }));
    }
    sort(&mut findings);
    findings
}

/// The most important first, and in an order that depends on nothing else.
fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let Saving { content, compressed } = finding.net;
            (
                std::cmp::Reverse(finding.severity),
                finding.risk,
                finding.rule.effort,
                std::cmp::Reverse(content),
                std::cmp::Reverse(compressed),
            )
        };
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
}

/// What a claim comes to by itself.
fn gross(facts: Option<&Facts<'_>>, claim: &Claim) -> Saving {
    let mut sum = Saving::default();
    let mut add = |saving| sum += saving;
    match claim {
        Claim::Files(files) => {
            files.iter().map(|(file, _)| whole_file(facts, *file)).for_each(add);
        }
        Claim::View(files) => files.iter().map(|file| whole_file(facts, *file)).for_each(add),
        Claim::Parts(parts) => {
            parts.iter().map(|(file, bytes)| part(facts, *file, *bytes)).for_each(add);
        }
        Claim::Download(layers) => {
            layers.iter().map(|(_, bytes)| Saving { content: 0, compressed: *bytes }).for_each(add);
        }
        Claim::Figure(saving) => add(*saving),
    }
    sum
}

fn whole_file(facts: Option<&Facts<'_>>, file: AtomId) -> Saving {
    facts.map(|facts| facts.ledger.atom(file).amount().into()).unwrap_or_default()
}

/// A part of a file costs its share of what the file does.
fn part(facts: Option<&Facts<'_>>, file: AtomId, bytes: u64) -> Saving {
    let whole = whole_file(facts, file);
    let share = u128::from(whole.compressed) * u128::from(bytes.min(whole.content));
    let share = share.checked_div(u128::from(whole.content)).unwrap_or_default();
    let compressed = u64::try_from(share).unwrap_or(whole.compressed);
    Saving { content: bytes.min(whole.content), compressed }
}

/// Gives each claimant what is left for it. They come in the order in which they claim.
fn settle(facts: &Facts<'_>, claimants: &mut [Claimant]) {
    let mut holders: Vec<Option<Holder>> = vec![None; facts.ledger.atoms().len()];
    for (at, claimant) in claimants.iter().enumerate() {
        let Claim::Files(files) = &claimant.candidate.claim else { continue };
        for (file, closeness) in files {
            let holder = &mut holders[file.index()];
            let phase = claimant.rule.phase;
            let gives_way =
                holder.is_none_or(|held| held.phase == phase && held.closeness < *closeness);
            if gives_way {
                *holder = Some(Holder { claimant: at, closeness: *closeness, phase });
            }
        }
    }
    let mut taken: HashMap<AtomId, u64> = HashMap::new();
    let mut copies = Copies::new(facts);
    let mut left: Vec<u64> = facts.image.layers.iter().map(|one| facts.shown_of(one)).collect();
    for (at, claimant) in claimants.iter_mut().enumerate() {
        let gains: Vec<(AtomId, Saving)> = match &claimant.candidate.claim {
            Claim::Files(files) => {
                let is_own = |file: AtomId| {
                    holders[file.index()].is_some_and(|holder| holder.claimant == at)
                };
                let of_copies = claimant.rule.phase == Phase::Copies;
                let own = files.iter().map(|(file, _)| *file).filter(|file| is_own(*file));
                let own = own.filter(|file| !of_copies || copies.spares(*file));
                own.map(|file| (file, whole_file(Some(facts), file))).collect()
            }
            Claim::Parts(parts) => {
                let free = parts.iter().filter(|(file, _)| holders[file.index()].is_none());
                free.map(|(file, bytes)| (*file, take(facts, &mut taken, *file, *bytes))).collect()
            }
            Claim::Download(_) | Claim::View(_) | Claim::Figure(_) => continue,
        };
        for (file, saving) in gains {
            let atom = facts.ledger.atom(file);
            *claimant.gains.entry(atom.layer).or_default() += saving;
            if let Some(left) = left.get_mut(atom.layer).filter(|_| atom.is_live()) {
                *left = left.saturating_sub(saving.compressed);
            }
        }
    }
    settle_downloads(facts, claimants, &left);
}

/// Visible files of one content, of which one has to stay whoever claims them.
struct Copies {
    group: HashMap<AtomId, usize>,
    /// How many of each group nobody took.
    left: Vec<usize>,
}

impl Copies {
    fn new(facts: &Facts<'_>) -> Self {
        let (mut group, mut left) = (HashMap::new(), Vec::new());
        for (_, files) in groups_of(facts.ledger, |file| facts.ledger.atom(file).bytes > 0) {
            group.extend(files.iter().map(|file| (*file, left.len())));
            left.push(files.len());
        }
        Self { group, left }
    }

    /// Takes a file, unless it is the last of its content.
    fn spares(&mut self, file: AtomId) -> bool {
        let Some(left) = self.group.get(&file).and_then(|group| self.left.get_mut(*group)) else {
            return true;
        };
        let is_spare = *left > 1;
        *left -= usize::from(is_spare);
        is_spare
    }
}

/// Gives those who compress layers anew their share of what all others leave of each layer.
fn settle_downloads(facts: &Facts<'_>, claimants: &mut [Claimant], left: &[u64]) {
    let mut free = left.to_vec();
    for claimant in claimants {
        let Claim::Download(layers) = &claimant.candidate.claim else { continue };
        for (at, bytes) in layers {
            let (Some(layer), Some(left)) = (facts.image.layers.get(*at), left.get(*at)) else {
                continue;
            };
            let Some(free) = free.get_mut(*at) else { continue };
            let share = u128::from(*bytes) * u128::from(*left);
            let share = share.checked_div(facts.shown_of(layer).into()).unwrap_or_default();
            let compressed = u64::try_from(share).unwrap_or(u64::MAX).min(*free);
            *free = free.saturating_sub(compressed);
            *claimant.gains.entry(*at).or_default() += Saving { content: 0, compressed };
        }
    }
}

/// Takes up to so many bytes of a file of which others may have taken some.
fn take(facts: &Facts<'_>, taken: &mut HashMap<AtomId, u64>, file: AtomId, bytes: u64) -> Saving {
    let taken = taken.entry(file).or_default();
    let left = facts.ledger.atom(file).bytes.saturating_sub(*taken);
    let bytes = left.min(bytes);
    *taken += bytes;
    part(Some(facts), file, bytes)
}

impl Claimant {
    /// Whether it is large enough to be told.
    fn is_enough(&self) -> bool {
        self.gross.content.max(self.gross.compressed) >= self.rule.min
            || self.candidate.severity.is_some()
    }

    /// Whether others left something for it, or it claims nothing.
    fn has_something(&self) -> bool {
        let claims = !matches!(self.candidate.claim, Claim::View(_) | Claim::Figure(_));
        !claims || self.net() != Saving::default() || self.gross == Saving::default()
    }

    fn net(&self) -> Saving {
        let mut sum = Saving::default();
        self.gains.values().for_each(|saving| sum += *saving);
        sum
    }

    fn origins(&self, image: &Image) -> Origins {
        let mut origins = Origins::default();
        for (layer, saving) in &self.gains {
            let origin = image.layers.get(*layer).map_or(Origin::Unknown, |layer| layer.origin);
            *origins.of(origin) += *saving;
        }
        origins
    }

    fn finding(
        self,
        facts: Option<&Facts<'_>>,
        image: &Image,
        whole: Saving,
        selection: &Selection,
    ) -> Finding {
        let (net, origins) = (self.net(), self.origins(image));
        let Self { rule, candidate, gross, gains } = self;
        let by_layer = reach::is_told_by_step(rule, &candidate);
        let shares = facts.map(|facts| shares::shares(facts, &candidate.claim, by_layer));
        let shares = shares.unwrap_or_default();
        let steps = reach::steps(rule, &candidate, &shares, &gains, image);
        let counted = if rule.phase == Phase::View { gross } else { net };
        let severity = selection.severities.get(rule.id).copied();
        let severity = severity.or(candidate.severity);
        let risk = candidate.risk.unwrap_or(rule.risk);
        let small = matches!(rule.effort, Effort::Line | Effort::Step);
        let estimated = matches!(candidate.claim, Claim::Parts(_) | Claim::Download(_));
        Finding {
            id: id(rule, &candidate.anchor),
            severity: severity.unwrap_or_else(|| grade(rule, counted, whole, origins)),
            quick_win: risk == Risk::Safe && small && origins.own.content >= QUICK,
            confidence: if estimated { Confidence::Estimated } else { Confidence::Measured },
            snippet: fix::snippet(rule, &candidate, &shares, image),
            check: fix::check(rule, &candidate, &shares, image, facts),
            rule,
            message: candidate.message,
            risk,
            gross,
            net,
            origins,
            files: shares.files,
            steps,
            paths: shares.paths,
            more_paths: shares.more_paths,
            owners: shares.owners,
            group: candidate.group,
            notes: candidate.notes,
            table: candidate.table,
        }
    }
}

/// The severity by bytes. What only tells of others' bytes, and what only the base image's makers
/// can save, does not stand above what the image's own steps can.
fn grade(rule: &Rule, counted: Saving, whole: Saving, origins: Origins) -> Severity {
    let severity = rule.bands.grade(counted, whole);
    let nothing = Saving::default();
    let in_base = origins.base != nothing && origins.own == nothing && origins.unknown == nothing;
    match (rule.phase, rule.bands) {
        (_, Bands::Fixed(_)) => severity,
        (Phase::View, _) => severity.min(Severity::Medium),
        _ if in_base => severity.min(Severity::Medium),
        _ => severity,
    }
}

/// The rule's id, and a digest of what tells its findings apart.
fn id(rule: &Rule, anchor: &str) -> String {
    if anchor.is_empty() {
        return rule.id.to_owned();
    }
    let hash = twox_hash::XxHash3_64::oneshot(anchor.as_bytes());
    format!("{}-{:08x}", rule.id, hash >> 32)
}
