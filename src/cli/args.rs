//! The command line: types that clap fills in, and the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::oci::Platform;

const EXAMPLES: &str = "\
Examples:
  regsize inspect ubuntu                          sizes of every platform of an image
  regsize inspect rocker/ml:4.4 --sort size       its layers, the largest first
  regsize inspect debian:12 alpine:3 ubuntu:24.04 base images side by side
  regsize inspect ghcr.io/owner/name --format json | jq '.images[].sizes'

Exit codes: 0 fine, 2 could not tell (usage, network, bad data), 130 interrupted, 143 terminated.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  regsize inspect rocker/ml:latest
  regsize inspect rocker/ml@sha256:… --platform linux/arm64
  regsize inspect my/image:dev --base debian:12   own and base bytes apart
  regsize inspect localhost:5000/my/image --format csv > layers.csv
  regsize inspect debian:12 alpine:3 ubuntu:24.04 one table, side by side";

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

#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct InspectArgs {
    /// The images
    #[arg(
        required = true,
        value_name = "IMAGE",
        help = "Images: [host[:port]/]repository[:tag][@digest]; several make one table"
    )]
    pub(super) references: Vec<String>,
    /// Read just this platform, as in linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    pub(super) platform: Option<Platform>,
    /// Show the layers of every platform
    #[arg(long, conflicts_with = "platform")]
    pub(super) all_platforms: bool,
    /// The order of layers
    #[arg(long, value_enum, default_value_t = SortBy::Step)]
    pub(super) sort: SortBy,
    /// Show every build step with its whole text, newest first
    #[arg(long)]
    pub(super) history: bool,
    /// Do not read the ends of layers for their uncompressed size
    #[arg(long)]
    pub(super) no_tails: bool,
    /// The base image; its layers are compared with the image's
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_base")]
    pub(super) base: Option<String>,
    /// Do not ask other repositories to confirm the base image
    #[arg(long)]
    pub(super) no_base: bool,
    /// Also list what is attached by the referrers API: signatures, SBOMs, provenance
    #[arg(long)]
    pub(super) referrers: bool,
    /// Exit with 2 if there is anything to warn about, such as an ambiguous document
    #[arg(long)]
    pub(super) strict: bool,
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
    #[arg(long, global = true, value_name = "COLUMNS")]
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
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 600)]
    pub(super) deadline: u64,
    /// Requests in flight
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 192)]
    pub(super) concurrency: usize,
    /// Raise or lower a ceiling: manifest, config, configs, statement or page (sizes), layers,
    /// manifests or steps (numbers)
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
    /// Keep nothing between runs
    #[arg(long, global = true)]
    pub(super) no_cache: bool,
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
