//! The command line: types that clap fills in, and the help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cache::DEFAULT_LIMIT;
use crate::oci::Platform;
use crate::size;

const EXAMPLES: &str = "\
Examples:
  regsize inspect ubuntu                          sizes of every platform of an image
  regsize inspect rocker/ml:4.4 --sort size       its layers, the largest first
  regsize inspect debian:12 alpine:3 ubuntu:24.04 base images side by side
  regsize inspect ghcr.io/owner/name --format json | jq '.images[].sizes'
  regsize analyze rocker/ml:4.4                   what is in the layers, and what of it in vain
  regsize files rocker/ml:4.4 /opt --depth 2      where the bytes under a directory are

Exit codes: 0 fine, 2 could not tell (usage, network, bad data), 130 interrupted, 143 terminated.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  regsize inspect rocker/ml:latest
  regsize inspect rocker/ml@sha256:… --platform linux/arm64
  regsize inspect my/image:dev --base debian:12   own and base bytes apart
  regsize inspect localhost:5000/my/image --format csv > layers.csv
  regsize inspect debian:12 alpine:3 ubuntu:24.04 one table, side by side";

const CACHE_EXAMPLES: &str = "\
What is kept can be removed at any time: it is read again when it is needed. The entries that were
not used for the longest time go by themselves when all of them exceed --cache-size.

Examples:
  regsize cache info                              where it is and what is in it
  regsize cache prune                             bring it below --cache-size now
  regsize cache prune --older-than 30             remove what was not used for 30 days
  regsize cache prune --max-size 500MB            keep the 500 MB that were used last
  regsize cache clear --cache-dir /var/cache/regsize";
const ANALYZE_EXAMPLES: &str = "\
Words:
  compressed  bytes on the wire, what a pull downloads
  content     sizes of the files that the layers store, together
  visible     content that the merged filesystem shows, what a container sees
  shadowed    content that a layer stores and the merged filesystem does not show: deleted,
              replaced or hidden by a later layer, or stored twice by the same; a pull costs it
  efficiency  visible / content

Examples:
  regsize analyze rocker/ml:4.4
  regsize analyze rocker/ml:4.4 --top 30 --dive    longer lists, and what dive would say
  regsize analyze my/image:dev --all-platforms     every platform; shared layers are read once
  regsize analyze my/image:dev --min-layer 10MB    leave out the layers that hardly matter
  regsize analyze my/image:dev --format json | jq '.images[].waste[0]'";

const FILES_EXAMPLES: &str = "\
Examples:
  regsize files rocker/ml:4.4 --depth 2            the largest directories
  regsize files rocker/ml:4.4 /opt/conda --top 20  below one of them
  regsize files my/image:dev --layer 3 --all       what one layer stores, whiteouts included
  regsize files my/image:dev --shadowed --all      what later layers delete or replace
  regsize files my/image:dev --all --format csv > files.csv";

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
        help = "Images: [host[:port]/]repository[:tag][@digest]; several are told one after another, by inspect in one table"
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
    /// Do not ask other repositories to confirm the base image
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
#[command(after_help = INSPECT_EXAMPLES)]
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

/// Which layers are read, and how.
#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// Read no layers that are smaller than this when compressed
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "0")]
    pub(super) min_layer: u64,
    /// Read layers whole even if they have a table of contents (eStargz, zstd:chunked, SOCI)
    #[arg(long)]
    pub(super) no_toc: bool,
}

#[derive(Debug, Args)]
#[command(after_help = ANALYZE_EXAMPLES)]
pub(super) struct AnalyzeArgs {
    #[command(flatten)]
    pub(super) images: ImagesArgs,
    /// Rows of each list
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = positive())]
    pub(super) top: usize,
    /// Show the figures of the program dive beside the exact ones
    #[arg(long)]
    pub(super) dive: bool,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Read layers that have a table of contents whole, too, and compare
    #[arg(long, conflicts_with = "no_toc")]
    pub(super) verify_toc: bool,
    /// Check the uncompressed layers against the digests in the image's config, too
    #[arg(long)]
    pub(super) verify_diff_ids: bool,
}

#[derive(Debug, Args)]
#[command(after_help = FILES_EXAMPLES)]
pub(super) struct FilesArgs {
    /// The image
    #[arg(value_name = "IMAGE", help = "The image: [host[:port]/]repository[:tag][@digest]")]
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
}

/// Numbers from 1 on.
fn positive() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

fn limit(text: &str) -> Result<u64, String> {
    // A variable that is empty says nothing.
    if text.is_empty() { Ok(DEFAULT_LIMIT) } else { size::parse(text).map_err(|e| e.to_string()) }
}

fn pair(text: &str) -> Result<(String, String), String> {
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
