//! Inputs of the build that change from day to day, and the versions that came of them.

mod pins;
mod versions;

pub use versions::{VersionKind, VersionRow, version_inventory};

use crate::image::{Image, Origin, Step};
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Needs, Phase, Phrase, Risk, Rule, Severity, Table,
    Value,
};

pub(in crate::rule) const RULES: &[Rule] = &[Rule {
    id: "repro-unpinned-inputs",
    title: "Inputs without a version",
    phase: Phase::View,
    risk: Risk::Safe,
    effort: Effort::Line,
    bands: Bands::Fixed(Severity::Low),
    needs: Needs::Manifest,
    min: 0,
    detect: Detect::Both(unpinned, pins::resolved),
    why: "The same Dockerfile makes another image on another day, and nothing tells why its size changed.",
    fix: "# Name a version of each, and the checksum of a download:\n#   FROM name:tag@sha256:…\n#   ADD --checksum=sha256:… https://… /tmp/\n#   RUN pip install name==1.2.3",
    caution: "Where security updates are to be taken up at each build, distribution packages stay without versions.",
    check: "",
    links: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
}];

/// Rows of a table.
const ROWS: usize = 20;
/// Hosts of repositories, where a path names a branch.
const FORGES: &[&str] =
    &["github.com", "githubusercontent.com", "gitlab.", "bitbucket.org", "codeberg.org"];
const BRANCHES: &[&str] = &["master", "main", "develop", "HEAD"];
/// Python packages of which the newest version is wanted anyway.
const TOOLS: &[&str] = &["pip", "setuptools", "wheel"];

/// What kind of input has no version.
const BRANCH: &str = "branch";
const LATEST: &str = "newest release";
const PACKAGE: &str = "package";
const CLONE: &str = "clone";

/// A candidate for each step of the image's own that takes in something without a version.
fn unpinned(image: &Image) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = base(image).into_iter().collect();
    let own = |step: &&Step| {
        let layer = step.layer.and_then(|layer| image.layers.get(layer));
        layer.is_some_and(|layer| layer.origin != Origin::Base)
    };
    for step in image.steps.iter().filter(own) {
        let inputs = inputs(&step.instruction);
        if inputs.is_empty() {
            continue;
        }
        let mut message = Phrase::words("Step ");
        message = step.number.map_or(message.clone(), |number| message.count(number));
        let message = message
            .and(" takes in ")
            .counted(inputs.len(), " input", " inputs")
            .and(" without a version");
        let mut candidate =
            Candidate::new(step.instruction.clone(), message, Claim::View(Vec::new()));
        let row = |(kind, input): &(&str, String)| {
            vec![Value::Text((*kind).to_owned()), Value::Text(input.clone())]
        };
        let rows = inputs.iter().take(ROWS).map(row).collect();
        candidate.table = Some(Table { columns: vec!["kind", "input"], rows });
        found.push(candidate);
    }
    found
}

/// A base image that is named without a version.
fn base(image: &Image) -> Option<Candidate> {
    let name = image.base.as_ref()?.name.as_ref()?;
    let last = name.rsplit('/').next().unwrap_or(name);
    let floats = !name.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    let message =
        Phrase::words("The base image is ").name(name).and(", whatever that is on the day");
    floats.then(|| {
        let mut candidate =
            Candidate::new(format!("FROM {name}"), message, Claim::View(Vec::new()));
        let digest = image.base.as_ref().and_then(|base| base.digest.as_ref());
        candidate.snippet = digest.map(|digest| format!("FROM {name}@{digest}"));
        candidate
    })
}

/// The commands of an instruction, word by word.
fn commands(instruction: &str) -> Vec<Vec<&str>> {
    instruction
        .split(['\n', ';', '|'])
        .flat_map(|part| part.split("&&"))
        .map(|command| command.split_whitespace().filter(|word| *word != "\\").collect())
        .collect()
}

