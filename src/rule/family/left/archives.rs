//! Archives and installers that were used and not removed.

use std::collections::{HashMap, HashSet};

use super::LEFT;
use super::tar;
use super::zip::{self, Member};
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::Ecosystem;
use crate::pattern::Patterns;
use crate::rule::purpose::{has_child, shows_any};
use crate::rule::{Bands, Candidate, Claim, Detect, Facts, Paths, Phase, Phrase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "left-archive-extracted",
        title: "Archives beside what was unpacked from them",
        min: 1_000_000,
        detect: Detect::Layers(extracted),
        why: "The content is there twice, and an archive does not get smaller in a layer: it costs \
              its full size in each pull.",
        fix: "RUN curl -fsSL {{url}} | tar -xz -C {{dir}} --strip-components=1\n\
              # zip: RUN --mount=type=tmpfs,target=/dl curl -fsSL {{url}} -o /dl/a.zip && unzip -q /dl/a.zip -d {{dir}}",
        caution: "Where only a directory of the same name or the step's command tells, look \
                  whether something reads the archive itself.",
        links: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
        ..LEFT
    },
    Rule {
        id: "left-archive-unextracted",
        title: "Large archives without a use",
        phase: Phase::Decision,
        risk: Risk::Review,
        bands: Bands::Review,
        min: 10_000_000,
        detect: Detect::Layers(unextracted),
        why: "Nothing in the image shows what reads it. The program that starts may unpack it.",
        fix: "RUN --mount=type=bind,source={{archive}},target=/mnt/{{archive}} {{cmd}}\n\
              # or fetch it when the container starts",
        caution: "It may be data that the image is there to deliver.",
        ..LEFT
    },
    Rule {
        id: "left-installers",
        title: "Installers and packages that were installed",
        min: 1_000_000,
        detect: Detect::Paths(
            Paths::any(&[
                "**/Miniconda*.sh",
                "**/Anaconda*.sh",
                "**/Miniforge*.sh",
                "**/Mambaforge*.sh",
                "**/miniconda.sh",
                "**/miniforge.sh",
                "**/*installer*.sh",
                "**/*installer*.py",
                "**/*installer*.run",
                "**/*installer*.bin",
                "**/*installer*.jar",
                "**/cmake-*-Linux-*.sh",
                "**/cmake-*-linux-*.sh",
                "**/get-pip.py",
                "**/install_sct*",
                "**/*.run",
                "**/*.deb",
                "**/*.rpm",
                "**/*.whl",
                "**/*.apk",
                "**/*.msi",
                "**/*.exe",
            ])
            .except(&[
                "**/site-packages/",
                "**/dist-packages/",
                "**/ensurepip/_bundled/",
                "**/node_modules/",
                "**/.cache/",
                "**/pkgs/",
                "**/wine*/",
                "**/mono/",
                "**/testdata/",
                "usr/share/python-wheels/",
                "var/cache/",
                "proc/",
            ])
            .at(is_installer)
            .then(installed),
        ),
        why: "What an installer installed does not need it any more.",
        fix: "RUN curl -fsSL {{url}} -o /tmp/i.sh && bash /tmp/i.sh -b -p {{prefix}} && rm /tmp/i.sh",
        caution: "A directory of packages that the entry point installs from is none. Windows \
                  programs in images with Wine or Mono are not counted.",
        ..LEFT
    },
];

/// Names that end like those of archives which are unpacked to be used.
const EXTENSIONS: [&[u8]; 13] = [
    b"zip", b"tar", b"gz", b"tgz", b"bz2", b"tbz2", b"xz", b"txz", b"zst", b"7z", b"rar", b"tbz",
    b"lzma",
];

/// What stays an archive when it is used, or is one of many small ones.
const IN_USE: [&str; 24] = [
    "**/*.nii.gz",
    "**/*.npy.gz",
    "**/*.h5.gz",
    "**/*.mgh.gz",
    "**/*.gii.gz",
    "**/*.svg.gz",
    "**/*.vcf.gz",
    "**/*.fa.gz",
    "**/*.fasta.gz",
    "**/*.fastq.gz",
    "**/*.bed.gz",
    "**/*.gtf.gz",
    "usr/share/doc/**",
    "usr/share/man/**",
    "usr/share/info/**",
    "**/extdata/**",
    "**/testdata/**",
    "**/tests/**",
    "**/site-packages/**",
    "**/pkgs/**",
    "**/.cache/**",
    "**/python3*.zip",
    "**/base_library.zip",
    "var/lib/**",
];

