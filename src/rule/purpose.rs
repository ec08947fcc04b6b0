//! What an image is for, as far as its files, packages and config tell.

use super::Facts;
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::Ledger;
use crate::package::Ecosystem;

/// Words in names of images that are there to build others.
const BUILDING: [&str; 6] = ["build", "builder", "sdk", "ci", "devcontainer", "toolchain"];

/// Programs that people work in.
const INTERACTIVE: [&str; 11] = [
    "usr/lib/rstudio-server",
    "usr/lib/code-server",
    "usr/bin/code-server",
    "usr/share/code",
    "usr/local/bin/jupyter",
    "usr/bin/jupyter",
    "opt/conda/bin/jupyter",
    "opt/venv/bin/jupyter",
    "usr/local/bin/code-server",
    "app/code-server",
    "opt/openvscode-server",
];

/// Where compilers are.
const COMPILERS: [&str; 9] = [
    "usr/bin/gcc",
    "usr/bin/cc",
    "usr/bin/clang",
    "usr/local/bin/gcc",
    "opt/conda/bin/gcc",
    "opt/conda/bin/x86_64-conda-linux-gnu-gcc",
    "opt/conda/bin/aarch64-conda-linux-gnu-gcc",
    "usr/bin/g++",
    "usr/bin/gfortran",
];

/// Whether the image shows any of some paths.
pub(super) fn shows_any(ledger: &Ledger, paths: &[&str]) -> bool {
    paths.iter().any(|path| shows(ledger, path))
}

/// Whether the image shows a path.
pub(super) fn shows(ledger: &Ledger, path: &str) -> bool {
    ledger.find(path.as_bytes()).is_some_and(|node| ledger.filesystem().is_visible(node))
}

/// Whether the image shows a child of a node.
pub(super) fn has_child(ledger: &Ledger, node: NodeId, name: &str) -> bool {
    let child = ledger.child(node, name.as_bytes());
    child.is_some_and(|child| ledger.filesystem().is_visible(child))
}

/// Whether people work in it, in a notebook or an editor.
pub(super) fn is_interactive(facts: &Facts<'_>) -> bool {
    let notebook = |name: &str| matches!(name, "jupyterlab" | "notebook" | "jupyter-server");
    shows_any(facts.ledger, &INTERACTIVE)
        || facts.inventory.installed().any(|(_, package)| notebook(&package.name))
}

/// Whether it can compile C.
pub(super) fn has_compiler(facts: &Facts<'_>) -> bool {
    shows_any(facts.ledger, &COMPILERS)
}

/// Whether people compile in it.
pub(super) fn compiles(facts: &Facts<'_>) -> bool {
    is_interactive(facts) && has_compiler(facts)
}

/// Whether it has R.
pub(super) fn has_r(facts: &Facts<'_>) -> bool {
    let paths = ["usr/lib/R", "usr/local/lib/R", "opt/conda/lib/R", "opt/R"];
    shows_any(facts.ledger, &paths)
}

/// Whether its name or labels say that it builds others.
pub(super) fn is_for_building(image: &Image) -> bool {
    let named = |text: &String| {
        let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        words.any(|word| BUILDING.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    let labels = image.labels.iter().filter(|(key, _)| {
        let key = key.as_str();
        key.starts_with("devcontainer.")
            || key == "name"
            || key == "org.opencontainers.image.title"
            || key == "org.opencontainers.image.description"
    });
    labels.into_iter().any(|(key, value)| key.starts_with("devcontainer.") || named(value))
}

/// Whether R installs packages through apt.
pub(super) fn installs_through_apt(facts: &Facts<'_>) -> bool {
    let is_package = |package: &str| package.eq_ignore_ascii_case("r-cran-bspm");
    let filesystem = facts.ledger.filesystem();
    let descriptions = facts.documents.named(b"DESCRIPTION").iter();
    let library = descriptions
        .filter(|document| document.hidden.is_none())
        .any(|document| filesystem.name(filesystem.parent(document.node)) == b"bspm");
    let profiles = [&b"Rprofile"[..], b"Rprofile.site", b".Rprofile"];
    let has_call = |text: &[u8]| text.windows(12).any(|part| part == b"bspm::enable");
    let enabled = profiles
        .iter()
        .flat_map(|name| facts.documents.named(name))
        .any(|document| document.hidden.is_none() && has_call(document.head));
    library
        || enabled
        || facts.inventory.of(Ecosystem::Dpkg).any(|(_, package)| is_package(&package.name))
}

/// Whether the entry point or command has a text.
pub(super) fn starts_with_text(image: &Image, text: &str) -> bool {
    let runtime = &image.runtime;
    let words: Vec<&str> =
        runtime.entrypoint.iter().chain(&runtime.cmd).map(String::as_str).collect();
    words.join(" ").contains(text)
}

/// Whether a file is below a directory that a variable of the environment names.
pub(super) fn is_below_variable(facts: &Facts<'_>, node: NodeId, variables: &[&str]) -> bool {
    let ledger = facts.ledger;
    variables.iter().filter_map(|name| facts.image.runtime.env.get(*name)).any(|value| {
        let directory = ledger.find(value.as_bytes());
        directory.is_some_and(|directory| ledger.is_inside(node, directory))
    })
}
