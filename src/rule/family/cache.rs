//! Caches of package managers and tools that are still visible.

use crate::rule::{Bands, Detect, Effort, Needs, Paths, Phase, Risk, Rule};

/// What the rules of this family have in common.
const CACHE: Rule = Rule {
    id: "cache",
    title: "",
    phase: Phase::Unread,
    risk: Risk::Safe,
    effort: Effort::Line,
    bands: Bands::Waste,
    needs: Needs::Layers,
    min: 1_000_000,
    detect: Detect::Paths(Paths::any(&[])),
    why: "",
    fix: "",
    caution: "",
    check: "",
    links: &[],
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "cache-apt-lists",
        title: "Package indexes of apt",
        detect: Detect::Paths(
            Paths::any(&["var/lib/apt/lists/", "var/lib/aptitude/"])
                .except(&["var/lib/apt/lists/lock"]),
        ),
        why: "apt downloads its indexes anew before it installs anything; nothing reads the old ones.",
        fix: "RUN {{cmd}} \\\n && rm -rf /var/lib/apt/lists/*",
        caution: "Images that install packages through apt while they run (bspm, r2u) need them.",
        links: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
        ..CACHE
    },
    Rule {
        id: "cache-pip",
        title: "Cache of pip",
        detect: Detect::Paths(
            Paths::any(&["**/.cache/pip/", "tmp/pip-*/"]).env(&["PIP_CACHE_DIR"]),
        ),
        why: "pip keeps what it downloads for the next installation, which happens in another build.",
        fix: "ENV PIP_NO_CACHE_DIR=1\n# or: pip install --no-cache-dir …",
        caution: "A directory of wheels that is shipped on purpose is none.",
        links: &["https://pip.pypa.io/en/stable/topics/caching/"],
        ..CACHE
    },
];

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn apt_lists() {
        check(
            "cache-apt-lists",
            "
RUN apt-get update && apt-get install -y jq
  var/lib/apt/lists/deb.debian.org_dists_bookworm_main 40_000_000
  var/lib/apt/lists/lock 5_000_000
  usr/bin/jq 30_000
",
            &[40_000_000],
        );
        // Emptied in the same step.
        check("cache-apt-lists", "RUN apt-get update\n  var/lib/apt/lists/lock 0\n", &[]);
    }

    #[test]
    fn pip() {
        let image = "
ENV PIP_CACHE_DIR=/var/pip
RUN pip install x
  root/.cache/pip/http/a 2_000_000
  var/pip/b 3_000_000
  wheels/c.whl 4_000_000
";
        check("cache-pip", image, &[5_000_000]);
    }
}
