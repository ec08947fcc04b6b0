//! The command line: types that clap fills in, and the help texts.

mod analysis;
mod audit;
mod check;
mod compare;
mod shared;
mod tags;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cache::DEFAULT_LIMIT;
use crate::oci::Platform;
use crate::size;

pub(super) use self::analysis::{
    AnalyzeArgs, PackagesArgs, ReadArgs, RulesArgs, SelectionArgs, TableKind,
};
pub(super) use self::audit::{
    AuditCommand, AuditInitArgs, AuditRunArgs, AuditWatchArgs, CheckConfigArgs, DiffArgs,
    ExportArgs, HistoryArgs, ImportArgs, Listen, PlaceArgs, PruneStoreArgs, RecordArgs, ReportArgs,
    SpoolArgs, StoreArgs,
};
pub(super) use self::check::{CheckArgs, LimitArgs};
pub(super) use self::compare::{ALL, CompareArgs, CompareTableKind};
pub(super) use self::shared::SharedArgs;
pub(super) use self::tags::TagsArgs;
use super::help::{
    AUDIT_EXAMPLES, CACHE_EXAMPLES, EXAMPLES, FILES_EXAMPLES, INSPECT_EXAMPLES, with_sources,
};

/// Where the bytes of a container image are, read from its registry alone.
#[derive(Debug, Parser)]
#[command(name = "regsize", version, after_help = EXAMPLES, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sizes per platform, layer and Dockerfile step; no layer is read
    Inspect(InspectArgs),
    /// Show or remove what is kept between runs
    #[command(subcommand, after_help = CACHE_EXAMPLES)]
    Cache(CacheCommand),
    /// What the layers hold, what of it is stored in vain, and by which steps; reads the layers
    Analyze(AnalyzeArgs),
    /// Disk usage over the files of an image; reads the layers
    Files(FilesArgs),
    /// What is installed in an image, with versions and sizes; reads the layers
    Packages(PackagesArgs),
    /// What differs between images or platforms, and what made the difference; reads the layers that
    /// differ
    Compare(CompareArgs),
    /// The history of published tags: look at it, check it, move it
    #[command(subcommand, after_help = AUDIT_EXAMPLES)]
    Audit(AuditCommand),
    /// The tags of a repository with sizes and what they share; no layer is read
    Tags(TagsArgs),
    /// Hold an image against limits: a verdict for CI; reads no more than they need
    Check(Box<CheckArgs>),
    /// The rules that `analyze` looks with; no registry is asked
    Rules(RulesArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page in roff: `regsize man | man -l -`
    Man {
        /// The command that the page is about; without it, the whole program
        command: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Where the cache is, how many entries it has and how large they are
    #[command(after_help = CACHE_EXAMPLES)]
    Info,
    /// Remove what was not used for the longest time; without options, what exceeds --cache-size
    #[command(after_help = CACHE_EXAMPLES)]
    Prune(PruneArgs),
    /// Remove all that regsize keeps in the directory, and nothing else
    #[command(after_help = CACHE_EXAMPLES)]
    Clear,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Remove entries until the rest takes at most this, as in 500MB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(super) max_size: Option<u64>,
    /// Remove entries that were not used for this many days
    #[arg(long, value_name = "DAYS")]
    pub(super) older_than: Option<u32>,
}

/// Images, and what of each is shown.
#[derive(Debug, Args)]
pub(super) struct ImagesArgs {
    /// The images
    #[arg(
        required = true,
        value_name = "IMAGE",
        help = "Images: [host[:port]/]repository[:tag][@digest], oci:DIRECTORY, oci-archive:FILE, docker-archive:FILE or -; several are told one after another, by inspect in one table"
    )]
    pub(super) references: Vec<String>,
    #[command(flatten)]
    pub(super) platform: PlatformArgs,
    /// Show the layers of every platform
    #[arg(long, conflicts_with = "platform")]
    pub(super) all_platforms: bool,
    /// The order of layers
    #[arg(long, value_enum, default_value_t = SortBy::Step)]
    pub(super) sort: SortBy,
    /// The base image; its layers are compared with the image's
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_base")]
    pub(super) base: Option<String>,
    /// Do not ask other repositories to confirm the base image; nobody is for an image in files
    #[arg(long)]
    pub(super) no_base: bool,
    /// Exit with 2 if there is anything to warn about, such as an ambiguous document or layer
    #[arg(long)]
    pub(super) strict: bool,
}

/// Which platform's image.
#[derive(Debug, Args)]
pub(super) struct PlatformArgs {
    /// Read just this platform, as in linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    pub(super) platform: Option<Platform>,
}

#[derive(Debug, Args)]
#[command(after_help = with_sources(INSPECT_EXAMPLES))]
pub(super) struct InspectArgs {
    #[command(flatten)]
    pub(super) images: ImagesArgs,
    /// Show every build step with its whole text, newest first
    #[arg(long)]
    pub(super) history: bool,
    /// Do not read the ends of layers for their uncompressed size
    #[arg(long)]
    pub(super) no_tails: bool,
    /// Also list what is attached by the referrers API: signatures, SBOMs, provenance
    #[arg(long)]
    pub(super) referrers: bool,
}

