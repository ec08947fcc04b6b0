//! Reads one layer, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use super::layers::{LayerEvent, LayerObserver, LayerRead, LayerRequest, is_optional};
use super::store::{Store, passed};
use super::stream::{BlobRanges, BlobReader, Stop, explain, wait};
use crate::cache::{Attempt, Bucket, Cache, Lock, pauses, toc_key};
use crate::layer::codec;
use crate::layer::toc_reader::{Claim, TocRequest, read_claimed, read_ztoc};
use crate::layer::{
    self, Limits, Memory, OddityKind, ReadRequest, Source, Toc, differs, read_layer,
};
use crate::oci::{Descriptor, Digest};
use crate::registry::{Error, ErrorKind};
use crate::shared::SharedCache;

/// How long another process may take to read a layer before this one reads it too.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A layer to be read.
pub(super) struct Job {
    pub(super) descriptor: Descriptor,
    /// The digest of its tar stream, by the config.
    pub(super) diff_id: Option<Digest>,
    /// The table of contents that its annotations vouch for.
    pub(super) claim: Option<Claim>,
    /// Whether they do for an eStargz one, also if it is not wanted.
    pub(super) has_stargz: bool,
    /// The table of contents that a SOCI index has for it.
    pub(super) ztoc: Option<Descriptor>,
    /// Its place in the plan.
    pub(super) place: usize,
}

/// What became of a layer: nothing if it cannot be listed, which a warning then explains.
pub(super) struct Outcome {
    pub(super) layer: Option<LayerRead>,
    pub(super) warnings: Vec<String>,
}

/// What the threads that read layers share.
pub(super) struct Reader {
    pub(super) runtime: Handle,
    pub(super) cache: Cache,
    pub(super) shared: Option<SharedCache>,
    pub(super) store: Store,
    pub(super) limits: Limits,
    pub(super) wanted: LayerRequest,
    pub(super) memory: Memory,
    pub(super) observer: LayerObserver,
    pub(super) stop: Stop,
}

impl Reader {
    /// The layer as it was read while its archive passed, or as the cache has it, if what was asked
    /// for allows that.
    pub(super) fn known(&self, job: &Job) -> Result<Option<Outcome>, Error> {
        let Some(local) = self.store.local() else { return self.cached(job) };
        match local.check(&job.descriptor) {
            Err(error) if error.kind() == ErrorKind::NotFound && is_optional(&job.descriptor) => {
                let warning = left_out(&job.descriptor.digest, &error.to_string());
                return Ok(Some(Outcome { layer: None, warnings: vec![warning] }));
            }
            checked => checked?,
        }
        match passed(&self.store, &job.descriptor, self.limits, &self.memory) {
            Some(toc) => self.passed(job, toc).map(Some),
            None => self.cached(job),
        }
    }

    /// What was read while an archive passed, which nobody knew then to be this layer.
    fn passed(&self, job: &Job, toc: Result<Toc, layer::Error>) -> Result<Outcome, Error> {
        let Descriptor { digest, size, .. } = &job.descriptor;
        let mut toc = match toc {
            Ok(toc) => toc,
            Err(error) if error.kind() == layer::ErrorKind::Unsupported => {
                let warning = left_out(digest, &error.to_string());
                return Ok(Outcome { layer: None, warnings: vec![warning] });
            }
            Err(error) => return Err(explain(error).about(&format!("layer {digest}"))),
        };
        if job.has_stargz {
            toc.oddities.forget(|kind| matches!(kind, OddityKind::BytesAfterEnd { .. }));
        }
        self.put(&toc_key(digest, None), &toc);
        let toc = Arc::new(self.relieved(toc));
        let layer = LayerRead { toc, cached: false, transferred: *size };
        Ok(Outcome { layer: Some(layer), warnings: Vec::new() })
    }

