//! Images out of reports that an earlier run kept.

use std::path::{Path, PathBuf};

use super::selection::bytes_of;
use crate::oci::Platform;
use crate::registry::{Error, ErrorKind};
use crate::snapshot::{Snapshot, read};

/// Bytes of a report that are read.
const LARGEST_REPORT: u64 = 256 << 20;

/// The file that an argument names: behind an `@`, by a path that starts with `/`, `./` or `../`,
/// or by a name without a colon that ends in `.json`. Anything else is a reference: a repository
/// with such a name is one with a tag or a digest.
pub(super) fn file_of(typed: &str) -> Option<PathBuf> {
    if let Some(path) = typed.strip_prefix('@') {
        return Some(path.into());
    }
    let is_path = ["/", "./", "../"].iter().any(|start| typed.starts_with(start));
    let path = Path::new(typed);
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let is_json = is_json && !typed.contains(':');
    (is_path || is_json).then(|| path.to_owned())
}

/// The images of a report.
pub(super) fn images(path: &Path) -> Result<Vec<Snapshot>, Error> {
    read(&bytes_of(path, LARGEST_REPORT)?).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("{} holds no image to compare with", path.display()))
            .because(error)
            .hint("write one: regsize analyze IMAGE --format json > FILE.json")
    })
}

/// The image of a report: that of the platform, if one is wanted, or else the only one.
pub(super) fn chosen(path: &Path, wanted: Option<&Platform>) -> Result<Snapshot, Error> {
    let snapshots = images(path)?;
    let platform = |snapshot: &Snapshot| snapshot.platform.parse::<Platform>().ok();
    let is_for = |snapshot: &Snapshot, wanted: &Platform| {
        platform(snapshot).is_some_and(|platform| platform.satisfies(wanted))
    };
    let all: Vec<&str> = snapshots.iter().map(|snapshot| snapshot.platform.as_str()).collect();
    let all = all.join(", ");
    let preferred = Platform::host();
    let is_only = snapshots.len() == 1;
    let mut fitting = snapshots.into_iter().filter(|snapshot| match wanted {
        Some(wanted) => is_for(snapshot, wanted),
        None => is_only || is_for(snapshot, &preferred),
    });
    fitting.next().ok_or_else(|| {
        let wanted = wanted.unwrap_or(&preferred);
        let text = format!("{} has no image for {wanted}; it has {all}", path.display());
        Error::new(ErrorKind::Usage, text).hint("name one: --platform OS/ARCH")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_references() {
        let check = |typed: &str, expected: Option<&str>| {
            assert_eq!(file_of(typed), expected.map(PathBuf::from), "{typed}");
        };
        check("@old", Some("old"));
        check("./old", Some("./old"));
        check("../old", Some("../old"));
        check("/tmp/old", Some("/tmp/old"));
        check("team/app:1", None);
        check("absent.json", Some("absent.json"));
        check("team/app.json:1", None);
        check("oci:layout.json", None);
    }
}