#[derive(Debug, Args)]
#[command(after_help = with_sources(FILES_EXAMPLES))]
pub(super) struct FilesArgs {
    /// The image
    #[arg(
        value_name = "IMAGE",
        help = "The image: [host[:port]/]repository[:tag][@digest], oci:DIRECTORY, oci-archive:FILE, docker-archive:FILE or -"
    )]
    pub(super) reference: String,
    /// List only what is below this path
    #[arg(value_name = "PATH", default_value = "/", hide_default_value = true)]
    pub(super) path: OsString,
    #[command(flatten)]
    pub(super) platform: PlatformArgs,
    /// List directories down to this depth below PATH; 1 by default, any with --all
    #[arg(long, value_name = "NUMBER")]
    pub(super) depth: Option<usize>,
    /// List so many rows below PATH at most, the largest
    #[arg(long, value_name = "NUMBER", value_parser = positive())]
    pub(super) top: Option<usize>,
    /// The order of rows
    #[arg(long, value_enum, default_value_t = FilesSortBy::Size)]
    pub(super) sort: FilesSortBy,
    /// List what this layer stores, whiteouts included, and read no other; 0 is the lowest
    #[arg(long, value_name = "NUMBER")]
    pub(super) layer: Option<usize>,
    /// List every file instead of directories only
    #[arg(long)]
    pub(super) all: bool,
    /// List what the merged filesystem does not show: deleted, replaced, stored twice
    #[arg(long, conflicts_with = "layer")]
    pub(super) shadowed: bool,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FilesSortBy {
    /// The most content first
    Size,
    /// The most compressed bytes first
    Compressed,
    /// By path
    Path,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SortBy {
    /// As the layers lie on one another, the base first
    Step,
    /// The largest compressed size first
    Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// Aligned text
    Terminal,
    /// GitHub-flavoured Markdown
    Markdown,
    /// The published schema
    Json,
    /// Tables of bare numbers
    Csv,
    /// A page with charts; of `audit report` alone
    Html,
    /// Names and versions, one a line; of `packages` alone
    Manifest,
    /// One JSON object a line; of `audit export` alone
    Jsonl,
    /// Columns for DuckDB and friends; of `audit export` alone
    Parquet,
    /// Text and annotations for a job of GitHub, and its summary; of `check` alone
    Github,
    /// Test cases as JUnit writes them; of `check` alone
    Junit,
    /// SARIF 2.1.0; of `check` alone
    Sarif,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// The form of the report
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Terminal)]
    pub(super) format: OutputFormat,
    /// Print sizes in KiB, MiB and GiB instead of kB, MB and GB
    #[arg(long, global = true)]
    pub(super) iec: bool,
    /// Print without colours, as `NO_COLOR` does
    #[arg(long, global = true)]
    pub(super) no_color: bool,
    /// Columns of the terminal report; the terminal's own by default
    #[arg(long, global = true, value_name = "COLUMNS", value_parser = positive())]
    pub(super) width: Option<usize>,
    /// Say on stderr which requests are sent, and show the pull limit
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct NetworkArgs {
    /// Log in to the registry of the images as this user
    #[arg(long, global = true, value_name = "NAME", requires = "password_stdin")]
    pub(super) username: Option<String>,
    /// Read the password for --username from stdin
    #[arg(long, global = true, requires = "username")]
    pub(super) password_stdin: bool,
    /// Speak plain http to this registry (loopback is spoken to in http anyway)
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(super) plain_http: Vec<String>,
    /// Speak https to this loopback registry
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(super) https: Vec<String>,
    /// Trust the certificate authorities in this PEM file, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Vec<PathBuf>,
    /// Let the password for a registry go to a token server of another owner
    #[arg(long, global = true, value_name = "REGISTRY=HOST", value_parser = pair)]
    pub(super) allow_realm: Vec<(String, String)>,
    /// How often a request that failed is sent again
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 4)]
    pub(super) retries: u32,
    /// Seconds that one request may take with all its repetitions
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(super) deadline: u64,
    /// Requests in flight
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        default_value_t = 192,
        value_parser = positive()
    )]
    pub(super) concurrency: usize,
    /// Connections for layers
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        default_value_t = 12,
        value_parser = positive()
    )]
    pub(super) streams: usize,
    /// Bytes of layers that may wait in memory
    #[arg(long, global = true, value_name = "SIZE", value_parser = size::parse, default_value = "48MiB")]
    pub(super) buffer: u64,
    /// Raise or lower a ceiling: manifest, config, configs, statement, page, names, unpacked, toc,
    /// captured or memory (sizes), layers, manifests, steps, entries or ratio (numbers)
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) limit: Vec<(String, String)>,
    /// Where documents are kept between runs
    #[arg(
        long,
        global = true,
        value_name = "DIRECTORY",
        env = "REGSIZE_CACHE_DIR",
        hide_env_values = true
    )]
    pub(super) cache_dir: Option<PathBuf>,
    /// How much is kept, as in 500MB; 0 for no limit [default: 4GiB]
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        env = "REGSIZE_CACHE_SIZE",
        hide_env_values = true,
        value_parser = limit
    )]
    pub(super) cache_size: Option<u64>,
    /// Keep nothing between runs
    #[arg(long, global = true)]
    pub(super) no_cache: bool,
    #[command(flatten)]
    pub(super) shared: SharedArgs,
}

/// Numbers from 1 on.
fn positive() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

fn limit(text: &str) -> Result<u64, String> {
    // A variable that is empty says nothing.
    if text.is_empty() { Ok(DEFAULT_LIMIT) } else { size::parse(text).map_err(|e| e.to_string()) }
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected two words with an equals sign between them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
