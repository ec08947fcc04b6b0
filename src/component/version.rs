//! Versions of components, and where they were read.

use std::collections::BTreeSet;

use super::knowledge::{Row, VersionSource};
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::{Documents, Ledger};
use crate::package::{Inventory, PackageId};
use crate::pattern::component_fits;

/// Characters of a version that are kept.
const LONGEST: usize = 64;
/// Bytes of a text that are searched.
const SEARCHED: usize = 1 << 16;
const MARK: &str = "{version}";

/// What versions are read from.
pub(super) struct Sources<'a> {
    pub(super) image: &'a Image,
    pub(super) ledger: &'a Ledger,
    pub(super) documents: &'a Documents<'a>,
    pub(super) inventory: &'a Inventory,
}

impl Sources<'_> {
    /// The version of a component and where the first source that has one has it. What the history
    /// says of one of several places (`others`) holds where that step stored it.
    pub(super) fn version(
        &self,
        sources: &[VersionSource],
        root: Option<NodeId>,
        packages: &[PackageId],
        others: bool,
    ) -> Option<(String, String)> {
        sources.iter().find_map(|source| match source {
            VersionSource::File { file, text, json } => {
                self.in_file(root?, file, text.as_deref(), json.as_deref())
            }
            VersionSource::Directory { directory } => self.in_name(root?, directory),
            VersionSource::Below { below } => self.below(root?, below),
            VersionSource::Package { package } => self.of_package(package, packages),
            VersionSource::History { history } => self.in_history(history, root.filter(|_| others)),
        })
    }

    fn in_file(
        &self,
        root: NodeId,
        file: &str,
        text: Option<&str>,
        json: Option<&str>,
    ) -> Option<(String, String)> {
        let node = self.descend(root, file)?;
        let content = String::from_utf8_lossy(self.documents.at(self.ledger, node)?.head);
        let version = match (text, json) {
            (Some(text), _) => extract(text, &content)?,
            (None, Some(pointer)) => {
                let value: serde_json::Value = serde_json::from_str(&content).ok()?;
                plain(value.pointer(pointer)?.as_str()?)?
            }
            (None, None) => plain(content.lines().find(|line| !line.trim().is_empty())?)?,
        };
        Some((version, self.path(node)))
    }

    fn in_name(&self, root: NodeId, pattern: &str) -> Option<(String, String)> {
        let filesystem = self.ledger.filesystem();
        let fitting = pattern.replace(MARK, "*");
        let mut node = root;
        while node != NodeId::ROOT {
            let name = filesystem.name(node);
            if component_fits(fitting.as_bytes(), name)
                && let Some(version) = extract(pattern, &String::from_utf8_lossy(name))
            {
                return Some((version, self.path(node)));
            }
            node = filesystem.parent(node);
        }
        None
    }

    /// Of several the last in the order of names.
    fn below(&self, root: NodeId, pattern: &str) -> Option<(String, String)> {
        let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let directory = self.descend(root, directory)?;
        let filesystem = self.ledger.filesystem();
        let children = self.ledger.below(directory).iter().rev();
        let mut children = children.filter(|node| filesystem.parent(**node) == directory);
        children.find_map(|node| {
            let version = extract(name, &String::from_utf8_lossy(filesystem.name(*node)))?;
            Some((version, self.path(*node)))
        })
    }

    fn of_package(&self, pattern: &str, packages: &[PackageId]) -> Option<(String, String)> {
        packages.iter().find_map(|id| {
            let package = self.inventory.package(*id);
            let (ecosystem, name) = pattern.split_once(':')?;
            let same = package.ecosystem.as_str() == ecosystem
                && component_fits(name.as_bytes(), package.name.as_bytes());
            let version = package.version.clone().filter(|_| same)?;
            Some((version, format!("package {}", package.name)))
        })
    }

    fn in_history(&self, pattern: &str, stored: Option<NodeId>) -> Option<(String, String)> {
        let fitting = pattern.replace(MARK, "*");
        let makers = stored.map(|root| self.makers(root));
        let is_maker = |at: &usize| makers.as_ref().is_none_or(|makers| makers.contains(at));
        let mut steps = self.image.steps.iter().enumerate().filter(|(at, _)| is_maker(at));
        steps.find_map(|(_, step)| {
            let mut words = words(&step.instruction);
            let version = words.find_map(|word| {
                let fits = component_fits(fitting.as_bytes(), word.as_bytes());
                fits.then(|| extract(pattern, word))?
            })?;
            let place = step.number.map_or_else(
                || "a step that made no layer".to_owned(),
                |number| format!("step {number}"),
            );
            Some((version, place))
        })
    }

    /// The tag or branch that a step which clones a component takes, if it is a version; of several
    /// steps the first that stored something of it.
    pub(super) fn checked_out(
        &self,
        row: &Row,
        steps: &[usize],
        root: Option<NodeId>,
    ) -> Option<(String, String)> {
        let makers = self.makers(root?);
        steps.iter().filter(|at| makers.contains(at)).find_map(|at| {
            let step = self.image.steps.get(*at)?;
            let tag = checked_out(&step.instruction, |word| row.is_installed_by(word))?;
            Some((tag, format!("step {}", step.number?)))
        })
    }

    /// The steps that stored something of a directory, by their positions in the image.
    fn makers(&self, root: NodeId) -> BTreeSet<usize> {
        let files = self.ledger.inside(root).iter().copied().chain(self.ledger.atom_at(root));
        let layers: BTreeSet<usize> = files.map(|file| self.ledger.atom(file).layer).collect();
        layers.into_iter().filter_map(|layer| self.image.layers.get(layer)?.step).collect()
    }

    fn descend(&self, from: NodeId, path: &str) -> Option<NodeId> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(from, |at, name| self.ledger.child(at, name.as_bytes()))
    }

    fn path(&self, node: NodeId) -> String {
        format!("/{}", String::from_utf8_lossy(&self.ledger.filesystem().path(node)))
    }
}

