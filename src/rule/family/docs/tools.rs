//! Documentation of languages and tools.

use super::{DOCS, read_by_people};
use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::AtomId;
use crate::rule::purpose::has_child;
use crate::rule::{Detect, Facts, Paths, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "docs-texlive",
        title: "Documentation and sources of LaTeX packages",
        detect: Detect::Paths(Paths::any(&[
            "usr/share/texmf/doc/",
            "usr/share/texlive/texmf-dist/doc/",
            "usr/share/doc/texlive*/",
            "usr/share/texmf-dist/doc/",
            "**/texmf-dist/doc/",
            "**/texmf-dist/source/",
        ])),
        why: "LaTeX reads neither; they are about half of a full TeX Live.",
        fix: "RUN tlmgr option docfiles 0 && tlmgr option srcfiles 0\n\
              # before tlmgr installs; Debian: apt-get install --no-install-recommends",
        caution: "`texdoc` shows them. A few classes read a file from there: build one document.",
        check: "pdflatex -interaction=nonstopmode sample2e",
        ..DOCS
    },
    Rule {
        id: "docs-r-packages",
        title: "Help, vignettes and demos of R packages",
        detect: Detect::Paths(
            Paths::any(&[
                "**/library/*/help/",
                "**/library/*/html/",
                "**/library/*/doc/",
                "**/library/*/demo/",
                "**/library/*/examples/",
                "**/site-library/*/help/",
                "**/site-library/*/html/",
                "**/site-library/*/doc/",
                "**/site-library/*/demo/",
                "**/site-library/*/examples/",
                "**/lib/R/doc/",
            ])
            .at(is_of_r)
            .then(read_by_people),
        ),
        why: "They serve `?` and `vignette()`; a script runs without them.",
        fix: "RUN {{cmd}} \\\n && find {{roots}} -maxdepth 2 -type d \\( -name help -o -name html \
              -o -name doc -o -name demo -o -name examples \\) -prune -exec rm -rf {} +\n\
              # from source: options(install.packages.opts = \"--no-docs --no-html --no-multiarch\")",
        caution: "Where people work in R, they read the help. Code and data of packages (R, data, \
                  extdata) have to stay.",
        links: &["https://cran.r-project.org/doc/manuals/r-release/R-admin.html"],
        ..DOCS
    },
    Rule {
        id: "docs-sdk",
        title: "Documentation, sources and demos of languages",
        risk: Risk::Safe,
        detect: Detect::Paths(
            Paths::any(&[
                "**/toolchains/*/share/doc/",
                "usr/local/go/doc/",
                "**/src.zip",
                "usr/local/share/doc/node/",
            ])
            .careful(&[
                "usr/local/go/test/",
                "usr/local/go/api/",
                "usr/local/go/misc/",
                "**/jmods/",
                "**/demo/",
                "**/sample/",
                "**/man/",
                "**/share/ri/",
                "**/gems/*/doc/",
                "usr/share/javascript/",
                "usr/share/perl/**/*.pod",
                "**/perl5/**/*.pod",
            ])
            .at(is_of_sdk),
        ),
        why: "Editors and readers use them; compilers and programs do not.",
        fix: "RUN curl -fsSL https://sh.rustup.rs | sh -s -- -y --profile minimal\n\
              # Java: apt-get install openjdk-{{n}}-jre-headless\n# Ruby: gem install --no-document",
        caution: "`jlink` needs jmods. Web applications load scripts from /usr/share/javascript.",
        links: &["https://rust-lang.github.io/rustup/concepts/profiles.html"],
        ..DOCS
    },
    Rule {
        id: "docs-conda-share",
        title: "Documentation in conda environments",
        detect: Detect::Paths(
            Paths::any(&[
                "**/share/doc/",
                "**/share/man/",
                "**/share/info/",
                "**/share/gtk-doc/",
                "**/share/help/",
                "**/share/vala/Docs/",
                "**/doc/",
                "**/docs/",
                "**/man/",
            ])
            .at(is_of_conda),
        ),
        why: "Packages bring it along; programs do not read it.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{prefix}}/share/doc {{prefix}}/share/man {{prefix}}/share/info \
              {{prefix}}/share/gtk-doc",
        caution: "Panels of help in JupyterLab and editors read some of it.",
        ..DOCS
    },
    Rule {
        id: "docs-tool-tree",
        title: "Documentation and examples of tools",
        detect: Detect::Paths(
            Paths::any(&[
                "**/doc/",
                "**/docs/",
                "**/documentation/",
                "**/examples/",
                "**/example/",
                "**/samples/",
                "**/tutorials/",
                "**/demo/",
                "**/demos/",
                "**/refdoc/",
                "**/*.pdf",
            ])
            .except(&[
                "**/LICENSE*",
                "**/LICENCE*",
                "**/COPYING*",
                "**/NOTICE*",
                "**/copyright",
                "usr/share/",
                "usr/lib/R/",
                "usr/local/lib/R/",
                "**/site-packages/",
                "**/dist-packages/",
                "**/node_modules/",
                "**/texmf-dist/",
                "usr/local/go/",
                "usr/lib/go*/",
                "usr/share/go*/",
                "proc/",
                "sys/",
            ])
            .at(is_large)
            .only(is_unpackaged),
        ),
        why: "Tools that are unpacked as a whole bring manuals and examples that no run reads.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # or leave it in the archive: tar -x --exclude='*/doc' --exclude='*/examples'",
        caution: "Self-tests may read the examples, and a PDF may be what the image delivers.",
        ..DOCS
    },
];

