//! Libraries and collections for which there is a smaller choice.

use std::collections::HashSet;

use super::{by_location, files, has, named, names, place, ranked, table};
use crate::image::Image;
use crate::package::{Ecosystem, PackageId};
use crate::rule::{Candidate, Claim, Facts, Phrase};

const MKL: &[&str] = &["mkl", "mkl-*", "mkl_*", "intel-mkl*", "libmkl*", "intel-openmp", "tbb"];
const OPENBLAS: u64 = 35_000_000;

const GUI: &[&str] = &[
    "libgtk-3-0*",
    "libgtk-4-1*",
    "libgtk2.0-0*",
    "gtk3",
    "gtk4",
    "gtk+3.0",
    "libwebkit2gtk*",
    "libqt5*",
    "libqt6*",
    "qt5-*",
    "qt6-*",
    "qt-main",
    "qt6-main",
    "qt",
    "pyqt",
    "pyqt5*",
    "pyqt6*",
    "pyside2*",
    "pyside6*",
    "wxpython",
    "vtk",
    "vtk-base",
    "fsleyes",
    "fsleyes-*",
    "xserver-*",
    "xorg",
    "libgl1-mesa-dri",
    "mesa-dri-*",
    "mesa-va-drivers",
    "mesa-vulkan-drivers",
    "freeglut3*",
    "libglut3*",
    "tk",
    "libtk8*",
];
/// Packages of remote desktops, for which a server starts a display after all.
const DISPLAYS: &[&str] = &[
    "xvfb",
    "x11vnc",
    "tigervnc*",
    "tightvnc*",
    "turbovnc",
    "novnc",
    "xrdp",
    "kasmvnc*",
    "xpra",
    "jupyter-remote-desktop-proxy",
    "jupyter_remote_desktop_proxy",
    "jupyter-desktop-server",
];
const DISPLAY_WORDS: &[&str] = &["vnc", "xvfb", "xrdp", "xpra", "startx", "x11", "desktop"];
/// What the programs of servers are called.
const SERVERS: &[&str] = &[
    "jupyter",
    "notebook",
    "uvicorn",
    "gunicorn",
    "hypercorn",
    "nginx",
    "httpd",
    "apache",
    "rserver",
    "rstudio",
    "shiny",
    "code-server",
    "streamlit",
    "celery",
    "redis",
    "postgres",
    "mysqld",
    "java",
    "node",
    "npm",
    "flask",
    "manage.py",
    "tritonserver",
    "vllm",
    "mlflow",
    "airflow",
    "spark",
    "sshd",
];

const TEX: &[&str] = &[
    "texlive-full",
    "texlive-fonts-extra*",
    "texlive-*-extra",
    "texlive-lang-*",
    "texlive-*-doc",
    "texlive-games",
    "texlive-music",
    "texlive-pstricks",
    "texlive-science",
];
/// Fonts of TeX Live that are told of where no package owns them.
const FONTS: u64 = 500_000_000;

/// MKL in conda prefixes and in Python.
pub(super) fn mkl(facts: &Facts<'_>) -> Vec<Candidate> {
    let message = |place: &str| {
        Phrase::words("Intel MKL of ")
            .name(place)
            .and("; OpenBLAS would take about ")
            .bytes(OPENBLAS)
    };
    let found = [Ecosystem::Dpkg, Ecosystem::Conda, Ecosystem::Python];
    found.into_iter().flat_map(|ecosystem| without(facts, ecosystem, MKL, message)).collect()
}

/// One candidate a location of packages whose names fit, and of what only they need.
fn without(
    facts: &Facts<'_>,
    ecosystem: Ecosystem,
    patterns: &[&str],
    message: impl Fn(&str) -> Phrase,
) -> Vec<Candidate> {
    let chosen = named(facts, ecosystem, patterns);
    let freed = facts.graph(ecosystem).freed(&chosen);
    let candidate = |(location, packages): (&[u8], Vec<PackageId>)| {
        let packages = ranked(facts, packages);
        let by: HashSet<PackageId> = packages
            .iter()
            .filter_map(|package| facts.graph(ecosystem).way(*package).first().copied())
            .collect();
        let by = ranked(facts, by);
        let place = place(ecosystem, location);
        let message = message(&place);
        let mut candidate =
            Candidate::new(place, message, files(facts, &packages)).fill("pkgs", names(facts, &by));
        candidate.table = Some(table(facts, ecosystem, &packages));
        candidate
    };
    by_location(facts, freed).into_iter().map(candidate).collect()
}

