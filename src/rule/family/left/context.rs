//! What came with the build context although nothing in the image uses it.

use std::collections::BTreeMap;

use super::LEFT;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::pattern::component_fits;
use crate::rule::{Bands, Candidate, Claim, Detect, Facts, Phrase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "left-build-context",
    title: "The whole build context was copied",
    risk: Risk::Test,
    bands: Bands::Normal,
    min: 1_000_000,
    detect: Detect::Layers(contexts),
    why: "`COPY . .` brings everything that lies beside the Dockerfile, and makes the step run \
          again whenever any of it changes.",
    fix: "# .dockerignore\n.git\n**/node_modules\n**/__pycache__\n.venv\ntests\ndocs\nDockerfile*",
    caution: "Images for development need it. A program may read data from its tests directory.",
    links: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    ..LEFT
}];

/// What a program does not need.
const JUNK: [&str; 17] = [
    "Dockerfile*",
    "docker-compose*.y*ml",
    "compose.y*ml",
    ".dockerignore",
    ".gitignore",
    ".git",
    ".github",
    ".gitlab-ci.yml",
    "tests",
    "docs",
    ".idea",
    ".vscode",
    ".terraform",
    ".ipynb_checkpoints",
    "__pycache__",
    ".DS_Store",
    ".pytest_cache",
];
/// What tells of a whole context as well, but may be what the program runs with.
const SIGNS: [&str; 3] = ["node_modules", ".venv", "venv"];
/// So many of them tell that a context was copied.
const ENOUGH: usize = 2;

/// A candidate for each directory that has a build context.
fn contexts(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let fits = |names: &[&str], node: NodeId| {
        let name = filesystem.name(node);
        names.iter().any(|known| component_fits(known.as_bytes(), name))
    };
    let mut found: BTreeMap<NodeId, (Vec<NodeId>, usize)> = BTreeMap::new();
    for node in ledger.tree() {
        let is_junk = fits(&JUNK, *node);
        if (is_junk || fits(&SIGNS, *node)) && is_copied(facts, *node) {
            let (junk, signs) = found.entry(filesystem.parent(*node)).or_default();
            *signs += 1;
            junk.extend(is_junk.then_some(*node));
        }
    }
    let whole = found.into_iter().filter(|(_, (_, signs))| *signs >= ENOUGH);
    whole.filter_map(|(directory, (junk, _))| candidate(ledger, directory, &junk)).collect()
}

fn candidate(ledger: &Ledger, directory: NodeId, junk: &[NodeId]) -> Option<Candidate> {
    let path = ledger.filesystem().path(directory);
    let closeness = |file: AtomId| u32::try_from(ledger.path(file).len()).unwrap_or(u32::MAX);
    let files: Vec<_> =
        ledger.select(junk).into_iter().map(|file| (file, closeness(file).min(20))).collect();
    let anchor = String::from_utf8_lossy(&path).into_owned();
    let message = Phrase::words("A build context was copied as a whole to ").path(&path);
    (!files.is_empty()).then(|| Candidate::new(anchor, message, Claim::Files(files)))
}

/// Whether the build context brought a file, or what is in a directory.
fn is_copied(facts: &Facts<'_>, node: NodeId) -> bool {
    let own = facts.ledger.inside(node).first().copied();
    let Some(file) = own else { return false };
    let Some(step) = facts.step(facts.ledger.atom(file).layer) else { return false };
    let text = &step.instruction;
    (text.starts_with("COPY ") || text.starts_with("ADD ")) && !text.contains("--from=")
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn build_context() {
        let image = "
COPY . /app
  app/main.py 1_000
  app/Dockerfile 1_000
  app/.git/objects/a 5_000_000
  app/tests/b 2_000_000
  app/venv/c 9_000_000
COPY lib /lib
  lib/tests/d 3_000_000
RUN git clone x
  x/.git/e 4_000_000
  x/docs/f 4_000_000
";
        check("left-build-context", image, &[7_001_000]);
        let staged = image.replace("COPY . /app", "COPY --from=build /app /app");
        check("left-build-context", &staged, &[]);
    }
}
