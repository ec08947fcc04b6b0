//! Documentation, translations and what programs look like.

use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::AtomId;
use crate::rule::purpose::{has_child, is_interactive, shows};
use crate::rule::{
    Bands, Candidate, Detect, Effort, Facts, Needs, Paths, Phase, Phrase, Risk, Rule,
};

/// What the rules of this family have in common.
const DOCS: Rule = Rule {
    id: "docs",
    title: "",
    phase: Phase::Rare,
    risk: Risk::Test,
    effort: Effort::Line,
    bands: Bands::Normal,
    needs: Needs::Layers,
    min: 2_000_000,
    detect: Detect::Paths(Paths::any(&[])),
    why: "",
    fix: "RUN printf 'path-exclude=/usr/share/doc/*\\npath-include=/usr/share/doc/*/copyright\\n\
          path-exclude=/usr/share/man/*\\npath-exclude=/usr/share/locale/*/LC_MESSAGES/*.mo\\n' \\\n\
          \x20> /etc/dpkg/dpkg.cfg.d/01-nodoc\n# before the first installation; dnf: --nodocs",
    caution: "",
    check: "",
    links: &[],
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "docs-usr-share-doc",
        title: "Documentation of packages",
        detect: Detect::Paths(
            Paths::any(&[
                "usr/share/doc/",
                "usr/share/lintian/",
                "usr/share/bug/",
                "usr/share/linda/",
                "usr/share/doc-base/",
                "usr/share/examples/",
            ])
            .except(&[
                "usr/share/doc/**/copyright",
                "usr/share/doc/**/LICENSE*",
                "usr/share/doc/**/COPYING*",
                "usr/share/doc/**/NOTICE*",
            ]),
        ),
        why: "Programs do not read it, and nobody reads it in a container.",
        caution: "The files named copyright have to stay: licences ask for them. A few packages \
                  read files from there, as some of TeX and R.",
        ..DOCS
    },
    Rule {
        id: "docs-man-info",
        title: "Manual and info pages",
        detect: Detect::Paths(
            Paths::any(&[
                "usr/share/man/",
                "usr/share/info/",
                "usr/local/share/man/",
                "usr/local/share/info/",
                "usr/local/man/",
                "opt/*/share/man/",
                "opt/*/man/",
            ])
            .then(read_by_people),
        ),
        why: "They are for people at a terminal; programs do not read them.",
        caution: "Keep them in images in which people work and have `man`.",
        ..DOCS
    },
    Rule {
        id: "docs-api-html",
        title: "Reference pages and help systems",
        detect: Detect::Paths(
            Paths::any(&[
                "usr/share/gtk-doc/",
                "usr/share/help/",
                "usr/share/devhelp/",
                "usr/share/javadoc/",
                "usr/share/doc-html/",
                "usr/share/qt*/doc/",
                "**/doc/html/",
                "**/*.qch",
                "**/*.chm",
                "**/site-packages/**/doc/",
                "**/site-packages/**/docs/",
            ])
            .at(is_no_module),
        ),
        why: "They are pages for developers; programs run without them.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{dir}}",
        caution: "Programs with windows show them as their help.",
        ..DOCS
    },
    Rule {
        id: "docs-locale",
        title: "Translations into other languages",
        detect: Detect::Paths(
            Paths::any(&["**/locale/**/*.mo", "**/translations/*.qm", "**/locales/*.pak"])
                .careful(&["**/site-packages/**/*.mo", "**/dist-packages/**/*.mo"])
                .only(is_foreign),
        ),
        why: "Messages are shown in the language of LANG alone, or in English.",
        caution: "An application that answers each user in the user's language needs them.",
        ..DOCS
    },
    Rule {
        id: "docs-locale-archive",
        title: "Locale data of the C library",
        detect: Detect::Paths(
            Paths::any(&["usr/lib/locale/locale-archive", "usr/lib/locale/*/", "usr/share/i18n/"])
                .except(&["usr/lib/locale/C.utf8/", "usr/lib/locale/C.UTF-8/"])
                .at(is_other_locale),
        ),
        why: "A container uses one locale, and C.UTF-8 is part of the C library.",
        fix: "RUN localedef -i en_US -f UTF-8 en_US.UTF-8\n# or: ENV LANG=C.UTF-8",
        caution: "Services that format numbers or sort for several languages need their locales. \
                  localedef needs /usr/share/i18n.",
        check: "locale -a",
        ..DOCS
    },
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
        fix: "RUN R -q -e 'options(install.packages.opts = \"--no-docs --no-html --no-multiarch\"); \
              install.packages({{pkgs}})'",
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
                "proc/",
                "sys/",
            ])
            .at(is_large)
            .only(is_unpackaged),
        ),
        why: "Tools that are unpacked as a whole bring manuals and examples that no run reads.",
        fix: "RUN curl -fsSL {{url}} | tar -xz -C {{target}} --exclude='*/doc' --exclude='*/examples'",
        caution: "Self-tests may read the examples, and a PDF may be what the image delivers.",
        ..DOCS
    },
    Rule {
        id: "docs-assets-ui",
        title: "Icons, themes, sounds and large fonts",
        risk: Risk::Review,
        bands: Bands::Review,
        min: 10_000_000,
        detect: Detect::Paths(
            Paths::any(&[
                "usr/share/icons/",
                "usr/share/themes/",
                "usr/share/backgrounds/",
                "usr/share/wallpapers/",
                "usr/share/sounds/",
                "usr/share/plymouth/",
                "usr/share/pixmaps/",
                "usr/share/fonts/*/*/",
                "**/texmf-dist/fonts/*/",
            ])
            .at(is_heavy_font),
        ),
        why: "They are for programs with windows. A server draws with one font at most.",
        fix: "RUN apt-get update && apt-get install -y --no-install-recommends fonts-dejavu-core \\\n\
              \x20&& rm -rf /var/lib/apt/lists/*",
        caution: "Drawing plots and pages needs a font, and text in Chinese, Japanese or Korean \
                  needs one of those.",
        ..DOCS
    },
];

