//! What a fix frees in each of the steps that it would have to be written into.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::finding::{PathShare, Saving, StepFix, StepShare};
use super::shares::Shares;
use super::{Rule, fix};
use crate::image::{Image, Origin};

/// Paths that a fix names one by one.
const NAMED: usize = 10;

/// Directories that hold the modules of a language.
const LIBRARIES: [&[u8]; 4] = [b"site-packages", b"dist-packages", b"library", b"site-library"];

/// Whether a candidate's fix is the same in each step but for its command and paths.
pub(super) fn is_told_by_step(rule: &Rule, candidate: &Candidate) -> bool {
    template(rule, candidate).contains("{{cmd}}")
}

fn template<'a>(rule: &'a Rule, candidate: &'a Candidate) -> &'a str {
    candidate.snippet.as_deref().unwrap_or(rule.fix)
}

/// The part of each step, with what it adds to other findings and its fix there.
pub(super) fn steps(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    gains: &BTreeMap<usize, Saving>,
    image: &Image,
) -> Vec<StepShare> {
    let chosen = fix::heaviest(shares, image);
    let is_own =
        |layer: usize| image.layers.get(layer).is_some_and(|layer| layer.origin != Origin::Base);
    // What a candidate fills in is about the step of the most bytes.
    let is_fixed = |layer: usize| {
        is_told_by_step(rule, candidate)
            && is_own(layer)
            && (candidate.fill.is_empty() || chosen == Some(layer))
    };
    let share = |share: &StepShare| {
        let net = gains.get(&share.layer).copied().unwrap_or_default();
        let share = StepShare { net, ..share.clone() };
        let fix = is_fixed(share.layer).then(|| of_step(rule, candidate, shares, &share, image));
        StepShare { fix, ..share }
    };
    shares.steps.iter().map(share).collect()
}

fn of_step(
    rule: &Rule,
    candidate: &Candidate,
    shares: &Shares,
    share: &StepShare,
    image: &Image,
) -> StepFix {
    let empty = (Vec::new(), 0);
    let (paths, more) = shares.by_layer.get(&share.layer).unwrap_or(&empty);
    let named: Vec<PathShare> = paths.iter().take(NAMED).cloned().collect();
    let left = paths.len().saturating_sub(named.len()) as u64;
    let here = Shares {
        steps: vec![share.clone()],
        paths: named,
        more_paths: more.saturating_add(left),
        by_layer: BTreeMap::from([(share.layer, (paths.clone(), *more))]),
        ..Shares::default()
    };
    let snippet = fix::snippet(rule, candidate, &here, image);
    StepFix { snippet, frees: reached(template(rule, candidate), paths, *more, share.net) }
}

/// What of a step's part a fix reaches.
fn reached(template: &str, paths: &[PathShare], more: u64, net: Saving) -> Saving {
    let has = |name: &str| template.contains(name);
    let path = |share: &PathShare| String::from_utf8(share.path.clone()).ok();
    let (prefix, site) = (
        paths.first().and_then(path).and_then(|path| fix::prefix(&path)),
        paths.iter().find_map(|share| fix::site(&share.path)),
    );
    let is_in = |share: &PathShare, root: Option<&str>| {
        let pair = path(share).zip(root);
        pair.is_some_and(|(path, root)| format!("/{path}/").starts_with(&format!("{root}/")))
    };
    let is_reached = |(at, share): &(usize, &PathShare)| {
        (!has("{{paths}}") || *at < NAMED)
            && (!has("{{prefix}}") || *at == 0 || is_in(share, prefix.as_deref()))
            && (!has("{{site}}") || is_in(share, site.as_deref()))
    };
    let reached: Vec<&PathShare> =
        paths.iter().enumerate().filter(is_reached).map(|(_, share)| share).collect();
    if reached.len() == paths.len() && (more == 0 || !has("{{paths}}")) {
        return net;
    }
    let mut sum = Saving::default();
    for share in reached {
        sum += share.gross;
    }
    Saving { content: sum.content.min(net.content), compressed: sum.compressed.min(net.compressed) }
}