/// The inputs of an instruction that have no version, with their kinds.
fn inputs(instruction: &str) -> Vec<(&'static str, String)> {
    let commands = commands(instruction);
    let checks_out = commands.iter().any(|words| {
        has(words, "git") && (has(words, "checkout") || has(words, "reset") || has(words, "switch"))
    });
    let mut found = Vec::new();
    for words in &commands {
        found.extend(words.iter().filter_map(|word| download(word)));
        found.extend(packages(words).into_iter().map(|package| (PACKAGE, package.to_owned())));
        if let Some(clone) = words.windows(2).position(|two| two == ["git", "clone"]) {
            let rest = &words[clone + 2..];
            let pinned = rest.iter().any(|word| {
                matches!(*word, "-b")
                    || word.starts_with("--branch")
                    || word.starts_with("--revision")
            });
            let source = rest.iter().find(|word| word.contains("://") || word.contains('@'));
            if let Some(source) = source.filter(|_| !pinned && !checks_out) {
                found.push((CLONE, trimmed(source).to_owned()));
            }
        }
        let installs_fsl = words.iter().any(|word| word.ends_with("fslinstaller.py"));
        let fetched = words.iter().any(|word| word.contains("://"));
        if installs_fsl
            && !fetched
            && !words.iter().any(|word| matches!(*word, "-V" | "--fslversion"))
        {
            found.push((LATEST, "fslinstaller.py".to_owned()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|input| seen.insert(input.clone()));
    found
}

fn has(words: &[&str], word: &str) -> bool {
    words.contains(&word)
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(['"', '\'', '(', ')', ',', '`'])
}

/// A download from a branch, or of whatever is the newest.
fn download(word: &str) -> Option<(&'static str, String)> {
    let start = word.find("https://").or_else(|| word.find("http://"))?;
    let url = trimmed(&word[start..]);
    let (host, path) = url.split_once("://")?.1.split_once('/')?;
    let parts = || path.split(['/', '?']);
    let forge = FORGES.iter().any(|forge| host.contains(forge));
    let of_branch = |part: &str| {
        let stem = part.split(".tar").next().unwrap_or(part).trim_end_matches(".zip");
        BRANCHES.contains(&stem)
    };
    if forge && parts().any(of_branch) {
        return Some((BRANCH, url.to_owned()));
    }
    let newest = |part: &str| {
        let mut words = part.split(['-', '_', '.']);
        words.any(|word| {
            matches!(word.to_ascii_lowercase().as_str(), "latest" | "current" | "nightly")
        })
    };
    parts().any(newest).then(|| (LATEST, url.to_owned()))
}

/// Whether a word is the name of a package, and not an option, a path, a variable or a URL.
fn is_package(word: &str) -> bool {
    let name = word.strip_prefix('@').unwrap_or(word);
    let is_path = name.contains("://") || (name.contains('/') && name == word);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !is_path
        && !word.to_ascii_lowercase().ends_with(".whl")
}

/// The tool of a command that installs, and what follows.
fn install<'a, 'b>(words: &'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    let install = words.iter().position(|word| matches!(*word, "install" | "i" | "add"))?;
    let tool = words[..install].iter().rev().find(|word| !word.starts_with('-'));
    let tool = tool.and_then(|tool| tool.rsplit('/').next()).unwrap_or_default();
    Some((tool, &words[install + 1..]))
}

/// Packages that a command installs without saying which version.
fn packages<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let Some((tool, rest)) = install(words) else { return Vec::new() };
    let (pins, takes): (&[&str], &[&str]) = match tool {
        "pip" | "pip3" => (
            &["==", "@", "~=", "==="],
            &[
                "-r",
                "-c",
                "-e",
                "-i",
                "-f",
                "-t",
                "--requirement",
                "--constraint",
                "--index-url",
                "--extra-index-url",
                "--find-links",
                "--target",
                "--prefix",
                "--editable",
                "--trusted-host",
                "--root",
                "--python",
            ],
        ),
        "conda" | "mamba" | "micromamba" => {
            (&["=", "@"], &["-c", "-n", "-p", "-f", "--channel", "--name", "--prefix", "--file"])
        }
        "npm" if rest.iter().any(|word| matches!(*word, "-g" | "--global")) => {
            (&["@"], &["--prefix", "--registry"])
        }
        "gem" if !rest.iter().any(|word| matches!(*word, "-v" | "--version")) => (&[":"], &["-i"]),
        "cargo" if !rest.iter().any(|word| matches!(*word, "--version" | "--path" | "--git")) => {
            (&["@"], &["--features", "--root", "--bin"])
        }
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    let mut skip = false;
    for word in rest {
        let value = std::mem::replace(&mut skip, takes.contains(word));
        let name = trimmed(word);
        let scoped = name.strip_prefix('@').unwrap_or(name);
        let pinned = pins.iter().any(|pin| scoped.contains(pin));
        if !value && !skip && !pinned && is_package(name) && !TOOLS.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::found;

    #[test]
    fn inputs_without_a_version() {
        let check = |instruction: &str, expected: &[(&str, &str)]| {
            let found = inputs(instruction);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(kind, input)| (*kind, input.as_str())).collect();
            assert_eq!(found, expected, "{instruction}");
        };
        check(
            "RUN curl -L https://github.com/a/b/archive/master.tar.gz | tar xz",
            &[(BRANCH, "https://github.com/a/b/archive/master.tar.gz")],
        );
        check(
            "RUN wget https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh",
            &[(LATEST, "https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh")],
        );
        check(
            "RUN pip install --no-cache-dir -U pip numpy 'scipy>=1' torch==2.1 -r r.txt . && x",
            &[(PACKAGE, "numpy"), (PACKAGE, "scipy>=1")],
        );
        check(
            "RUN mamba install -y -c conda-forge gdal=3.8 proj && npm install -g yarn @a/b@1",
            &[(PACKAGE, "proj"), (PACKAGE, "yarn")],
        );
        check("RUN git clone https://a.example/b /b", &[(CLONE, "https://a.example/b")]);
        check("RUN python fslinstaller.py -d /opt/fsl", &[(LATEST, "fslinstaller.py")]);
        for pinned in [
            "RUN git clone --branch v1 https://a.example/b",
            "RUN git clone https://a.example/b && cd b && git checkout 1a2b3c",
            "RUN curl https://deb.debian.org/debian/dists/stable/main/x",
            "RUN python fslinstaller.py -V 6.0.7",
            "RUN pip install -r requirements.txt && npm install",
            "RUN apt-get install -y curl",
            "COPY main /latest",
        ] {
            check(pinned, &[]);
        }
    }

    #[test]
    fn unpinned_inputs() {
        let image = "
base: RUN pip install x
  a 1
RUN pip install numpy
  b 1
RUN pip install numpy==1.26
  c 1
";
        let found = found(image, &["repro-unpinned-inputs"]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].severity, found[0].gross.content), (Severity::Low, 0));
    }
}
