//! What is known of components, read from `knowledge.json` and from files of users.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Making;

const BUILT_IN: &str = include_str!("knowledge.json");

static DEFAULT: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge { rows: Vec::new() }.with(BUILT_IN).unwrap_or(Knowledge::NONE));

/// What is known of components, one row for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knowledge {
    pub(super) rows: Vec<Row>,
}

/// Why a file of knowledge cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct KnowledgeError {
    /// Where, as in `line 3, components[0].id`.
    pub place: String,
    /// What is wrong there and what to write.
    pub message: String,
}

/// A file of knowledge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `components`")]
struct File {
    components: Vec<Change>,
}

/// What is known of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) making: Making,
    pub(super) signatures: Vec<Signature>,
    pub(super) versions: Vec<VersionSource>,
    /// Patterns of words in commands.
    pub(super) installers: Vec<String>,
    /// Variables that images with it set.
    pub(super) env: Vec<String>,
    /// Patterns of packages, as `conda:libgdal*`.
    pub(super) packages: Vec<String>,
    pub(super) parts: Vec<PartRow>,
    pub(super) slimmer: Vec<String>,
    pub(super) check: Option<String>,
    pub(super) optional: bool,
    pub(super) yields: bool,
    pub(super) audience: Option<String>,
}

/// A row as a file has it: what it leaves out stays as it was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    id: String,
    title: Option<String>,
    about: Option<String>,
    making: Option<Making>,
    signatures: Option<Vec<Signature>>,
    versions: Option<Vec<VersionSource>>,
    installers: Option<Vec<String>>,
    env: Option<Vec<String>>,
    packages: Option<Vec<String>>,
    parts: Option<Vec<PartRow>>,
    slimmer: Option<Vec<String>>,
    check: Option<String>,
    optional: Option<bool>,
    yields: Option<bool>,
    audience: Option<String>,
}

/// What gives the root of a component away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    /// A pattern of the root itself.
    #[serde(default = "anywhere")]
    pub(super) at: String,
    /// Patterns of paths in it, all of which it has.
    #[serde(default)]
    pub(super) all: Vec<String>,
    /// Patterns of which it has one at least.
    #[serde(default)]
    pub(super) any: Vec<String>,
    /// Content bytes that it has at least.
    #[serde(default)]
    pub(super) least: u64,
}

/// Where a version is told; the first source that has one counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected `file` (with `text` or `json`), `directory`, `below`, \
    `package` or `history`"
)]
pub(super) enum VersionSource {
    /// A file in the root: its first line, what stands for `{version}` in a text, or a JSON
    /// pointer.
    File { file: String, text: Option<String>, json: Option<String> },
    /// The name of the root or of a directory above it, with `{version}`.
    Directory { directory: String },
    /// A directory in the root, the last component with `{version}`.
    Below { below: String },
    /// A package.
    Package { package: String },
    /// A word of a command, with `{version}`.
    History { history: String },
}

/// A part of a component.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartRow {
    pub(super) name: String,
    /// Patterns of paths in the root.
    pub(super) paths: Vec<String>,
    /// Patterns of what is none of it.
    #[serde(default)]
    pub(super) except: Vec<String>,
    pub(super) role: Role,
    pub(super) risk: PartRisk,
    pub(super) needed_by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Data,
    Docs,
    Gui,
    Gpu,
    Build,
    Source,
    Cache,
    Tool,
    Core,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PartRisk {
    Safe,
    Test,
    Review,
    Keep,
}

fn anywhere() -> String {
    "**".to_owned()
}

impl Default for Knowledge {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Knowledge {
    const NONE: Self = Self { rows: Vec::new() };

    /// The ids of the components.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.id.as_str())
    }

    /// This, with the components of a user's file added to it.
    ///
    /// The file has the form of `knowledge.json`. A component of a known id changes what the file
    /// says of it and leaves the rest as it is.
    ///
    /// # Errors
    ///
    /// If the text is no JSON of that form; the error says where and what to write.
    pub fn with(mut self, json: &str) -> Result<Self, KnowledgeError> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let file: File = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            KnowledgeError::at_line(&path, error.inner())
        })?;
        deserializer.end().map_err(|error| KnowledgeError::at_line(".", &error))?;
        let mut seen = BTreeSet::new();
        for (at, change) in file.components.into_iter().enumerate() {
            let place = format!("components[{at}]");
            if !seen.insert(change.id.clone()) {
                let message = format!("the id `{}` occurs twice; write one component", change.id);
                return Err(KnowledgeError { place, message });
            }
            let known = self.rows.iter().position(|row| row.id == change.id);
            let row = known.map(|known| self.rows[known].clone()).unwrap_or_default();
            let row = change.apply(row);
            row.check().map_err(|(field, message)| {
                let place = format!("{place}{}{field}", if field.is_empty() { "" } else { "." });
                KnowledgeError { place, message }
            })?;
            match known {
                Some(known) => self.rows[known] = row,
                None => self.rows.push(row),
            }
        }
        Ok(self)
    }
}