    fn cached(&self, job: &Job) -> Result<Option<Outcome>, Error> {
        if self.wanted.verify_diff_ids || self.wanted.verify_toc {
            return Ok(None);
        }
        let Descriptor { digest, size, .. } = &job.descriptor;
        let claim = self.claim_key(job).map(|claim| toc_key(digest, Some(&claim)));
        let keys = [Some(toc_key(digest, None)), claim];
        // A manifest that gives the blob another size is wrong, which reading it will tell.
        let fits = |toc: &Toc| toc.blob_size() == *size;
        // How much a listing takes is known when it is there, so there is one at a time.
        let _turn = self.memory.turn();
        let found = keys.into_iter().flatten().find_map(|key| self.get(&key).filter(fits));
        let Some(mut toc) = found else { return Ok(None) };
        toc.count(&self.memory).map_err(explain)?;
        let warnings = if toc.source == Source::Stream { self.refusal(job) } else { None };
        let layer = LayerRead { toc: Arc::new(toc), cached: true, transferred: 0 };
        Ok(Some(Outcome { layer: Some(layer), warnings: warnings.into_iter().collect() }))
    }

    /// The warning that an earlier run gave about the layer's table of contents.
    fn refusal(&self, job: &Job) -> Option<String> {
        let digest = &job.descriptor.digest;
        let key = toc_key(digest, Some(&self.claim_key(job)?));
        let reason = self.cache.get(Bucket::Refusals, &key)?;
        Some(not_used(digest, &String::from_utf8(reason).ok()?))
    }

    /// Reads a layer by the shortest way there is.
    pub(super) fn read(&self, job: &Job) -> Result<Outcome, Error> {
        let Descriptor { digest, size, .. } = &job.descriptor;
        (self.observer)(&LayerEvent::Started {
            layer: job.place,
            name: digest.short().to_owned(),
            bytes: *size,
        });
        // Another process may be reading the same layer; then this one waits for it.
        let _lock = self.lock(digest);
        let outcome = match self.cached(job) {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => self.transfer(job),
            Err(error) => Err(error),
        };
        (self.observer)(&LayerEvent::Finished { layer: job.place });
        outcome
    }

    fn get(&self, key: &Digest) -> Option<Toc> {
        let mut toc = codec::decode(&self.cache.get(Bucket::Tocs, key)?, &self.limits)?;
        if self.wanted.captures {
            let captures = self.cache.get(Bucket::Captures, key)?;
            codec::decode_captures(&captures, &mut toc, &self.limits).then_some(())?;
        }
        Some(toc)
    }

    /// The listing without what nobody asked for.
    fn relieved(&self, mut toc: Toc) -> Toc {
        if !self.wanted.captures {
            toc.drop_captures();
        }
        toc
    }

    fn put(&self, key: &Digest, toc: &Toc) {
        self.keep(Bucket::Tocs, key, codec::encode(toc));
        // A later run may want them, and the layer is not read again. Encoded they may be as long
        // as they are.
        let captures = toc.captures.iter().map(|capture| capture.head.len() + capture.tail.len());
        let mut held = self.memory.hold();
        if held.add(captures.sum()).is_ok() {
            self.keep(Bucket::Captures, key, codec::encode_captures(toc));
        }
    }

    fn keep(&self, bucket: Bucket, key: &Digest, content: Vec<u8>) {
        self.cache.put(bucket, key, &content);
        self.give(bucket, key, content);
    }

    /// What vouches for the table of contents that a layer has, if it has one. Where the table is
    /// in the blob is not covered by a digest, so the answer of one registry is none for another.
    pub(super) fn claim_key(&self, job: &Job) -> Option<String> {
        let claim = match (&job.claim, &job.ztoc) {
            (Some(claim), _) => claim.key(),
            (None, Some(ztoc)) => format!("soci {}", ztoc.digest),
            (None, None) => return None,
        };
        Some(format!("{} {} {claim}", self.store.host(), job.descriptor.size))
    }