/// The directories of modules that the paths of a layer are in; a path that is in none itself.
///
/// What conda keeps of packages is left out: it goes as a whole, and a `find` that is given what
/// went before fails.
pub(super) fn roots(shares: &Shares, layer: usize) -> Vec<Vec<u8>> {
    let paths = shares.by_layer.get(&layer).map(|(paths, _)| paths.as_slice()).unwrap_or_default();
    let is_kept = |root: &[u8]| up_to(root, |name| name == b"pkgs").is_none();
    let roots = paths.iter().map(|share| root(&share.path)).filter(|root| is_kept(root));
    let roots: BTreeSet<Vec<u8>> = roots.map(<[u8]>::to_vec).collect();
    let is_inside = |inner: &[u8], outer: &[u8]| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(b"/"))
    };
    let is_highest = |root: &&Vec<u8>| !roots.iter().any(|other| is_inside(root, other));
    roots.iter().filter(is_highest).cloned().collect()
}

fn root(path: &[u8]) -> &[u8] {
    let is_python =
        |name: &[u8]| name.strip_prefix(b"python").is_some_and(|rest| rest.starts_with(b"3"));
    up_to(path, |name| LIBRARIES.contains(&name)).or_else(|| up_to(path, is_python)).unwrap_or(path)
}

/// A path up to its first component that is wanted.
fn up_to(path: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let mut end = 0;
    for name in path.split(|byte| *byte == b'/') {
        end += name.len();
        if is_wanted(name) {
            return path.get(..end);
        }
        end += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::found;

    #[test]
    fn each_step_has_its_fix_and_what_that_frees() {
        let check = |image: &str, rule: &str, expected: &[(&str, u64)]| {
            let findings = found(image, &[rule]);
            let steps = findings.iter().flat_map(|finding| &finding.steps);
            let fixes: Vec<(&str, u64)> = steps
                .filter_map(|step| step.fix.as_ref())
                .map(|fix| (fix.snippet.as_str(), fix.frees.content))
                .collect();
            assert_eq!(fixes.len(), expected.len(), "{fixes:?}");
            for (fix, expected) in fixes.iter().zip(expected) {
                assert!(fix.0.starts_with(expected.0), "{fix:?}");
                assert_eq!(fix.1, expected.1, "{fix:?}");
            }
        };
        let two = "RUN a\n  srv/a/.git/HEAD 10\n  srv/a/.git/objects/a 3_000_000\n  srv/a/x 1\n\
                   RUN b\n  srv/b/.git/HEAD 10\n  srv/b/.git/objects/a 4_000_000\n  srv/b/x 1\n";
        check(
            two,
            "left-vcs-history",
            &[
                ("RUN a \\\n && rm -rf /srv/a/.git\n# or", 3_000_010),
                ("RUN b \\\n && rm -rf /srv/b/.git\n# or", 4_000_010),
            ],
        );
        let base = two.replace("RUN a", "base: RUN a");
        let own = [("RUN b \\\n && rm -rf /srv/b/.git\n# or", 4_000_010)];
        check(&base, "left-vcs-history", &own);
        let file = |at: u64| {
            format!("  srv/{at}/.git/HEAD 1\n  srv/{at}/.git/objects/a 999_999\n  srv/{at}/y 1\n")
        };
        let many: String = (10..22).map(file).collect();
        let ten = [("RUN c \\\n && rm -rf /srv/10/.git ", 10_000_000)];
        check(&format!("RUN c\n{many}"), "left-vcs-history", &ten);
    }

    #[test]
    fn modules_are_in_few_directories() {
        let check = |path: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(root(path.as_bytes())), expected);
        };
        check("opt/lib/python3.11/site-packages/x/__pycache__", "opt/lib/python3.11/site-packages");
        check("usr/lib/python3/dist-packages", "usr/lib/python3/dist-packages");
        check("usr/lib/python3.11/json/__pycache__", "usr/lib/python3.11");
        check("usr/lib/R/library/stats/help", "usr/lib/R/library");
        check("usr/lib/R/doc", "usr/lib/R/doc");
        check("site-packages-old/x", "site-packages-old/x");
    }
}
