//! Temporary files, logs, crashes and backups.

use super::LEFT;
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::{Detect, Facts, Paths, Rule};

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
                "scratch/*",
                "**/tmp.*/",
                "**/hsperfdata_*/",
                "install_*.sh",
                "requirements*.txt",
                "environment.yml",
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
            Paths::any(&["var/log/*", "**/*.log", "root/install_packages*"])
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
            .except(&[
                "**/tests/",
                "**/test/",
                "**/testdata/",
                "**/fixtures/",
                "**/conda-meta/",
            ]),
        ),
        why: "They are copies of files as they were before; nothing reads them.",
        fix: "RUN {{cmd}} \\\n && find / -xdev -name '*.dpkg-old' -delete",
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
    const CORE: u8 = 4;
    let is_core =
        |name: &[u8]| name == b"core" || name.starts_with(b"core.") || name.ends_with(b".core");
    if !is_core(facts.ledger.name(file)) {
        let path = facts.ledger.path(file);
        return !path.split(|byte| *byte == b'/').any(is_core);
    }
    let document = facts.documents.at(facts.ledger, facts.ledger.atom(file).node);
    document.is_some_and(|document| {
        let kind = document.head.get(16..18);
        document.head.starts_with(b"\x7fELF") && matches!(kind, Some([CORE, 0] | [0, CORE]))
    })
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
        check("left-logs", image, &[3_300_000]);
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
        let core = format!("\u{7f}ELF\u{2}{}\u{4}\u{0}{}", "\u{0}".repeat(11), "x".repeat(100_000));
        let core = serde_json::to_string(&core).unwrap();
        let image = format!(
            "RUN a\n  core.17 = {core}\n  app/core 900_000\n  app/java.hprof 200_000\n  py/core/x.so 900_000\n"
        );
        check("left-core-dumps", &image, &[300_018]);
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
    }
}
