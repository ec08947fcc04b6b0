//! What must hold for any name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use super::{MAX_COMPONENTS, MAX_PATH, normalize};

/// Normalises the bytes as a name: as the standard library's components would have it, within the
/// root and the ceilings, to a form that stays what it is. Names that have that form already keep
/// every byte, so that no two of them become one.
///
/// # Panics
///
/// Where that does not hold.
pub fn path(name: &[u8]) {
    let mut expected = Vec::new();
    let (mut dots, mut escapes) = (false, false);
    for component in Path::new(OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(component) => expected.push(component.as_bytes()),
            Component::ParentDir => {
                dots = true;
                escapes |= expected.pop().is_none();
            }
            _ => {}
        }
    }
    let Some(normalized) = normalize(name) else {
        assert!(name.len() > MAX_PATH || expected.len() > MAX_COMPONENTS, "a name is refused");
        return;
    };
    assert!(name.len() <= MAX_PATH && expected.len() <= MAX_COMPONENTS, "a ceiling is passed");
    assert_eq!(normalized.components, expected);
    assert_eq!((normalized.dots, normalized.escapes), (dots, escapes));
    let joined = normalized.components.join(&b'/');
    let again = normalize(&joined).expect("no longer than before");
    assert_eq!(again.components, normalized.components);
    assert!(!again.dots && !again.escapes);
    let plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
    if name.split(|byte| *byte == b'/').all(plain) {
        assert_eq!(joined, name, "bytes of a name in normal form are lost");
    }
}
