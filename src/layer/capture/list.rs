//! The capture list: files whose contents say what is installed, by whom, and in which version.
//!
//! A row is a pattern of [`crate::pattern`]; the many paths that are in no row cost little.

use std::sync::LazyLock;

use super::hidden::Names;
use crate::layer::normalize;
use crate::pattern::{Patterns, extension};

const ROWS: &[&str] = &[
    // The distribution and its users.
    "etc/os-release",
    "usr/lib/os-release",
    "etc/passwd",
    "etc/group",
    "etc/ld.so.conf",
    "etc/ld.so.conf.d/*",
    // dpkg and apt.
    "etc/apt/apt.conf.d/*",
    "etc/dpkg/dpkg.cfg.d/*",
    "var/lib/apt/extended_states",
    "var/lib/dpkg/status",
    "var/lib/dpkg/diversions",
    "var/lib/dpkg/arch",
    "var/lib/dpkg/statoverride",
    "var/lib/dpkg/status.d/*",
    "var/lib/dpkg/info/*.list",
    "var/lib/dpkg/info/*.md5sums",
    // apk and rpm.
    "etc/apk/world",
    "**/apk/db/installed",
    "**/rpm/rpmdb.sqlite",
    // conda.
    "**/conda-meta/*.json",
    "**/conda-meta/history",
    // Python.
    "**/*.dist-info/METADATA",
    "**/*.dist-info/RECORD",
    "**/*.dist-info/INSTALLER",
    "**/*.dist-info/REQUESTED",
    "**/*.dist-info/direct_url.json",
    "**/*.dist-info/top_level.txt",
    "**/*.dist-info/WHEEL",
    "**/*.egg-info/*",
    "**/EGG-INFO/PKG-INFO",
    "**/site-packages/*.egg-info",
    "**/dist-packages/*.egg-info",
    "**/site-packages/*.pth",
    "**/dist-packages/*.pth",
    "**/site-packages/*.egg-link",
    "**/dist-packages/*.egg-link",
    "**/pyvenv.cfg",
    // R.
    "**/DESCRIPTION",
    "etc/R/*",
    "**/Renviron.site",
    "**/Rprofile.site",
    "**/Rprofile",
    // npm.
    "**/node_modules/**/package.json",
    "**/node_modules/.package-lock.json",
    "**/playwright-core/browsers.json",
    "**/package-lock.json",
    // PHP, Ruby, Rust, Go.
    "**/composer.lock",
    "**/vendor/composer/installed.json",
    "**/Gemfile.lock",
    "**/specifications/*.gemspec",
    "**/Cargo.lock",
    "**/go.sum",
    // Julia.
    "**/packages/*/*/Project.toml",
    // Java runtimes.
    "**/release",
    // Editors' extensions.
    "**/extensions.json",
    "**/extensions/*/package.json",
    // Versions of what is installed from archives.
    "**/etc/fslversion",
    "**/VERSION",
    "**/version.txt",
    "**/version.json",
    "**/.version",
    "**/build-stamp.txt",
    "**/release-texlive.txt",
    "**/tlpkg/texlive.tlpdb",
    "**/share/version",
    "**/VersionInfo.xml",
    "**/lib/code-server/package.json",
    "**/code-server*/package.json",
    "**/openvscode-server*/package.json",
    "**/.vscode-server/bin/*/package.json",
    // Scripts that containers start with.
    "**/entrypoint.sh",
    "**/docker-entrypoint.sh",
];

/// Names of files on the list that are many packages' records, and of which a part tells little.
const DATABASES: &[&[u8]] = &[b"installed", b"rpmdb.sqlite", b"status", b"texlive.tlpdb"];
/// The extension of those that are one package's.
const FILE_LIST: &[u8] = b"list";

/// Names of files on the list that hold settings or commands.
const SETTINGS: &[&[u8]] = &[
    b"history",
    b"entrypoint.sh",
    b"docker-entrypoint.sh",
    b"Renviron.site",
    b"Rprofile.site",
    b"Rprofile",
];
/// Directories of such.
const SETTING_DIRECTORIES: &[&[u8]] = &[b"apt.conf.d", b"R"];
/// The extension of such.
const CODE: &[u8] = b"pth";
/// Names of files on the list that list files, or packages as a distribution publishes them.
const PUBLISHED: &[&[u8]] =
    &[b"installed", b"rpmdb.sqlite", b"status", b"texlive.tlpdb", b"RECORD"];
/// Extensions of lists of files.
const LIST_EXTENSIONS: &[&[u8]] = &[b"list", b"md5sums"];

