//! Which of two versions is the later one, as package managers order them.

use std::cmp::Ordering;

/// Orders two versions; `None` if there is no telling.
pub(super) fn order(ecosystem: &str, old: &str, new: &str) -> Option<Ordering> {
    match ecosystem {
        "dpkg" | "apk" | "rpm" => Some(system(old, new)),
        "component" | "python" | "conda" | "r" | "npm" | "vscode" | "ruby" | "composer"
        | "java" | "go" | "rust" | "julia" => Some(release(old, new)),
        _ => None,
    }
}

/// By epoch, and then by runs of digits and of other characters, as Debian's policy says. A tilde
/// comes before the end.
fn system(old: &str, new: &str) -> Ordering {
    let epoch = |version: &str| -> (u64, String) {
        match version.split_once(':') {
            Some((epoch, rest))
                if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) =>
            {
                (epoch.parse().unwrap_or(u64::MAX), rest.to_owned())
            }
            _ => (0, version.to_owned()),
        }
    };
    let ((old_epoch, old), (new_epoch, new)) = (epoch(old), epoch(new));
    let parts = |version: &str| -> (String, String) {
        version.rsplit_once('-').map_or_else(
            || (version.to_owned(), String::new()),
            |(upstream, revision)| (upstream.to_owned(), revision.to_owned()),
        )
    };
    let ((old, old_revision), (new, new_revision)) = (parts(&old), parts(&new));
    old_epoch
        .cmp(&new_epoch)
        .then_with(|| runs(old.as_bytes(), new.as_bytes()))
        .then_with(|| runs(old_revision.as_bytes(), new_revision.as_bytes()))
}

fn runs(mut old: &[u8], mut new: &[u8]) -> Ordering {
    while !old.is_empty() || !new.is_empty() {
        let (old_text, new_text) = (take(&mut old, false), take(&mut new, false));
        let (old_digits, new_digits) = (take(&mut old, true), take(&mut new, true));
        let order = text(old_text, new_text).then_with(|| number(old_digits, new_digits));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes what is digits, or what is not, from the start.
fn take<'a>(rest: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| byte.is_ascii_digit() != digits);
    let (taken, left) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = left;
    taken
}

fn text(old: &[u8], new: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => 0,
        None => 1,
        Some(byte) if byte.is_ascii_alphabetic() => 2 + u32::from(*byte),
        Some(byte) => 1_000 + u32::from(*byte),
    };
    let longest = old.len().max(new.len());
    let pairs = (0..longest).map(|at| rank(old.get(at)).cmp(&rank(new.get(at))));
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn number(old: &[u8], new: &[u8]) -> Ordering {
    let trimmed = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits[zeros..].to_vec()
    };
    let (old, new) = (trimmed(old), trimmed(new));
    old.len().cmp(&new.len()).then_with(|| old.cmp(&new))
}

/// A part of a version; the order of the variants is that of the parts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A word for what comes before a release: `dev`, `alpha`, `rc`.
    Before(u8),
    /// Nothing more.
    End,
    /// Another word.
    Word(String),
    /// `post`.
    After,
    /// A number, by its digits.
    Number(usize, String),
}

/// By numbers and words, where some words come before a release, as Python and most others do.
fn release(old: &str, new: &str) -> Ordering {
    let (old, new) = (parts(old), parts(new));
    let longest = old.len().max(new.len());
    let zero = Part::Number(0, String::new());
    let pairs = (0..longest).map(|at| match (old.get(at), new.get(at)) {
        // `1.0` and `1` are the same.
        (Some(part), None) if *part == zero => Ordering::Equal,
        (None, Some(part)) if *part == zero => Ordering::Equal,
        (old, new) => old.unwrap_or(&Part::End).cmp(new.unwrap_or(&Part::End)),
    });
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn parts(version: &str) -> Vec<Part> {
    let version = version.trim().trim_start_matches(['v', 'V']);
    let mut parts = Vec::new();
    for run in version.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut rest = run.as_bytes();
        while !rest.is_empty() {
            let word = take(&mut rest, false);
            if !word.is_empty() {
                parts.push(named(&String::from_utf8_lossy(word).to_ascii_lowercase()));
            }
            let digits = take(&mut rest, true);
            if !digits.is_empty() {
                let digits = String::from_utf8_lossy(digits);
                let digits = digits.trim_start_matches('0');
                parts.push(Part::Number(digits.len(), digits.to_owned()));
            }
        }
    }
    parts
}

fn named(word: &str) -> Part {
    match word {
        "dev" => Part::Before(0),
        "a" | "alpha" => Part::Before(1),
        "b" | "beta" => Part::Before(2),
        "c" | "rc" | "pre" | "preview" => Part::Before(3),
        "post" | "rev" | "r" | "p" => Part::After,
        word => Part::Word(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{Equal, Less};

    use super::*;

    #[test]
    fn versions_are_ordered_as_their_package_managers_do() {
        let check = |ecosystem: &str, old: &str, new: &str, expected: Ordering| {
            assert_eq!(order(ecosystem, old, new), Some(expected), "{ecosystem} {old} {new}");
            assert_eq!(order(ecosystem, new, old), Some(expected.reverse()), "{new} {old}");
        };
        check("dpkg", "1.6-2.1", "1.6-2.1+deb12u3", Less);
        check("dpkg", "1.0~rc1-1", "1.0-1", Less);
        check("dpkg", "2.9-1", "2.10-1", Less);
        check("dpkg", "9.9", "1:1.0", Less);
        check("dpkg", "1.0-1", "1.0-01", Equal);
        check("dpkg", "2.50.6-1~deb12u2", "2.50.6-1", Less);
        check("apk", "1.2.4-r1", "1.2.4-r10", Less);
        check("rpm", "4.18.0-80.el8", "4.18.0-305.el8", Less);
        check("python", "3.9", "3.10", Less);
        check("python", "1.0", "1.0.0", Equal);
        check("python", "2.0rc1", "2.0", Less);
        check("python", "2.0.dev1", "2.0a1", Less);
        check("python", "2.0", "2.0.post1", Less);
        check("python", "3.12.4", "3.22.0", Less);
        check("npm", "v18.2.0", "20.0.0", Less);
        check("component", "6.0.7.1", "6.0.7.9", Less);
        assert_eq!(order("tex", "1", "2"), None);
    }
}
