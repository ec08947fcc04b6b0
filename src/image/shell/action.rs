//! What a command does, by its words.

use super::Command;
use super::manager::{self, Manager, PackageVerb};

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Asks a package manager for something.
    Packages {
        /// Which one.
        manager: Manager,
        /// For what.
        verb: PackageVerb,
        /// Names, specifications and files as they are written.
        packages: Vec<String>,
    },
    /// Deletes files: `rm`, `rmdir`, `find … -delete`.
    Remove {
        /// What, or where to search for it.
        paths: Vec<String>,
    },
    /// Moves files.
    Move {
        /// From where.
        sources: Vec<String>,
        /// To where.
        target: String,
    },
    /// Changes modes, owners or access lists.
    Attributes {
        /// Of which files.
        paths: Vec<String>,
    },
    /// Fetches files.
    Download {
        /// From where.
        urls: Vec<String>,
    },
    /// Unpacks archives.
    Extract {
        /// Which, as far as they are named.
        archives: Vec<String>,
    },
    /// Clones a repository.
    Clone {
        /// Which.
        url: String,
    },
    /// Configures or compiles.
    Build,
    /// Strips binaries.
    Strip,
    /// `COPY` or `ADD`.
    Copy {
        /// The stage or image that it copies from.
        from: Option<String>,
        /// What `--chown` says.
        owner: Option<String>,
        /// What it copies; `…` where the history does not tell.
        sources: Vec<String>,
        /// To where.
        target: String,
    },
    /// Runs a script, so that the text does not tell what happens.
    Script,
    /// Something else.
    Other,
}

/// Words before a command that do not change what it does.
const PREFIXES: [&str; 16] = [
    "sudo", "env", "time", "nice", "exec", "eval", "command", "then", "do", "else", "if", "elif",
    "while", "until", "!", "{",
];
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];
const ATTRIBUTES: [&str; 5] = ["chmod", "chown", "chgrp", "setfacl", "fix-permissions"];
const BUILDERS: [&str; 12] = [
    "make",
    "cmake",
    "ninja",
    "configure",
    "gcc",
    "g++",
    "cc",
    "meson",
    "bazel",
    "scons",
    "ant",
    "mvn",
];
const EXTRACTORS: [&str; 9] =
    ["unzip", "gunzip", "bunzip2", "unxz", "7z", "7za", "bsdtar", "unsquashfs", "cpio"];

/// The words from the program on, which is named without its directory.
pub(super) fn program(words: Vec<String>) -> Vec<String> {
    let mut words = words.into_iter().peekable();
    let mut after_prefix = false;
    while let Some(word) = words.peek() {
        let is_prefix = PREFIXES.contains(&word.as_str());
        let is_option = after_prefix && word.starts_with('-');
        if !is_prefix && !is_option && !is_assignment(word) {
            break;
        }
        after_prefix |= is_prefix;
        words.next();
    }
    let mut words: Vec<String> = words.collect();
    if let Some(program) = words.first_mut()
        && let Some((directory, name)) = program.rsplit_once('/')
        && (directory.ends_with("bin") || name == "configure")
    {
        *program = name.to_owned();
    }
    words
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The script of `sh -c SCRIPT`.
pub(super) fn inner_script(words: &[String]) -> Option<&str> {
    let (program, arguments) = words.split_first()?;
    if !SHELLS.contains(&program.as_str()) {
        return None;
    }
    let is_command = |word: &&String| {
        word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.ends_with('c'))
    };
    let at = arguments.iter().position(|word| is_command(&word))?;
    arguments.get(at + 1).map(String::as_str)
}

/// Whether a command reads its here-document as a script.
pub(super) fn reads_script(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return true };
    SHELLS.contains(&program.as_str()) && arguments.iter().all(|word| word.starts_with('-'))
}

