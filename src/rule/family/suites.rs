//! Test suites, of the family `tests`.

use crate::filesystem::NodeId;
use crate::rule::purpose::has_child;
use crate::rule::{Bands, Detect, Facts, Paths, Phase, Risk, Rule};

/// What the rules of this family have in common.
const TESTS: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    bands: Bands::Normal,
    min: 5_000_000,
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "tests-site-packages",
        title: "Tests of Python packages",
        detect: Detect::Paths(
            Paths::any(&[
                "**/site-packages/**/tests/",
                "**/site-packages/**/test/",
                "**/site-packages/**/*_test.py",
                "**/site-packages/**/testing/data/",
                "**/dist-packages/**/tests/",
                "**/dist-packages/**/test/",
            ])
            .except(&[
                "**/astropy/tests/",
                "**/scipy/_lib/",
                "**/sympy/testing/",
                "**/sklearn/utils/",
                "**/torch/testing/",
                "**/distributed/tests/",
                "**/django/test/",
                "**/tensorflow/python/platform/",
                "**/numpy/testing/",
            ]),
        ),
        why: "Packages bring their tests along; what uses a package does not import them.",
        fix: "RUN {{cmd}} \\\n && find {{site}} -type d -name tests -prune -exec rm -rf {} +",
        caution: "`numpy.test()` and its like stop working, and a few packages import helpers from \
                  their own tests. Directories named `testing` are part of packages and stay.",
        check: "python -c 'import {{module}}'",
        ..TESTS
    },
    Rule {
        id: "tests-other",
        title: "Tests of other packages and tools",
        detect: Detect::Paths(
            Paths::any(&[
                "**/node_modules/**/test/",
                "**/node_modules/**/tests/",
                "**/node_modules/**/__tests__/",
                "**/node_modules/**/spec/",
                "**/library/*/tests/",
                "**/site-library/*/tests/",
                "**/testdata/",
                "**/perl5/**/t/",
            ])
            .at(is_suite),
        ),
        why: "Packages bring their tests along; what uses a package does not run them.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "A package may itself be called test or spec, or ship data for others to test with.",
        ..TESTS
    },
];

/// Whether a directory of that name is a suite, not a package.
fn is_suite(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let parent = filesystem.parent(node);
    let above = filesystem.name(parent);
    let is_package = above == b"node_modules"
        || above.starts_with(b"@")
        || has_child(ledger, node, "package.json");
    let is_library =
        [&b"library"[..], b"site-library"].contains(&filesystem.name(filesystem.parent(parent)));
    !is_package && (!is_library || has_child(ledger, parent, "DESCRIPTION"))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn site_packages() {
        let image = "
RUN pip install pandas
  opt/lib/python3.12/site-packages/pandas/tests/a.py 6_000_000
  opt/lib/python3.12/site-packages/pandas/core.py 7_000_000
  opt/lib/python3.12/site-packages/numpy/testing/b.py 8_000_000
  opt/lib/python3.12/site-packages/pytest/c.py 9_000_000
  opt/lib/python3.12/site-packages/astropy/tests/d.py 9_000_000
";
        check("tests-site-packages", image, &[6_000_000]);
    }

    #[test]
    fn other() {
        let image = "
RUN npm ci
  app/node_modules/x/test/a.js 6_000_000
  app/node_modules/test/index.js 7_000_000
  usr/lib/R/library/y/DESCRIPTION = \"Package: y\\n\"
  usr/lib/R/library/y/tests/b.R 1_000_000
  srv/library/z/tests/c 9_000_000
";
        check("tests-other", image, &[7_000_000]);
    }
}