/// Graphical libraries where a server starts, and no display.
pub(super) fn gui(facts: &Facts<'_>) -> Vec<Candidate> {
    if !starts_server(facts.image) || has(facts, DISPLAYS) {
        return Vec::new();
    }
    let message = |place: &str| {
        Phrase::words("Graphical libraries of ")
            .name(place)
            .and(" in an image that starts a server; are windows ever opened?")
    };
    [Ecosystem::Dpkg, Ecosystem::Apk, Ecosystem::Rpm, Ecosystem::Conda, Ecosystem::Python]
        .into_iter()
        .flat_map(|ecosystem| without(facts, ecosystem, GUI, message))
        .collect()
}

/// Whether a container starts a server and no display.
fn starts_server(image: &Image) -> bool {
    let words = || image.runtime.entrypoint.iter().chain(&image.runtime.cmd);
    let any = |known: &[&str]| {
        words().any(|word| {
            let word = word.to_ascii_lowercase();
            known.iter().any(|known| word.contains(known))
        })
    };
    any(SERVERS) && !any(DISPLAY_WORDS)
}

/// Large collections of TeX Live.
pub(super) fn texlive(facts: &Facts<'_>) -> Vec<Candidate> {
    let message = |_: &str| Phrase::words("TeX Live with collections that few documents use");
    let mut found = without(facts, Ecosystem::Dpkg, TEX, message);
    for document in facts.documents.named(b"texlive.tlpdb") {
        let filesystem = facts.ledger.filesystem();
        let root = filesystem.parent(filesystem.parent(document.node));
        let child = |node, name: &[u8]| facts.ledger.child(node, name);
        let fonts = child(root, b"texmf-dist").and_then(|tree| child(tree, b"fonts"));
        let Some(fonts) = fonts.filter(|_| document.hidden.is_none()) else { continue };
        let files: Vec<_> = facts
            .ledger
            .select(&[fonts])
            .into_iter()
            .filter(|atom| facts.owners.package(*atom).is_none())
            .collect();
        let bytes = facts.ledger.sum(files.iter().copied()).bytes;
        if bytes >= FONTS {
            let path = filesystem.path(fonts);
            let message = Phrase::words("All fonts of TeX Live in ").path(&path);
            let anchor = String::from_utf8_lossy(&path).into_owned();
            let mut candidate = Candidate::new(anchor, message, Claim::files(files));
            candidate.snippet = Some(
                "# In the profile of install-tl:\nselected_scheme scheme-small\ncollection-xetex 1\ncollection-fontsrecommended 1"
                    .to_owned(),
            );
            found.push(candidate);
        }
    }
    found
}

/// Packages of another architecture than the image's.
pub(super) fn foreign(facts: &Facts<'_>) -> Vec<Candidate> {
    let Some(native) = debian_name(facts.image) else { return Vec::new() };
    let is_foreign = |architecture: &str| architecture != native && architecture != "all";
    let packages = facts.inventory.of(Ecosystem::Dpkg);
    let packages = packages
        .filter(|(_, package)| package.architecture.as_deref().is_some_and(is_foreign))
        .map(|(id, _)| id);
    let packages = ranked(facts, packages);
    let Some(first) = packages.first() else { return Vec::new() };
    let architecture = facts.inventory.package(*first).architecture.clone().unwrap_or_default();
    let message = Phrase::default()
        .counted(packages.len(), " package for ", " packages for ")
        .name(architecture.clone())
        .and(" in an image for ")
        .name(native);
    let mut candidate = Candidate::new("", message, files(facts, &packages))
        .fill("arch", architecture)
        .fill("pkgs", names(facts, &packages));
    candidate.table = Some(table(facts, Ecosystem::Dpkg, &packages));
    vec![candidate]
}

