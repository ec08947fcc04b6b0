//! Cuts the `created_by` text of a history entry to a Dockerfile instruction.
//!
//! The field's form is left to the build tool (image-spec `config.md`). BuildKit writes
//! `RUN |1 A=b /bin/sh -c CMD # buildkit`, the classic builder and buildah write
//! `|1 A=b /bin/sh -c CMD` and `/bin/sh -c #(nop) CMD`, kaniko the instruction itself. Other
//! tools write words of their own, which stay as they are. Values of build arguments may be
//! secrets, and nothing separates them reliably: all up to the shell is dropped. Control
//! characters pass through, since encoding is the business of a report.

/// Instructions that only change the image's config.
const METADATA: [&str; 13] = [
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
];

/// Instructions that change files.
const FILES: [&str; 4] = ["ADD", "COPY", "RUN", "WORKDIR"];

/// What the classic builder puts in front of instructions that run nothing.
const NO_OPERATION: &str = "#(nop)";

/// The shell of shell-form instructions unless a Dockerfile names another.
const DEFAULT_SHELL: &str = "/bin/sh -c";

/// A longer shell is not looked for, so that the search takes linear time.
const MAX_SHELL: usize = 512;

/// Words of a shell's command line that are looked at before the command.
const MAX_OPTIONS: usize = 8;

const BLANKS: [char; 2] = [' ', '\t'];

/// Gives the instruction of a history entry, as in `RUN apt-get update` or `COPY … /app`.
///
/// `shell` is the image config's shell. Runs of blanks become one; line breaks and the
/// indentation of lines stay. A text of no known form is given back trimmed.
pub(crate) fn clean(created_by: &str, shell: &[String]) -> String {
    let given = collapse(&shell.join(" "));
    let given = if given.len() > MAX_SHELL { "" } else { given.as_str() };
    let text = collapse(created_by);
    let stripped = text.strip_suffix(" # buildkit").map(str::trim_end);
    let by_buildkit = stripped.is_some();
    let text = stripped.unwrap_or(&text);
    if let Some(command) = text.strip_prefix("RUN ") {
        return run(run_command(command, given, by_buildkit));
    }
    if let Some((count, arguments)) = build_arguments(text) {
        return run(after_arguments(arguments, count, given));
    }
    match strip_shell(text, given) {
        Some(command) => no_operation(text, command).unwrap_or_else(|| run(command)),
        None => no_operation(text, text).unwrap_or_else(|| text.to_owned()),
    }
}

/// Whether the instruction changes the config alone, so that it cannot have made a layer.
pub(crate) fn is_metadata(instruction: &str) -> bool {
    METADATA.contains(&verb(instruction))
}

/// Whether a word is the name of an instruction.
pub(super) fn is_instruction(verb: &str) -> bool {
    METADATA.contains(&verb) || FILES.contains(&verb)
}

fn verb(instruction: &str) -> &str {
    instruction.split(char::is_whitespace).next().unwrap_or_default()
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let text = text.trim();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            collapsed.push('\n');
        }
        push_line(&mut collapsed, line);
    }
    collapsed
}

fn push_line(collapsed: &mut String, line: &str) {
    let body = line.trim_start_matches(BLANKS);
    let mut gap = line.strip_suffix(body).unwrap_or_default();
    for word in body.split(BLANKS).filter(|word| !word.is_empty()) {
        collapsed.push_str(gap);
        collapsed.push_str(word);
        gap = " ";
    }
}

fn run(command: &str) -> String {
    if command.is_empty() { "RUN".to_owned() } else { format!("RUN {command}") }
}

/// The command of an instruction that names itself; other tools than BuildKit write it as it
/// stands in the Dockerfile, where a shell other than the image's is part of the command.
fn run_command<'a>(command: &'a str, given: &str, by_buildkit: bool) -> &'a str {
    if let Some((count, arguments)) = build_arguments(command) {
        return after_arguments(arguments, count, given);
    }
    let stripped = if by_buildkit {
        strip_shell(command, given)
    } else {
        strip_words(command, given).or_else(|| strip_words(command, DEFAULT_SHELL))
    };
    stripped.unwrap_or(command)
}

/// Splits `|2 A=b C=d …` into the number of arguments and what follows it.
fn build_arguments(text: &str) -> Option<(usize, &str)> {
    let text = text.strip_prefix('|')?;
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let blank = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (!digits.is_empty() && blank).then(|| (digits.parse().unwrap_or(usize::MAX), rest))
}

