//! The capture list: files whose contents say what is installed, by whom, and in which version.
//!
//! A row is a path from the root. `*` stands for any bytes of one component (once per component),
//! `**` for any components, also none. The last component is a name; or it has a star, and the
//! component before it is a name or `*.extension`. That is what rows are looked up by, so that the
//! many paths that are in no row cost little.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::layer::normalize;

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
    // apk.
    "etc/apk/world",
    "**/apk/db/installed",
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
    "**/package-lock.json",
    // PHP, Ruby, Rust, Go.
    "**/composer.lock",
    "**/vendor/composer/installed.json",
    "**/Gemfile.lock",
    "**/specifications/*.gemspec",
    "**/Cargo.lock",
    "**/go.sum",
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

/// Extensions of files that hold other files, or one.
const ARCHIVES: &[&str] = &[
    "7z", "apk", "bz2", "conda", "crate", "deb", "ear", "egg", "gem", "gz", "jar", "lz4", "nupkg",
    "rpm", "tar", "tbz2", "tgz", "txz", "vsix", "war", "whl", "xz", "zip", "zst",
];

/// The rows by what they are looked up by.
struct Index {
    /// By the last component.
    names: Keys,
    /// By the component before the last.
    parents: Keys,
    /// By the extension of the component before the last.
    extensions: Keys,
}

/// Rows by a name, with a quick no for most names.
struct Keys {
    /// Lengths of the names, as bits, by their first byte.
    lengths: [u64; 256],
    rows: HashMap<&'static [u8], Vec<&'static [u8]>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Whether the list has a path, given as an archive names it.
pub(super) fn has(name: &[u8]) -> bool {
    let (parents, last) = split(name);
    let parent = split(parents).1;
    if is_odd(last) || (!parents.is_empty() && is_odd(parent)) {
        return has_in_full(name);
    }
    let index = &*INDEX;
    let rows =
        [index.names.get(last), index.parents.get(parent), index.extensions.get(extension(parent))];
    if rows.iter().all(|rows| rows.is_empty()) {
        return false;
    }
    if name.starts_with(b"/")
        || name.starts_with(b"..")
        || name.windows(2).any(|two| two == b"//" || two == b"/.")
    {
        return has_in_full(name);
    }
    let path = name.strip_prefix(b"./").unwrap_or(name);
    rows.into_iter().flatten().any(|row| matches(row, path))
}

/// Whether a file is an archive, by its name.
pub(super) fn is_archive(name: &[u8]) -> bool {
    let extension = extension(split(name).1);
    ARCHIVES.iter().any(|known| extension.eq_ignore_ascii_case(known.as_bytes()))
}

fn has_in_full(name: &[u8]) -> bool {
    let Some(normalized) = normalize(name) else { return false };
    let path = normalized.components.join(&b'/');
    ROWS.iter().any(|row| matches(row.as_bytes(), &path))
}

/// Whether a component vanishes when a path is normalised.
fn is_odd(component: &[u8]) -> bool {
    matches!(component, b"" | b"." | b"..")
}

/// All but the last component, and the last one.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// What follows the last dot; nothing without one.
fn extension(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'.').map_or(b"", |at| &name[at + 1..])
}

/// Whether a row stands for a normalised path.
fn matches(row: &[u8], path: &[u8]) -> bool {
    if row.is_empty() || path.is_empty() {
        return path.is_empty() && matches!(row, b"" | b"**");
    }
    let ((rows, row_last), (parents, last)) = (split(row), split(path));
    if row_last != b"**" {
        return matches_component(row_last, last) && matches(rows, parents);
    }
    let mut path = path;
    while !path.is_empty() {
        if matches(rows, path) {
            return true;
        }
        path = split(path).0;
    }
    matches(rows, path)
}

fn matches_component(row: &[u8], component: &[u8]) -> bool {
    let Some(star) = row.iter().position(|byte| *byte == b'*') else { return row == component };
    let (start, end) = (&row[..star], &row[star + 1..]);
    component.len() >= start.len() + end.len()
        && component.starts_with(start)
        && component.ends_with(end)
}

impl Index {
    fn new() -> Self {
        let mut index = Self { names: Keys::new(), parents: Keys::new(), extensions: Keys::new() };
        for row in ROWS {
            let (parents, last) = split(row.as_bytes());
            let parent = split(parents).1;
            let (keys, key) = match (last.contains(&b'*'), parent.contains(&b'*')) {
                (false, _) => (&mut index.names, last),
                (true, false) => (&mut index.parents, parent),
                (true, true) => (&mut index.extensions, extension(parent)),
            };
            keys.add(key, row.as_bytes());
        }
        index
    }
}

impl Keys {
    fn new() -> Self {
        Self { lengths: [0; 256], rows: HashMap::new() }
    }

    fn add(&mut self, key: &'static [u8], row: &'static [u8]) {
        if let Some(first) = key.first() {
            self.lengths[usize::from(*first)] |= 1 << (key.len() % 64);
            self.rows.entry(key).or_default().push(row);
        }
    }

    fn get(&self, key: &[u8]) -> &[&'static [u8]] {
        let Some(first) = key.first() else { return &[] };
        if self.lengths[usize::from(*first)] >> (key.len() % 64) & 1 == 0 {
            return &[];
        }
        self.rows.get(key).map_or(&[], Vec::as_slice)
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
