//! The arguments about the cache that machines share.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(in crate::cli) struct SharedArgs {
    /// Listings of layers that machines share: s3://BUCKET/PREFIX, gs://…, az://… or
    /// file:///DIRECTORY; their key is in `REGSIZE_SHARED_CACHE_KEY`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "REGSIZE_SHARED_CACHE",
        hide_env_values = true
    )]
    pub(in crate::cli) shared_cache: Option<String>,
    /// Put the listings that are made here into the shared cache, too
    #[arg(long, global = true)]
    pub(in crate::cli) shared_cache_write: bool,
    /// Read the key of the shared cache from this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(in crate::cli) shared_cache_key_file: Option<PathBuf>,
}
