//! `regsize inspect`: arguments to a request, outcomes to a report.

use std::error::Error as _;

use futures::future::join_all;

use super::args::{Cli, InspectArgs, OutputFormat, SortBy};
use super::exit::Exit;
use super::progress::{Progress, line};
use super::{complain, environment, failed, write_out};
use crate::collect::{BaseSource, Request, Session};
use crate::image::Inspection;
use crate::oci::Platform;
use crate::reference::{Reference, without_password};
use crate::registry::{Error, ErrorKind, Registries};
use crate::report::{
    Failure, Format, InspectOptions, Outcome, RenderOptions, Sort, TerminalOptions, render,
};
use crate::size::Units;

pub(super) async fn run(cli: &Cli, args: &InspectArgs) -> Exit {
    let outcomes = match prepare(cli, args) {
        Ok(prepared) => prepared.outcomes(args).await,
        Err(error) => {
            complain(&error);
            args.references.iter().map(|typed| outcome(typed, Err(&error))).collect()
        }
    };
    finish(cli, args, &outcomes)
}

/// Everything that must be right before a registry is asked.
struct Prepared {
    session: Session,
    request: Request,
    references: Vec<Result<Reference, Error>>,
    progress: Progress,
}

fn prepare(cli: &Cli, args: &InspectArgs) -> Result<Prepared, Error> {
    let references: Vec<_> = args.references.iter().map(|typed| parse(typed)).collect();
    let progress = Progress::new(cli.output.verbose);
    let known = references.iter().flatten();
    let options = environment::options(&cli.network, known, progress.observer())?;
    let request = request(args)?;
    let (cache, notice) = environment::cache(&cli.network);
    if let Some(notice) = notice {
        line(&format!("note: {notice}"));
    }
    let session = Session::new(Registries::new(options), cache);
    Ok(Prepared { session, request, references, progress })
}

impl Prepared {
    async fn outcomes(self, args: &InspectArgs) -> Vec<Outcome> {
        let Self { session, request, references, progress } = self;
        let inspections =
            references.into_iter().zip(&args.references).map(|(reference, typed)| async {
                let inspection = session.inspect(&reference?, &request).await;
                inspection.map_err(|error| error.about(typed))
            });
        let results = join_all(inspections).await;
        drop(progress);
        let outcomes = args.references.iter().zip(results).map(|(typed, result)| {
            result.as_ref().err().into_iter().for_each(complain);
            outcome(typed, result.as_ref().map(Clone::clone))
        });
        outcomes.collect()
    }
}

fn finish(cli: &Cli, args: &InspectArgs, outcomes: &[Outcome]) -> Exit {
    let failed_any = outcomes.iter().any(|outcome| outcome.result.is_err());
    let warned = || {
        outcomes
            .iter()
            .flat_map(|outcome| &outcome.result)
            .any(|inspection| !inspection.warnings.is_empty())
    };
    let exit = if failed_any || (args.strict && warned()) { Exit::Unknown } else { Exit::Fine };
    // A single reference that failed has no report but its error, which programs read from stdout.
    if let ([Outcome { result: Err(_), .. }], true) =
        (outcomes, cli.output.format != OutputFormat::Json)
    {
        return exit;
    }
    let mut report = Vec::new();
    let written = match render(outcomes, &render_options(cli, args), &mut report) {
        Ok(()) => write_out(&report),
        Err(error) => {
            failed(&Error::new(ErrorKind::Local, "the report cannot be made").because(error))
        }
    };
    if written == Exit::Fine { exit } else { written }
}

fn request(args: &InspectArgs) -> Result<Request, Error> {
    Ok(Request {
        platform: args.platform.clone(),
        preferred: Platform::host(),
        detail_all: args.all_platforms,
        tails: !args.no_tails,
        base: match &args.base {
            Some(typed) => BaseSource::Given(parse(typed)?),
            None if args.no_base => BaseSource::Claims,
            None => BaseSource::Evidence,
        },
        referrers: args.referrers,
    })
}

fn parse(typed: &str) -> Result<Reference, Error> {
    typed.parse().map_err(|error: crate::reference::ReferenceError| {
        let usage = Error::new(ErrorKind::Usage, error.to_string());
        match error.source() {
            Some(source) => usage.because(source.to_string()),
            None => usage,
        }
    })
}

fn outcome(typed: &str, result: Result<Inspection, &Error>) -> Outcome {
    let reference = without_password(typed).into_owned();
    Outcome { reference, result: result.map_err(failure) }
}

fn failure(error: &Error) -> Failure {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    Failure { kind: error.kind().as_str(), message, hint: error.what_to_do().map(str::to_owned) }
}

fn render_options(cli: &Cli, args: &InspectArgs) -> RenderOptions {
    let output = &cli.output;
    RenderOptions {
        format: match output.format {
            OutputFormat::Terminal => Format::Terminal,
            OutputFormat::Markdown => Format::Markdown,
            OutputFormat::Json => Format::Json,
            OutputFormat::Csv => Format::Csv,
        },
        inspect: InspectOptions {
            all_platforms: args.all_platforms,
            sort: match args.sort {
                SortBy::Step => Sort::Step,
                SortBy::Size => Sort::Size,
            },
            history: args.history,
            verbose: output.verbose,
        },
        terminal: TerminalOptions {
            width: environment::width(output.width),
            color: environment::color(output.no_color),
            unicode: environment::unicode(),
            units: if output.iec { Units::Binary } else { Units::Decimal },
        },
    }
}
