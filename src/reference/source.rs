//! Where an image is: in a registry, or in files of this machine.
//!
//! Files are named as containers-transports(5) names them: `oci:DIRECTORY[:NAME]`,
//! `oci-archive:FILE[:NAME]` and `docker-archive:FILE[:NAME]`, where the first colon ends the path
//! and a name `@NUMBER` is a position counted from 0; `-` is an archive of either kind on stdin.
//! The prefix wins: `oci:5000/app` is a directory, and `docker://oci:5000/app` the registry.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Reference, ReferenceError, Typed};

/// The prefix that says that an image is in a registry.
const REGISTRY: &str = "docker://";
/// Transports of other programs that are not read, and the way around.
const OTHERS: [(&str, &str); 3] = [
    ("docker-daemon:", "docker save NAME | regsize analyze -"),
    ("containers-storage:", "podman save --format oci-archive NAME | regsize analyze -"),
    ("dir:", "skopeo copy dir:DIRECTORY oci:OTHER, and name oci:OTHER"),
];

/// What a user names as an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An image in a registry.
    Registry(Reference),
    /// An image in files, or on stdin.
    Local(LocalSource),
}

/// An image in files, or on stdin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalSource {
    typed: String,
    kind: LocalKind,
    path: PathBuf,
    name: Option<String>,
}

/// The forms in which files hold images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalKind {
    /// A directory that is an OCI image layout.
    Layout,
    /// A tar archive of an OCI image layout.
    OciArchive,
    /// A tar archive as `docker save` writes it.
    DockerArchive,
    /// A tar archive of either kind on stdin.
    Stdin,
}

impl LocalKind {
    const PREFIXED: [Self; 3] = [Self::OciArchive, Self::DockerArchive, Self::Layout];

    /// The prefix that names the form, with its colon; `-` for stdin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Layout => "oci:",
            Self::OciArchive => "oci-archive:",
            Self::DockerArchive => "docker-archive:",
            Self::Stdin => "-",
        }
    }
}

impl Source {
    /// The reference, of an image in a registry.
    pub fn registry(&self) -> Option<&Reference> {
        match self {
            Self::Registry(reference) => Some(reference),
            Self::Local(_) => None,
        }
    }

    /// Whether it is on stdin, which can be read once.
    pub fn is_stdin(&self) -> bool {
        matches!(self, Self::Local(local) if local.kind == LocalKind::Stdin)
    }
}

impl LocalSource {
    /// The form of the files.
    pub fn kind(&self) -> LocalKind {
        self.kind
    }

    /// The directory or file; empty for stdin.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which image of several is meant: a tag, a reference, or `@` and a position.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl From<Reference> for Source {
    fn from(reference: Reference) -> Self {
        Self::Registry(reference)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Local(local) => f.write_str(&local.typed),
        }
    }
}

impl FromStr for Source {
    type Err = ReferenceError;

    fn from_str(typed: &str) -> Result<Self, ReferenceError> {
        if typed == LocalKind::Stdin.prefix() {
            return Ok(local(typed, LocalKind::Stdin, "", None));
        }
        for kind in LocalKind::PREFIXED {
            if let Some(rest) = typed.strip_prefix(kind.prefix())
                && !is_url(kind, rest)
            {
                return files(typed, kind, rest);
            }
        }
        if let Some((transport, instead)) =
            OTHERS.into_iter().find(|(transport, _)| typed.starts_with(transport))
        {
            let typed = Typed(typed).shortened();
            return Err(ReferenceError::Transport { typed, transport, instead });
        }
        if ["/", "./", "../", "~"].iter().any(|start| typed.starts_with(start))
            || matches!(typed, "." | "..")
        {
            return Err(ReferenceError::Path { typed: Typed(typed).shortened() });
        }
        typed.strip_prefix(REGISTRY).unwrap_or(typed).parse().map(Self::Registry)
    }
}

