//! Names of files in layouts and archives.

use crate::layer::normalize;
use crate::oci::Digest;

/// Bytes that a name may have; longer ones are of no file that an image needs.
const LONGEST: usize = 4096;

/// Where a layout has a blob.
pub(super) fn of_blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The digest of the blob that a layout has under a name.
pub(super) fn blob_of(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// The one form of a member's name; `None` for one that no file of an image has.
pub(super) fn of_member(name: &[u8]) -> Option<String> {
    let normalized = normalize(name).filter(|normalized| !normalized.dots)?;
    let name = String::from_utf8(normalized.components.join(&b'/')).ok()?;
    (1..=LONGEST).contains(&name.len()).then_some(name)
}

/// The name that a link in an archive means; `None` if it leads out of the archive.
pub(super) fn of_target(link: &str, target: &[u8], hard: bool) -> Option<String> {
    if !hard && target.starts_with(b"/") {
        return None;
    }
    let parent = if hard { "" } else { link.rsplit_once('/').map_or("", |(parent, _)| parent) };
    let joined = [parent.as_bytes(), b"/", target].concat();
    let normalized = normalize(&joined).filter(|normalized| !normalized.escapes)?;
    of_member(&normalized.components.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form_and_stay_inside() {
        let check = |name: &[u8], expected: Option<&str>| {
            assert_eq!(of_member(name).as_deref(), expected, "{name:?}");
        };
        check(b"./index.json", Some("index.json"));
        check(b"/blobs//sha256/ab", Some("blobs/sha256/ab"));
        check(b"../index.json", None);
        check(b"a/../index.json", None);
        check(b"", None);
        check(b"\xff", None);
        check(&[b'a'; 5000], None);
    }

    #[test]
    fn links_lead_to_members_or_nowhere() {
        let check = |link: &str, target: &str, hard: bool, expected: Option<&str>| {
            let found = of_target(link, target.as_bytes(), hard);
            assert_eq!(found.as_deref(), expected, "{link} {target}");
        };
        check("b/layer.tar", "../a/layer.tar", false, Some("a/layer.tar"));
        check("b/layer.tar", "a/layer.tar", true, Some("a/layer.tar"));
        check("layer.tar", "x.tar", false, Some("x.tar"));
        check("b/layer.tar", "../../etc/passwd", false, None);
        check("b/layer.tar", "/etc/passwd", false, None);
    }

    #[test]
    fn blobs_are_under_their_digest() {
        let digest = Digest::of(b"x");
        assert_eq!(blob_of(&of_blob(&digest)), Some(digest));
        assert_eq!(blob_of("blobs/sha256/../x"), None);
        assert_eq!(blob_of("layer.tar"), None);
    }
}
