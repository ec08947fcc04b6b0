//! What a snippet adds to a step, read off the text that has the step's own instruction in it.

/// Lines that a finding adds to a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    /// Instructions before it.
    pub(super) before: Vec<&'a str>,
    /// Commands at its end.
    pub(super) commands: Vec<&'a str>,
    /// Instructions after it.
    pub(super) after: Vec<&'a str>,
}

impl<'a> Edit<'a> {
    /// What a snippet adds to an instruction; nothing if a part of that is not told in full.
    pub(super) fn new(snippet: &'a str, instruction: &str) -> Self {
        let Some((before, after)) = snippet.split_once(instruction) else {
            return Self::default();
        };
        let is_step = instruction.starts_with("RUN ")
            && before.lines().all(|line| line.starts_with('#') || is_variable(line));
        let (commands, rest) = commands(after);
        if !is_step || commands.is_empty() {
            return Self::default();
        }
        let variables = |text: &'a str| text.lines().filter(|line| is_variable(line)).collect();
        Self { before: variables(before), commands, after: variables(rest) }
    }

    /// Whether nothing is added.
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.before.is_empty()
    }
}

fn is_variable(line: &str) -> bool {
    line.starts_with("ENV ") && !has_gap(line)
}

/// The instruction that has dpkg leave out files of all packages that are installed after it.
pub(super) fn setting(snippet: &str) -> Option<&str> {
    let mut end = 0;
    for line in snippet.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end().ends_with('\\') {
            break;
        }
    }
    let instruction = snippet.get(..end)?.trim_end();
    let is_setting =
        instruction.starts_with("RUN ") && instruction.contains("/etc/dpkg/dpkg.cfg.d/");
    is_setting.then_some(instruction)
}

/// An instruction with the commands that are added to it.
pub(super) fn joined(instruction: &str, commands: &[&str]) -> String {
    commands.iter().fold(instruction.to_owned(), |text, command| text + " \\\n && " + command)
}

/// The commands, one a line, that stand after the instruction, and what follows them; none if one
/// is not told in full.
fn commands(after: &str) -> (Vec<&str>, &str) {
    let (first, mut rest) = after.split_once('\n').unwrap_or((after, ""));
    let mut found = Vec::new();
    let mut continues = first.trim() == "\\";
    while continues {
        let (line, following) = rest.split_once('\n').unwrap_or((rest, ""));
        let text = line.trim().strip_prefix("&& ").unwrap_or_default();
        let command = text.strip_suffix('\\').unwrap_or(text).trim_end();
        if command.is_empty() || has_gap(command) {
            return (Vec::new(), "");
        }
        found.push(command);
        continues = text.ends_with('\\');
        rest = following;
    }
    (found, rest)
}

/// Whether something in it stands as `<name>`.
fn has_gap(command: &str) -> bool {
    let mut words = command.split('<').skip(1);
    words.any(|word| {
        let name = word.split_once('>').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_adds_commands_and_variables() {
        let check = |instruction: &str, snippet: &str, expected: [&[&str]; 3]| {
            let edit = Edit::new(snippet, instruction);
            assert_eq!([&edit.before[..], &edit.commands, &edit.after], expected, "{snippet}");
        };
        check("RUN a", "RUN a \\\n && rm x", [&[], &["rm x"], &[]]);
        check("RUN a", "# b\nRUN a \\\n && x \\\n && y\n# or: b", [&[], &["x", "y"], &[]]);
        check("RUN a", "ENV A=1\nRUN a \\\n && x", [&["ENV A=1"], &["x"], &[]]);
        check("RUN a", "RUN a \\\n && x\nENV B=1", [&[], &["x"], &["ENV B=1"]]);
        check("RUN a", "RUN a \\\n && x\nENV B=<name>", [&[], &["x"], &[]]);
        check("RUN a", "RUN a \\\n && x <in >out", [&[], &["x <in >out"], &[]]);
        let nothing: [&[&str]; 3] = [&[], &[], &[]];
        check("RUN a", "RUN a \\\n && find <prefix> -delete", nothing);
        check("RUN a", "RUN a \\\n && for x in y; do \\\n  z; done", nothing);
        check("RUN a", "RUN a \\\n && x \\", nothing);
        check("RUN a", "ENV A=1\nRUN b \\\n && rm x", nothing);
        check("RUN a", "RUN ab \\\n && rm x", nothing);
        check("RUN a", "# RUN a \\\n#  && rm <x>", nothing);
        check("RUN a", "", nothing);
        check("COPY a b", "COPY a b \\\n && rm x", nothing);
    }

    #[test]
    fn settings_of_dpkg_stand_before_a_step() {
        let check = |snippet: &str, expected: Option<&str>| {
            assert_eq!(setting(snippet), expected, "{snippet}");
        };
        let two = "RUN printf 'x\\n' \\\n > /etc/dpkg/dpkg.cfg.d/01-nodoc";
        check(&format!("{two}\n# before the first installation"), Some(two));
        check(two, Some(two));
        check("RUN a \\\n && rm x\n# /etc/dpkg/dpkg.cfg.d/", None);
        check("", None);
    }
}
