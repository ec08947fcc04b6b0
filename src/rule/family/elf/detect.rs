//! What the sections and names of executables tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{MB, strip};
use crate::filesystem::NodeId;
use crate::layer::Elf;
use crate::ledger::{AtomId, Ledger};
use crate::rule::quote::unquoted;
use crate::rule::{Candidate, Claim, Facts, Phrase, Saving, Table, Value};

/// Less than this in all is not worth a step.
const UNSTRIPPED: u64 = 5 * MB;
/// Rows of a table.
const ROWS: usize = 10;

/// `e_type` of programs and libraries.
const KINDS: [u16; 2] = [2, 3];

/// Sections that `strip` leaves in, beside those of a kind.
const KEPT: [&[u8]; 12] = [
    b".shstrtab",
    b".comment",
    b".gnu_debuglink",
    b".gnu_debugaltlink",
    b".gnu_debugdata",
    b".rustc",
    b".llvmbc",
    b".llvmcmd",
    b".BTF",
    b".BTF.ext",
    b".ARM.attributes",
    b".riscv.attributes",
];

/// Candidates of each layer with files that `strip` would make smaller.
pub(super) fn unstripped(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut layers: BTreeMap<usize, Vec<(AtomId, u64)>> = BTreeMap::new();
    let (mut total, mut debugging) = (0_u64, BTreeMap::<usize, u64>::new());
    for file in facts.ledger.live() {
        let Some(elf) = facts.ledger.elf(*file) else { continue };
        let bytes = strippable(elf).min(facts.ledger.atom(*file).bytes);
        if bytes == 0 || !KINDS.contains(&elf.kind) || facts.ledger.name(*file).ends_with(b".ko") {
            continue;
        }
        total = total.saturating_add(bytes);
        let layer = facts.ledger.atom(*file).layer;
        layers.entry(layer).or_default().push((*file, bytes));
        let sum = debugging.entry(layer).or_default();
        *sum = sum.saturating_add(debug_bytes(elf));
    }
    if total < UNSTRIPPED {
        return Vec::new();
    }
    let candidate = |(layer, files): (usize, Vec<(AtomId, u64)>)| {
        let instruction = facts.instruction(layer);
        let message =
            Phrase::words("Programs and libraries are stored with symbols that only tools read");
        let stripped = instruction.split_whitespace().any(|word| word == "strip");
        let debugging = debugging.get(&layer).copied().unwrap_or_default();
        let mut candidate = Candidate::new(instruction, message, Claim::Parts(files.clone()));
        if debugging > 0 {
            let note =
                Phrase::words("Of that, ").bytes(debugging).and(" are sections for debuggers.");
            candidate = candidate.note(note);
        }
        candidate = strip::advise(facts, layer, &files, candidate);
        if stripped {
            let note = "The step runs strip already, but not on these files.";
            candidate = candidate.note(Phrase::words(note));
        }
        candidate
    };
    layers.into_iter().map(candidate).collect()
}

/// Bytes that `strip --strip-unneeded` takes away.
pub(super) fn strippable(elf: &Elf) -> u64 {
    let unloaded = || elf.sections.iter().filter(|section| !section.loaded);
    // A file that keeps relocations for a later linker keeps the symbols that they name.
    let is_relocation = |name: &[u8]| name.starts_with(b".rela.") || name.starts_with(b".rel.");
    let of_debugging = |name: &[u8]| name.ends_with(b".symtab") || has(name, b"debug");
    let linkable =
        unloaded().any(|section| is_relocation(&section.name) && !of_debugging(&section.name));
    let goes = |name: &[u8]| {
        let kept = KEPT.contains(&name)
            || name.starts_with(b".note.")
            || name.starts_with(b".gnu.build.attributes");
        let needed = linkable && (is_relocation(name) || name == b".symtab" || name == b".strtab");
        !kept && !needed
    };
    let sizes = unloaded().filter(|section| goes(&section.name)).map(|section| section.size);
    sizes.fold(0, u64::saturating_add)
}

fn debug_bytes(elf: &Elf) -> u64 {
    let debugging = elf.sections.iter().filter(|section| {
        !section.loaded
            && (section.name.starts_with(b".debug_") || section.name.starts_with(b".zdebug_"))
    });
    debugging.map(|section| section.size).fold(0, u64::saturating_add)
}

fn has(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window == part)
}

