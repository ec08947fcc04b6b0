//! Large tools of one executable.

use crate::ledger::AtomId;
use crate::owner::OwnerKind;
use crate::package::Ecosystem;
use crate::rule::{Candidate, Claim, Facts, Phrase};

const LARGE: u64 = 20_000_000;
/// Sections that the Go linker writes.
const GO: &[&[u8]] = &[b".gopclntab", b".note.go.buildid", b".go.buildinfo"];
/// Tools that are told of whatever they were made with.
const KNOWN: &[&[u8]] = &[
    b"argocd",
    b"buildctl",
    b"cloudflared",
    b"deno",
    b"docker",
    b"dockerd",
    b"eksctl",
    b"ffmpeg",
    b"gh",
    b"gitlab-runner",
    b"glab",
    b"goose",
    b"helm",
    b"hugo",
    b"k9s",
    b"kind",
    b"kubectl",
    b"kustomize",
    b"mc",
    b"minikube",
    b"minio",
    b"nomad",
    b"oc",
    b"opencode",
    b"packer",
    b"pandoc",
    b"podman",
    b"pulumi",
    b"rclone",
    b"restic",
    b"skaffold",
    b"terraform",
    b"tofu",
    b"trivy",
    b"typst",
    b"uv",
    b"vault",
];

/// Executables that hold all their libraries and that no package manager put there.
pub(super) fn tools(facts: &Facts<'_>) -> Vec<Candidate> {
    let large = facts.ledger.live().iter().copied();
    let large = large.filter(|atom| facts.ledger.atom(*atom).bytes >= LARGE);
    large.filter(|atom| is_tool(facts, *atom)).map(|atom| candidate(facts, atom)).collect()
}

fn is_tool(facts: &Facts<'_>, atom: AtomId) -> bool {
    let name = facts.ledger.name(atom);
    let is_known = KNOWN.contains(&name);
    let is_executable = facts.ledger.attributes(atom).mode & 0o111 != 0;
    let owner_fits = match facts.owners.owner(facts.owners.of(atom)).kind {
        OwnerKind::Package(id) => {
            matches!(facts.inventory.package(id).ecosystem, Ecosystem::Go | Ecosystem::Rust)
        }
        // What the build copied in is the application, unless its name tells otherwise.
        OwnerKind::Application => is_known,
        OwnerKind::Unowned => true,
        OwnerKind::PackageDatabase | OwnerKind::Generated | OwnerKind::Component(_) => false,
    };
    is_executable && owner_fits && (is_known || is_go(facts, atom)) && !is_started(facts, name)
}

fn is_go(facts: &Facts<'_>, atom: AtomId) -> bool {
    let sections = facts.ledger.elf(atom).map(|elf| elf.sections.as_slice()).unwrap_or_default();
    sections.iter().any(|section| GO.contains(&section.name.as_slice()))
}

/// Whether it is the program that a container starts.
fn is_started(facts: &Facts<'_>, name: &[u8]) -> bool {
    let runtime = &facts.image.runtime;
    let words = runtime.entrypoint.iter().chain(&runtime.cmd).flat_map(|word| word.split(' '));
    words.filter_map(|word| word.rsplit('/').next()).any(|word| word.as_bytes() == name)
}

fn candidate(facts: &Facts<'_>, atom: AtomId) -> Candidate {
    let path = facts.ledger.path(atom);
    let tool = String::from_utf8_lossy(facts.ledger.name(atom)).into_owned();
    let variable = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let argument: String = tool.chars().map(variable).collect();
    let mut message = Phrase::words("The tool ").name(tool.clone());
    if let OwnerKind::Package(id) = facts.owners.owner(facts.owners.of(atom)).kind
        && let Some(version) = &facts.inventory.package(id).version
    {
        message = message.and(" ").name(version.clone());
    }
    let message = message.and(", ").path(&path);
    Candidate::new(String::from_utf8_lossy(&path), message, Claim::files([atom]))
        .fill("tool", tool)
        .fill("arg", argument)
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check_with, found_with};

    #[test]
    fn niche_cli() {
        let image = "
RUN curl https://rclone.org/install.sh | bash
  usr/bin/rclone 70_000_000 mode=755
  usr/bin/gh 50_000_000 mode=755
  usr/bin/helm 40_000_000 mode=644
  usr/bin/unknown 60_000_000 mode=755
";
        check_with("pkg-niche-cli", image, "", &[70_000_000, 50_000_000]);
        check_with("pkg-niche-cli", image, "dpkg +gh 2 usr/bin/gh", &[70_000_000]);
        let found = found_with(image, "", &["pkg-niche-cli"]);
        assert!(found[0].snippet.starts_with("ARG INSTALL_RCLONE=false"), "{}", found[0].snippet);
        // What the image is for.
        let own = format!("ENTRYPOINT /usr/bin/rclone rcd{image}");
        check_with("pkg-niche-cli", &own, "", &[50_000_000]);
    }
}