const MAGIC: [&[u8]; 8] = [
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x5d\x00\x00",
];

/// From how much of an archive's content on it counts as unpacked, in hundredths.
const MOST: u64 = 80;
/// With a part of the directory, from so many members on.
const SOME: usize = 3;

/// What tells that an archive was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// Nothing.
    None,
    /// Its members are there.
    Members,
    /// A directory or file has its name.
    Name,
    /// The step that stores it unpacks it.
    Command,
}

fn extracted(facts: &Facts<'_>) -> Vec<Candidate> {
    let candidate = |(file, evidence): (AtomId, Evidence)| {
        let path = facts.ledger.path(file);
        let (words, risk) = match evidence {
            Evidence::Members => ("The content of the archive is unpacked: ", Risk::Safe),
            Evidence::Name => ("What has the archive's name stands beside it: ", Risk::Test),
            Evidence::Command => ("The step that stores the archive unpacks it: ", Risk::Test),
            Evidence::None => return None,
        };
        let claim = Claim::Files(vec![(file, closeness(&path))]);
        let anchor = String::from_utf8_lossy(&path).into_owned();
        Some(Candidate::new(anchor, Phrase::words(words).path(&path), claim).risk(risk))
    };
    archives(facts).into_iter().filter_map(candidate).collect()
}

fn unextracted(facts: &Facts<'_>) -> Vec<Candidate> {
    let unused = archives(facts).into_iter().filter(|(_, evidence)| *evidence == Evidence::None);
    let candidate = |(file, _): (AtomId, Evidence)| {
        let path = facts.ledger.path(file);
        let anchor = String::from_utf8_lossy(&path).into_owned();
        let message = Phrase::words("An archive of which nothing shows a use: ").path(&path);
        let name = String::from_utf8_lossy(facts.ledger.name(file)).into_owned();
        let claim = Claim::Files(vec![(file, closeness(&path))]);
        Candidate::new(anchor, message, claim).fill("archive", name)
    };
    unused.map(candidate).collect()
}

/// A path is closer than any pattern.
fn closeness(path: &[u8]) -> u32 {
    u32::try_from(path.len()).unwrap_or(u32::MAX).saturating_add(100)
}

/// The large archives, each with what tells that it was unpacked.
fn archives(facts: &Facts<'_>) -> Vec<(AtomId, Evidence)> {
    let ledger = facts.ledger;
    let mut in_use = Patterns::default();
    for pattern in IN_USE {
        in_use.add(pattern.as_bytes(), ());
    }
    let is_large = |file: &AtomId| ledger.atom(*file).bytes >= 1_000_000;
    let is_unpacked = |file: &AtomId| {
        let path = ledger.path(*file);
        let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        in_use.fitting(&components, false).next().is_none()
    };
    let found: Vec<AtomId> = ledger
        .live()
        .iter()
        .copied()
        .filter(is_large)
        .filter(|file| is_archive(facts, *file))
        .filter(is_unpacked)
        .filter(|file| facts.owners.package(*file).is_none())
        .collect();
    let members: HashMap<AtomId, Vec<Member>> = found
        .iter()
        .filter_map(|file| {
            let document = facts.documents.at(ledger, ledger.atom(*file).node)?;
            let tail = if document.tail.is_empty() { document.head } else { document.tail };
            let listed = zip::members(tail);
            let is_zip = !listed.is_empty();
            Some((*file, if is_zip { listed } else { tar::members(document.head, document.tail) }))
        })
        .collect();
    let wanted: HashSet<&Member> = members.values().flatten().collect();
    let shown = shown(ledger, &wanted);
    let evidence = |file: AtomId| {
        let listed = members.get(&file).map_or(&[][..], Vec::as_slice);
        if is_there(listed, &shown) { Evidence::Members } else { by_name(facts, file) }
    };
    found.into_iter().map(|file| (file, evidence(file))).collect()
}

/// Those of some members that the image shows, wherever.
fn shown(ledger: &Ledger, wanted: &HashSet<&Member>) -> HashSet<Member> {
    if wanted.is_empty() {
        return HashSet::new();
    }
    let sizes: HashSet<u64> = wanted.iter().map(|member| member.size).collect();
    let alike = ledger.live().iter().filter(|file| sizes.contains(&ledger.atom(**file).bytes));
    let members = alike
        .map(|file| Member { name: ledger.name(*file).to_vec(), size: ledger.atom(*file).bytes });
    members.filter(|member| wanted.contains(member)).collect()
}

