//! The arguments of `tags`.

use clap::Args;

use super::{PlatformArgs, positive};
use crate::cli::help::TAGS_EXAMPLES;

#[derive(Debug, Args)]
#[command(after_help = TAGS_EXAMPLES)]
pub(in crate::cli) struct TagsArgs {
    /// The repository
    #[arg(value_name = "REPOSITORY", help = "The repository: [host[:port]/]repository")]
    pub(in crate::cli) repository: String,
    /// Tags that fit this pattern or another one given so, as in '1.*'
    #[arg(long = "match", value_name = "PATTERN")]
    pub(in crate::cli) matching: Vec<String>,
    /// Tags that this regular expression fits anywhere, as in '^v?1\.'
    #[arg(long, value_name = "REGEX")]
    pub(in crate::cli) regex: Option<String>,
    /// Tags that are versions of this range, as in '>=1.2, <2'
    #[arg(long, value_name = "RANGE")]
    pub(in crate::cli) semver: Option<String>,
    /// No tags that fit this pattern, as in '*-alpine'
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) exclude: Vec<String>,
    /// Read so many tags at most, the newest by their names
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = positive())]
    pub(in crate::cli) newest: usize,
    /// Read all tags that fit, 10000 at most
    #[arg(long, conflicts_with = "newest")]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// Read the images of all platforms; each costs a pull
    #[arg(long, conflicts_with = "platform")]
    pub(in crate::cli) all_platforms: bool,
    /// Stop reading when the registry reports that no more than so many pulls are left
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(in crate::cli) reserve: u64,
}