/// What some words do.
pub(super) fn of(words: &[String], follows: bool) -> Action {
    let Some((program, arguments)) = words.split_first() else { return Action::Other };
    let program = program.as_str();
    if let Some((manager, verb, packages)) = manager::of(program, arguments) {
        return Action::Packages { manager, verb, packages };
    }
    let plain = || arguments.iter().filter(|word| !word.starts_with('-')).cloned();
    match program {
        "rm" | "rmdir" | "unlink" | "shred" => Action::Remove { paths: plain().collect() },
        "find" => find(arguments),
        "mv" => {
            let mut sources: Vec<String> = plain().collect();
            let target = sources.pop().unwrap_or_default();
            Action::Move { sources, target }
        }
        "usermod" if arguments.iter().any(|word| word.starts_with("-m") || word.ends_with('d')) => {
            Action::Move { sources: Vec::new(), target: String::new() }
        }
        "curl" | "wget" | "aria2c" | "axel" => Action::Download { urls: urls(arguments) },
        "git" => clone(arguments),
        "tar" => tar(arguments),
        "strip" | "sstrip" => Action::Strip,
        "source" | "." => Action::Script,
        _ if ATTRIBUTES.contains(&program) => {
            let names_files = program == "fix-permissions";
            Action::Attributes { paths: plain().skip(usize::from(!names_files)).collect() }
        }
        _ if EXTRACTORS.contains(&program) => {
            Action::Extract { archives: plain().take(1).collect() }
        }
        _ if BUILDERS.contains(&program) => Action::Build,
        _ if SHELLS.contains(&program) => {
            let has_file = arguments.iter().any(|word| !word.starts_with('-'));
            if has_file || follows { Action::Script } else { Action::Other }
        }
        _ if program.starts_with("./") || is_named(program, "sh") => Action::Script,
        _ => Action::Other,
    }
}

/// Whether a file's name has an extension.
fn is_named(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == extension)
}

fn find(arguments: &[String]) -> Action {
    let deletes = arguments.iter().any(|word| word == "-delete")
        || arguments.windows(2).any(|two| two[0].starts_with("-exec") && two[1].ends_with("rm"));
    let paths = || {
        let is_place = |word: &&String| !word.starts_with('-') && *word != "(" && *word != "!";
        arguments.iter().take_while(is_place).cloned().collect()
    };
    if deletes {
        return Action::Remove { paths: paths() };
    }
    let executes = |names: &[&str]| {
        let mut pairs = arguments.windows(2);
        pairs.any(|two| two[0].starts_with("-exec") && names.contains(&two[1].as_str()))
    };
    if executes(&ATTRIBUTES) {
        Action::Attributes { paths: paths() }
    } else if executes(&["strip"]) {
        Action::Strip
    } else {
        Action::Other
    }
}

fn is_url(word: &str) -> bool {
    ["https://", "http://", "ftp://"].iter().any(|scheme| word.starts_with(scheme))
}

fn urls(arguments: &[String]) -> Vec<String> {
    arguments.iter().filter(|word| is_url(word)).cloned().collect()
}

fn clone(arguments: &[String]) -> Action {
    let Some(at) = arguments.iter().position(|word| word == "clone") else { return Action::Other };
    let is_url = |word: &&String| is_url(word) || word.starts_with("git@") || word.contains("://");
    let url = arguments[at + 1..].iter().find(is_url).cloned();
    Action::Clone { url: url.unwrap_or_default() }
}

fn tar(arguments: &[String]) -> Action {
    let is_short = |word: &&String| !word.starts_with("--");
    let flags = arguments.first().filter(is_short).map(|word| word.trim_start_matches('-'));
    let extracts = flags.is_some_and(|flags| flags.contains('x') && !flags.contains('/'))
        || arguments
            .iter()
            .any(|word| word == "--extract" || (word.starts_with("-x") && !word.starts_with("--")));
    if !extracts {
        return Action::Other;
    }
    let is_archive = |word: &&String| {
        word.contains(".tar") || [".tgz", ".txz", ".tbz2"].iter().any(|end| word.ends_with(end))
    };
    Action::Extract { archives: arguments.iter().filter(is_archive).cloned().collect() }
}

/// The command of a `COPY` or `ADD`.
pub(super) fn copy(text: &str, verb: &str, rest: &str) -> Option<Command> {
    let rest = rest.split_once("<<").map_or(rest, |(before, _)| before);
    let mut words: Vec<String> = match super::exec_form(super::without_flags(rest)) {
        Some(words) => words,
        None => rest.split_whitespace().map(str::to_owned).collect(),
    };
    let flag = |name: &str| {
        let mut flags = rest.split_whitespace().filter(|word| word.starts_with("--"));
        flags.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    words.retain(|word| !word.starts_with("--"));
    let mut sources = words.clone();
    words.insert(0, verb.to_owned());
    let target = sources.pop()?;
    sources.retain(|word| word != "in");
    let action = Action::Copy { from: flag("--from"), owner: flag("--chown"), sources, target };
    Some(Command { text: text.to_owned(), words, action })
}