/// Bytes of GPU code, all libraries together.
pub(super) fn fatbins(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut files: Vec<(AtomId, u64)> = Vec::new();
    let mut sum = Saving::default();
    for file in ledger.live() {
        let Some(elf) = ledger.elf(*file) else { continue };
        let sections = elf.sections.iter();
        let code = sections
            .filter(|section| section.name == b".nv_fatbin" || section.name == b".nvFatBinSegment");
        let atom = ledger.atom(*file);
        let bytes = code.map(|section| section.size).fold(0, u64::saturating_add).min(atom.bytes);
        if bytes > 0 {
            files.push((*file, bytes));
            let compressed = proportion(atom.compressed, bytes, atom.bytes);
            sum += Saving { content: bytes, compressed };
        }
    }
    files.sort_by_key(|(file, bytes)| (Reverse(*bytes), *file));
    let Some((largest, _)) = files.first() else { return Vec::new() };
    let name = facts.owners.owner(facts.owners.of(*largest)).name.clone();
    let rows = files.iter().take(ROWS).map(|(file, bytes)| {
        let size = ledger.atom(*file).bytes;
        vec![Value::Text(path(ledger, *file)), Value::Bytes(*bytes), Value::Bytes(size)]
    });
    let table = Table { columns: vec!["path", "GPU code", "file"], rows: rows.collect() };
    let message = Phrase::words("GPU code for several generations of GPUs is in ").counted(
        files.len(),
        " library",
        " libraries",
    );
    let candidate = Candidate::new("", message, Claim::Figure(sum)).fill("name", name);
    vec![Candidate { table: Some(table), ..candidate }]
}

fn proportion(whole: u64, part: u64, of: u64) -> u64 {
    let share = (u128::from(whole) * u128::from(part)).checked_div(u128::from(of));
    u64::try_from(share.unwrap_or_default()).unwrap_or(whole)
}

fn path(ledger: &Ledger, file: AtomId) -> String {
    format!("/{}", String::from_utf8_lossy(&ledger.path(file)))
}

/// Directories of programs of many makers.
const SYSTEM: [&[u8]; 5] = [b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"usr/local/bin"];

/// Directories of many large programs without large libraries beside them.
pub(super) fn static_programs(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut directories: BTreeMap<NodeId, Vec<AtomId>> = BTreeMap::new();
    for file in ledger.live() {
        if ledger.atom(*file).bytes >= 5 * MB && ledger.elf(*file).is_some_and(is_program) {
            let directory = ledger.filesystem().parent(ledger.atom(*file).node);
            directories.entry(directory).or_default().push(*file);
        }
    }
    let mut found = Vec::new();
    for (directory, files) in directories {
        let path = ledger.filesystem().path(directory);
        let bytes = ledger.sum(files.iter().copied()).bytes;
        let enough = files.len() >= 10 && bytes >= 500 * MB;
        if !enough || SYSTEM.contains(&path.as_slice()) || libraries(ledger, directory) > bytes / 4
        {
            continue;
        }
        let message = Phrase::words("")
            .path(&path)
            .and(" has ")
            .count(files.len())
            .and(" large programs and few libraries that they could share");
        let anchor = String::from_utf8_lossy(&path).into_owned();
        let candidate = Candidate::new(anchor, message, Claim::View(files));
        found.push(candidate.fill("dir", unquoted(&path)));
    }
    found
}

/// Whether a file is a program of a language in which libraries are shared.
fn is_program(elf: &Elf) -> bool {
    let has = |name: &[u8]| elf.sections.iter().any(|section| section.name == name);
    let is_go = has(b".gopclntab") || has(b".go.buildinfo");
    elf.kind == 2 || (elf.kind == 3 && has(b".interp")) && !is_go
}

/// Bytes of shared libraries in a directory and the directories beside it.
fn libraries(ledger: &Ledger, directory: NodeId) -> u64 {
    let around = ledger.filesystem().parent(directory);
    let files = ledger.inside(if around == NodeId::ROOT { directory } else { around }).iter();
    let is_library = |file: &&AtomId| {
        let name = ledger.name(**file);
        name.ends_with(b".so") || has(name, b".so.")
    };
    ledger.sum(files.filter(is_library).copied()).bytes
}

/// Words in names of libraries that stand for an instruction set or a processor.
const PROCESSORS: [&[u8]; 16] = [
    b"sse2",
    b"sse3",
    b"sse4",
    b"ssse3",
    b"avx",
    b"avx2",
    b"avx512",
    b"skx",
    b"sandybridge",
    b"haswell",
    b"skylakex",
    b"nehalem",
    b"zen",
    b"compat",
    b"lts",
    b"mc3",
];

