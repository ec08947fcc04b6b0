//! `regsize check`: an image held against a budget.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::args::{CheckArgs, Cli, OutputFormat};
use super::exit::Exit;
use super::kept::{file_of, images};
use super::progress::line;
use super::run::{layers_request, not_started, prepare, terminal_options};
use super::selection::{knowledge, selection};
use super::settings::{config, config_file, dive_rules, of_flags};
use super::{environment, write_report};
use crate::analysis::{AnalysisOptions, ImageAnalysis, PathSearch, analyze};
use crate::check::{Budgets, Checked, Need, Subject, Verdict, check_all};
use crate::collect::{BaseSource, LayerObserver, LayerRequest, Request, Session};
use crate::image::Inspection;
use crate::oci::Digest;
use crate::reference::{Source, without_password};
use crate::registry::{Error, ErrorKind};
use crate::report::{CheckFormat, Outcome, check_summary, render_check, verdict_line};
use crate::rule::Selection;
use crate::snapshot::Snapshot;

/// Platforms that are named at most.
const OTHERS: usize = 8;

/// What is asked of images.
struct Plan {
    budgets: Budgets,
    need: Need,
    request: Request,
    wanted: LayerRequest,
    options: AnalysisOptions,
}

/// What was found out about a reference.
struct Seen {
    digest: Digest,
    subjects: Vec<Subject>,
    warnings: Vec<String>,
    /// That there are platforms that nobody asked about.
    unchecked: Option<String>,
}

/// What growth is measured from.
struct Past {
    images: Vec<Snapshot>,
    warnings: Vec<String>,
}

impl Past {
    fn of(seen: Seen) -> Self {
        let warning = |warning: &String| format!("baseline: {warning}");
        Self {
            warnings: seen.warnings.iter().map(warning).collect(),
            images: seen.subjects.into_iter().map(|subject| subject.snapshot).collect(),
        }
    }
}

pub(super) async fn run(cli: &Cli, args: &CheckArgs) -> Exit {
    let typed = std::slice::from_ref(&args.reference);
    let outcome = match outcome(cli, args).await {
        Ok(outcome) => outcome,
        Err(error) => match not_started(typed, &error).pop() {
            Some(outcome) => outcome,
            None => return Exit::Unknown,
        },
    };
    let format = format(cli.output.format);
    let options = terminal_options(&cli.output);
    let written = write_report(|out| render_check(&outcome, format, &options, out));
    if !format.is_log() {
        line(&verdict_line(&outcome));
    }
    if format == CheckFormat::Github {
        summarize(&check_summary(&outcome, &options));
    }
    let verdict = outcome.result.as_ref().map_or(Verdict::Unknown, Checked::verdict);
    match (written, verdict) {
        (Exit::Fine, Verdict::Pass | Verdict::Warn) => Exit::Fine,
        (Exit::Fine, Verdict::Fail) => Exit::No,
        (Exit::Fine, Verdict::Unknown) => Exit::Unknown,
        (other, _) => other,
    }
}

fn format(format: OutputFormat) -> CheckFormat {
    match format {
        // Forms of other commands are refused before.
        OutputFormat::Terminal
        | OutputFormat::Html
        | OutputFormat::Manifest
        | OutputFormat::Jsonl
        | OutputFormat::Parquet => CheckFormat::Terminal,
        OutputFormat::Markdown => CheckFormat::Markdown,
        OutputFormat::Json => CheckFormat::Json,
        OutputFormat::Csv => CheckFormat::Csv,
        OutputFormat::Github => CheckFormat::Github,
        OutputFormat::Junit => CheckFormat::Junit,
        OutputFormat::Sarif => CheckFormat::Sarif,
    }
}

/// Adds the report to the summary of the job, if there is one.
fn summarize(report: &str) {
    let Some(path) = environment::job_summary() else { return };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(report.as_bytes())) {
        line(&format!("note: the summary {} cannot be written: {error}", path.display()));
    }
}