    fn lock(&self, digest: &Digest) -> Option<Lock> {
        let mut pauses = pauses(LONGEST_WAIT);
        loop {
            match self.cache.try_lock(&toc_key(digest, None)) {
                Attempt::Held(lock) => return Some(lock),
                Attempt::Unavailable => return None,
                Attempt::Busy => {
                    let pause = pauses.next().filter(|_| !self.stop.is_set())?;
                    if pause.announce {
                        (self.observer)(&LayerEvent::Waiting { name: digest.short().to_owned() });
                    }
                    std::thread::sleep(pause.length);
                }
            }
        }
    }

    fn transfer(&self, job: &Job) -> Result<Outcome, Error> {
        let digest = &job.descriptor.digest;
        let mut warnings = Vec::new();
        let mut transferred = 0;
        let listed = match self.listed(job, &mut transferred) {
            Some(Ok((toc, claim))) if !self.wanted.verify_toc => {
                self.put(&toc_key(digest, Some(&claim)), &toc);
                let toc = Arc::new(self.relieved(toc));
                let layer = LayerRead { toc, cached: false, transferred };
                return Ok(Outcome { layer: Some(layer), warnings });
            }
            Some(Ok((toc, _))) => Some(toc),
            Some(Err(Unlisted { error, kind: Some(layer::ErrorKind::Memory) })) => {
                return Err(error.about(&format!("layer {digest}")));
            }
            Some(Err(unlisted)) => {
                warnings.push(not_used(digest, &unlisted.error.to_string()));
                self.remember(job, &unlisted);
                None
            }
            None => None,
        };
        let toc = match self.stream(job, &mut transferred) {
            Ok(Ok(toc)) => toc,
            Ok(Err(why)) => {
                warnings.push(left_out(digest, &why));
                return Ok(Outcome { layer: None, warnings });
            }
            Err(error) => return Err(error.about(&format!("layer {digest}"))),
        };
        self.put(&toc_key(digest, None), &toc);
        let toc = self.relieved(compared(toc, listed.as_ref(), digest, &mut warnings));
        let layer = LayerRead { toc: Arc::new(toc), cached: false, transferred };
        Ok(Outcome { layer: Some(layer), warnings })
    }

    /// Keeps what is wrong with a table for the runs that have the layer from the cache, if it
    /// stays wrong.
    fn remember(&self, job: &Job, unlisted: &Unlisted) {
        use layer::ErrorKind::{BadData, Unsupported};
        let lasts = matches!(unlisted.kind, Some(BadData | Unsupported));
        if let Some(claim) = self.claim_key(job).filter(|_| lasts) {
            let key = toc_key(&job.descriptor.digest, Some(&claim));
            self.keep(Bucket::Refusals, &key, unlisted.error.to_string().into_bytes());
        }
    }

    /// The layer as a table of contents lists it, with what vouches for that; `None` where there
    /// is no such table.
    fn listed(&self, job: &Job, transferred: &mut u64) -> Option<Result<(Toc, String), Unlisted>> {
        let request = TocRequest {
            blob_size: job.descriptor.size,
            limits: self.limits,
            captures: true,
            memory: &self.memory,
        };
        let ranges = BlobRanges {
            runtime: self.runtime.clone(),
            store: &self.store,
            descriptor: &job.descriptor,
            received: AtomicU64::new(0),
        };
        let key = self.claim_key(job)?;
        let listed = match (&job.claim, &job.ztoc) {
            (Some(claim), _) => read_claimed(claim, &request, &ranges).map_err(Unlisted::from),
            (None, Some(ztoc)) => self.ztoc(ztoc, &request),
            (None, None) => return None,
        };
        *transferred += ranges.received.load(Ordering::Relaxed);
        *transferred += job.ztoc.as_ref().map_or(0, |ztoc| ztoc.size);
        Some(listed.map(|toc| (toc, key)))
    }

