//! What only browsers and their developers use.

use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::Ecosystem;
use crate::rule::purpose::has_child;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Facts, Paths, Phase, Phrase, Risk, Rule,
};

/// What the rules of this family have in common.
const WEB: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    bands: Bands::Normal,
    min: 5_000_000,
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "web-source-maps",
        title: "Source maps and scripts beside their small forms",
        detect: Detect::Paths(
            Paths::any(&[
                "**/*.js.map",
                "**/*.mjs.map",
                "**/*.cjs.map",
                "**/*.css.map",
                "**/site-packages/**/static/**/*.js",
            ])
            .at(is_for_debugging),
        ),
        why: "A browser loads them only while somebody debugs the page. They compress well, so \
              that pulls gain less than disks.",
        fix: "RUN {{cmd}} \\\n && find {{prefix}} -name '*.js.map' -delete",
        caution: "Trackers of errors may read the maps when a release is deployed.",
        ..WEB
    },
    Rule {
        id: "web-node-runtime-assets",
        title: "Packages of Node.js that only the build needs",
        phase: Phase::Decision,
        risk: Risk::Review,
        effort: Effort::Stage,
        bands: Bands::Review,
        min: 20_000_000,
        detect: Detect::Layers(build_packages),
        why: "The pages are built; what built them is not needed to serve them.",
        fix: "RUN npm ci --omit=dev\n# or, with Next.js and output: 'standalone':\n\
              COPY --from=build /app/.next/standalone ./",
        caution: "Rendering on the server may import some of them.",
        links: &["https://docs.npmjs.com/cli/commands/npm-ci"],
        ..WEB
    },
];

/// Whether a map is of a script, and a script stands beside its small form.
fn is_for_debugging(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let name = filesystem.name(node);
    if let Some(stem) = name.strip_suffix(b".js") {
        let small = [stem, b".min.js"].concat();
        let beside = ledger.child(filesystem.parent(node), &small);
        return beside.is_some_and(|beside| filesystem.is_visible(beside));
    }
    let Some(document) = facts.documents.at(ledger, node) else { return true };
    let start: Vec<u8> = document
        .head
        .iter()
        .take(1024)
        .filter(|byte| !byte.is_ascii_whitespace())
        .copied()
        .collect();
    // Writers put the version first; some put the sources before it.
    start.windows(11).any(|part| part == b"\"version\":3")
        || start.starts_with(b"{\"file\"")
        || start.starts_with(b"{\"sources\"")
        || start.starts_with(b"{\"mappings\"")
}

/// How many times the pages their packages are, from which on they look like those of the build.
const HEAVY: u64 = 5;

/// A candidate for each application that is built and still has what built it.
fn build_packages(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let development = development(facts);
    let is_modules = |node: &&NodeId| filesystem.name(**node) == b"node_modules";
    let mut found = Vec::new();
    for modules in ledger.tree().iter().filter(is_modules) {
        let application = filesystem.parent(*modules);
        let Some(pages) = pages(ledger, application) else { continue };
        let nodes: Vec<NodeId> =
            development.iter().copied().filter(|node| ledger.is_inside(*node, *modules)).collect();
        let standalone = ledger.child(application, b".next");
        let is_standalone = standalone.is_some_and(|next| has_child(ledger, next, "standalone"));
        let heavy = ledger.bytes(*modules) >= ledger.bytes(pages).saturating_mul(HEAVY);
        let (words, nodes) = if is_standalone {
            ("The standalone build has its own copy of the packages in ", vec![*modules])
        } else if !nodes.is_empty() {
            ("Packages for development beside a built application in ", nodes)
        } else if heavy {
            ("Packages many times as large as the built application in ", vec![*modules])
        } else {
            continue;
        };
        found.extend(candidate(ledger, application, words, &nodes));
    }
    found
}

fn candidate(
    ledger: &Ledger,
    application: NodeId,
    words: &'static str,
    nodes: &[NodeId],
) -> Option<Candidate> {
    let path = ledger.filesystem().path(application);
    let files: Vec<(AtomId, u32)> =
        ledger.select(nodes).into_iter().map(|file| (file, 0)).collect();
    let anchor = String::from_utf8_lossy(&path).into_owned();
    let message = Phrase::words(words).path(&path);
    (!files.is_empty()).then(|| Candidate::new(anchor, message, Claim::Files(files)))
}

/// What an application is served from: a directory with pages.
fn pages(ledger: &Ledger, application: NodeId) -> Option<NodeId> {
    let filesystem = ledger.filesystem();
    let next = ledger.child(application, b".next").filter(|node| filesystem.is_visible(*node));
    let has_page = |node: &NodeId| {
        filesystem.is_visible(*node)
            && (has_child(ledger, *node, "index.html") || has_child(ledger, *node, "client"))
    };
    let built = [&b"dist"[..], b"build", b".output"];
    let mut directories = built.iter().filter_map(|name| ledger.child(application, name));
    next.or_else(|| directories.find(has_page))
}

/// Directories of packages that are for development alone.
fn development(facts: &Facts<'_>) -> Vec<NodeId> {
    let packages = facts.inventory.of(Ecosystem::Npm).map(|(_, package)| package);
    let packages = packages.filter(|package| package.development == Some(true));
    packages.flat_map(|package| package.directories.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    #[test]
    fn source_maps() {
        let image = "
RUN pip install bokeh
  opt/lib/python3.12/site-packages/bokeh/server/static/js/bokeh.js 3_000_000
  opt/lib/python3.12/site-packages/bokeh/server/static/js/bokeh.min.js 1_000_000
  opt/lib/python3.12/site-packages/bokeh/server/static/js/only.js 1_000_000
  opt/x/app.js.map 4_000_000
  srv/maps/city.js.map = \"{ \\\"tiles\\\": [] }\"
  srv/maps/world.map 9_000_000
  opt/y/b.js.map = \"{\\\"version\\\": 3}\"
";
        check("web-source-maps", image, &[7_000_014]);
    }

    #[test]
    fn node_runtime_assets() {
        let image = "
COPY . /app
  app/package.json 10
  app/node_modules/x/a 60_000_000
  app/dist/index.html 1_000_000
  api/node_modules/y/b 70_000_000
  api/dist/server.js 1_000_000
  web/node_modules/z/c 40_000_000
  web/.next/standalone/server.js 10_000_000
";
        check("web-node-runtime-assets", image, &[60_000_000, 40_000_000]);
    }
}
