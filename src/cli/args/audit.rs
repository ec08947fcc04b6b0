//! The arguments of `regsize audit`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{CompareTableKind, PlatformArgs, positive};
use crate::cli::help::{AUDIT_EXAMPLES, AUDIT_RUN_EXAMPLES, AUDIT_WATCH_EXAMPLES};
use crate::oci::Platform;

/// What is done with a history.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Look at all that is watched, once: record what moved and why, and judge it; for cron and CI
    #[command(after_help = AUDIT_RUN_EXAMPLES)]
    Run(AuditRunArgs),
    /// Run targets when their schedules say, until it is stopped; several share a PostgreSQL history
    #[command(after_help = AUDIT_WATCH_EXAMPLES)]
    Watch(AuditWatchArgs),
    /// Write a commented file of settings to begin with
    #[command(after_help = AUDIT_RUN_EXAMPLES)]
    Init(AuditInitArgs),
    /// Say what a file of settings watches, or what is wrong in which line
    #[command(after_help = AUDIT_RUN_EXAMPLES)]
    CheckConfig(CheckConfigArgs),
    /// Read tags and record what they are now, platform by platform; for cron and CI
    #[command(after_help = AUDIT_EXAMPLES)]
    Record(RecordArgs),
    /// What a published tag was over time: sizes, changes, whether it is still there
    #[command(after_help = AUDIT_EXAMPLES)]
    History(HistoryArgs),
    /// What moved and why, over budgets or not, and what tags share; from the history alone
    #[command(after_help = AUDIT_EXAMPLES)]
    Report(ReportArgs),
    /// Compare what a tag was on two days, from the history alone
    #[command(after_help = AUDIT_EXAMPLES)]
    Diff(DiffArgs),
    /// Compare every row of a history with its hash, and name the first that is broken
    #[command(after_help = AUDIT_EXAMPLES)]
    Verify(VerifyStoreArgs),
    /// Remove the oldest rows; what still holds is kept, and that it happened is recorded
    #[command(after_help = AUDIT_EXAMPLES)]
    Prune(PruneStoreArgs),
    /// Write all rows as JSON lines or Parquet
    #[command(after_help = AUDIT_EXAMPLES)]
    Export(ExportArgs),
    /// Append the rows of an export that are not there yet
    #[command(after_help = AUDIT_EXAMPLES)]
    Import(ImportArgs),
}

/// Where the history is.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct StoreArgs {
    /// The history: FILE, sqlite:FILE or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE", conflicts_with = "store_file")]
    pub(in crate::cli) store: Option<String>,
    /// Read from this file where the history is, with a password
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) store_file: Option<PathBuf>,
}

/// Which history is meant.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct PlaceArgs {
    /// The file of settings, whose section audit says where the history is; regsize.toml if there is
    /// one
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) store: StoreArgs,
}

/// Where waits what cannot be recorded.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct SpoolArgs {
    /// Keep what cannot be recorded in this directory until it can be; without it regsize/spool in
    /// the user's directory for state
    #[arg(long, value_name = "DIR", env = "REGSIZE_SPOOL")]
    pub(in crate::cli) spool: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditRunArgs {
    /// What is watched: section audit of this file
    #[arg(long, value_name = "FILE", default_value = "regsize.toml")]
    pub(in crate::cli) config: PathBuf,
    /// Look at just these targets, by their names
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    pub(in crate::cli) only: Vec<String>,
    /// Stop reading when a registry reports that no more than so many pulls are left
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(in crate::cli) reserve: u64,
    /// Take this for the time that it is, to replay what happened
    #[arg(long, value_name = "TIME", hide = true)]
    pub(in crate::cli) now: Option<Timestamp>,
    #[command(flatten)]
    pub(in crate::cli) store: StoreArgs,
    #[command(flatten)]
    pub(in crate::cli) spool: SpoolArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditWatchArgs {
    /// The file of settings, which says what is watched and when
    #[arg(long, value_name = "FILE", default_value = "regsize.toml")]
    pub(in crate::cli) config: PathBuf,
    /// Answer for /metrics, /healthz and /readyz here, or nowhere: none
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464", value_parser = listen)]
    pub(in crate::cli) listen: Listen,
    /// Run at most so many targets at once
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) at_once: u16,
    /// Run at most so many targets of one registry at once, in all processes together
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(in crate::cli) per_registry: u32,
    /// Wait so many seconds for what runs when asked to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    pub(in crate::cli) grace: u32,
    /// Stop reading when a registry reports that no more than so many pulls are left
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(in crate::cli) reserve: u64,
    #[command(flatten)]
    pub(in crate::cli) store: StoreArgs,
    #[command(flatten)]
    pub(in crate::cli) spool: SpoolArgs,
}

