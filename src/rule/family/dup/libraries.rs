//! Large shared libraries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::MB;
use super::roots::bytes;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Libraries of CUDA, by the start of their names.
const CUDA: [&str; 12] = [
    "libcudart",
    "libcublas",
    "libcudnn",
    "libcufft",
    "libcurand",
    "libcusolver",
    "libcusparse",
    "libnccl",
    "libnvrtc",
    "libnvJitLink",
    "libcupti",
    "libnvinfer",
];
/// Fewer bytes that two places have in common are no finding.
const CUDA_MIN: u64 = 100 * MB;

/// Families of libraries and the starts of their names.
const FAMILIES: [(&str, &[&str]); 24] = [
    ("MKL", &["libmkl_"]),
    ("OpenBLAS", &["libopenblas", "libscipy_openblas"]),
    ("BLIS", &["libblis"]),
    ("LLVM", &["libLLVM", "libllvmlite"]),
    ("Clang", &["libclang"]),
    ("Qt 5", &["libQt5"]),
    ("Qt 6", &["libQt6"]),
    ("VTK", &["libvtk"]),
    ("ITK", &["libITK", "libitk"]),
    ("OpenCV", &["libopencv_"]),
    ("FFmpeg", &["libavcodec", "libavformat", "libavfilter", "libavutil"]),
    ("GDAL", &["libgdal"]),
    ("PROJ", &["libproj."]),
    ("HDF5", &["libhdf5"]),
    ("ICU", &["libicudata", "libicui18n", "libicuuc"]),
    ("Arrow", &["libarrow", "libparquet"]),
    ("Protocol Buffers", &["libprotobuf", "libprotoc"]),
    ("TBB", &["libtbb"]),
    ("libstdc++", &["libstdc++"]),
    ("Boost", &["libboost_"]),
    ("OpenSSL", &["libcrypto.so", "libssl.so"]),
    ("PyTorch", &["libtorch"]),
    ("TensorFlow", &["libtensorflow"]),
    ("Spatial indexes", &["libgeos"]),
];
const FAMILY_MIN: u64 = 20 * MB;
const FAMILY_TOTAL: u64 = 50 * MB;

/// The files of a family by the place they are in.
type Places = BTreeMap<Vec<u8>, Vec<AtomId>>;

/// The visible libraries of some families by family and place.
fn libraries(
    facts: &Facts<'_>,
    family: impl Fn(&str) -> Option<&'static str>,
) -> BTreeMap<&'static str, Places> {
    let ledger = facts.ledger;
    let mut found: BTreeMap<&'static str, Places> = BTreeMap::new();
    for file in ledger.live() {
        let name = ledger.name(*file);
        if !name.starts_with(b"lib") || !name.windows(3).any(|part| part == b".so") {
            continue;
        }
        let Some(family) = std::str::from_utf8(name).ok().and_then(&family) else { continue };
        let place = place(&ledger.path(*file));
        found.entry(family).or_default().entry(place).or_default().push(*file);
    }
    found
}

/// What a library belongs to, by its path: a CUDA installation, the wheels of an environment, the
/// system's libraries, or else its directory.
fn place(path: &[u8]) -> Vec<u8> {
    let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let upto = |at: usize| components[..=at.min(components.len() - 1)].join(&b'/');
    let position = |name: &[u8]| components.iter().rposition(|component| *component == name);
    if let Some(at) = position(b"site-packages").or_else(|| position(b"dist-packages")) {
        return upto(at);
    }
    if let [b"usr", b"local", cuda, ..] = components[..]
        && cuda.starts_with(b"cuda")
    {
        return upto(2);
    }
    let is_triplet = |component: &&[u8]| component.ends_with(b"-linux-gnu");
    match components.iter().position(is_triplet) {
        Some(at) if at + 1 < components.len() => upto(at),
        _ => components[..components.len() - 1].join(&b'/'),
    }
}

fn path_text(place: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(place))
}

fn is_of_wheels(place: &[u8]) -> bool {
    place.ends_with(b"-packages")
}

