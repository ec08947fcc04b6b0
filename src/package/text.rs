//! Words and lines of records, within bounds.

use std::collections::HashSet;

use super::Dependency;

/// Bytes of a name or a version.
const MAX_WORD: usize = 256;
/// Characters of a description.
const MAX_SUMMARY: usize = 200;
/// Needs of one package.
pub(super) const MAX_DEPENDENCIES: usize = 4096;

/// A name, a version or the like; `None` if it is empty, too long or holds control characters.
pub(super) fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MAX_WORD && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

/// The first line of a description, cut to a bearable length.
pub(super) fn summary(text: &str) -> Option<String> {
    let line = text.trim().lines().next()?;
    let line: String = line.chars().filter(|each| !each.is_control()).take(MAX_SUMMARY).collect();
    (!line.is_empty()).then_some(line)
}

/// Needs by name, each once, in their order.
pub(super) fn dependencies(names: impl IntoIterator<Item = String>) -> Vec<Dependency> {
    let mut seen = HashSet::new();
    let names = names.into_iter().filter(|name| seen.insert(name.clone()));
    names.take(MAX_DEPENDENCIES).map(|name| Dependency { any: vec![name] }).collect()
}

/// The fields of the first paragraph of a text like a mail's head, in order. Lines that continue
/// a value are joined to it.
pub(super) fn fields(content: &[u8]) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in lines(content).take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim(), value.trim().to_owned()));
        }
    }
    fields
}

/// The lines that are text.
pub(super) fn lines(content: &[u8]) -> impl Iterator<Item = &str> {
    let lines = content.split(|byte| *byte == b'\n');
    lines.filter_map(|line| str::from_utf8(line).ok()).map(|line| line.trim_end_matches('\r'))
}

/// JSON without the mark that some editors put in front.
pub(super) fn json(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_with_the_paragraph_and_may_go_over_lines() {
        let text =
            b"Name: a\r\n        \r\nDepends: R (>= 3.5),\n\tmethods\nodd line\n: x\n\nName: b\n";
        let expected = [("Name", "a "), ("Depends", "R (>= 3.5), methods"), ("", "x")];
        let found = fields(text);
        let found: Vec<_> = found.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_are_bounded() {
        assert_eq!(word(" 1.0\n").as_deref(), Some("1.0"));
        for text in ["", "  ", "a\u{1b}[0m", &"x".repeat(257)] {
            assert_eq!(word(text), None);
        }
        assert_eq!(summary(&"é".repeat(300)).map(|text| text.chars().count()), Some(200));
        assert_eq!(summary("One.\nTwo.").as_deref(), Some("One."));
        let many = (0..10_000).map(|number| (number % 5000).to_string());
        assert_eq!(dependencies(many).len(), MAX_DEPENDENCIES);
    }
}
