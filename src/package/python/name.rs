//! Names and requirements of Python distributions.

use super::super::text::word;

/// A name as Python's package indexes compare names (PEP 503): lower case, with one hyphen for
/// each run of hyphens, underscores and dots.
pub fn normalize_python_name(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    let mut separated = false;
    for each in name.trim().chars() {
        if matches!(each, '-' | '_' | '.') {
            separated = true;
            continue;
        }
        if std::mem::take(&mut separated) {
            normalized.push('-');
        }
        normalized.extend(each.to_lowercase());
    }
    if separated {
        normalized.push('-');
    }
    normalized
}

/// What a distribution requires: another one, perhaps with extras, perhaps only in some
/// environments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requirement {
    /// Normalised.
    pub(super) name: String,
    /// Normalised.
    pub(super) extras: Vec<String>,
    /// The condition; empty without one.
    pub(super) marker: String,
}

/// Extras of one requirement.
const MAX_EXTRAS: usize = 64;

/// Reads one (PEP 508): `name[extra] (>=1) ; marker`.
pub(super) fn requirement(text: &str) -> Option<Requirement> {
    let is_name = |each: char| each.is_alphanumeric() || matches!(each, '-' | '_' | '.');
    let text = text.trim();
    let end = text.find(|each| !is_name(each)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = normalize_python_name(&word(name)?);
    let rest = rest.trim_start();
    let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let extras = inside.map_or("", |(extras, _)| extras).split(',').filter_map(word);
    let extras = extras.take(MAX_EXTRAS).map(|extra| normalize_python_name(&extra)).collect();
    // A semicolon in an address is part of it, unless there is a space in front.
    let separator = if rest.contains('@') { " ;" } else { ";" };
    let marker = rest.split_once(separator).map_or("", |(_, marker)| marker).trim().to_owned();
    Some(Requirement { name, extras, marker })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_as_indexes_do() {
        let check = |name: &str, expected: &str| {
            assert_eq!(normalize_python_name(name), expected, "{name}");
        };
        check("Flask", "flask");
        check("ruamel.yaml", "ruamel-yaml");
        check("zope._-interface", "zope-interface");
        check(" jupyterlab_widgets ", "jupyterlab-widgets");
        check("-a-", "-a-");
        check("", "");
    }

    #[test]
    fn requirements_have_names_extras_and_markers() {
        let check = |text: &str, name: &str, extras: &[&str], marker: &str| {
            let extras = extras.iter().map(|extra| (*extra).to_owned()).collect();
            let (name, marker) = (name.to_owned(), marker.to_owned());
            assert_eq!(requirement(text), Some(Requirement { name, extras, marker }), "{text}");
        };
        check("numpy", "numpy", &[], "");
        check(
            "Typing_Extensions>=4.0; python_version<'3.11'",
            "typing-extensions",
            &[],
            "python_version<'3.11'",
        );
        check(
            "uvicorn [standard, Web_Sockets] (>=0.2)",
            "uvicorn",
            &["standard", "web-sockets"],
            "",
        );
        check("a @ https://x/a;b.whl ; extra == 'z'", "a", &[], "extra == 'z'");
        check("a[", "a", &[], "");
        assert_eq!(requirement(""), None);
        assert_eq!(requirement(">=1"), None);
    }
}