fn is_there(members: &[Member], shown: &HashSet<Member>) -> bool {
    let sum = |members: &mut dyn Iterator<Item = &Member>| {
        members.fold(0_u64, |sum, member| sum.saturating_add(member.size))
    };
    let all = sum(&mut members.iter());
    let there = sum(&mut members.iter().filter(|member| shown.contains(*member)));
    members.len() >= SOME && there.saturating_mul(100) >= all.saturating_mul(MOST)
}

/// Whether a file is an archive by its name, and by its first bytes where they are known.
fn is_archive(facts: &Facts<'_>, file: AtomId) -> bool {
    let ledger = facts.ledger;
    let name = ledger.name(file);
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    let extension = name[dot + 1..].to_ascii_lowercase();
    if !EXTENSIONS.contains(&extension.as_slice()) {
        return false;
    }
    let Some(document) = facts.documents.at(ledger, ledger.atom(file).node) else { return true };
    let is_tar = document.head.get(257..262) == Some(b"ustar");
    is_tar || MAGIC.iter().any(|magic| document.head.starts_with(magic))
}

/// The name without the extensions of archives.
fn stem(name: &[u8]) -> &[u8] {
    let mut stem = name;
    while let Some(dot) = stem.iter().rposition(|byte| *byte == b'.') {
        let extension = stem[dot + 1..].to_ascii_lowercase();
        if dot == 0 || !EXTENSIONS.contains(&extension.as_slice()) {
            break;
        }
        stem = &stem[..dot];
    }
    stem
}

fn by_name(facts: &Facts<'_>, file: AtomId) -> Evidence {
    let ledger = facts.ledger;
    let atom = ledger.atom(file);
    let name = ledger.name(file);
    let parent = ledger.filesystem().parent(atom.node);
    let beside = ledger.child(parent, stem(name));
    if beside.is_some_and(|beside| beside != atom.node && ledger.bytes(beside) >= atom.bytes) {
        return Evidence::Name;
    }
    let Some(step) = facts.step(atom.layer) else { return Evidence::None };
    let text = &step.instruction;
    let verbs =
        ["tar ", "unzip ", "gunzip ", "7z ", "7za ", "unxz ", "bunzip2 ", "unzstd ", "bsdtar "];
    let unpacks = verbs.iter().any(|verb| text.contains(verb));
    let named = std::str::from_utf8(name).is_ok_and(|name| text.matches(name).count() > 1);
    if unpacks && named && text.starts_with("RUN") { Evidence::Command } else { Evidence::None }
}

/// Whether a file is an installer: not one of a repository, nor a program of another system that
/// the image can run.
fn is_installer(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let (name, parent) = (filesystem.name(node), filesystem.parent(node));
    let indexes =
        ["Packages", "Packages.gz", "Packages.xz", "repodata", "APKINDEX.tar.gz", "Release"];
    if indexes.iter().any(|index| has_child(ledger, parent, index)) {
        return false;
    }
    let is_program = [&b".exe"[..], b".msi"].iter().any(|end| name.ends_with(end));
    let runners =
        ["usr/bin/wine", "usr/bin/wine64", "usr/bin/mono", "opt/wine-stable", "usr/lib/wine"];
    let is_android = name.ends_with(b".apk") && !shows_any(ledger, &["lib/apk", "usr/lib/apk"]);
    let runs_here = is_program && shows_any(ledger, &runners);
    !(is_android || runs_here)
}

/// What is not known to be installed is not safe.
fn installed(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let names: HashSet<&str> =
        facts.inventory.installed().map(|(_, package)| package.name.as_str()).collect();
    let conda = facts.inventory.of(Ecosystem::Conda).next().is_some()
        || !facts.documents.named(b"history").is_empty();
    let is_installed = |file: AtomId| {
        let name = String::from_utf8_lossy(facts.ledger.name(file)).into_owned();
        let before = |end: &str| name.split(end).next().unwrap_or_default().to_ascii_lowercase();
        let is = |end: &str| name.ends_with(end);
        let distributions =
            ["Miniconda", "Anaconda", "Miniforge", "Mambaforge", "miniconda", "miniforge"];
        (distributions.iter().any(|known| name.starts_with(known)) && conda)
            || (name.starts_with("cmake-")
                && shows_any(facts.ledger, &["usr/local/bin/cmake", "usr/bin/cmake", "opt/cmake"]))
            || (is(".deb") && names.contains(before("_").as_str()))
            || (is(".whl") && names.contains(before("-").replace('_', "-").as_str()))
    };
    if files.iter().all(|(file, _)| is_installed(*file)) {
        return candidate;
    }
    candidate.risk(Risk::Test)
}

