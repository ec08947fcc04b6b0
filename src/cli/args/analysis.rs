//! The arguments of the commands that read layers and apply rules.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ImagesArgs, PlatformArgs, pair, positive};
use crate::cli::help::{ANALYZE_EXAMPLES, PACKAGES_EXAMPLES, RULES_EXAMPLES, with_sources};
use crate::size;

/// Which layers are read, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReadArgs {
    /// Read no layers that are smaller than this when compressed
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "0")]
    pub(in crate::cli) min_layer: u64,
    /// Read layers whole even if they have a table of contents (eStargz, zstd:chunked, SOCI)
    #[arg(long)]
    pub(in crate::cli) no_toc: bool,
}

#[derive(Debug, Args)]
#[command(after_help = with_sources(ANALYZE_EXAMPLES))]
pub(in crate::cli) struct AnalyzeArgs {
    #[command(flatten)]
    pub(in crate::cli) images: ImagesArgs,
    /// Rows of each list
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = positive())]
    pub(in crate::cli) top: usize,
    /// Show the figures of the program dive beside the exact ones
    #[arg(long)]
    pub(in crate::cli) dive: bool,
    #[command(flatten)]
    pub(in crate::cli) read: ReadArgs,
    #[command(flatten)]
    pub(in crate::cli) verify: VerifyArgs,
    /// Tell everything: every layer, component, finding and path, and how to go about it
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// The table that --format csv writes: layers, if nothing is said
    #[arg(long, value_enum)]
    pub(in crate::cli) table: Option<TableKind>,
    /// The Dockerfile that the image was built from; its lines are named with the layers
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) dockerfile: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) rules: SelectionArgs,
}

/// What is checked beside what has to be.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// Read layers that have a table of contents whole, too, and compare
    #[arg(long, conflicts_with = "no_toc")]
    pub(in crate::cli) verify_toc: bool,
    /// Check the uncompressed layers against the digests in the image's config, too
    #[arg(long)]
    pub(in crate::cli) verify_diff_ids: bool,
}

/// Which rules run, and what they know.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(in crate::cli) struct SelectionArgs {
    /// Run only these rules: ids, families or patterns such as 'cache-*'
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(in crate::cli) only: Vec<String>,
    /// Do not run these
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(in crate::cli) skip: Vec<String>,
    /// Grade the findings of a rule so: info, low, medium, high or critical
    #[arg(long, value_name = "RULE=LEVEL", value_parser = pair)]
    pub(in crate::cli) severity: Vec<(String, String)>,
    /// Know the components in this JSON file, too
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) components: Vec<PathBuf>,
    /// Read settings from this file: `check` all of them, and regsize.toml by itself; `analyze` its
    /// section `severity`
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TableKind {
    /// One row for each layer
    Layers,
    /// One row for each finding
    Findings,
    /// One row for each package
    Packages,
    /// One row for each owner
    Owners,
    /// One row for each component
    Components,
}

#[derive(Debug, Args)]
#[command(after_help = with_sources(PACKAGES_EXAMPLES))]
pub(in crate::cli) struct PackagesArgs {
    /// The images
    #[arg(
        required = true,
        value_name = "IMAGE",
        help = "Images: [host[:port]/]repository[:tag][@digest], oci:DIRECTORY, oci-archive:FILE, docker-archive:FILE or -"
    )]
    pub(in crate::cli) references: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// List only packages of these ecosystems, as in python,conda
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(in crate::cli) ecosystem: Vec<String>,
    /// List so many at most, the largest: 50 in a terminal, all elsewhere, if nothing is said
    #[arg(long, value_name = "NUMBER", value_parser = positive())]
    pub(in crate::cli) top: Option<usize>,
    /// Read layers whole even if they have a table of contents (eStargz, zstd:chunked, SOCI)
    #[arg(long)]
    pub(in crate::cli) no_toc: bool,
}

#[derive(Debug, Args)]
#[command(after_help = RULES_EXAMPLES)]
pub(in crate::cli) struct RulesArgs {
    /// An id for all that is known of the rule; a family or pattern for a list
    #[arg(value_name = "RULE")]
    pub(in crate::cli) rule: Option<String>,
}