/// By family, the files that stay and those that go.
type Shared<'a> = BTreeMap<&'static str, (&'a [AtomId], &'a [AtomId])>;

pub(super) fn cuda(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let family = |name: &str| CUDA.iter().find(|start| name.starts_with(**start)).copied();
    let families = libraries(facts, family);
    let mut totals: HashMap<&[u8], u64> = HashMap::new();
    for (place, files) in families.values().flatten() {
        *totals.entry(place).or_default() += bytes(ledger, files);
    }
    // The wheels load their own copy, so that one stays; else the largest.
    let rank = |place: &[u8]| {
        (!is_of_wheels(place), Reverse(totals.get(place).copied().unwrap_or_default()))
    };
    let mut pairs: BTreeMap<(&[u8], &[u8]), Shared<'_>> = BTreeMap::new();
    for (family, places) in &families {
        let kept = places.keys().min_by_key(|place| (rank(place), *place));
        let Some((kept, stays)) = kept.and_then(|kept| places.get_key_value(kept)) else {
            continue;
        };
        for (place, files) in places.iter().filter(|(place, _)| *place != kept) {
            pairs.entry((kept, place)).or_default().insert(family, (stays, files));
        }
    }
    let mut found = Vec::new();
    for ((kept, place), families) in pairs {
        let files: Vec<AtomId> =
            families.values().flat_map(|(_, files)| files.iter().copied()).collect();
        if bytes(ledger, &files) < CUDA_MIN {
            continue;
        }
        let (kept, place) = (path_text(kept), path_text(place));
        let message = Phrase::words("CUDA libraries of ")
            .name(place.clone())
            .and(" are also in ")
            .name(kept.clone());
        let mut candidate =
            Candidate::new(format!("{kept}\n{place}"), message, Claim::files(files));
        let row = |(family, (stays, goes)): (&&str, &(&[AtomId], &[AtomId]))| {
            vec![
                Value::Text((*family).to_owned()),
                Value::Bytes(bytes(ledger, stays)),
                Value::Bytes(bytes(ledger, goes)),
            ]
        };
        let rows = families.iter().map(row).collect();
        candidate.table = Some(Table { columns: vec!["Library", "Stays", "Size"], rows });
        found.push(candidate);
    }
    found
}

pub(super) fn shared(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let family = |name: &str| {
        let fits =
            |(_, starts): &&(&str, &[&str])| starts.iter().any(|start| name.starts_with(start));
        FAMILIES.iter().find(fits).map(|(family, _)| *family)
    };
    let mut found = Vec::new();
    for (family, places) in libraries(facts, family) {
        let mut places: Vec<(u64, Vec<u8>, Vec<AtomId>)> = places
            .into_iter()
            .map(|(place, files)| (bytes(ledger, &files), place, files))
            .filter(|(bytes, ..)| *bytes >= FAMILY_MIN)
            .collect();
        places.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let total: u64 = places.iter().fold(0, |sum, (bytes, ..)| sum.saturating_add(*bytes));
        if places.len() < 2 || total < FAMILY_TOTAL {
            continue;
        }
        let files: BTreeSet<AtomId> =
            places.iter().skip(1).flat_map(|(_, _, files)| files.iter().copied()).collect();
        let message = Phrase::words("The library ")
            .name(family)
            .and(" is in ")
            .count(places.len())
            .and(" places");
        let mut candidate = Candidate::new(family, message, Claim::files(files));
        let row = |(bytes, place, files): &(u64, Vec<u8>, Vec<AtomId>)| {
            let owner = files.first().map(|file| facts.owners.owner(facts.owners.of(*file)));
            vec![
                Value::Text(path_text(place)),
                owner.map_or(Value::Unknown, |owner| Value::Text(owner.name.clone())),
                Value::Bytes(*bytes),
            ]
        };
        let rows = places.iter().map(row).collect();
        candidate.table = Some(Table { columns: vec!["Directory", "Owner", "Size"], rows });
        found.push(candidate);
    }
    found
}