    fn ztoc(&self, ztoc: &Descriptor, request: &TocRequest<'_>) -> Result<Toc, Unlisted> {
        let ceiling = self.limits.toc_unpacked;
        let mut held = self.memory.hold();
        held.add(usize::try_from(ztoc.size.min(ceiling)).unwrap_or(usize::MAX))?;
        let (store, ztoc) = (self.store.clone(), ztoc.clone());
        let bytes = wait(&self.runtime, async move {
            store.small_blob(&ztoc, ceiling, "the SOCI table of contents").await
        });
        let bytes = bytes.map_err(layer::Error::from)?;
        let bytes = bytes.map_err(|error| Unlisted { error: error.into(), kind: None })?;
        Ok(read_ztoc(&bytes, request)?)
    }

    /// Reads the whole layer; the inner error is why it cannot be listed at all. A blob that was
    /// not what its digest says is asked for once more.
    fn stream(&self, job: &Job, transferred: &mut u64) -> Result<Result<Toc, String>, Error> {
        let read = match self.stream_once(job, transferred) {
            Err(failure) if failure.again => self.stream_once(job, transferred),
            read => read,
        };
        read.map_err(|failure| failure.error)
    }

    fn stream_once(
        &self,
        job: &Job,
        transferred: &mut u64,
    ) -> Result<Result<Toc, String>, Box<Failure>> {
        let _entered = self.runtime.enter();
        let blob = self.store.blob(&job.descriptor);
        let advanced = |bytes| {
            (self.observer)(&LayerEvent::Advanced { layer: job.place, bytes });
        };
        let mut reader = BlobReader::new(blob, &self.stop, &advanced);
        let request = ReadRequest {
            blob_size: job.descriptor.size,
            limits: self.limits,
            captures: true,
            uncompressed: job.diff_id.as_ref().filter(|_| self.wanted.verify_diff_ids),
            table_at_end: job.has_stargz,
            memory: &self.memory,
        };
        let read = read_layer(&mut reader, &request);
        *transferred += reader.received();
        match read {
            Ok(toc) => Ok(Ok(toc)),
            Err(error) if error.kind() == layer::ErrorKind::Unsupported => {
                Ok(Err(error.to_string()))
            }
            Err(error) => {
                let is_input = error.kind() == layer::ErrorKind::Input;
                let error = explain(error);
                if error.kind() == ErrorKind::NotFound && is_optional(&job.descriptor) {
                    return Ok(Err(error.to_string()));
                }
                // A transfer may go wrong once; what is wrong with a verified layer stays so.
                let again = is_input && error.kind() == ErrorKind::BadData;
                Err(Box::new(Failure { error, again }))
            }
        }
    }
}

/// Why a table of contents is not used.
struct Unlisted {
    error: Box<Error>,
    /// The class of what is wrong with the layer; `None` where the registry failed.
    kind: Option<layer::ErrorKind>,
}

impl From<layer::Error> for Unlisted {
    fn from(error: layer::Error) -> Self {
        let kind = Some(error.kind());
        Self { error: explain(error).into(), kind }
    }
}

/// Why a layer was not read.
struct Failure {
    error: Error,
    /// Whether another attempt may help.
    again: bool,
}

fn left_out(digest: &Digest, why: &str) -> String {
    format!("layer {} is left out: {why}", digest.short())
}

fn not_used(digest: &Digest, why: &str) -> String {
    format!("the table of contents of layer {} is not used: {why}", digest.short())
}

/// The layer as it was read, flagged if its table of contents says something else.
fn compared(toc: Toc, listed: Option<&Toc>, digest: &Digest, warnings: &mut Vec<String>) -> Toc {
    let Some(listed) = listed.filter(|listed| differs(listed, &toc)) else { return toc };
    warnings.push(format!(
        "the table of contents of layer {} lists {} content bytes, the layer has {}: the layer counts",
        digest.short(),
        listed.content(),
        toc.content()
    ));
    let mut toc = toc;
    toc.oddities.add(OddityKind::TocDiffers, None);
    toc
}
