//! The arguments about the cache that machines share.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(in crate::cli) struct SharedArgs {
    /// Share listings of layers with other machines in `s3://BUCKET/PREFIX`, `gs://…`, `az://…` or
    /// `file:///DIRECTORY`; their key is in `REGSIZE_SHARED_CACHE_KEY`
    #[arg(
        id = "shared_cache",
        long = "shared-cache",
        global = true,
        value_name = "URL",
        env = "REGSIZE_SHARED_CACHE",
        hide_env_values = true
    )]
    pub(in crate::cli) place: Option<String>,
    /// Put the listings that are made here into the shared cache, too
    #[arg(id = "shared_cache_write", long = "shared-cache-write", global = true)]
    pub(in crate::cli) write: bool,
    /// Read the key of the shared cache from this file
    #[arg(
        id = "shared_cache_key_file",
        long = "shared-cache-key-file",
        global = true,
        value_name = "FILE"
    )]
    pub(in crate::cli) key_file: Option<PathBuf>,
}
