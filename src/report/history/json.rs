//! The schemas `regsize.audit-history/1`, `-verify/1`, `-prune/1`, `-export/1` and `-import/1`.

use std::io::{self, Write};

use serde::Serialize;

use super::{HistoryReport, Recorded};
use crate::history::{Broken, Fault, Figures, Point, Timeline, Verified};
use crate::oci::Digest;
use crate::report::encode::write_json;

/// The schema of a command's report.
pub(super) fn schema(command: &str) -> &'static str {
    match command {
        "run" => "regsize.audit-run/1",
        "config" => "regsize.audit-config/1",
        "record" => "regsize.audit-record/1",
        "verify" => "regsize.audit-verify/1",
        "prune" => "regsize.audit-prune/1",
        "export" => "regsize.audit-export/1",
        "import" => "regsize.audit-import/1",
        _ => "regsize.audit-history/1",
    }
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    schema: &'static str,
    repository: &'a str,
    tag: Option<&'a str>,
    targets: Vec<TargetJson<'a>>,
    points: Vec<PointJson<'a>>,
}

#[derive(Serialize)]
struct TargetJson<'a> {
    tag: &'a str,
    platform: &'a str,
    last_seen: Option<String>,
    gone: Option<String>,
    gaps: Vec<GapJson>,
    failure: Option<FailureJson<'a>>,
    /// Whether there are earlier points.
    more: bool,
}

#[derive(Serialize)]
struct GapJson {
    gone: String,
    back: String,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    seen: String,
    kind: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct PointJson<'a> {
    tag: &'a str,
    platform: &'a str,
    digest: &'a Digest,
    root: &'a Digest,
    seen: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct VerifiedJson<'a> {
    schema: &'static str,
    place: &'a str,
    sound: bool,
    rows: u64,
    snapshots: u64,
    first: i64,
    last: i64,
    head: &'a str,
    broken: Option<BrokenJson<'a>>,
}

#[derive(Serialize)]
struct BrokenJson<'a> {
    row: Option<i64>,
    fault: &'static str,
    repository: Option<&'a str>,
    tag: Option<&'a str>,
    platform: Option<&'a str>,
    image: Option<&'a Digest>,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct PrunedJson<'a> {
    schema: &'static str,
    place: &'a str,
    dry_run: bool,
    rows: u64,
    through: i64,
    carried: u64,
    /// `null` where nothing was removed.
    snapshots: Option<u64>,
}

#[derive(Serialize)]
struct ExportedJson<'a> {
    schema: &'static str,
    place: &'a str,
    rows: u64,
    damaged: u64,
}

#[derive(Serialize)]
struct ImportedJson<'a> {
    schema: &'static str,
    place: &'a str,
    rows: u64,
    known: u64,
    damaged: u64,
}

#[derive(Serialize)]
struct RecordedJson<'a> {
    schema: &'static str,
    place: &'a str,
    changed: usize,
    same: usize,
    failed: usize,
}

/// Writes a report in the schema of its command.
pub(super) fn write(report: &HistoryReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    match *report {
        HistoryReport::Timelines { repository, tag, timelines } => {
            let points = timelines.iter().flat_map(|timeline| &timeline.points);
            let history = HistoryJson {
                schema: schema("history"),
                repository,
                tag,
                targets: timelines.iter().map(target).collect(),
                points: points.map(point).collect(),
            };
            write_json(&history, out)
        }
        HistoryReport::Verified { place, verified } => {
            write_json(&of_verified(place, verified), out)
        }
        HistoryReport::Pruned { place, pruned, dry_run } => {
            let json = PrunedJson {
                schema: schema("prune"),
                place,
                dry_run,
                rows: pruned.rows,
                through: pruned.through,
                carried: pruned.carried,
                snapshots: (!dry_run).then_some(pruned.snapshots),
            };
            write_json(&json, out)
        }
        HistoryReport::Exported { place, exported } => {
            let (rows, damaged) = (exported.rows, exported.damaged);
            write_json(&ExportedJson { schema: schema("export"), place, rows, damaged }, out)
        }
        HistoryReport::Recorded { place, recorded } => {
            let Recorded { changed, same, failed } = recorded;
            let schema = schema("record");
            write_json(&RecordedJson { schema, place, changed, same, failed }, out)
        }
        HistoryReport::Imported { place, imported } => {
            let json = ImportedJson {
                schema: schema("import"),
                place,
                rows: imported.rows,
                known: imported.known,
                damaged: imported.damaged,
            };
            write_json(&json, out)
        }
    }
}

fn target(timeline: &Timeline) -> TargetJson<'_> {
    let failure = timeline.failure.as_ref();
    let gaps = timeline.absences.iter().filter_map(|absence| {
        Some(GapJson { gone: absence.gone.to_string(), back: absence.back?.to_string() })
    });
    TargetJson {
        tag: &timeline.target.tag,
        platform: &timeline.target.platform,
        last_seen: timeline.last_seen.map(|time| time.to_string()),
        gone: timeline.gone().map(|time| time.to_string()),
        gaps: gaps.collect(),
        failure: failure.map(|(seen, kind, message)| FailureJson {
            seen: seen.to_string(),
            kind,
            message,
        }),
        more: timeline.more,
    }
}

fn point(point: &Point) -> PointJson<'_> {
    PointJson {
        tag: &point.target.tag,
        platform: &point.target.platform,
        digest: &point.image,
        root: &point.root,
        seen: point.seen.to_string(),
        figures: point.figures,
    }
}

fn of_verified<'a>(place: &'a str, verified: &'a Verified) -> VerifiedJson<'a> {
    VerifiedJson {
        schema: schema("verify"),
        place,
        sound: verified.broken.is_none(),
        rows: verified.rows,
        snapshots: verified.snapshots,
        first: verified.first,
        last: verified.last,
        head: &verified.head,
        broken: verified.broken.as_ref().map(of_broken),
    }
}

fn of_broken(broken: &Broken) -> BrokenJson<'_> {
    let (fault, image, message) = match &broken.fault {
        Fault::Changed => ("changed", None, None),
        Fault::Missing => ("missing", None, None),
        Fault::Unreadable(reason) => ("unreadable", None, Some(reason.as_str())),
        Fault::Extra => ("extra", None, None),
        Fault::Head => ("head", None, None),
        Fault::Snapshot(image) => ("snapshot", Some(image), None),
        Fault::Database(reason) => ("database", None, Some(reason.as_str())),
    };
    let target = broken.target.as_ref();
    BrokenJson {
        row: Some(broken.seq).filter(|seq| *seq > 0),
        fault,
        repository: target.map(|target| target.repository.as_str()),
        tag: target.map(|target| target.tag.as_str()),
        platform: target.map(|target| target.platform.as_str()),
        image,
        message,
    }
}