/// Files that differ in their names by a processor alone.
pub(super) fn cpu_variants(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut groups: BTreeMap<(NodeId, Vec<u8>), Vec<AtomId>> = BTreeMap::new();
    for file in ledger.live() {
        let name = ledger.name(*file);
        if ledger.atom(*file).bytes < MB || !has(name, b".so") {
            continue;
        }
        if let Some(stem) = without_processor(name) {
            let directory = ledger.filesystem().parent(ledger.atom(*file).node);
            groups.entry((directory, stem)).or_default().push(*file);
        }
    }
    let groups = groups.into_values().filter(|files| files.len() > 1);
    let files: Vec<AtomId> = groups.flatten().collect();
    if files.is_empty() {
        return Vec::new();
    }
    let message = Phrase::words("Libraries are there once for each of several processors");
    vec![Candidate::new("", message, Claim::View(files))]
}

/// A name without the word for a processor; `None` if it has none.
pub(super) fn without_processor(name: &[u8]) -> Option<Vec<u8>> {
    let mut words: Vec<&[u8]> = name.split(|byte| matches!(byte, b'_' | b'-' | b'.')).collect();
    let before = words.len();
    words.retain(|word| !PROCESSORS.iter().any(|known| word.eq_ignore_ascii_case(known)));
    (words.len() < before).then(|| words.join(&b'.'))
}

/// Files that this platform cannot run.
pub(super) fn foreign(facts: &Facts<'_>) -> Vec<Candidate> {
    let platform = &facts.image.platform;
    if platform.os != "linux" {
        return Vec::new();
    }
    let ledger = facts.ledger;
    let mut directories: BTreeSet<NodeId> = BTreeSet::new();
    let is_foreign = |file: &AtomId| {
        let elf = ledger.elf(*file);
        if let Some(elf) = elf.filter(|elf| KINDS.contains(&elf.kind)) {
            return is_other_machine(elf.machine, &platform.architecture)
                && !is_for_emulation(&ledger.path(*file));
        }
        let name = ledger.name(*file);
        let native = [&b".node"[..], b".dylib", b".dll", b".exe", b".so"];
        native.iter().any(|extension| name.ends_with(extension))
            && (name.ends_with(b".dylib")
                || is_of_other_system(&ledger.path(*file), &platform.architecture))
    };
    let files: Vec<AtomId> = ledger.live().iter().copied().filter(is_foreign).collect();
    if files.is_empty() {
        return Vec::new();
    }
    directories
        .extend(files.iter().map(|file| ledger.filesystem().parent(ledger.atom(*file).node)));
    let message = Phrase::words("Programs and libraries of other machines or systems are in ")
        .counted(directories.len(), " directory", " directories");
    vec![Candidate::new("", message, Claim::files(files))]
}

/// Machines of programs, with the name of the platform and what else such a machine runs.
const MACHINES: [(u16, &str, &[&str]); 9] = [
    (3, "386", &["amd64"]),
    (8, "mips", &["mipsle", "mips64", "mips64le"]),
    (20, "ppc", &["ppc64"]),
    (21, "ppc64le", &["ppc64"]),
    (22, "s390x", &[]),
    (40, "arm", &["arm64"]),
    (62, "amd64", &[]),
    (183, "arm64", &[]),
    (243, "riscv64", &[]),
];

/// Whether an `e_machine` is known and not of an architecture. Code for GPUs is of no machine.
pub(super) fn is_other_machine(machine: u16, architecture: &str) -> bool {
    let is_known = MACHINES
        .iter()
        .any(|(_, name, others)| *name == architecture || others.contains(&architecture));
    let row = MACHINES.iter().find(|(number, ..)| *number == machine);
    is_known
        && row.is_some_and(|(_, name, others)| {
            *name != architecture && !others.contains(&architecture)
        })
}

/// Whether a path is of a cross compiler, an emulator or a device's firmware.
fn is_for_emulation(path: &[u8]) -> bool {
    let parts = || path.split(|byte| *byte == b'/');
    parts().any(|part| part.ends_with(b"-linux-gnu") || part == b"firmware" || has(part, b"qemu"))
}

/// Whether a path is in a directory of builds for a system, and not for this one.
pub(super) fn is_of_other_system(path: &[u8], architecture: &str) -> bool {
    let machine: &[u8] = if architecture == "arm64" { b"x64" } else { b"arm64" };
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    parts.windows(2).any(|pair| {
        let [holder, system] = pair else { return false };
        let other = [&b"darwin"[..], b"win32", b"android", b"freebsd"];
        let is_other = other.iter().any(|prefix| system.starts_with(prefix));
        match *holder {
            b"prebuilds" => is_other || (system.starts_with(b"linux") && system.ends_with(machine)),
            b"vendor" => is_other,
            b"runtimes" => system.starts_with(b"win") || system.starts_with(b"osx"),
            _ => false,
        }
    })
}