impl KnowledgeError {
    /// Of an error of the JSON library, whose place is a line.
    fn at_line(path: &str, error: &serde_json::Error) -> Self {
        let mut message = error.to_string();
        if let Some((end, _)) = message.rmatch_indices(" at line ").next() {
            message.truncate(end);
        }
        let path = if path == "." { String::new() } else { format!(", {path}") };
        Self { place: format!("line {}{path}", error.line()), message }
    }
}

impl Change {
    fn apply(self, row: Row) -> Row {
        Row {
            id: self.id,
            title: self.title.unwrap_or(row.title),
            about: self.about.unwrap_or(row.about),
            making: self.making.unwrap_or(row.making),
            signatures: self.signatures.unwrap_or(row.signatures),
            versions: self.versions.unwrap_or(row.versions),
            installers: self.installers.unwrap_or(row.installers),
            env: self.env.unwrap_or(row.env),
            packages: self.packages.unwrap_or(row.packages),
            parts: self.parts.unwrap_or(row.parts),
            slimmer: self.slimmer.unwrap_or(row.slimmer),
            check: self.check.or(row.check),
            optional: self.optional.unwrap_or(row.optional),
            yields: self.yields.unwrap_or(row.yields),
            audience: self.audience.or(row.audience),
        }
    }
}

/// A field and what is wrong with it.
type Wrong = (String, String);

impl Row {
    fn check(&self) -> Result<(), Wrong> {
        let wrong = |field: &str, message: &str| Err((field.to_owned(), message.to_owned()));
        if self.id.is_empty() {
            return wrong("id", "is empty; write a short name, as `freesurfer`");
        }
        if self.title.is_empty() {
            return wrong("title", "is missing; write the name that reports show");
        }
        if self.signatures.is_empty() && self.packages.is_empty() {
            return wrong(
                "",
                "has neither `signatures` nor `packages`; write how it is recognised",
            );
        }
        for (at, signature) in self.signatures.iter().enumerate() {
            signature.check(&format!("signatures[{at}]"))?;
        }
        for (at, package) in self.packages.iter().enumerate() {
            check_package(package, format!("packages[{at}]"))?;
        }
        for (at, source) in self.versions.iter().enumerate() {
            source.check(format!("versions[{at}]"))?;
        }
        for (at, part) in self.parts.iter().enumerate() {
            if part.paths.iter().all(String::is_empty) {
                let message = "is empty; write patterns of paths below the root".to_owned();
                return Err((format!("parts[{at}].paths"), message));
            }
        }
        Ok(())
    }
}

impl Signature {
    fn check(&self, place: &str) -> Result<(), Wrong> {
        if self.at == "**" && self.all.is_empty() && self.any.is_empty() {
            let message = "fits everything; write `all` or `any` with paths below the root";
            return Err((place.to_owned(), message.to_owned()));
        }
        // The root is so many components above what fits.
        let odd = |term: &&String| term.is_empty() || term.split('/').any(|part| part == "**");
        match self.all.iter().chain(&self.any).find(odd) {
            Some(term) => {
                let message =
                    format!("`{term}` is no path below the root; `*` stands for one name alone");
                Err((place.to_owned(), message))
            }
            None => Ok(()),
        }
    }
}

impl VersionSource {
    fn check(&self, place: String) -> Result<(), Wrong> {
        let text = match self {
            Self::File { text: None, .. } => return Ok(()),
            Self::File { text: Some(text), .. } => text,
            Self::Directory { directory } => directory,
            Self::Below { below } => below,
            Self::Package { package } => return check_package(package, place),
            Self::History { history } => history,
        };
        if text.contains("{version}") {
            return Ok(());
        }
        Err((place, format!("`{text}` has no `{{version}}`; write it where the version stands")))
    }
}