/// Extensions of files that hold other files, or one.
const ARCHIVES: &[&str] = &[
    "7z", "apk", "bz2", "conda", "crate", "deb", "ear", "egg", "gem", "gz", "jar", "lz4", "nupkg",
    "rpm", "tar", "tbz2", "tgz", "txz", "vsix", "war", "whl", "xz", "zip", "zst",
];

static PATTERNS: LazyLock<Patterns<()>> = LazyLock::new(|| {
    let mut patterns = Patterns::default();
    for row in ROWS {
        patterns.add(row.as_bytes(), ());
    }
    patterns
});

/// Whether the list has a path, given as an archive names it.
pub(super) fn has(name: &[u8]) -> bool {
    let (parents, last) = split(name);
    let parent = split(parents).1;
    // Components that vanish when a path is normalised may hide the last two.
    let is_plain = |component: &[u8]| !matches!(component, b"" | b"." | b"..");
    let plain = is_plain(last) && (parents.is_empty() || is_plain(parent));
    if plain && !PATTERNS.may_fit(parent, last) {
        return false;
    }
    let normalized = normalize(name);
    normalized.is_some_and(|path| PATTERNS.fitting(&path.components, false).next().is_some())
}

/// Whether a file of the list is a database of packages or a list of files, by its name.
pub(super) fn is_database(name: &[u8]) -> bool {
    let (parents, last) = split(name);
    let is_conda = split(parents).1 == b"conda-meta";
    is_conda || DATABASES.contains(&last) || extension(last) == FILE_LIST
}

/// What the names in a file of the list are, by its own.
pub(super) fn names(name: &[u8]) -> Names {
    let (parents, last) = split(name);
    let extension = extension(last);
    if LIST_EXTENSIONS.contains(&extension) {
        Names::Lists
    } else if PUBLISHED.contains(&last) {
        Names::Published
    } else if SETTINGS.contains(&last)
        || SETTING_DIRECTORIES.contains(&split(parents).1)
        || extension == CODE
    {
        Names::Settings
    } else {
        Names::Packages
    }
}

/// Whether a file is an archive, by its name.
pub(super) fn is_archive(name: &[u8]) -> bool {
    let extension = extension(split(name).1);
    ARCHIVES.iter().any(|known| extension.eq_ignore_ascii_case(known.as_bytes()))
}

/// All but the last component, and the last one.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_key() {
        for row in ROWS {
            let path = row.replace("**", "any/where").replace('*', "x");
            assert!(has(path.as_bytes()), "{row}: {path}");
            assert!(has(format!("./{path}").as_bytes()), "{row}: ./{path}");
        }
    }

    #[test]
    fn paths_are_in_the_list_or_not() {
        let check = |expected: bool, names: &[&str]| {
            for name in names {
                assert_eq!(has(name.as_bytes()), expected, "{name}");
            }
        };
        check(
            true,
            &[
                "etc/os-release",
                "/etc/os-release",
                "./etc/os-release",
                "etc//os-release",
                "etc/./os-release",
                "a/../etc/os-release",
                "etc/os-release/.",
                "../etc/os-release",
                "var/lib/dpkg/info/libc6:amd64.list",
                "lib/apk/db/installed",
                "usr/lib/apk/db/installed",
                "usr/lib/sysimage/rpm/rpmdb.sqlite",
                "opt/conda/conda-meta/numpy-1.0.json",
                "a/numpy-1.0.dist-info/METADATA",
                "usr/lib/python3/dist-packages/six-1.0.egg-info",
                "a/b.egg-info/PKG-INFO",
                "node_modules/a/package.json",
                "usr/lib/node_modules/@x/y/package.json",
                "VERSION",
                "usr/local/cuda-12.4/version.json",
                "opt/x/.version",
            ],
        );
        check(
            false,
            &[
                "",
                "/",
                "..",
                "home/etc/os-release",
                "etc/os-release.d",
                "etc/passwd-",
                "var/lib/dpkg/info/libc6.postinst",
                "var/lib/dpkg/info/a/b.list",
                "app/package.json",
                "conda-meta/a/b.json",
                "a/dist-info/METADATA",
                "x.egg-info",
                "a/version.txt.gz",
                "node_modules.old/package.json",
            ],
        );
    }

    #[test]
    fn archives_are_known_by_their_extension() {
        for name in ["a.jar", "x/y.tar.gz", "B.ZIP", "./w.whl"] {
            assert!(is_archive(name.as_bytes()), "{name}");
        }
        for name in ["jar", "a.jar/b", "a.txt", "gz"] {
            assert!(!is_archive(name.as_bytes()), "{name}");
        }
    }
}
