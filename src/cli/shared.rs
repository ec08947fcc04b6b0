//! The cache that machines share: from arguments to an opened one.

use super::args::SharedArgs;
use super::environment;
use super::progress::line;
use crate::cache::Cache;
use crate::registry::{self, Error, ErrorKind};
use crate::shared::{Network, Options, Place, SharedCache};

/// The shared cache, if one is asked for and can be used with `cache` in front of it; says why it
/// cannot. What is no address is an error.
pub(super) fn open(
    args: &SharedArgs,
    cache: &Cache,
    network: &registry::Options,
) -> Result<Option<SharedCache>, Error> {
    let Some(text) = args.place.as_deref().filter(|text| !text.is_empty()) else {
        let text = "--shared-cache-write wants a shared cache";
        return if args.write {
            Err(Error::new(ErrorKind::Usage, text).hint("name one: --shared-cache URL"))
        } else {
            Ok(None)
        };
    };
    let place: Place = text.parse().map_err(|error| {
        Error::new(ErrorKind::Usage, "the shared cache cannot be used").because(error)
    })?;
    let Some(key) = environment::shared_cache_key(args)? else {
        return Ok(not_used(&place, "it has no key: set REGSIZE_SHARED_CACHE_KEY"));
    };
    if !cache.is_writable() {
        return Ok(not_used(&place, "this machine has no cache that can be written to"));
    }
    let options = Options {
        key,
        write: args.write,
        variables: environment::bucket_variables(),
        network: Network {
            proxies: network.proxies.clone(),
            ca_certificates: network.ca_certificates.clone(),
        },
    };
    let opened = SharedCache::open(&place, &options);
    Ok(opened.inspect_err(|reason| line(&format!("note: {reason}"))).ok())
}

/// Says after a run what was wrong, and to who wants to know everything what came of it.
pub(super) fn remark(shared: &SharedCache, verbose: bool) {
    if let Some(notice) = shared.notice() {
        line(&format!("note: {notice}"));
    }
    let (taken, given) = shared.exchanged();
    if verbose && taken + given > 0 {
        line(&format!("note: {taken} entries came from the shared cache, {given} went there"));
    }
}

fn not_used(place: &Place, reason: &str) -> Option<SharedCache> {
    line(&format!("note: the shared cache {place} is not used: {reason}"));
    None
}