/// Where people work in the image, help goes only after they agreed.
fn read_by_people(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    if !is_interactive(facts)
        && !(shows(facts.ledger, "usr/bin/man") && shows(facts.ledger, "usr/bin/zsh"))
    {
        return candidate;
    }
    candidate.risk(Risk::Review).note(Phrase::words("People work in this image, and may read it."))
}

fn is_directory(facts: &Facts<'_>, node: NodeId) -> bool {
    facts.ledger.filesystem().node(node).kind == Kind::Directory
}

/// Whether a directory is nothing that Python imports.
fn is_no_module(facts: &Facts<'_>, node: NodeId) -> bool {
    !has_child(facts.ledger, node, "__init__.py")
}

/// Whether a translation is into a language that the environment does not ask for.
fn is_foreign(facts: &Facts<'_>, file: AtomId) -> bool {
    let path = facts.ledger.path(file);
    let text = String::from_utf8_lossy(&path);
    let components: Vec<&str> = text.split('/').collect();
    let (name, above) = (components.last().copied().unwrap_or_default(), components.len());
    let stem = name.split('.').next().unwrap_or_default();
    let at = components.iter().rposition(|component| *component == "locale");
    let tag = match at {
        Some(at) if above > at + 2 => components[at + 1],
        _ => stem.split_once('_').filter(|_| name.ends_with(".qm")).map_or(stem, |(_, tag)| tag),
    };
    let language = |tag: &str| {
        let end = tag.find(['_', '-', '.', '@']).unwrap_or(tag.len());
        tag[..end].to_ascii_lowercase()
    };
    let own = language(tag);
    let environment = facts.image.runtime.env.iter();
    let wanted =
        environment.filter(|(name, _)| name.starts_with("LC_") || name.starts_with("LANG"));
    own != "en"
        && !wanted.flat_map(|(_, value)| value.split(':')).any(|value| language(value) == own)
}

