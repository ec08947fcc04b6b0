//! Names of entries as one kind of path: relative to the root, without `.`, `..` and empty parts.
//!
//! Every reader of layers goes through [`normalize`]. Bytes are kept as they are; what would
//! leave the root stays in it and is flagged.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;

/// Bytes that a name may have.
pub const MAX_PATH: usize = 64 << 10;
/// Components that a path may have.
pub const MAX_COMPONENTS: usize = 4096;

/// A name in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalized<'a> {
    /// The components from the root; none for the root itself.
    pub components: Vec<&'a [u8]>,
    /// Whether it has `..` in it, which readers resolve in different ways.
    pub dots: bool,
    /// Whether it would have left the root.
    pub escapes: bool,
}

/// Brings an entry's name to its one form; `None` where it is longer or deeper than the ceilings.
pub fn normalize(name: &[u8]) -> Option<Normalized<'_>> {
    if name.len() > MAX_PATH {
        return None;
    }
    let mut normalized = Normalized { components: Vec::new(), dots: false, escapes: false };
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                normalized.dots = true;
                normalized.escapes |= normalized.components.pop().is_none();
            }
            _ => normalized.components.push(component),
        }
    }
    (normalized.components.len() <= MAX_COMPONENTS).then_some(normalized)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_have_one_form() {
        let check = |name: &[u8], expected: &[u8], dots: bool, escapes: bool| {
            let normalized = normalize(name).unwrap();
            assert_eq!(normalized.components.join(&b'/'), expected, "{name:?}");
            assert_eq!((normalized.dots, normalized.escapes), (dots, escapes), "{name:?}");
        };
        for same in [&b"a/b"[..], b"./a/b", b"/a/b", b"a//b", b"a/./b", b"a/b/", b"//a/b"] {
            check(same, b"a/b", false, false);
        }
        for root in [&b""[..], b".", b"/", b"./", b"./."] {
            check(root, b"", false, false);
        }
        check(b"a/../b", b"b", true, false);
        check(b"../a", b"a", true, true);
        check(b"../../etc/x", b"etc/x", true, true);
        check(b"a/../../b", b"b", true, true);
        check(b"...", b"...", false, false);
        check(b"\xff\n\x1b/\\", b"\xff\n\x1b/\\", false, false);
    }

    #[test]
    fn names_have_a_longest_and_a_deepest() {
        assert!(normalize(&vec![b'a'; MAX_PATH]).is_some());
        assert!(normalize(&vec![b'a'; MAX_PATH + 1]).is_none());
        assert!(normalize(&b"a/".repeat(MAX_COMPONENTS)).is_some());
        assert!(normalize(&b"a/".repeat(MAX_COMPONENTS + 1)).is_none());
    }

    proptest! {
        #[test]
        fn the_form_is_stable_in_the_root_and_loses_nothing(name in proptest::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..40,
        )) {
            fuzzing::path(&name);
        }
    }
}
