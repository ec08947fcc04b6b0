//! Temporary files, logs, crashes and backups.

use std::collections::BTreeSet;

use super::super::steps::directories;
use super::LEFT;
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::pattern::component_fits;
use crate::rule::quote::{all_quoted, word};
use crate::rule::{Candidate, Claim, Detect, Facts, Paths, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "left-temp",
        title: "Temporary files",
        detect: Detect::Paths(
            Paths::any(&[
                "tmp/*",
                "var/tmp/*",
                "root/tmp/",
                "home/*/tmp/",
                "**/tmp.*/",
                "**/hsperfdata_*/",
                "install_*.sh",
            ])
            .careful(&[
                "scratch/*",
                "requirements*.txt",
                "environment.yml",
                "tmp/**/*.sh",
                "tmp/**/*.py",
                "tmp/**/*.R",
                "tmp/**/*.jar",
                "tmp/**/*.so*",
            ])
            .except(&["tmp/.X11-unix/", "tmp/.ICE-unix/", "tmp/.font-unix/"])
            .at(is_temporary),
        ),
        why: "Nothing expects to find temporary files of the build when a container starts.",
        fix: "RUN {{cmd}} \\\n && rm -rf /tmp/* /var/tmp/*\n# what a COPY brought to /tmp:\n\
              RUN --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \
              pip install --no-cache-dir -r /tmp/requirements.txt",
        caution: "A script of the image may read files there without the config naming them.",
        links: &["https://docs.docker.com/build/building/best-practices/"],
        ..LEFT
    },
    Rule {
        id: "left-logs",
        title: "Logs of the build",
        detect: Detect::Paths(
            Paths::any(&["var/log/*", "root/*.log", "tmp/**/*.log", "root/install_packages*"])
                .careful(&["home/**/*.log", "opt/**/*.log", "srv/**/*.log", "usr/**/*.log"])
                .except(&["var/log/lastlog", "var/log/faillog", "**/testdata/", "**/tests/"])
                .only(is_log),
        ),
        why: "Logs tell of the build, not of the container.",
        fix: "RUN {{cmd}} \\\n && find /var/log -type f -delete",
        caution: "Some daemons do not create the directory of their logs: delete files only. Files \
                  named *.log may be data.",
        ..LEFT
    },
    Rule {
        id: "left-sparse-lastlog",
        title: "Records of logins, large by a high user number",
        min: 1_000_000,
        detect: Detect::Paths(Paths::any(&["var/log/lastlog", "var/log/faillog"])),
        why: "useradd writes a record at the user's number, and the file is as long as the number \
              is high: nothing in a layer, but much on disk where holes are filled.",
        fix: "RUN useradd --no-log-init --uid {{uid}} {{user}}",
        caution: "None known: the file is created again at the first login.",
        links: &["https://docs.docker.com/build/building/best-practices/#user"],
        ..LEFT
    },
    Rule {
        id: "left-core-dumps",
        title: "Memory of crashed programs",
        min: 100_000,
        detect: Detect::Paths(
            Paths::any(&[
                "**/core",
                "**/core.*",
                "**/*.core",
                "**/*.hprof",
                "**/hs_err_pid*.log",
                "**/heapdump*.phd",
                "**/*.mdmp",
                "**/javacore*.txt",
                "**/*.stackdump",
            ])
            .only(is_dump),
        ),
        why: "A program crashed while the image was built. Its memory may hold secrets.",
        fix: "RUN ulimit -c 0; {{cmd}}",
        caution: "Find out why the build crashes.",
        ..LEFT
    },
    Rule {
        id: "left-backup-files",
        title: "Backups of editors and package managers",
        detect: Detect::Paths(
            Paths::any(&[
                "**/*~",
                "**/*.rej",
                "**/.*.swp",
                "**/.DS_Store",
                "**/Thumbs.db",
                "**/*.dpkg-old",
                "**/*.dpkg-dist",
                "**/*.dpkg-new",
                "**/*.dpkg-bak",
                "**/*.rpmsave",
                "**/*.rpmnew",
                "**/*.rpmorig",
                "etc/passwd-",
                "etc/shadow-",
                "etc/group-",
                "etc/gshadow-",
                "etc/subuid-",
                "etc/subgid-",
                "var/lib/dpkg/*-old",
            ])
            .careful(&["**/*.bak", "**/*.orig"])
            .except(&["**/tests/", "**/test/", "**/testdata/", "**/fixtures/", "**/conda-meta/"])
            .then(searched),
        ),
        why: "They are copies of files as they were before; nothing reads them.",
        fix: "RUN {{cmd}} \\\n && rm -f {{paths}}",
        caution: "A *.bak may be the backup that the image is there to restore.",
        ..LEFT
    },
];

/// Files below are logs only if they are this large.
const LOG: u64 = 256_000;

/// Whether a directory that looks like one of `mktemp` has such a name.
fn is_temporary(facts: &Facts<'_>, node: NodeId) -> bool {
    let name = facts.ledger.filesystem().name(node);
    let Some(random) = name.strip_prefix(b"tmp.") else { return true };
    random.len() == 10 && random.iter().all(u8::is_ascii_alphanumeric)
}

fn is_log(facts: &Facts<'_>, file: AtomId) -> bool {
    facts.ledger.path(file).starts_with(b"var/log/")
        || (facts.ledger.atom(file).bytes >= LOG && facts.owners.package(file).is_none())
}

