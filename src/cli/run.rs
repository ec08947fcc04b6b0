//! What the commands on images share: from arguments to a session, from results to a report.

use std::error::Error as _;
use std::io::{self, Write};
use std::pin::pin;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;

use super::args::{Cli, ImagesArgs, OutputArgs, OutputFormat, PlatformArgs, SortBy};
use super::exit::Exit;
use super::progress::{Progress, line};
use super::{cache, complain, environment, shared, write_report};
use crate::cache::Cache;
use crate::collect::{BaseSource, LayerObserver, Request, Session};
use crate::oci::Platform;
use crate::reference::{Reference, ReferenceError, Source, without_password};
use crate::registry::{Error, ErrorKind, Registries};
use crate::report::{Failure, Format, Outcome, RenderOptions, Sort, TerminalOptions};
use crate::shared::SharedCache;
use crate::size::Units;

/// Everything that must be right before a registry is asked.
pub(super) struct Prepared {
    session: Session,
    cache: Cache,
    shared: Option<SharedCache>,
    sources: Vec<Result<Source, Error>>,
    progress: Progress,
    verbose: bool,
}

/// Reads references, options and credentials, and opens the cache.
pub(super) fn prepare(cli: &Cli, typed: &[String]) -> Result<Prepared, Error> {
    let sources: Vec<_> = typed.iter().map(|typed| parse(typed)).collect();
    check_stdin(cli, sources.iter().flatten())?;
    let progress = Progress::new(cli.output.verbose);
    let known = sources.iter().flatten().filter_map(Source::registry);
    let options = environment::options(&cli.network, known, progress.observer())?;
    let limits = environment::layer_limits(&cli.network)?;
    let (cache, notice) = environment::cache(&cli.network);
    if let Some(notice) = notice {
        line(&format!("note: {notice}"));
    }
    let shared = shared::open(&cli.network.shared, &cache, &options)?;
    let session = Session::new(Registries::new(options), cache.clone())
        .with_limits(limits)
        .with_shared(shared.clone());
    Ok(Prepared { session, cache, shared, sources, progress, verbose: cli.output.verbose })
}

/// Stdin is read once.
fn check_stdin<'a>(cli: &Cli, sources: impl Iterator<Item = &'a Source>) -> Result<(), Error> {
    let count = sources.filter(|source| source.is_stdin()).count();
    let usage = |text: &str| Err(Error::new(ErrorKind::Usage, text));
    match count {
        1 if cli.network.password_stdin => {
            usage("stdin cannot hold both a password and an archive: give the archive as a file")
        }
        0 | 1 => Ok(()),
        _ => usage("- may be given once: stdin is one archive"),
    }
}

impl Prepared {
    /// The same, leaving so many pulls of each registry's limit.
    pub(super) fn with_reserve(self, pulls: u64) -> Self {
        Self { session: self.session.with_reserve(pulls), ..self }
    }

    /// What was typed and understood.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().flatten()
    }

    /// Asks for every reference at once; what failed is told on stderr.
    pub(super) async fn outcomes<T>(
        self,
        typed: &[String],
        ask: impl AsyncFn(&Session, Source, LayerObserver) -> Result<T, Error>,
    ) -> Vec<Outcome<T>> {
        let Self { session, cache: kept, shared, sources, progress, verbose } = self;
        let asked = sources.into_iter().zip(typed).map(|(source, typed)| {
            let observer = progress.layers();
            one(&session, source, typed, observer, &ask)
        });
        let results = join_all(asked).await;
        drop(progress);
        remark(&kept, shared.as_ref(), verbose);
        let results = results.into_iter().zip(typed);
        results.map(|(result, typed)| outcome(typed, result.inspect_err(complain))).collect()
    }

    /// Asks for references, `at_once` at a time, and hands on what each came to, in their order;
    /// what failed is told on stderr.
    pub(super) async fn each<T>(
        self,
        typed: &[String],
        at_once: usize,
        ask: impl AsyncFn(&Session, Source, LayerObserver) -> Result<T, Error>,
        mut take: impl AsyncFnMut(Outcome<T>),
    ) {
        let Self { session, cache: kept, shared, sources, progress, verbose } = self;
        let asked = sources.into_iter().zip(typed).map(|(source, typed)| {
            let (ask, session, observer) = (&ask, &session, progress.layers());
            async move { (typed, one(session, source, typed, observer, ask).await) }
        });
        let mut answers = pin!(stream::iter(asked).buffered(at_once));
        while let Some((typed, result)) = answers.next().await {
            take(outcome(typed, result.inspect_err(complain))).await;
        }
        remark(&kept, shared.as_ref(), verbose);
    }
}

/// Asks for one reference.
async fn one<T>(
    session: &Session,
    source: Result<Source, Error>,
    typed: &str,
    observer: LayerObserver,
    ask: &impl AsyncFn(&Session, Source, LayerObserver) -> Result<T, Error>,
) -> Result<T, Error> {
    let source = source?;
    let is_registry = source.registry().is_some();
    let result = ask(session, source, observer).await;
    let hinted = |error| if is_registry { or_file(error, typed) } else { error };
    result.map_err(hinted).map_err(|error| error.about(&typed))
}

/// Says after a run what the caches did not do.
fn remark(cache: &Cache, shared: Option<&SharedCache>, verbose: bool) {
    cache::remark(cache, verbose);
    if let Some(shared) = shared {
        shared::remark(shared, verbose);
    }
}