/// What Debian calls the image's architecture.
fn debian_name(image: &Image) -> Option<&'static str> {
    let variant = image.platform.variant.as_deref();
    match (image.platform.architecture.as_str(), variant) {
        ("amd64", _) => Some("amd64"),
        ("arm64", _) => Some("arm64"),
        ("386", _) => Some("i386"),
        ("arm", Some("v5" | "v6")) => Some("armel"),
        ("arm", _) => Some("armhf"),
        ("ppc64le", _) => Some("ppc64el"),
        ("s390x", _) => Some("s390x"),
        ("riscv64", _) => Some("riscv64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::Value;
    use crate::rule::testing::{check_with, found_with};

    const IMAGE: &str = "
ENTRYPOINT tini -- start-notebook.sh
RUN apt-get install -y libs
  usr/lib/mesa 30_000_000
  usr/lib/llvm 110_000_000
  usr/lib/gtk 20_000_000
  usr/lib/tool 1_000_000
  opt/conda/mkl 250_000_000
  opt/conda/omp 5_000_000
  opt/conda/numpy 9_000_000
";

    #[test]
    fn blas_mkl() {
        let packages = "
conda +numpy 2 @opt/conda opt/conda/numpy > mkl
conda -mkl 2024 @opt/conda opt/conda/mkl > intel-openmp
conda -intel-openmp 2024 @opt/conda opt/conda/omp
";
        check_with("pkg-blas-mkl", IMAGE, packages, &[255_000_000]);
        let found = found_with(IMAGE, packages, &["pkg-blas-mkl"]);
        assert!(found[0].snippet.contains("nomkl numpy"), "{}", found[0].snippet);
        // Already without.
        let openblas = "
conda +numpy 2 @opt/conda opt/conda/numpy > libopenblas
conda -libopenblas 0.3 @opt/conda opt/conda/mkl
";
        check_with("pkg-blas-mkl", IMAGE, openblas, &[]);
    }

    const GUI: &str = "
dpkg +tool 1 usr/lib/tool > libgtk-3-0
dpkg -libgtk-3-0 3 usr/lib/gtk > libgl1-mesa-dri
dpkg -libgl1-mesa-dri 24 usr/lib/mesa > libllvm17
dpkg -libllvm17 17 usr/lib/llvm
";

    #[test]
    fn gui_on_headless() {
        check_with("pkg-gui-on-headless", IMAGE, GUI, &[160_000_000]);
        let found = found_with(IMAGE, GUI, &["pkg-gui-on-headless"]);
        let rows = &found[0].table.as_ref().unwrap().rows;
        assert_eq!(rows[0][3], Value::Text("libgl1-mesa-dri".to_owned()));
        // A remote desktop is what the image is for; or nothing says that it is a server.
        check_with(
            "pkg-gui-on-headless",
            IMAGE,
            &format!("{GUI}\ndpkg +tigervnc-standalone-server 1"),
            &[],
        );
        check_with(
            "pkg-gui-on-headless",
            &IMAGE.replace("start-notebook.sh", "start-vnc.sh"),
            GUI,
            &[],
        );
        check_with(
            "pkg-gui-on-headless",
            &IMAGE.replace("tini -- start-notebook.sh", "bash"),
            GUI,
            &[],
        );
    }

    #[test]
    fn texlive() {
        let image = "
RUN apt-get install -y texlive-xetex texlive-fonts-extra
  usr/share/texmf/fonts-extra/a 1_500_000_000
  usr/share/texmf/xetex/a 150_000_000
";
        let packages = "
dpkg +texlive-fonts-extra 2023 usr/share/texmf/fonts-extra
dpkg +texlive-xetex 2023 usr/share/texmf/xetex
";
        check_with("pkg-texlive", image, packages, &[1_500_000_000]);
        check_with(
            "pkg-texlive",
            image,
            &packages.replace("fonts-extra 2023", "fonts-recommended 2023"),
            &[],
        );
        let tree = "
RUN install-tl
  usr/local/texlive/2024/tlpkg/texlive.tlpdb = \"name a\\n\"
  usr/local/texlive/2024/texmf-dist/fonts/a 600_000_000
  usr/local/texlive/2024/texmf-dist/tex/a 300_000_000
";
        check_with("pkg-texlive", tree, "", &[600_000_000]);
        check_with("pkg-texlive", &tree.replace("600_", "400_"), "", &[]);
    }

    #[test]
    fn foreign_multiarch() {
        let packages = "
dpkg +libc6 2 usr/lib/mesa arch=amd64
dpkg +libc6 2 usr/lib/gtk arch=i386
dpkg +wine32 9 usr/lib/llvm arch=i386
dpkg +gcc-cross 1 usr/lib/tool arch=all
";
        check_with("pkg-foreign-multiarch", IMAGE, packages, &[130_000_000]);
        let found = found_with(IMAGE, packages, &["pkg-foreign-multiarch"]);
        assert!(found[0].snippet.contains("add-architecture i386"), "{}", found[0].snippet);
        check_with("pkg-foreign-multiarch", IMAGE, &packages.replace("i386", "amd64"), &[]);
    }
}
