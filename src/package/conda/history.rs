//! What was asked for in a prefix, as its `history` tells.

use std::collections::BTreeSet;

use super::super::text::{lines, word};

/// Names that were asked for and not taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests(BTreeSet<String>);

impl Requests {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Reads a `history`.
pub(super) fn requests(content: &[u8]) -> Requests {
    let mut requests = Requests::default();
    for line in lines(content) {
        let Some((action, list)) = line.strip_prefix('#').and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        let names = quoted(list).filter_map(name_of);
        match action.trim() {
            "update specs" | "install specs" | "specs" => requests.0.extend(names),
            "remove specs" => names.for_each(|name| _ = requests.0.remove(&name)),
            _ => {}
        }
    }
    requests
}

/// The texts in single or double quotes.
fn quoted(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.find(['\'', '"'])?;
        let (quote, after) = (rest[start..].chars().next()?, &rest[start + 1..]);
        let (text, after) = after.split_once(quote)?;
        rest = after;
        Some(text)
    })
}

/// The name in a match specification, as `conda-forge::numpy[version='>=1']` or `numpy >=1 py*`.
pub(super) fn name_of(specification: &str) -> Option<String> {
    let after_channel = specification.rsplit_once("::").map_or(specification, |(_, rest)| rest);
    let text = after_channel.trim_start();
    let end = text.find([' ', '=', '<', '>', '!', '~', '[', ',', '|', '@']).unwrap_or(text.len());
    let name = word(&text[..end])?.to_lowercase();
    name.starts_with(|first: char| first.is_alphanumeric() || first == '_').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_in_the_lines_of_specifications() {
        let text =
            b"==> 2024-01-01 10:00:00 <==\n# cmd: conda install numpy\n# conda version: 24.1\n\
            +conda-forge/linux-64::numpy-1.26-py312_0\n# update specs: ['numpy', \"python=3.12\", \
            \"conda-forge::SciPy[version='>=1']\", 'left']\n==> x <==\n# remove specs: ['left']\n\
            # neutered specs: ['other']\n# update specs: [\n";
        let found = requests(text);
        let found: Vec<_> = found.0.iter().map(String::as_str).collect();
        assert_eq!(found, ["numpy", "python", "scipy"]);
    }

    #[test]
    fn specifications_start_with_a_name() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(name_of(text).as_deref(), expected, "{text}");
        };
        check("numpy >=1.2,<2 py312_0", Some("numpy"));
        check("numpy>=1", Some("numpy"));
        check("defaults::numpy=1", Some("numpy"));
        check("_libgcc_mutex 0.1 conda_forge", Some("_libgcc_mutex"));
        check("", None);
        check("=1", None);
        check("]", None);
    }
}
