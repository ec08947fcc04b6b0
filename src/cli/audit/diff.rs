//! `regsize audit diff`: what differs between what a tag was on two days, from the history alone.

use jiff::Timestamp;

use super::super::args::{Cli, DiffArgs};
use super::super::compare::table;
use super::super::exit::Exit;
use super::super::run::render_options;
use super::super::write_report;
use super::{error, open, target, unknown};
use crate::compare::compare;
use crate::history::{Access, Question, Store, Target};
use crate::oci::Platform;
use crate::registry::{Error, ErrorKind};
use crate::report::{CompareOptions, Comparisons, Outcome, render_comparison};
use crate::snapshot::Snapshot;

pub(super) async fn run(cli: &Cli, args: &DiffArgs) -> Result<Exit, Error> {
    let (repository, tag) = target(&args.target)?;
    let tag = tag.ok_or_else(|| {
        let text = format!("{} is a repository: a tag is compared", args.target);
        Error::new(ErrorKind::Usage, text).hint("name one, as in ghcr.io/owner/name:1.2")
    })?;
    let (mut store, _) = open(&args.place, Access::Read).await?;
    let question = Question { repository, tag: Some(tag), platform: None, newest: 1 };
    let timelines = store.timelines(&question).await.map_err(error)?;
    let known = timelines.into_iter().filter(|timeline| !timeline.points.is_empty());
    let known: Vec<Target> = known.map(|timeline| timeline.target).collect();
    let target = chosen(known, args)?;
    let old = image(&mut store, &target, args.old).await?;
    let new = image(&mut store, &target, args.new).await?;
    store.close().await.map_err(error)?;
    let comparison = Comparisons::Two(Box::new(compare(&old, &new)));
    let outcome = Outcome { reference: args.target.clone(), result: Ok(comparison) };
    let show = CompareOptions { top: args.top, table: table(args.table) };
    let options = render_options(cli, show);
    Ok(write_report(|out| render_comparison(&outcome, &options, out)))
}

/// The platform that is wanted; without one, the only one or this machine's.
fn chosen(mut known: Vec<Target>, args: &DiffArgs) -> Result<Target, Error> {
    if known.is_empty() {
        return Err(unknown(&args.target));
    }
    let wanted = args.platform.platform.clone();
    if let ([_], None) = (known.as_slice(), &wanted) {
        return Ok(known.remove(0));
    }
    let wanted = wanted.unwrap_or_else(Platform::host);
    let names: Vec<&str> = known.iter().map(|target| target.platform.as_str()).collect();
    let text = format!(
        "nothing is recorded of {} for {wanted}, but for {}",
        args.target,
        names.join(", ")
    );
    let fits = |target: &Target| {
        target.platform.parse::<Platform>().is_ok_and(|platform| platform.satisfies(&wanted))
    };
    let found = known.iter().position(fits).map(|at| known.remove(at));
    found.ok_or_else(|| Error::new(ErrorKind::NotFound, text).hint("name one: --platform OS/ARCH"))
}

/// What a target was just before a time.
async fn image(store: &mut Store, target: &Target, time: Timestamp) -> Result<Snapshot, Error> {
    let name = format!("{}:{} {}", target.repository, target.tag, target.platform);
    let none = |text: String| Error::new(ErrorKind::NotFound, text);
    let found = store.just_before(target, time).await.map_err(error)?;
    let Some((point, gone)) = found else {
        let error = none(format!("nothing is recorded of {name} before {time}"));
        return Err(error.hint(format!(
            "regsize audit history {}:{} tells since when it is",
            target.repository, target.tag
        )));
    };
    if let Some(gone) = gone {
        return Err(none(format!("{name} was gone from {gone} on")));
    }
    let snapshot = store.image(&point.image).await.map_err(error)?;
    let mut snapshot = snapshot
        .ok_or_else(|| none(format!("only sizes are recorded of {name} at {}", point.seen)))?;
    let day = point.seen.strftime("%Y-%m-%d %H:%M:%SZ");
    snapshot.reference = format!("{}:{} of {day}", target.repository, target.tag);
    Ok(snapshot)
}