/// Whether this is how other tools write that something is in a registry: `oci://host/name`.
fn is_url(kind: LocalKind, rest: &str) -> bool {
    kind == LocalKind::Layout && rest.starts_with("//") && !rest.starts_with("///")
}

/// Whether a text names files, so that no password can be in it.
pub(super) fn names_files(typed: &str) -> bool {
    LocalKind::PREFIXED.into_iter().any(|kind| typed.starts_with(kind.prefix()))
}

fn files(typed: &str, kind: LocalKind, rest: &str) -> Result<Source, ReferenceError> {
    let (path, name) = rest.split_once(':').map_or((rest, None), |(path, name)| (path, Some(name)));
    let wrong = |problem| ReferenceError::Length { typed: Typed(typed).shortened(), problem };
    if path.is_empty() {
        return Err(wrong("the path is empty; write it behind the colon"));
    }
    if name.is_some_and(str::is_empty) {
        return Err(wrong("the name behind the second colon is empty: leave out that colon"));
    }
    Ok(local(typed, kind, path, name))
}

fn local(typed: &str, kind: LocalKind, path: &str, name: Option<&str>) -> Source {
    let (typed, name) = (typed.to_owned(), name.map(str::to_owned));
    Source::Local(LocalSource { typed, kind, path: path.into(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_transport_path_and_name() {
        let check = |typed: &str, kind: LocalKind, path: &str, name: Option<&str>| {
            let source: Source = typed.parse().unwrap();
            assert_eq!(source.to_string(), typed);
            let Source::Local(local) = source else { panic!("{typed}: {source:?}") };
            assert_eq!((local.kind(), local.name()), (kind, name), "{typed}");
            assert_eq!(local.path(), Path::new(path), "{typed}");
        };
        check("oci:out", LocalKind::Layout, "out", None);
        check("oci:./out:v1", LocalKind::Layout, "./out", Some("v1"));
        check("oci:/out:ghcr.io/a/b:1", LocalKind::Layout, "/out", Some("ghcr.io/a/b:1"));
        check("oci:5000/app", LocalKind::Layout, "5000/app", None);
        check("oci-archive:a.tar", LocalKind::OciArchive, "a.tar", None);
        check("oci-archive:a.tar:@1", LocalKind::OciArchive, "a.tar", Some("@1"));
        check("docker-archive:a.tar:x:1", LocalKind::DockerArchive, "a.tar", Some("x:1"));
        check("-", LocalKind::Stdin, "", None);
    }

    #[test]
    fn all_else_is_of_a_registry() {
        let check = |typed: &str, expected: &str| {
            let source: Source = typed.parse().unwrap();
            assert_eq!(source.to_string(), expected, "{typed}");
            assert!(source.registry().is_some() && !source.is_stdin(), "{typed}");
        };
        check("debian:12", "docker.io/library/debian:12");
        check("docker://debian:12", "docker.io/library/debian:12");
        check("docker://oci:5000/app", "oci:5000/app:latest");
        check("oci", "docker.io/library/oci:latest");
        check("dir", "docker.io/library/dir:latest");
        check("oci/app:1", "docker.io/oci/app:1");
    }

    #[test]
    fn what_is_neither_is_refused_with_what_to_write() {
        let check = |typed: &str, expected: &str| {
            let error = typed.parse::<Source>().unwrap_err().to_string();
            assert!(error.contains(expected), "{typed}: {error}");
        };
        check("oci:", "the path is empty");
        check("oci-archive::v1", "the path is empty");
        check("docker-archive:x.tar:", "leave out that colon");
        check("docker-daemon:x:1", "docker save NAME | regsize analyze -");
        check("containers-storage:x", "podman save");
        check("dir:/x", "skopeo copy dir:");
        check("host:1/a@", "is not an image reference");
        check("oci://ghcr.io/x", "leave out \"oci://\"");
        for path in ["./out", "../out", "/out", "~/out", "."] {
            check(path, "is a path");
        }
        check("https://ghcr.io/x", "leave out \"https://\"");
    }
}