/// The words of a command: what stands between blanks, quotes and the operators of a shell.
pub(super) fn words(command: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')');
    command.split(ends).filter(|word| !word.is_empty() && word.len() <= SEARCHED)
}

/// The version that a command checks out of a repository that it clones.
fn checked_out(command: &str, is_ours: impl Fn(&str) -> bool) -> Option<String> {
    let mut words = words(command).peekable();
    let (mut branch, mut ours, mut clones) = (None, false, false);
    while let Some(word) = words.next() {
        match word {
            "clone" => (branch, ours, clones) = (None, false, true),
            "-b" | "--branch" if clones => branch = words.peek().copied(),
            "checkout" if ours => branch = words.find(|word| !word.starts_with('-')),
            _ => {
                ours |= clones && is_ours(word);
                branch = word.strip_prefix("--branch=").filter(|_| clones).or(branch);
            }
        }
        if let Some(version) = branch.filter(|_| ours).and_then(|tag| extract(MARK, tag))
            && version.contains('.')
        {
            return Some(version);
        }
    }
    None
}

/// What stands for `{version}` between its neighbours in a pattern; it begins with a digit.
fn extract(pattern: &str, text: &str) -> Option<String> {
    let (before, after) = pattern.split_once(MARK)?;
    let before = before.rsplit('*').next().unwrap_or_default();
    let after = after.split('*').next().unwrap_or_default();
    let end = text.floor_char_boundary(SEARCHED);
    let text = text.get(..end)?;
    let starts: Box<dyn Iterator<Item = usize>> = if before.is_empty() {
        Box::new(std::iter::once(0))
    } else {
        Box::new(text.match_indices(before).map(|(at, _)| at + before.len()))
    };
    for start in starts {
        let rest = text.get(start..)?;
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let longest: String =
            rest.chars().take(LONGEST).take_while(|c| is_of_version(*c)).collect();
        let end =
            if after.is_empty() { Some(longest.len()) } else { find_end(rest, &longest, after) };
        if let Some(version) = end.and_then(|end| longest.get(..end))
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            return Some(version.to_owned());
        }
    }
    None
}

/// Where a version ends that `after` follows.
fn find_end(rest: &str, longest: &str, after: &str) -> Option<usize> {
    let reach = rest.floor_char_boundary(longest.len() + after.len());
    rest.get(..reach)?.find(after)
}

fn is_of_version(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | '~' | ':')
}

/// A text that can be shown as a version; `None` if it is none.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let short = text.len() <= LONGEST && !text.chars().any(char::is_control);
    (short && text.contains(|c: char| c.is_ascii_digit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_cut_out_of_texts() {
        let check = |pattern: &str, text: &str, expected: Option<&str>| {
            assert_eq!(extract(pattern, text).as_deref(), expected, "{pattern} {text}");
        };
        let url = "https://github.com/x/quarto-cli/quarto-1.4.550-linux-amd64.deb";
        check("*/quarto-{version}-linux-*", url, Some("1.4.550"));
        check("*/quarto-{version}-linux-*", "/quarto-${V}-linux-amd64.deb", None);
        check("ants-{version}", "ants-2.4.4", Some("2.4.4"));
        check("ants-{version}", "ants-v2.4.4", Some("2.4.4"));
        check("-{version}-", "freesurfer-linux-centos7-7.3.2-2022", Some("7.3.2"));
        check("CUDA Version {version}", "CUDA Version 10.2.89\n", Some("10.2.89"));
        check("{version}", "1.2.3", Some("1.2.3"));
        check("{version}", "latest", None);
        check("JAVA_VERSION=\"{version}\"", "A=1\nJAVA_VERSION=\"17.0.2\"\n", Some("17.0.2"));
        check("a{version}", "aaaa\u{e9}a1", Some("1"));
    }

    #[test]
    fn the_tag_that_is_checked_out_of_a_clone_is_a_version() {
        let check = |command: &str, expected: Option<&str>| {
            let found = checked_out(command, |word| word.ends_with("/x.git"));
            assert_eq!(found.as_deref(), expected, "{command}");
        };
        check("RUN git clone https://h/x.git && cd x && git checkout 3.0.4 && make", Some("3.0.4"));
        check("RUN git clone -b v1.2 --depth 1 https://h/x.git", Some("1.2"));
        check("RUN git clone https://h/x.git --branch=1.2.0 .", Some("1.2.0"));
        check("RUN git clone https://h/x.git && git -C x checkout -q tags/1", None);
        check("RUN git clone https://h/x.git && git -C x checkout --detach v2.1", Some("2.1"));
        check("RUN git clone https://h/y.git && git checkout 3.0.4", None);
        check("RUN git clone -b 3.0 https://h/y.git && git clone https://h/x.git", None);
        check("RUN git clone https://h/x.git && cd x && git checkout 3f2c1ab", None);
        check("RUN curl https://h/x.git && git checkout 3.0", None);
    }
}