/// Whether a file named like one is the memory of a program: an ELF file of that type. What is in
/// a directory of such a name is something else.
fn is_dump(facts: &Facts<'_>, file: AtomId) -> bool {
    const CORE: u16 = 4;
    const NAMES: [&str; 6] =
        ["*.hprof", "hs_err_pid*.log", "heapdump*.phd", "*.mdmp", "javacore*.txt", "*.stackdump"];
    let name = facts.ledger.name(file);
    NAMES.iter().any(|row| component_fits(row.as_bytes(), name))
        || facts.ledger.elf(file).is_some_and(|elf| elf.kind == CORE)
}

/// Backups that a snippet names one by one.
const NAMED: usize = 10;
/// Names of the others.
const BACKUPS: &[&str] = &[
    "*~",
    "*.rej",
    ".*.swp",
    "*.dpkg-old",
    "*.dpkg-dist",
    "*.dpkg-new",
    "*.dpkg-bak",
    "*.rpmsave",
    "*.rpmnew",
    "*.rpmorig",
    "*.bak",
    "*.orig",
];

/// Many backups are searched for where they are, by their names.
fn searched(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    if files.len() <= NAMED {
        return candidate;
    }
    let files = || files.iter().map(|(file, _)| *file);
    let places = directories(facts.ledger, files());
    let names: BTreeSet<Vec<u8>> = files().map(|file| pattern(facts.ledger.name(file))).collect();
    let names: Vec<String> = names.iter().map(|name| format!("-name {}", word(name))).collect();
    let others = ["tests", "test", "testdata", "fixtures", "conda-meta"];
    let others = others.map(|name| format!("! -path '*/{name}/*'")).join(" ");
    candidate.snippet = Some(format!(
        "RUN {{{{cmd}}}} \\\n && find {} -xdev -type f \\( {} \\) {others} -delete",
        all_quoted(places.iter().map(Vec::as_slice)),
        names.join(" -o "),
    ));
    candidate
}

/// What of the list fits a name; the name itself if nothing does.
fn pattern(name: &[u8]) -> Vec<u8> {
    let fits = |pattern: &&&str| {
        pattern.split_once('*').is_some_and(|(start, end)| {
            name.len() >= start.len() + end.len()
                && name.starts_with(start.as_bytes())
                && name.ends_with(end.as_bytes())
        })
    };
    BACKUPS.iter().find(fits).map_or_else(|| name.to_vec(), |pattern| pattern.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn temp() {
        let image = "
CMD /tmp/start.sh
RUN a
  tmp/a 2_000_000
  tmp/start.sh 1_000_000
  tmp/.X11-unix/X0 300_000
  opt/tmp.AbCdEf1234/b 3_000_000
  opt/tmp.d/c 4_000_000
";
        check("left-temp", image, &[5_000_000]);
        let named = image.replace("CMD", "ENV MODEL=/tmp/a\nCMD");
        let risks: Vec<_> =
            found(&named, &["left-temp"]).iter().map(|finding| finding.risk.as_str()).collect();
        assert_eq!(risks, ["safe", "test"]);
    }

    #[test]
    fn logs() {
        let image = "
RUN a
  var/log/dpkg.log 300_000
  opt/x/build.log 3_000_000
  opt/x/small.log 200_000
  opt/x/tests/a.log 4_000_000
  var/log/lastlog 9_000_000
";
        // What is not in a place for logs may be data.
        let found = found(image, &["left-logs"]);
        let bytes: Vec<_> =
            found.iter().map(|finding| (finding.risk.as_str(), finding.gross.content)).collect();
        assert_eq!(bytes, [("test", 3_000_000), ("safe", 300_000)]);
    }

    #[test]
    fn sparse_lastlog() {
        let image = "
RUN useradd -u 2000000 x
  var/log/lastlog 584_000_000 compressed=600_000
"
        .replace("600_000", "600000");
        check("left-sparse-lastlog", &image, &[584_000_000]);
        check("left-sparse-lastlog", "RUN useradd x\n  var/log/lastlog 292_000\n", &[]);
    }

    #[test]
    fn core_dumps() {
        let image = "
RUN a
  core.17 300_000 elf=62,4,.note:100
  app/core 900_000
  app/java.hprof 200_000
  usr/lib/python3/dist-packages/numpy/core/multiarray.so 5_000_000 elf=62,3,.text:100:a
  usr/lib/python3/dist-packages/pandas/core/frame.py 600_000
  usr/lib/python3/dist-packages/numpy/core/lib/libnpymath.a 800_000
  opt/core.d/a 700_000
  opt/x.hprof/b 800_000
  bin/core 400_000 elf=62,2,.text:100:a
";
        check("left-core-dumps", image, &[500_000]);
    }

    #[test]
    fn backup_files() {
        let image = "
RUN a
  etc/x.dpkg-old 300_000
  app/main.py~ 100_000
  data/db.bak 900_000
  app/tests/b~ 800_000
";
        check("left-backup-files", image, &[900_000, 400_000]);
        let snippet = |image: &str| found(image, &["left-backup-files"])[0].snippet.clone();
        let two = image.replace("  data/db.bak 900_000\n", "");
        assert_eq!(snippet(&two), "RUN a \\\n && rm -f /etc/x.dpkg-old '/app/main.py~'");
        let many =
            (0..20).map(|at| format!("  app/{at}/a.py~ 30_000")).collect::<Vec<_>>().join("\n");
        assert_eq!(
            snippet(&format!("RUN a\n  app/main.py 1\n  etc/.DS_Store 1_000\n{many}\n")),
            "RUN a \\\n && find /app /etc -xdev -type f \\( -name '*~' -o -name .DS_Store \\) \
             ! -path '*/tests/*' ! -path '*/test/*' ! -path '*/testdata/*' \
             ! -path '*/fixtures/*' ! -path '*/conda-meta/*' -delete"
        );
    }
}
