//! Analyses and listings for the tests of reports.

use super::{empty, findings, hostile, ml, plain, study};
use crate::analysis::{
    Analysis, Dive, ImageAnalysis, LayerUsage, PathUsage, Remark, UsageRow, Waste,
};
use crate::filesystem::{Amount, Hidden, How};
use crate::image::{Image, Inspection};
use crate::layer::{Attributes, Kind, OddityKind, Source};
use crate::report::Outcome;

/// Written in, hidden in, how, content bytes, files, the path that holds most.
type Pair = (usize, usize, How, u64, u64, &'static str);

const WASTE: &[Pair] = &[
    (2, 5, How::Whiteout, 1_412_000_000, 30_211, "opt/conda/pkgs"),
    (2, 5, How::OverwriteSame, 201_300_000, 12, "opt/conda/lib/libcudart.so.12"),
    (1, 8, How::OverwriteChanged, 9_400_000, 97, "var/lib/dpkg/status"),
    (8, 9, How::OpaqueDirectory, 4_100_000, 5, "tmp/rstudio"),
    (5, 5, How::Repeated, 96_000, 1, "opt/conda/conda-meta/history"),
    (0, 7, How::TypeChange, 1_200, 1, "usr/bin/editor"),
];

const DIRECTORIES: &[(&str, u64, u64)] = &[
    ("", 23_910_400_000, 418_220),
    ("opt", 21_030_000_000, 372_004),
    ("opt/conda", 20_610_000_000, 370_100),
    ("opt/conda/lib", 14_200_000_000, 160_400),
    ("opt/conda/lib/python3.12/site-packages/torch", 4_310_000_000, 11_390),
    ("usr/lib/rstudio-server", 1_190_000_000, 8_020),
    ("opt/models", 216_000_000, 4),
];

const FILES: &[(&str, u64, usize)] = &[
    ("opt/conda/lib/python3.12/site-packages/torch/lib/libtorch_cuda.so", 1_020_000_000, 5),
    ("opt/conda/lib/libcublasLt.so.12", 751_000_000, 5),
    ("opt/models/caf\u{e9}.safetensors", 214_900_000, 4),
    ("usr/lib/rstudio-server/bin/quarto/bin/tools/deno", 121_000_000, 8),
];

/// An image with waste of several kinds, remarks and dive's figures.
pub(in crate::report) fn ml_analysis() -> Analysis {
    let inspection = ml();
    let images = vec![image_analysis(&inspection, 0)];
    Analysis { inspection, images, findings: Vec::new() }
}

/// The same for both platforms.
pub(in crate::report) fn ml_platforms() -> Analysis {
    let inspection = ml();
    let images = vec![image_analysis(&inspection, 0), image_analysis(&inspection, 1)];
    Analysis { inspection, images, findings: vec![findings::order()] }
}

/// An image of which two layers were not read.
pub(in crate::report) fn partial() -> Analysis {
    let inspection = plain();
    let mut found = bare(&inspection.images[0]);
    found.layers[2] = None;
    found.layers[3] = None;
    found.visible = Amount { files: 3_101, bytes: 74_000_000, compressed: 58_100_000 };
    Analysis { inspection, images: vec![found], findings: Vec::new() }
}

/// An image without layers.
pub(in crate::report) fn nothing() -> Analysis {
    let inspection = empty();
    let mut found = bare(&inspection.images[0]);
    found.dive = Some(Dive {
        efficiency: 1.0,
        size_bytes: 0,
        user_size_bytes: 0,
        wasted_bytes: 0,
        user_wasted_percent: f64::NAN,
    });
    found.study = Some(study::nothing());
    Analysis { inspection, images: vec![found], findings: Vec::new() }
}

/// An image whose every text and path is hostile.
pub(in crate::report) fn hostile_analysis(paths: &[&[u8]]) -> Analysis {
    let inspection = hostile();
    let mut found = image_analysis(&inspection, 0);
    found.study = paths.first().map(|path| study::hostile(path));
    let mut paths = paths.iter().cycle().map(|path| path.to_vec());
    let waste = found.waste.iter_mut().flat_map(|waste| &mut waste.paths);
    for usage in waste.chain(&mut found.directories).chain(&mut found.files) {
        usage.path = paths.next().unwrap_or_default();
    }
    for remark in found.ambiguous.iter_mut().chain(&mut found.notes) {
        remark.path = paths.next();
    }
    Analysis { inspection, images: vec![found], findings: Vec::new() }
}

/// Paths that have broken somebody's report.
pub(in crate::report) const HOSTILE_PATHS: &[&[u8]] = &[
    b"opt/=cmd|' /C calc'!A0",
    b"=SUM(A1)",
    b"caf\xe9/\xff\xfe",
    b"a\\xffb",
    b"a\nb\tc\r",
    b"\x1b[31mred",
    b"::error::x",
    b"a|b`c`<script>",
    "\u{202e}txt.exe".as_bytes(),
];

/// The outcome of an analysis.
pub(in crate::report) fn analyzed(analysis: Analysis) -> Outcome<Analysis> {
    Outcome { reference: analysis.inspection.reference.clone(), result: Ok(analysis) }
}

/// Rows of a listing, of every kind of entry.
pub(in crate::report) fn usage_rows(paths: &[&[u8]]) -> Vec<UsageRow> {
    let kinds = [
        Kind::Directory,
        Kind::File,
        Kind::Symlink,
        Kind::Hardlink,
        Kind::Character,
        Kind::Block,
        Kind::Fifo,
        Kind::Whiteout,
        Kind::Opaque,
        Kind::Reserved,
    ];
    let paths = paths.iter().cycle();
    kinds
        .into_iter()
        .zip(paths)
        .zip(0..)
        .map(|((kind, path), at)| usage_row(kind, path, at))
        .collect()
}

fn usage_row(kind: Kind, path: &[u8], at: u64) -> UsageRow {
    let is_link = matches!(kind, Kind::Symlink | Kind::Hardlink);
    let attributes = Attributes { mode: 0o4755, uid: 0, gid: 100 + at, xattrs: 0 };
    UsageRow {
        path: path.to_vec(),
        kind,
        depth: 1,
        amount: Amount { files: at, bytes: 3_141_592 * at, compressed: 271_828 * at },
        layer: (kind != Kind::Directory).then_some(5),
        attributes: (kind != Kind::Directory).then_some(attributes),
        mtime: (kind != Kind::Directory).then_some(1_769_679_612),
        target: is_link.then(|| b"../li\xffb".to_vec()),
        hidden: (at % 2 == 1).then_some(Hidden { layer: 7, how: How::Whiteout }),
    }
}

fn image_analysis(inspection: &Inspection, image: usize) -> ImageAnalysis {
    let mut found = ImageAnalysis { image, ..bare(&inspection.images[image]) };
    for pair in WASTE {
        let waste = waste(*pair);
        found.shadowed += waste.amount;
        if let Some(usage) = &mut found.layers[waste.written_in] {
            usage.shadowed += waste.amount;
        }
        found.waste.push(waste);
    }
    let content: u64 = found.layers.iter().flatten().map(|usage| usage.content).sum();
    found.visible =
        Amount { files: 418_220, bytes: content - found.shadowed.bytes, compressed: 9_100_000_000 };
    found.directories = DIRECTORIES
        .iter()
        .map(|(path, bytes, files)| usage(path, Kind::Directory, *bytes, *files, None))
        .collect();
    found.files = FILES
        .iter()
        .map(|(path, bytes, layer)| usage(path, Kind::File, *bytes, 1, Some(*layer)))
        .collect();
    found.dive = Some(Dive {
        efficiency: 0.961_212,
        size_bytes: content,
        user_size_bytes: content - 80_000_000,
        wasted_bytes: 1_900_000_000,
        user_wasted_percent: 0.075_1,
    });
    let remark = |layer, path: &str, kind| Remark { layer, path: Some(path.into()), kind };
    found.ambiguous = vec![
        remark(5, "opt/conda/conda-meta/history", OddityKind::RepeatedPath),
        remark(5, "opt/conda/.lock", OddityKind::RepeatedPath),
        Remark { layer: 8, path: None, kind: OddityKind::BytesAfterEnd { bytes: 512 } },
    ];
    found.notes = vec![remark(0, "dev/x", OddityKind::UnknownType { flag: b'V' })];
    found.remarks_dropped = 3;
    found.study = Some(study::study());
    found
}

/// An analysis with nothing in it but the layers.
fn bare(image: &Image) -> ImageAnalysis {
    let layers = image.layers.iter().map(|layer| {
        let content = layer.uncompressed.map_or(50_000_000, |known| known.bytes / 100 * 97);
        let cached = layer.index == 0;
        Some(LayerUsage {
            content,
            entries: content / 40_000 + 2,
            files: content / 60_000 + 1,
            source: if layer.index == 3 { Source::EStargz } else { Source::Stream },
            cached,
            transferred: if cached { 0 } else { layer.compressed },
            ..LayerUsage::default()
        })
    });
    ImageAnalysis {
        paths: Vec::new(),
        matches: Vec::new(),
        image: 0,
        layers: layers.collect(),
        visible: Amount::default(),
        shadowed: Amount::default(),
        waste: Vec::new(),
        waste_without_content: Amount::default(),
        directories: Vec::new(),
        files: Vec::new(),
        dive: None,
        ambiguous: Vec::new(),
        notes: Vec::new(),
        remarks_dropped: 0,
        study: None,
    }
}

fn waste((written_in, layer, how, bytes, files, path): Pair) -> Waste {
    let kind = if how == How::Whiteout { Kind::Directory } else { Kind::File };
    Waste {
        written_in,
        hidden: Hidden { layer, how },
        amount: Amount { files, bytes, compressed: bytes / 3 },
        paths: vec![usage(path, kind, bytes / 10 * 9, files, Some(written_in))],
    }
}

fn usage(path: &str, kind: Kind, bytes: u64, files: u64, layer: Option<usize>) -> PathUsage {
    let amount = Amount { files, bytes, compressed: bytes / 3 };
    PathUsage { path: path.into(), kind, amount, layer }
}
