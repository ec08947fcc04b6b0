//! The arguments of `compare`.

use clap::{Args, ValueEnum};

use super::{PlatformArgs, positive};
use crate::cli::help::COMPARE_EXAMPLES;
use crate::report::MOST_IMAGES;

/// Stands for all platforms.
pub(in crate::cli) const ALL: &str = "all";

#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(in crate::cli) struct CompareArgs {
    /// The images
    #[arg(
        required = true,
        num_args = 1..=MOST_IMAGES,
        value_name = "IMAGE|FILE",
        help = "The old image and the new one, or more: references, or reports that `analyze --format json` wrote, as @FILE, ./FILE or FILE.json"
    )]
    pub(in crate::cli) images: Vec<String>,
    /// Compare the platforms of one image with each other: these, or all of them
    #[arg(
        long,
        value_name = "OS/ARCH,…|all",
        num_args = 0..=1,
        default_missing_value = ALL,
        value_delimiter = ',',
        conflicts_with = "platform"
    )]
    pub(in crate::cli) platforms: Option<Vec<String>>,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// Read the layers that both images have, too: then findings, and what the merged filesystem
    /// shows and hides, are compared as a whole
    #[arg(long, conflicts_with = "manifest_only")]
    pub(in crate::cli) all_layers: bool,
    /// Read no layer: compare sizes, layers and steps
    #[arg(long)]
    pub(in crate::cli) manifest_only: bool,
    /// Rows of each list
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = positive())]
    pub(in crate::cli) top: usize,
    /// The table that --format csv writes
    #[arg(long, value_enum, default_value_t = CompareTableKind::Layers)]
    pub(in crate::cli) table: CompareTableKind,
    /// Read layers whole even if they have a table of contents (eStargz, zstd:chunked, SOCI)
    #[arg(long)]
    pub(in crate::cli) no_toc: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CompareTableKind {
    /// One row for each layer of either image; of many images, one for each pair; of platforms, one
    /// for each step and platform
    Layers,
    /// One row for each cause, and one for the rest
    Causes,
    /// One row for each package that differs
    Packages,
    /// One row for each component that differs
    Components,
    /// One row for each path that differs
    Paths,
}