fn check_package(package: &str, place: String) -> Result<(), Wrong> {
    let named = package
        .split_once(':')
        .is_some_and(|(ecosystem, name)| !name.is_empty() && ECOSYSTEMS.contains(&ecosystem));
    if named {
        return Ok(());
    }
    let known = ECOSYSTEMS.join(", ");
    let message = format!("`{package}` is no package; write ECOSYSTEM:NAME with one of {known}");
    Err((place, message))
}

const ECOSYSTEMS: [&str; 15] = [
    "apk", "composer", "conda", "dpkg", "go", "java", "julia", "npm", "python", "r", "rpm", "ruby",
    "rust", "tex", "vscode",
];

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Docs => "docs",
            Self::Gui => "gui",
            Self::Gpu => "gpu",
            Self::Build => "build",
            Self::Source => "source",
            Self::Cache => "cache",
            Self::Tool => "tool",
            Self::Core => "core",
        }
    }
}

impl PartRisk {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Test => "test",
            Self::Review => "review",
            Self::Keep => "keep",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_knowledge_is_valid() {
        let knowledge = Knowledge::NONE.with(BUILT_IN).unwrap();
        assert!(knowledge.rows.len() > 50);
        assert_eq!(knowledge, Knowledge::default());
        for row in &knowledge.rows {
            let complete = !row.about.is_empty() && !row.installers.is_empty();
            assert!(complete || row.id == "synb0-disco", "{}", row.id);
        }
    }

    #[test]
    fn a_file_adds_to_what_is_known_and_changes_it() {
        let file = r#"{"components": [
            {"id": "jq", "title": "JQ", "optional": true},
            {"id": "acme", "title": "Acme", "signatures": [{"all": ["bin/acme"]}]}
        ]}"#;
        let before = Knowledge::default();
        let after = before.clone().with(file).unwrap();
        assert_eq!(after.rows.len(), before.rows.len() + 1);
        let row = |knowledge: &Knowledge, id: &str| {
            knowledge.rows.iter().find(|row| row.id == id).unwrap().clone()
        };
        let expected = Row { title: "JQ".to_owned(), optional: true, ..row(&before, "jq") };
        assert_eq!(row(&after, "jq"), expected);
        assert_eq!(row(&after, "acme").signatures[0].at, "**");
    }

    #[test]
    fn errors_name_the_place_and_what_to_write() {
        let check = |json: &str, expected: &str| {
            let error = Knowledge::default().with(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", "line 1: EOF while parsing a value");
        check("[]", "line 1: invalid length 0, expected an object with `components`");
        check("{\"components\": [\n{\"id\": 3}]}", "line 2, components[0].id: invalid type");
        check(
            "{\"components\": [{\"id\": \"a\",\n\"size\": 1}]}",
            "components[0].size: unknown field",
        );
        check("{\"components\": []} x", "line 1: trailing characters");
        let of =
            |rest: &str| format!("{{\"components\": [{{\"id\": \"a\", \"title\": \"A\"{rest}}}]}}");
        check(&of(""), "components[0]: has neither");
        check(
            &of(r#", "making": "x""#),
            "components[0].making: unknown variant `x`, expected one of",
        );
        check(
            &of(r#", "packages": ["torch"]"#),
            "components[0].packages[0]: `torch` is no package",
        );
        check(&of(r#", "signatures": [{}]"#), "components[0].signatures[0]: fits everything");
        check(
            &of(r#", "signatures": [{"all": ["a/**/b"]}]"#),
            "signatures[0]: `a/**/b` is no path",
        );
        let signature = r#", "signatures": [{"all": ["x"]}]"#;
        let with = |rest: &str| of(&format!("{signature}{rest}"));
        check(&with(r#", "versions": [{"history": "a"}]"#), "versions[0]: `a` has no `{version}`");
        check(&with(r#", "versions": [{"hist": "a"}]"#), "versions[0]: expected `file`");
        let part = r#", "parts": [{"name": "p", "paths": ["p"], "role": "data", "risk": "none"}]"#;
        check(&with(part), "parts[0].risk: unknown variant `none`, expected one of `safe`");
        check(r#"{"components": [{"id": "x"}]}"#, "components[0].title: is missing");
        let twice = r#"{"components": [{"id": "jq"}, {"id": "jq"}]}"#;
        check(twice, "components[1]: the id `jq` occurs twice");
    }
}