async fn outcome(cli: &Cli, args: &CheckArgs) -> Result<Outcome<Checked>, Error> {
    let plan = plan(args)?;
    let baseline = args.baseline.as_deref();
    let kept = baseline.and_then(file_of).map(|path| images(&path)).transpose()?;
    let mut typed = vec![args.reference.clone()];
    typed.extend(baseline.filter(|_| kept.is_none()).map(str::to_owned));
    let prepared = prepare(cli, &typed)?;
    let ask = async |session: &Session, source: Source, observer| {
        plan.read(session, &source, &observer).await
    };
    let mut seen = prepared.outcomes(&typed, ask).await.into_iter();
    let reference = without_password(&args.reference).into_owned();
    let Some(image) = seen.next() else {
        return Err(Error::new(ErrorKind::Usage, "there is no image to check"));
    };
    let past: Option<Result<Past, _>> = match (seen.next(), kept) {
        (Some(past), _) => Some(past.result.map(Past::of)),
        (None, kept) => kept.map(|images| Ok(Past { images, warnings: Vec::new() })),
    };
    let checked = |seen: Seen, past: Option<Past>| {
        let images = past.as_ref().map(|past| &past.images[..]);
        let mut warnings = seen.warnings;
        warnings.extend(seen.unchecked);
        let images = check_all(&seen.subjects, &plan.budgets, images);
        warnings.extend(past.map(|past| past.warnings).unwrap_or_default());
        Checked {
            reference: reference.clone(),
            digest: seen.digest,
            baseline: baseline.map(|typed| without_password(typed).into_owned()),
            images,
            warnings,
        }
    };
    let result = image.result.and_then(|seen| Ok(checked(seen, past.transpose()?)));
    Ok(Outcome { reference, result })
}

/// All that must be right before a registry is asked.
fn plan(args: &CheckArgs) -> Result<Plan, Error> {
    let knowledge = knowledge(&args.rules)?;
    let today = environment::today(args.today)?;
    let file = config_file(&args.rules);
    let config = config(file.as_deref(), &knowledge, today)?;
    let flags = of_flags(&args.limits)?;
    let alone = flags.is_empty() && config.budgets.all().is_empty();
    let mut budgets = Budgets { flags, ..config.budgets.clone() };
    budgets.flags.dive = dive_rules(args.dive_ci.as_deref(), alone)?;
    let all = budgets.all();
    if all.is_empty() {
        let error = Error::new(ErrorKind::Usage, "there is no limit to hold the image against");
        return Err(error.hint(
            "give one, as in --max-compressed 2GB, or write some into regsize.toml, section \
             [budget]",
        ));
    }
    let need = all.need();
    let chosen = selection(&args.rules, &config)?;
    let none = || Selection { skip: vec!["*".to_owned()], ..Selection::default() };
    let request = Request {
        detail_all: args.all_platforms,
        // What is the base image's matters to findings alone.
        base: if need.findings { BaseSource::Evidence } else { BaseSource::Claims },
        ..layers_request(&args.platform)
    };
    let wanted = LayerRequest {
        // A table of contents is its author's word, and leaves open what files hold.
        no_toc: true,
        captures: need.study,
        all_platforms: args.all_platforms,
        ..LayerRequest::default()
    };
    let options = AnalysisOptions {
        dive: all.dive.is_some(),
        selection: if need.findings { chosen } else { none() },
        knowledge,
        search: PathSearch { patterns: all.path_patterns(), except: all.ignored_paths() },
        ..AnalysisOptions::default()
    };
    Ok(Plan { budgets, need, request, wanted, options })
}

impl Plan {
    /// Reads no more of a reference than the budgets need.
    async fn read(
        &self,
        session: &Session,
        source: &Source,
        observer: &LayerObserver,
    ) -> Result<Seen, Error> {
        if self.need.layers {
            let read = session.layers(source, &self.request, &self.wanted, observer).await?;
            let analysis = analyze(read, &self.options);
            let inspection = &analysis.inspection;
            let subject = |found: &ImageAnalysis| {
                let image = inspection.images.get(found.image)?;
                let snapshot = Snapshot::of_analysis(inspection, image, found);
                Some(Subject::of_layers(snapshot, found))
            };
            let subjects: Vec<Subject> = analysis.images.iter().filter_map(subject).collect();
            return Ok(self.seen(analysis.inspection, subjects));
        }
        let inspection = session.inspect(source, &self.request).await?;
        let all = self.wanted.all_platforms;
        let images = inspection.images.iter().enumerate();
        let images = images.filter(|(at, _)| all || *at == inspection.shown);
        let snapshot = |(_, image)| Snapshot::of_inspection(&inspection, image);
        let subjects = images.map(snapshot).map(Subject::of_manifest).collect();
        Ok(self.seen(inspection, subjects))
    }

    /// What is to be checked of an image, and which of its platforms nobody asked about.
    fn seen(&self, inspection: Inspection, subjects: Vec<Subject>) -> Seen {
        let Inspection { digest, warnings, images, shown, .. } = inspection;
        let is_asked = self.request.platform.is_some() || self.wanted.all_platforms;
        let others = images.iter().enumerate().filter(|(at, _)| !is_asked && *at != shown);
        let others: Vec<String> = others.map(|(_, image)| image.platform.to_string()).collect();
        let unchecked = (!others.is_empty()).then(|| {
            let (named, more) = others.split_at(others.len().min(OTHERS));
            let named = named.join(", ");
            let more =
                if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            format!("not checked: {named}{more}; --all-platforms checks every platform")
        });
        Seen { digest, subjects, warnings, unchecked }
    }
}