#[cfg(test)]
mod tests {
    use super::super::zip::tests::directory;
    use crate::rule::testing::{check, found};

    /// A content of an archive as the text of an image has it.
    fn archive(files: &[(&str, u32)]) -> String {
        let mut content = String::from("PK\u{3}\u{4}");
        content.extend(directory(files).into_iter().map(char::from));
        // Far from the directory, so that the file is a large one.
        let filler = " ".repeat(1_000_000);
        content.insert_str(4, &filler);
        serde_json::to_string(&content).unwrap()
    }

    #[test]
    fn archives_whose_members_are_there_are_safe() {
        let files = [("x/a.bin", 60), ("x/b.bin", 70), ("x/c.bin", 80)];
        let content = archive(&files);
        let image = |rest: &str| format!("RUN unzip\n  opt/x.zip = {content}\n{rest}");
        let whole = image("  opt/x/a.bin 60\n  opt/x/b.bin 70\n  opt/x/c.bin 80\n");
        let findings = found(&whole, &["left-archive-extracted"]);
        let risks: Vec<_> = findings.iter().map(|finding| finding.risk.as_str()).collect();
        assert_eq!(risks, ["safe"]);
        // Another file of a member's name.
        let other = image("  opt/y/a.bin 61\n  opt/y/b.bin 70\n");
        check("left-archive-extracted", &other, &[]);
    }

    #[test]
    fn tar_archives_whose_members_are_there_are_safe() {
        let files = [("x/a.bin", 60), ("x/b.bin", 70), ("x/c.bin", 1_000_000)];
        let content = super::super::tar::tests::archive(&files);
        let text: String = content.into_iter().map(char::from).collect();
        let content = serde_json::to_string(&text).unwrap();
        let image = |rest: &str| format!("RUN fetch\n  opt/x.tar = {content}\n{rest}");
        let whole = image("  opt/y/a.bin 60\n  opt/y/b.bin 70\n  opt/y/c.bin 1000000\n");
        check("left-archive-extracted", &whole, &[1_003_008]);
        // Only a part of it was unpacked.
        let other = image("  opt/y/a.bin 60\n  opt/y/b.bin 70\n");
        check("left-archive-extracted", &other, &[]);
    }

    #[test]
    fn archives_beside_what_has_their_name() {
        let image = "
RUN curl -O https://example.org/tool.tar.gz && tar xf tool.tar.gz
  opt/tool.tar.gz 20_000_000
  opt/tool/bin 60_000_000
  data/brain.nii.gz 30_000_000
  data/brain 90_000_000
";
        check("left-archive-extracted", image, &[20_000_000]);
        check("left-archive-unextracted", image, &[]);
        let findings = found(image, &["left-archive-extracted"]);
        assert_eq!(findings[0].risk.as_str(), "test");
    }

    #[test]
    fn archives_that_the_step_unpacks() {
        let image = "
RUN curl -O https://example.org/a.tar.xz && tar xf a.tar.xz -C /usr/local
  a.tar.xz 20_000_000
COPY b.tar.xz /
  b.tar.xz 30_000_000
  c.jar 40_000_000
";
        check("left-archive-extracted", image, &[20_000_000]);
        check("left-archive-unextracted", image, &[30_000_000]);
    }

    #[test]
    fn installers() {
        let image = "
RUN bash Miniconda3-latest-Linux-x86_64.sh
  Miniconda3-latest-Linux-x86_64.sh 80_000_000
  opt/conda/conda-meta/history = \"\"
  opt/conda/lib/python3.12/site-packages/pip/_vendor/distlib/w64.exe 1_000_000
  repo/Packages 10
  repo/x.deb 9_000_000
";
        check("left-installers", image, &[80_000_000]);
        let wine = "RUN a\n  usr/bin/wine 10\n  app/tool.exe 5_000_000\n";
        check("left-installers", wine, &[]);
    }
}