/// Whether a directory is in a package of R, or R's own.
fn is_of_r(facts: &Facts<'_>, node: NodeId) -> bool {
    let parent = facts.ledger.filesystem().parent(node);
    facts.ledger.filesystem().name(parent) == b"R" || has_child(facts.ledger, parent, "DESCRIPTION")
}

/// Whether what may be of a Java runtime is in one.
fn is_of_sdk(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let parent = filesystem.parent(node);
    let is_java =
        |root: NodeId| has_child(ledger, root, "release") && has_child(ledger, root, "bin");
    match filesystem.name(node) {
        b"src.zip" => is_java(parent) || is_java(filesystem.parent(parent)),
        b"jmods" | b"demo" | b"sample" | b"man" => is_java(parent),
        _ => true,
    }
}

fn is_of_conda(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let mut prefix = filesystem.parent(node);
    if filesystem.name(prefix) == b"vala" {
        prefix = filesystem.parent(prefix);
    }
    if filesystem.name(prefix) == b"share" {
        prefix = filesystem.parent(prefix);
    }
    has_child(ledger, prefix, "conda-meta")
}

/// Whether a directory, or a document by itself, is worth a look.
fn is_large(facts: &Facts<'_>, node: NodeId) -> bool {
    let least = if is_directory(facts, node) { 2_000_000 } else { 1_000_000 };
    let is_module = has_child(facts.ledger, node, "__init__.py");
    !is_module && facts.ledger.bytes(node) >= least
}

fn is_directory(facts: &Facts<'_>, node: NodeId) -> bool {
    facts.ledger.filesystem().node(node).kind == Kind::Directory
}

fn is_unpackaged(facts: &Facts<'_>, file: AtomId) -> bool {
    facts.owners.package(file).is_none()
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn texlive() {
        let image = "
RUN tlmgr install x
  opt/texlive/texmf-dist/doc/x.pdf 30_000_000
  opt/texlive/texmf-dist/tex/x.sty 4_000_000
";
        check("docs-texlive", image, &[30_000_000]);
    }

    #[test]
    fn r_packages() {
        let image = "
RUN a
  usr/lib/R/site-library/x/DESCRIPTION = \"Package: x\\n\"
  usr/lib/R/site-library/x/help/x.rdb 3_000_000
  usr/lib/R/site-library/x/R/x.rdb 4_000_000
  srv/library/books/doc/y 9_000_000
";
        check("docs-r-packages", image, &[3_000_000]);
        let rstudio = format!("{image}  usr/lib/rstudio-server/bin/rserver 10\n");
        assert_eq!(found(&rstudio, &["docs-r-packages"])[0].risk.as_str(), "review");
    }

    #[test]
    fn sdk() {
        let image = "
RUN a
  root/.rustup/toolchains/stable/share/doc/x.html 800_000_000
  usr/lib/jvm/jdk/release = \"JAVA_VERSION=21\\n\"
  usr/lib/jvm/jdk/bin/java 10
  usr/lib/jvm/jdk/lib/src.zip 50_000_000
  usr/lib/jvm/jdk/jmods/a.jmod 70_000_000
  app/src.zip 9_000_000
  app/demo/y 9_000_000
";
        check("docs-sdk", image, &[850_000_000, 70_000_000]);
    }

    #[test]
    fn conda_share() {
        let image = "
RUN a
  opt/conda/conda-meta/history = \"\"
  opt/conda/share/doc/x 3_000_000
  opt/conda/man/y 1_000_000
  opt/other/share/doc/z 9_000_000
";
        check("docs-conda-share", image, &[4_000_000]);
    }

    #[test]
    fn tool_tree() {
        let image = "
RUN a
  opt/fsl/doc/x.html 3_000_000
  opt/fsl/doc/LICENSE.txt 4_000_000
  opt/fsl/y.pdf 1_500_000
  opt/small/doc/z 1_000_000
  usr/share/doc/w 9_000_000
";
        check("docs-tool-tree", image, &[4_500_000]);
    }
}
