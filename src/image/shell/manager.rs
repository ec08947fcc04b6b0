//! Package managers and what they are asked to do.

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// `apt-get`, `apt`, `aptitude`, and `dpkg` where it installs.
    Apt,
    /// `dnf`, `yum`, `microdnf`, `rpm`.
    Dnf,
    /// `zypper`.
    Zypper,
    /// `apk`.
    Apk,
    /// `pacman`.
    Pacman,
    /// `conda`, `mamba`, `micromamba`.
    Conda,
    /// `pip`, `uv pip`, `pipx`, `poetry`.
    Pip,
    /// `npm`, `yarn`, `pnpm`, `bun`.
    Npm,
    /// `gem`, `bundle`.
    Gem,
    /// `cargo install`.
    Cargo,
    /// `go install`, `go get`.
    Go,
    /// `install2.r`, `installGithub.r`, `Rscript -e 'install.packages(…)'`.
    R,
    /// `composer`.
    Composer,
}

/// What a package manager is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageVerb {
    /// To install packages.
    Install,
    /// To bring installed ones to another version.
    Upgrade,
    /// To remove packages.
    Remove,
    /// To fetch its indexes.
    Refresh,
    /// To empty its caches.
    Clean,
}

/// The words of a package manager.
struct Words {
    manager: Manager,
    programs: &'static [&'static str],
    verbs: &'static [(&'static str, PackageVerb)],
    /// Options that take the next word.
    values: &'static [&'static str],
}

use PackageVerb::{Clean, Install, Refresh, Remove, Upgrade};

const MANAGERS: &[Words] = &[
    Words {
        manager: Manager::Apt,
        programs: &["apt-get", "apt", "aptitude"],
        verbs: &[
            ("install", Install),
            ("reinstall", Install),
            ("build-dep", Install),
            ("upgrade", Upgrade),
            ("dist-upgrade", Upgrade),
            ("full-upgrade", Upgrade),
            ("safe-upgrade", Upgrade),
            ("remove", Remove),
            ("purge", Remove),
            ("autoremove", Remove),
            ("autopurge", Remove),
            ("update", Refresh),
            ("clean", Clean),
            ("autoclean", Clean),
            ("distclean", Clean),
        ],
        values: &["-t", "-o", "-c", "-a", "--target-release", "--option"],
    },
    Words {
        manager: Manager::Dnf,
        programs: &["dnf", "yum", "microdnf", "dnf5", "tdnf"],
        verbs: &[
            ("install", Install),
            ("reinstall", Install),
            ("localinstall", Install),
            ("groupinstall", Install),
            ("builddep", Install),
            ("upgrade", Upgrade),
            ("update", Upgrade),
            ("distro-sync", Upgrade),
            ("remove", Remove),
            ("erase", Remove),
            ("autoremove", Remove),
            ("makecache", Refresh),
            ("check-update", Refresh),
            ("clean", Clean),
        ],
        values: &["-c", "-x", "--repo", "--enablerepo", "--disablerepo", "--installroot"],
    },
    Words {
        manager: Manager::Zypper,
        programs: &["zypper"],
        verbs: &[
            ("install", Install),
            ("in", Install),
            ("update", Upgrade),
            ("up", Upgrade),
            ("dup", Upgrade),
            ("patch", Upgrade),
            ("remove", Remove),
            ("rm", Remove),
            ("refresh", Refresh),
            ("ref", Refresh),
            ("clean", Clean),
        ],
        values: &["-r", "--repo", "--root", "-t", "--type"],
    },
    Words {
        manager: Manager::Apk,
        programs: &["apk"],
        verbs: &[
            ("add", Install),
            ("fix", Install),
            ("upgrade", Upgrade),
            ("del", Remove),
            ("update", Refresh),
        ],
        values: &["-t", "--virtual", "-X", "--repository", "-p", "--root", "--keys-dir"],
    },
    Words {
        manager: Manager::Conda,
        programs: &["conda", "mamba", "micromamba"],
        verbs: &[
            ("install", Install),
            ("create", Install),
            ("update", Upgrade),
            ("upgrade", Upgrade),
            ("remove", Remove),
            ("uninstall", Remove),
            ("clean", Clean),
        ],
        values: &["-c", "--channel", "-n", "--name", "-p", "--prefix", "-f", "--file", "-r"],
    },
    Words {
        manager: Manager::Pip,
        programs: &["pip", "pip3", "pipx", "poetry", "pdm", "pipenv"],
        verbs: &[
            ("install", Install),
            ("add", Install),
            ("sync", Install),
            ("uninstall", Remove),
            ("remove", Remove),
            ("cache", Clean),
        ],
        values: &[
            "-r",
            "-c",
            "-i",
            "-t",
            "-f",
            "-e",
            "-p",
            "--requirement",
            "--constraint",
            "--index-url",
            "--extra-index-url",
            "--target",
            "--find-links",
            "--prefix",
            "--root",
            "--trusted-host",
            "--python",
            "--cache-dir",
            "--src",
        ],
    },
    Words {
        manager: Manager::Npm,
        programs: &["npm", "yarn", "pnpm", "bun", "cnpm"],
        verbs: &[
            ("install", Install),
            ("i", Install),
            ("ci", Install),
            ("add", Install),
            ("update", Upgrade),
            ("upgrade", Upgrade),
            ("uninstall", Remove),
            ("remove", Remove),
            ("prune", Remove),
            ("cache", Clean),
        ],
        values: &["--prefix", "-C", "--cwd", "--registry", "--cache"],
    },
    Words {
        manager: Manager::Gem,
        programs: &["gem", "bundle", "bundler"],
        verbs: &[
            ("install", Install),
            ("update", Upgrade),
            ("uninstall", Remove),
            ("cleanup", Clean),
            ("clean", Clean),
        ],
        values: &["-v", "--version", "-i", "--install-dir", "--jobs", "--retry"],
    },
    Words {
        manager: Manager::Cargo,
        programs: &["cargo"],
        verbs: &[("install", Install), ("uninstall", Remove)],
        values: &["--git", "--branch", "--tag", "--path", "--root", "--version", "--features"],
    },
    Words {
        manager: Manager::Go,
        programs: &["go"],
        verbs: &[("install", Install), ("get", Install)],
        values: &["-ldflags", "-tags", "-o"],
    },
    Words {
        manager: Manager::Composer,
        programs: &["composer"],
        verbs: &[
            ("install", Install),
            ("require", Install),
            ("update", Upgrade),
            ("remove", Remove),
            ("clear-cache", Clean),
        ],
        values: &["-d", "--working-dir"],
    },
];

