//! Documentation, translations and looks of the system.

use super::{DOCS, read_by_people};
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::purpose::has_child;
use crate::rule::{Bands, Detect, Facts, Paths, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
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
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
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
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\nENV LANG=C.UTF-8",
        caution: "Services that format numbers or sort for several languages need their locales. \
                  localedef needs /usr/share/i18n.",
        check: "locale -a",
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
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "Drawing plots and pages needs a font, and text in Chinese, Japanese or Korean \
                  needs one of those.",
        ..DOCS
    },
];

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
    let is_qt = path.ends_with(b".qm");
    let tag = match at {
        Some(at) if above > at + 2 => components[at + 1],
        _ => stem.split_once('_').filter(|_| is_qt).map_or(stem, |(_, tag)| tag),
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
        let pages = image.replace("botocore/docs/__init__.py", "botocore/doc.py");
        check("docs-api-html", &pages, &[7_000_000]);
        let nested = image.replace(
            "botocore/docs/x.py",
            "sphinx/doc/__init__.py 10\n  opt/lib/python3.12/site-packages/sphinx/doc/x.py",
        );
        check("docs-api-html", &nested, &[3_000_000]);
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