/// Whether locale data is not that of the environment, and an archive of it large.
fn is_other_locale(facts: &Facts<'_>, node: NodeId) -> bool {
    const LARGE: u64 = 10_000_000;
    let ledger = facts.ledger;
    let name = ledger.filesystem().name(node);
    if name == b"locale-archive" {
        return ledger.bytes(node) > LARGE;
    }
    let plain = |text: &[u8]| -> Vec<u8> {
        text.to_ascii_lowercase().into_iter().filter(|byte| *byte != b'-').collect()
    };
    let environment = facts.image.runtime.env.iter();
    let mut wanted =
        environment.filter(|(name, _)| name.starts_with("LC_") || name.starts_with("LANG"));
    !wanted.any(|(_, value)| plain(value.as_bytes()) == plain(name))
}

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
    facts.ledger.bytes(node) >= least
}

fn is_unpackaged(facts: &Facts<'_>, file: AtomId) -> bool {
    facts.owners.package(file).is_none()
}

/// Whether a directory of fonts is large; all else that looks good is.
fn is_heavy_font(facts: &Facts<'_>, node: NodeId) -> bool {
    const LARGE: u64 = 20_000_000;
    let filesystem = facts.ledger.filesystem();
    let parent = filesystem.parent(node);
    let is_font = [parent, filesystem.parent(parent)]
        .iter()
        .any(|directory| filesystem.name(*directory) == b"fonts");
    !is_font || facts.ledger.bytes(node) >= LARGE
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn usr_share_doc() {
        let image = "
RUN a
  usr/share/doc/x/changelog.gz 3_000_000
  usr/share/doc/x/copyright 4_000_000
  opt/doc/y 5_000_000
";
        check("docs-usr-share-doc", image, &[3_000_000]);
    }

    #[test]
    fn man_info() {
        let image = "RUN a\n  usr/share/man/man1/x.1.gz 3_000_000\n  usr/bin/man 9_000_000\n";
        check("docs-man-info", image, &[3_000_000]);
        assert_eq!(found(image, &["docs-man-info"])[0].risk.as_str(), "test");
        let people = format!("{image}  usr/bin/zsh 10\n");
        assert_eq!(found(&people, &["docs-man-info"])[0].risk.as_str(), "review");
    }

    #[test]
    fn api_html() {
        let image = "
RUN a
  opt/x/doc/html/index.html 3_000_000
  opt/lib/python3.12/site-packages/botocore/docs/__init__.py 10
  opt/lib/python3.12/site-packages/botocore/docs/x.py 4_000_000
";
        check("docs-api-html", image, &[3_000_000]);
    }

    #[test]
    fn locale() {
        let image = "
ENV LANG=de_DE.UTF-8
RUN a
  usr/share/locale/fr/LC_MESSAGES/x.mo 3_000_000
  usr/share/locale/de/LC_MESSAGES/x.mo 4_000_000
  usr/share/locale/en_GB/LC_MESSAGES/x.mo 5_000_000
  opt/app/locales/pt-BR.pak 6_000_000
  opt/app/locales/en-US.pak 7_000_000
  opt/qt/translations/qtbase_ja.qm 1_000_000
  opt/lib/python3.12/site-packages/django/conf/locale/fr/LC_MESSAGES/y.mo 8_000_000
";
        check("docs-locale", image, &[10_000_000, 8_000_000]);
    }

    #[test]
    fn locale_archive() {
        let image = "
ENV LANG=en_US.UTF-8
RUN a
  usr/lib/locale/locale-archive 200_000_000
  usr/lib/locale/en_US.utf8/LC_COLLATE 3_000_000
  usr/lib/locale/C.utf8/LC_CTYPE 4_000_000
";
        check("docs-locale-archive", image, &[200_000_000]);
        check("docs-locale-archive", "RUN a\n  usr/lib/locale/locale-archive 3_000_000\n", &[]);
    }

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

    #[test]
    fn assets_ui() {
        let image = "
RUN a
  usr/share/icons/a/b.png 11_000_000
  usr/share/fonts/truetype/dejavu/c.ttf 3_000_000
  usr/share/fonts/opentype/noto/d.ttc 90_000_000
";
        check("docs-assets-ui", image, &[101_000_000]);
    }
}