impl Manager {
    /// The name of its usual program.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Conda => "conda",
            Self::Pip => "pip",
            Self::Npm => "npm",
            Self::Gem => "gem",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::R => "R",
            Self::Composer => "composer",
        }
    }
}

/// What a command line asks a package manager to do, and with what.
pub(super) fn of(
    program: &str,
    arguments: &[String],
) -> Option<(Manager, PackageVerb, Vec<String>)> {
    match program {
        "pacman" => return pacman(arguments),
        "dpkg" => return by_option(Manager::Apt, &["-i", "--install"], arguments),
        "rpm" => return by_option(Manager::Dnf, &["-i", "-U", "-ivh", "-Uvh"], arguments),
        "install2.r" | "installGithub.r" | "install.r" => {
            return Some((Manager::R, Install, plain(arguments, &["-n", "-r", "-l", "--ncpus"])));
        }
        "Rscript" | "R" => return by_r(arguments),
        "uv" => {
            let rest = arguments.strip_prefix(&["pip".to_owned()]).unwrap_or(arguments);
            let rest = rest.strip_prefix(&["tool".to_owned()]).unwrap_or(rest);
            return of("pip", rest);
        }
        _ => {}
    }
    if program.starts_with("python") {
        let [option, module, rest @ ..] = arguments else { return None };
        return (option == "-m" && module == "pip").then(|| of("pip", rest)).flatten();
    }
    let is_pip = program.strip_prefix("pip3.").is_some_and(|rest| rest.parse::<u8>().is_ok());
    let program = if is_pip { "pip" } else { program };
    let words = MANAGERS.iter().find(|words| words.programs.contains(&program))?;
    let (at, verb) = verb(words, arguments)?;
    let rest = arguments.get(at + 1..).unwrap_or_default();
    Some((words.manager, verb, plain(rest, words.values)))
}

/// The first word that is neither an option nor the value of one, if it is a verb.
fn verb(words: &Words, arguments: &[String]) -> Option<(usize, PackageVerb)> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let verb = words.verbs.iter().find(|(name, _)| name == word);
        if let Some((_, verb)) = verb {
            return Some((at, *verb));
        }
        let nests = matches!(word.as_str(), "env" | "global" | "mod");
        if !word.starts_with('-') && !nests {
            return None;
        }
        at += if words.values.contains(&word.as_str()) { 2 } else { 1 };
    }
    // `yarn` alone installs.
    (words.programs.contains(&"yarn") && arguments.is_empty()).then_some((0, Install))
}

/// The words that are neither options nor values of such.
fn plain(arguments: &[String], values: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_value = false;
    for word in arguments {
        if is_value {
            is_value = false;
        } else if word.starts_with('-') {
            is_value = values.contains(&word.as_str());
        } else {
            found.push(word.clone());
        }
    }
    found
}

fn by_option(
    manager: Manager,
    installs: &[&str],
    arguments: &[String],
) -> Option<(Manager, PackageVerb, Vec<String>)> {
    let removes = ["-r", "-e", "-P", "--remove", "--purge", "--erase"];
    let option = arguments.iter().find(|word| word.starts_with('-'))?.as_str();
    let verb = if installs.contains(&option) {
        Install
    } else if removes.contains(&option) {
        Remove
    } else {
        return None;
    };
    Some((manager, verb, plain(arguments, &[])))
}

fn pacman(arguments: &[String]) -> Option<(Manager, PackageVerb, Vec<String>)> {
    let option = arguments.iter().find(|word| word.starts_with('-'))?;
    let packages = plain(arguments, &[]);
    let verb = match option.as_bytes() {
        [b'-', b'S', rest @ ..] if rest.contains(&b'c') => Clean,
        [b'-', b'S', rest @ ..] if packages.is_empty() && rest.contains(&b'u') => Upgrade,
        [b'-', b'S', ..] if packages.is_empty() => Refresh,
        [b'-', b'S' | b'U', ..] => Install,
        [b'-', b'R', ..] => Remove,
        _ => return None,
    };
    Some((Manager::Pacman, verb, packages))
}

/// `-e 'install.packages(c("a", "b"))'`.
fn by_r(arguments: &[String]) -> Option<(Manager, PackageVerb, Vec<String>)> {
    const CALLS: [&str; 4] = ["install.packages(", "install_github(", "install_version(", "pak("];
    let code = arguments.iter().find_map(|word| {
        CALLS.iter().find_map(|call| word.split_once(call)).map(|(_, rest)| rest)
    })?;
    let list = code.split_once("repos").map_or(code, |(list, _)| list);
    let packages: Vec<String> =
        list.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect();
    Some((Manager::R, Install, packages))
}