/// The command after `count` arguments: values are not quoted, so it starts at the first shell
/// after as many assignments, or without a shell after the last of them.
fn after_arguments<'a>(text: &'a str, count: usize, given: &str) -> &'a str {
    let mut assignments = 0;
    let mut tail = if count == 0 { text } else { "" };
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if assignments >= count
            && let Some(command) = strip_shell(rest, given)
        {
            return command;
        }
        let (word, following) = rest.split_at(word_end(rest));
        rest = following.trim_start();
        if assignments < count && is_assignment(word) {
            assignments += 1;
            tail = if assignments == count { rest } else { "" };
        }
    }
    tail.trim_start()
}

fn word_end(text: &str) -> usize {
    text.find(char::is_whitespace).unwrap_or(text.len())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(key, _)| {
        key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    })
}

/// The command after the image's own shell or after any shell that is known by name.
fn strip_shell<'a>(text: &'a str, given: &str) -> Option<&'a str> {
    strip_words(text, given).or_else(|| strip_named_shell(text))
}

fn strip_words<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(words).filter(|_| !words.is_empty())?;
    command(rest.starts_with(char::is_whitespace).then_some(rest)?)
}

fn command(text: &str) -> Option<&str> {
    let text = text.trim_start();
    (!text.is_empty()).then_some(text)
}

fn strip_named_shell(text: &str) -> Option<&str> {
    let (program, rest) = text.split_at(word_end(text));
    match program.rsplit(['/', '\\']).next()? {
        "sh" | "ash" | "bash" | "dash" | "ksh" | "zsh" if program.starts_with('/') => {
            strip_options(rest, is_shell_command, is_shell_option)
        }
        "cmd" | "cmd.exe" => strip_options(
            rest,
            |word| word.eq_ignore_ascii_case("/c"),
            |_, word| word.starts_with('/'),
        ),
        "powershell" | "powershell.exe" | "pwsh" | "pwsh.exe" => strip_options(
            rest,
            |word| word.eq_ignore_ascii_case("-command"),
            |previous, word| word.starts_with('-') || previous.starts_with('-'),
        ),
        _ => None,
    }
}

/// Skips options up to the one that says that the command follows.
fn strip_options(
    text: &str,
    is_last: impl Fn(&str) -> bool,
    is_option: impl Fn(&str, &str) -> bool,
) -> Option<&str> {
    let mut rest = text.trim_start();
    let mut previous = "";
    for _ in 0..MAX_OPTIONS {
        let (word, following) = rest.split_at(word_end(rest));
        if is_last(word) {
            return command(following);
        }
        if word.is_empty() || !is_option(previous, word) {
            return None;
        }
        (previous, rest) = (word, following.trim_start());
    }
    None
}

fn is_shell_command(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

fn is_shell_option(previous: &str, word: &str) -> bool {
    word.starts_with(['-', '+']) || (previous.starts_with(['-', '+']) && previous.ends_with('o'))
}

/// The instruction of an entry that ran nothing. A comment inside a command is not one.
fn no_operation(text: &str, command: &str) -> Option<String> {
    let instruction = command
        .strip_prefix(NO_OPERATION)
        .or_else(|| after_preferences(text, command))
        .map(str::trim)
        .filter(|instruction| !instruction.is_empty())?;
    Some(copied(instruction).unwrap_or_else(|| instruction.to_owned()))
}

/// A PowerShell often has settings in front of each command: `$ErrorActionPreference = 'Stop';`.
fn after_preferences<'a>(text: &str, command: &'a str) -> Option<&'a str> {
    let (settings, instruction) = command.split_once(NO_OPERATION)?;
    let applies = ["powershell", "pwsh"].iter().any(|shell| text.starts_with(shell))
        && settings.starts_with('$')
        && settings.trim_end().ends_with(';')
        && is_instruction(verb(instruction.trim_start()));
    applies.then_some(instruction)
}

/// Writes `COPY file:HASH in /app` as `COPY … /app`.
fn copied(instruction: &str) -> Option<String> {
    let (head, destination) = instruction.split_once(" in ")?;
    let (verb, words) = head.split_once(' ')?;
    let (flags, sources): (Vec<&str>, Vec<&str>) =
        words.split(' ').partition(|word| word.starts_with("--"));
    let hashed =
        |source: &&str| ["file:", "dir:", "multi:"].iter().any(|kind| source.starts_with(kind));
    if !matches!(verb, "ADD" | "COPY") || sources.is_empty() || !sources.iter().all(hashed) {
        return None;
    }
    let mut parts = vec![verb];
    parts.extend(flags);
    parts.extend(["…", destination]);
    Some(parts.join(" "))
}

#[cfg(test)]
mod tests;
