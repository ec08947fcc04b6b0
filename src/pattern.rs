//! Sets of path patterns, asked for those that a path fits.
//!
//! A pattern is a path from the root. `*` stands for any bytes of one component, `**` for any
//! components, also none; a slash at the end means that only a directory fits. A path fits a
//! pattern as a whole: what is in a directory that fits does not fit by that.
//!
//! Patterns are looked up by a literal of their last two components, so that the many paths that
//! fit none cost little. The time for one path is linear in its components for each pattern.

use std::collections::HashMap;

/// Patterns, each with a value.
#[derive(Clone, Debug)]
pub struct Patterns<T> {
    rows: Vec<Row<T>>,
    /// By the last component.
    names: Keys,
    /// By the extension of the last component.
    extensions: Keys,
    /// By the component before the last.
    parents: Keys,
    /// By the extension of that.
    parent_extensions: Keys,
    /// Those without a literal to look them up by.
    others: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Row<T> {
    components: Vec<Box<[u8]>>,
    directory: bool,
    value: T,
}

/// Rows by a name, with a quick no for most names.
#[derive(Clone, Debug)]
struct Keys {
    /// Lengths of the names, as bits, by their first byte.
    lengths: Box<[u64; 256]>,
    rows: HashMap<Box<[u8]>, Vec<u32>>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        let keys = Keys::default;
        Self {
            rows: Vec::new(),
            names: keys(),
            extensions: keys(),
            parents: keys(),
            parent_extensions: keys(),
            others: Vec::new(),
        }
    }
}

impl<T> Patterns<T> {
    /// Adds a pattern.
    pub fn add(&mut self, pattern: &[u8], value: T) {
        let directory = pattern.ends_with(b"/");
        let split = pattern.split(|byte| *byte == b'/').filter(|component| !component.is_empty());
        let components: Vec<Box<[u8]>> = split.map(Box::from).collect();
        // There are far fewer patterns than 2³².
        let Ok(at) = u32::try_from(self.rows.len()) else { return };
        self.index(&components, at);
        self.rows.push(Row { components, directory, value });
    }

    fn index(&mut self, components: &[Box<[u8]>], at: u32) {
        let is_literal = |text: &&[u8]| !text.is_empty() && !text.contains(&b'*');
        let mut last = components.iter().rev().map(AsRef::as_ref);
        let (name, parent) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
        let keys = [
            (&mut self.names, name),
            (&mut self.extensions, extension(name)),
            (&mut self.parents, parent),
            (&mut self.parent_extensions, extension(parent)),
        ];
        match keys.into_iter().find(|(_, key)| is_literal(key)) {
            Some((keys, key)) => keys.add(key, at),
            None => self.others.push(at),
        }
    }

    /// The values of the patterns that a path fits, given by its components.
    pub fn fitting(&self, path: &[&[u8]], is_directory: bool) -> impl Iterator<Item = &T> {
        let mut last = path.iter().rev();
        let name = *last.next().unwrap_or(&&b""[..]);
        let parent = *last.next().unwrap_or(&&b""[..]);
        self.rows_for(parent, name).into_iter().flatten().filter_map(move |at| {
            let row = &self.rows[*at as usize];
            let fits = (is_directory || !row.directory)
                && ends_alike(&row.components, name)
                && fits(&row.components, path);
            fits.then_some(&row.value)
        })
    }

    /// Whether a path with these last two components may fit any pattern: a quick no for most.
    pub fn may_fit(&self, parent: &[u8], name: &[u8]) -> bool {
        self.rows_for(parent, name).iter().any(|rows| !rows.is_empty())
    }

    fn rows_for(&self, parent: &[u8], name: &[u8]) -> [&[u32]; 5] {
        [
            self.names.get(name),
            self.extensions.get(extension(name)),
            self.parents.get(parent),
            self.parent_extensions.get(extension(parent)),
            &self.others,
        ]
    }
}

/// Whether one component fits one of a pattern.
pub fn component_fits(pattern: &[u8], component: &[u8]) -> bool {
    wildcard(pattern, component, |byte| *byte == b'*', |a, b| a == b)
}

/// Whether the last component fits, which says no to most paths at little cost.
fn ends_alike(pattern: &[Box<[u8]>], name: &[u8]) -> bool {
    pattern.last().is_none_or(|last| **last == *b"**" || component_fits(last, name))
}

fn fits(pattern: &[Box<[u8]>], path: &[&[u8]]) -> bool {
    wildcard(pattern, path, |row| **row == *b"**", |row, component| component_fits(row, component))
}

/// Whether a text fits a pattern in which a star stands for any part of the text. Only the last
/// star is ever tried anew, which bounds the time by the product of the lengths.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(part) if is_star(part) => {
                star = Some((at, read));
                at += 1;
            }
            Some(part) if same(part, &text[read]) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, from)) = star else { return false };
                star = Some((place, from + 1));
                (at, read) = (place + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(is_star)
}

/// What follows the last dot; nothing without one.
pub(crate) fn extension(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'.').map_or(b"", |at| &name[at + 1..])
}

impl Default for Keys {
    fn default() -> Self {
        Self { lengths: Box::new([0; 256]), rows: HashMap::new() }
    }
}

impl Keys {
    fn add(&mut self, key: &[u8], row: u32) {
        if let Some(first) = key.first() {
            self.lengths[usize::from(*first)] |= 1 << (key.len() % 64);
            self.rows.entry(key.into()).or_default().push(row);
        }
    }

    fn get(&self, key: &[u8]) -> &[u32] {
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
    fn paths_fit_patterns() {
        let check = |pattern: &str, path: &str, expected: bool| {
            let mut patterns = Patterns::default();
            patterns.add(pattern.as_bytes(), ());
            let is_directory = path.ends_with('/');
            let components: Vec<&[u8]> =
                path.split('/').filter(|part| !part.is_empty()).map(str::as_bytes).collect();
            let found = patterns.fitting(&components, is_directory).count();
            assert_eq!(found, usize::from(expected), "{pattern} {path}");
        };
        check("etc/passwd", "etc/passwd", true);
        check("etc/passwd", "x/etc/passwd", false);
        check("etc/passwd", "etc/passwd/x", false);
        check("**/.cache/pip", "root/.cache/pip/", true);
        check("**/.cache/pip", ".cache/pip", true);
        check("**/a/**/b", "a/b", true);
        check("**/a/**/b", "x/a/y/a/z/b", true);
        check("**/a/**/b", "x/b", false);
        check("**/*.pyc", "a/b.pyc", true);
        check("**/*.pyc", "a/b.py", false);
        check("**/lib*.so*", "usr/lib/libz.so.1", true);
        check("**/lib*.so*", "usr/lib/libz.a", false);
        check("**/*.dist-info/*", "a/x-1.dist-info/RECORD", true);
        check("tmp/", "tmp", false);
        check("tmp/", "tmp/", true);
        check("opt/*/doc/", "opt/a/doc/", true);
        check("opt/*/doc/", "opt/a/b/doc/", false);
        check("var/log/*", "var/log/a.log", true);
        check("**", "a", true);
    }

    #[test]
    fn many_stars_take_bounded_time() {
        let mut patterns = Patterns::default();
        patterns.add("**/a/".repeat(40).as_bytes(), ());
        patterns.add(format!("{}b", "*a".repeat(40)).as_bytes(), ());
        let deep: Vec<&[u8]> = vec![b"a"; 4000];
        assert_eq!(patterns.fitting(&deep, false).count(), 0);
        let long = vec![b'a'; 60_000];
        assert_eq!(patterns.fitting(&[&long], false).count(), 0);
    }
}