/// Where questions are answered, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Listen(pub(in crate::cli) Option<SocketAddr>);

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditInitArgs {
    /// The file, which must not be there yet
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Watch this repository
    #[arg(long, value_name = "REPOSITORY")]
    pub(in crate::cli) target: Vec<String>,
    /// The history: FILE or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE")]
    pub(in crate::cli) store: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckConfigArgs {
    /// What is watched: section audit of this file
    #[arg(long, value_name = "FILE", default_value = "regsize.toml")]
    pub(in crate::cli) config: PathBuf,
    /// Take this for the time that it is
    #[arg(long, value_name = "TIME", hide = true)]
    pub(in crate::cli) now: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordArgs {
    /// The images by their tags, as in ghcr.io/owner/name:latest
    #[arg(value_name = "IMAGE", required = true)]
    pub(in crate::cli) references: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// Record sizes of images and layers alone; no layer is read
    #[arg(long)]
    pub(in crate::cli) manifest_only: bool,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
    #[command(flatten)]
    pub(in crate::cli) spool: SpoolArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryArgs {
    /// A repository for all of its tags, or one tag, as in ghcr.io/owner/name:1.2
    #[arg(value_name = "TARGET")]
    pub(in crate::cli) target: String,
    /// Show just this platform, as in linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    pub(in crate::cli) platform: Option<Platform>,
    /// At most so many changes of each tag and platform, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) last: u32,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArgs {
    /// Repositories, or tags as in ghcr.io/owner/name:1.2; without any, all that is recorded
    #[arg(value_name = "TARGET")]
    pub(in crate::cli) targets: Vec<String>,
    /// From when on: a day, as in 2026-11-01, or a time, as in 2026-11-01T06:00:00Z
    #[arg(long, value_name = "DATE", value_parser = since)]
    pub(in crate::cli) since: Option<Timestamp>,
    /// The last so many days
    #[arg(long, value_name = "NUMBER", default_value_t = 30, conflicts_with = "since", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(in crate::cli) days: u32,
    /// Also write the report with charts to this file, as a page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The tag, as in ghcr.io/owner/name:1.2
    #[arg(value_name = "TARGET")]
    pub(in crate::cli) target: String,
    /// The old day, as in 2026-11-01: what the tag was at its end in UTC; or a time, as in 2026-11-01T06:00:00Z
    #[arg(value_name = "DATE", value_parser = until)]
    pub(in crate::cli) old: Timestamp,
    /// The new day or time
    #[arg(value_name = "DATE", value_parser = until)]
    pub(in crate::cli) new: Timestamp,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// Rows of each list
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = positive())]
    pub(in crate::cli) top: usize,
    /// The table that --format csv writes
    #[arg(long, value_enum, default_value_t = CompareTableKind::Layers)]
    pub(in crate::cli) table: CompareTableKind,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyStoreArgs {
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PruneStoreArgs {
    /// Keep what was recorded in this time, as in 400d or 52w
    #[arg(long, value_name = "TIME", value_parser = days)]
    pub(in crate::cli) keep: u32,
    /// Only say what would go
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The file; without it, JSON lines go to stdout
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// An export, in either form
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) place: PlaceArgs,
}

fn listen(text: &str) -> Result<Listen, String> {
    match text {
        "none" => Ok(Listen(None)),
        text => text.parse().map(|address| Listen(Some(address))).map_err(|_| {
            "expected an address with a port, as in 127.0.0.1:9464, or none".to_owned()
        }),
    }
}

/// Days, as in `400d`, or weeks, as in `52w`.
fn days(text: &str) -> Result<u32, String> {
    let unit = |suffix, days: u32| Some((text.strip_suffix(suffix)?.parse::<u32>().ok()?, days));
    let (number, days) =
        unit('d', 1).or_else(|| unit('w', 7)).ok_or("expected days, as in 400d")?;
    number
        .checked_mul(days)
        .filter(|days| *days <= 100_000)
        .ok_or_else(|| "too long a time".to_owned())
}

/// A time, or the beginning of a day.
fn since(text: &str) -> Result<Timestamp, String> {
    moment(text, 0)
}

/// A time, or the end of a day.
fn until(text: &str) -> Result<Timestamp, String> {
    moment(text, 1)
}

/// A time, or midnight in UTC so many days after a day.
fn moment(text: &str, later: i64) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day: Option<Date> = (text.len() == 10).then(|| text.parse().ok()).flatten();
    let midnight = day.and_then(|day| {
        let day = day.checked_add(later.days()).ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    midnight.ok_or_else(|| "expected a day, as in 2026-11-01, or 2026-11-01T06:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_at_midnight() {
        let check = |text: &str, from: Option<&str>, to: Option<&str>| {
            let printed = |time: Result<Timestamp, String>| time.ok().map(|time| time.to_string());
            assert_eq!(printed(since(text)).as_deref(), from, "{text}");
            assert_eq!(printed(until(text)).as_deref(), to, "{text}");
        };
        let time = Some("2026-11-30T06:00:00Z");
        check("2026-11-30", Some("2026-11-30T00:00:00Z"), Some("2026-12-01T00:00:00Z"));
        check("2026-11-30T06:00:00Z", time, time);
        check("2026-11-30T07:00:00+01:00", time, time);
        for wrong in ["", "yesterday", "2026-11-31", "2026-11", "20261130", "9999-12-31x", "30"] {
            check(wrong, None, None);
        }
    }

    #[test]
    fn questions_are_answered_at_an_address_or_nowhere() {
        let check = |text: &str, expected: Option<&str>| {
            let found =
                listen(text).ok().map(|Listen(it)| it.map_or("none".into(), |it| it.to_string()));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("none", Some("none"));
        check("127.0.0.1:9464", Some("127.0.0.1:9464"));
        check("[::1]:80", Some("[::1]:80"));
        for wrong in ["", "127.0.0.1", ":9464", "9464", "localhost:9464", "127.0.0.1:99999"] {
            check(wrong, None);
        }
    }

    #[test]
    fn times_are_days_or_weeks() {
        let check =
            |text: &str, expected: Option<u32>| assert_eq!(days(text).ok(), expected, "{text}");
        check("400d", Some(400));
        check("52w", Some(364));
        check("0d", Some(0));
        for wrong in ["", "d", "400", "-1d", "1.5d", "1m", "100001d", "4294967295w", "\u{e9}d"] {
            check(wrong, None);
        }
    }
}