/// Says that there is something of that name here, if no registry has it.
fn or_file(error: Error, typed: &str) -> Error {
    let kinds = [ErrorKind::NotFound, ErrorKind::Auth, ErrorKind::Network];
    match environment::form_of(typed).filter(|_| kinds.contains(&error.kind())) {
        Some(prefix) => error.hint(format!("{typed} exists here: did you mean {prefix}{typed}?")),
        None => error,
    }
}

/// Makes what is told of the layers of one more image.
pub(super) type Observers<'a> = &'a dyn Fn() -> LayerObserver;

impl Prepared {
    /// Asks for all references together, for one answer.
    pub(super) async fn together<T>(
        self,
        typed: &[String],
        ask: impl AsyncFnOnce(&Session, Vec<Source>, Observers<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { session, cache: kept, shared, sources, progress, verbose } = self;
        let parsed = sources.into_iter().zip(typed);
        let parsed: Result<Vec<Source>, Error> =
            parsed.map(|(found, typed)| found.map_err(|error| error.about(typed))).collect();
        let result = ask(&session, parsed?, &|| progress.layers()).await;
        drop(progress);
        remark(&kept, shared.as_ref(), verbose);
        result
    }
}

/// The outcomes of a run that could not start.
pub(super) fn not_started<T>(typed: &[String], error: &Error) -> Vec<Outcome<T>> {
    complain(error);
    let failed = |typed: &String| Outcome {
        reference: without_password(typed).into_owned(),
        result: Err(Failure::from(error)),
    };
    typed.iter().map(failed).collect()
}

/// Writes the report, and tells how the run ended.
pub(super) fn finish<T>(
    cli: &Cli,
    outcomes: &[Outcome<T>],
    is_doubtful: impl Fn(&T) -> bool,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Exit {
    let is_bad = |outcome: &Outcome<T>| outcome.result.as_ref().map_or(true, &is_doubtful);
    let exit = if outcomes.iter().any(is_bad) { Exit::Unknown } else { Exit::Fine };
    // A single reference that failed has no report but its error, which programs read from stdout.
    if let ([Outcome { result: Err(_), .. }], true) =
        (outcomes, cli.output.format != OutputFormat::Json)
    {
        return exit;
    }
    let written = write_report(render);
    if written == Exit::Fine { exit } else { written }
}

/// What to find out about images.
pub(super) fn request(args: &ImagesArgs) -> Result<Request, Error> {
    Ok(Request {
        platform: args.platform.platform.clone(),
        preferred: Platform::host(),
        detail_all: args.all_platforms,
        tails: false,
        base: match &args.base {
            Some(typed) => BaseSource::Given(base(typed)?),
            None if args.no_base => BaseSource::Claims,
            None => BaseSource::Evidence,
        },
        referrers: false,
    })
}

/// What to find out about an image of which the layers matter and the base image does not.
pub(super) fn layers_request(platform: &PlatformArgs) -> Request {
    Request {
        platform: platform.platform.clone(),
        preferred: Platform::host(),
        detail_all: false,
        tails: false,
        base: BaseSource::Claims,
        referrers: false,
    }
}

/// How a report is rendered that shows `show`.
pub(super) fn render_options<T>(cli: &Cli, show: T) -> RenderOptions<T> {
    RenderOptions { format: format(&cli.output), show, terminal: terminal_options(&cli.output) }
}

/// The form of the report.
pub(super) fn format(output: &OutputArgs) -> Format {
    match output.format {
        // Those of one command alone have no form here: it writes them.
        OutputFormat::Terminal
        | OutputFormat::Html
        | OutputFormat::Manifest
        | OutputFormat::Github
        | OutputFormat::Junit
        | OutputFormat::Sarif
        | OutputFormat::Jsonl
        | OutputFormat::Parquet => Format::Terminal,
        OutputFormat::Markdown => Format::Markdown,
        OutputFormat::Json => Format::Json,
        OutputFormat::Csv => Format::Csv,
    }
}

/// The terminal that the report is for.
pub(super) fn terminal_options(output: &OutputArgs) -> TerminalOptions {
    TerminalOptions {
        width: environment::width(output.width),
        color: environment::color(output.no_color),
        unicode: environment::unicode(),
        units: if output.iec { Units::Binary } else { Units::Decimal },
    }
}

/// The order of layers.
pub(super) fn sort(sort: SortBy) -> Sort {
    match sort {
        SortBy::Step => Sort::Step,
        SortBy::Size => Sort::Size,
    }
}

/// What the user names as an image.
pub(super) fn parse(typed: &str) -> Result<Source, Error> {
    typed.parse().map_err(|error: ReferenceError| {
        let usage = Error::new(ErrorKind::Usage, error.to_string());
        match (error.source(), &error) {
            (Some(source), _) => usage.because(source.to_string()),
            (None, ReferenceError::Path { .. }) => match environment::form_of(typed) {
                Some(prefix) => usage.hint(format!("did you mean {prefix}{typed}?")),
                None => usage,
            },
            (None, _) => usage,
        }
    })
}

/// The base image, whose layers a registry tells.
fn base(typed: &str) -> Result<Reference, Error> {
    match parse(typed)? {
        Source::Registry(reference) => Ok(reference),
        Source::Local(_) => {
            let text = format!("--base {typed}: the base image is asked of a registry");
            Err(Error::new(ErrorKind::Usage, text).hint("name it as a registry has it"))
        }
    }
}

fn outcome<T>(typed: &str, result: Result<T, Error>) -> Outcome<T> {
    let reference = without_password(typed).into_owned();
    Outcome { reference, result: result.map_err(|error| Failure::from(&error)) }
}
