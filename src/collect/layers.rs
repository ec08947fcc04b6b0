//! Reads the layers of images: each distinct blob once, whatever number of images has it.
//!
//! A layer comes from the cache, from a table of contents that the image or a SOCI index vouches
//! for, or from the whole blob, in this order. Large layers are decompressed on as many threads as
//! there are processors, the largest first; small ones, which mostly wait, on some more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::available_parallelism;

use futures::future::try_join_all;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::documents::Documents;
use super::reader::{Job, Outcome, Reader};
use super::store::Store;
use super::stream::{Stop, StopWhenDropped, explain};
use super::{Request, Session, soci};
use crate::image::{Image, Inspection, Layer, Uncompressed};
use crate::layer::toc_reader::{Claim, claim};
use crate::layer::{self, Hold, Toc};
use crate::oci::{Descriptor, Digest, Kind};
use crate::reference::Source;
use crate::registry::{Error, ErrorKind};

/// Bytes that an entry takes in the tables of a merge each time that an image has its layer.
const REPEATED_COST: usize = 64;
/// Layers of fewer bytes mostly wait for the registry.
const SMALL: u64 = 8 << 20;
/// Small layers that are read at a time.
const SMALL_AT_A_TIME: usize = 8;

/// Which layers to read, and how.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct LayerRequest {
    /// Read just the layer at this position of each image.
    pub only: Option<usize>,
    /// Read none of these layers.
    pub except: BTreeSet<Digest>,
    /// Read no layers of fewer compressed bytes.
    pub min_size: u64,
    /// Read layers whole even if they have a table of contents.
    pub no_toc: bool,
    /// Read the tables of contents of layers, and the layers whole, and compare.
    pub verify_toc: bool,
    /// Check the uncompressed bytes of layers, which are read whole for it, against the digests of
    /// the config.
    pub verify_diff_ids: bool,
    /// Give the contents of the files that describe packages and the like, too.
    pub captures: bool,
    /// Analyse every platform's image, not only the one shown.
    pub all_platforms: bool,
}

impl LayerRequest {
    /// Whether tables of contents are read at all: no table is covered by a config's digests.
    fn reads_tables(&self) -> bool {
        !self.no_toc && (self.verify_toc || !self.verify_diff_ids)
    }

    /// The same where layers are files: to read those whole costs little, and their digests then
    /// cover all that is told of them.
    fn within(&self, store: &Store) -> Self {
        let no_toc = self.no_toc || (store.local().is_some() && !self.verify_toc);
        Self { no_toc, ..self.clone() }
    }
}

/// What a reference stands for, with the layers that were read.
#[derive(Clone, Debug)]
pub struct ReadLayers {
    /// What the manifests and configs tell; uncompressed sizes of layers that were read whole are
    /// counted.
    pub inspection: Inspection,
    /// The images whose layers were asked for.
    pub images: Vec<ImageLayers>,
    /// What layers that an image has several times take of the run's memory.
    _held: Hold,
}

/// The layers of one image.
#[derive(Clone, Debug)]
pub struct ImageLayers {
    /// Position in the inspection's images.
    pub image: usize,
    /// The layers, base first; `None` for those that were not asked for.
    pub layers: Vec<Option<LayerRead>>,
}

/// One layer that was read.
#[derive(Clone, Debug)]
pub struct LayerRead {
    /// What is in it.
    pub toc: Arc<Toc>,
    /// Whether that came from the cache.
    pub cached: bool,
    /// Bytes that were transferred for it in this run, or read from files; counted for the first
    /// image that has it.
    pub transferred: u64,
}

/// Progress of reading layers; called from several threads.
pub type LayerObserver = Arc<dyn Fn(&LayerEvent) + Send + Sync>;

/// Something that happened while layers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerEvent {
    /// All layers that are going to be transferred are known, with their sizes together.
    Planned {
        /// How many.
        layers: usize,
        /// Compressed bytes of them.
        bytes: u64,
    },
    /// Another process is reading a layer, and this one waits for it.
    Waiting {
        /// The first digits of its digest.
        name: String,
    },
    /// A layer is being read.
    Started {
        /// Which, by its place in the plan.
        layer: usize,
        /// The first digits of its digest.
        name: String,
        /// Its compressed bytes.
        bytes: u64,
    },
    /// More bytes of it were read.
    Advanced {
        /// Which.
        layer: usize,
        /// How many more.
        bytes: u64,
    },
    /// It is done.
    Finished {
        /// Which.
        layer: usize,
    },
}

impl Session {
    /// Finds out what a source stands for and reads the layers that were asked for.
    pub async fn layers(
        &self,
        source: &Source,
        request: &Request,
        wanted: &LayerRequest,
        observer: &LayerObserver,
    ) -> Result<ReadLayers, Error> {
        let request = Request { tails: false, ..request.clone() };
        let store = Store::open(self, source, Some((wanted, observer))).await?;
        let wanted = &wanted.within(&store);
        let inspection = self.inspect_in(source, &store, &request).await?;
        self.read_in(&store, inspection, wanted, observer).await
    }

    /// Reads the layers that were asked for of what `source` was found to stand for. A stream is
    /// read whole at first: it cannot be read again.
    pub async fn read(
        &self,
        source: &Source,
        inspection: Inspection,
        wanted: &LayerRequest,
        observer: &LayerObserver,
    ) -> Result<ReadLayers, Error> {
        let store = Store::open(self, source, Some((wanted, observer))).await?;
        let wanted = &wanted.within(&store);
        self.read_in(&store, inspection, wanted, observer).await
    }

    async fn read_in(
        &self,
        store: &Store,
        mut inspection: Inspection,
        wanted: &LayerRequest,
        observer: &LayerObserver,
    ) -> Result<ReadLayers, Error> {
        let documents = Documents::new(self, store);
        let images = asked_for(&inspection, wanted);
        check_only(&inspection, &images, wanted)?;
        let stop = StopWhenDropped(Stop::default());
        let reader = Arc::new(Reader {
            runtime: Handle::current(),
            cache: self.cache.clone(),
            shared: self.shared.clone().filter(|_| store.registry().is_some()),
            store: store.clone(),
            limits: self.limits,
            wanted: wanted.clone(),
            memory: self.memory.clone(),
            observer: Arc::clone(observer),
            stop: stop.0.clone(),
        });
        let jobs = jobs(&inspection, &images, wanted)?;
        let mut read = read_all(&reader, &documents, &inspection, &images, jobs).await?;
        read.check_entries(&inspection, &images, self.limits.entries)?;
        let repeated = read.repeated(&inspection, &images);
        let mut held = self.memory.hold();
        held.add(repeated.saturating_mul(REPEATED_COST)).map_err(explain)?;
        count(&mut inspection, &read.tocs);
        inspection.warnings.extend(documents.into_warnings(Vec::new()));
        // In the same order whatever came from the cache.
        read.warnings.sort();
        inspection.warnings.append(&mut read.warnings);
        inspection.warnings.extend(unread(&read.tocs));
        let images = images.into_iter().map(|image| read.of(&inspection, image)).collect();
        Ok(ReadLayers { inspection, images, _held: held })
    }
}

/// The images whose layers are read, by their positions.
fn asked_for(inspection: &Inspection, wanted: &LayerRequest) -> Vec<usize> {
    if wanted.all_platforms {
        (0..inspection.images.len()).collect()
    } else {
        vec![inspection.shown]
    }
}

fn check_only(
    inspection: &Inspection,
    images: &[usize],
    wanted: &LayerRequest,
) -> Result<(), Error> {
    let Some(only) = wanted.only else { return Ok(()) };
    let most = images.iter().map(|image| inspection.images[*image].layers.len()).max();
    let most = most.unwrap_or_default();
    if only < most {
        return Ok(());
    }
    let text = format!("there is no layer {only}");
    Err(Error::new(ErrorKind::Usage, text)
        .hint(format!("the layers are numbered from 0 to {}", most.saturating_sub(1))))
}

/// The distinct layers that are asked for, by digest. One blob has one size.
fn jobs(
    inspection: &Inspection,
    images: &[usize],
    wanted: &LayerRequest,
) -> Result<BTreeMap<Digest, Job>, Error> {
    let mut sizes = BTreeMap::new();
    let mut jobs = BTreeMap::new();
    for layer in images.iter().flat_map(|image| &inspection.images[*image].layers) {
        let size = *sizes.entry(&layer.digest).or_insert(layer.compressed);
        if size != layer.compressed {
            let text = format!(
                "layer {} is listed with {size} and with {} bytes",
                layer.digest, layer.compressed
            );
            return Err(Error::new(ErrorKind::BadData, text));
        }
        if is_asked(layer, wanted) {
            jobs.insert(layer.digest.clone(), job(layer, wanted));
        }
    }
    Ok(jobs)
}

fn is_asked(layer: &Layer, wanted: &LayerRequest) -> bool {
    wanted.only.is_none_or(|only| only == layer.index)
        && layer.compressed >= wanted.min_size
        && !wanted.except.contains(&layer.digest)
}

/// The descriptor of a layer, as far as it is needed to read it.
pub(super) fn descriptor(layer: &Layer) -> Descriptor {
    Descriptor {
        media_type: layer.media_type.clone(),
        digest: layer.digest.clone(),
        size: layer.compressed,
        annotations: layer.annotations.clone(),
        platform: None,
        artifact_type: None,
        urls: Vec::new(),
        data: None,
    }
}

fn job(layer: &Layer, wanted: &LayerRequest) -> Job {
    let claim = claim(&layer.media_type, &layer.annotations, layer.compressed);
    Job {
        descriptor: descriptor(layer),
        diff_id: layer.diff_id.as_ref().map(|id| id.0.clone()),
        has_stargz: matches!(claim, Some(Claim::EStargz { .. })),
        claim: claim.filter(|_| wanted.reads_tables()),
        ztoc: None,
        place: 0,
    }
}

/// What became of the distinct layers.
#[derive(Default)]
struct Read {
    tocs: BTreeMap<Digest, LayerRead>,
    warnings: Vec<String>,
}

async fn read_all(
    reader: &Arc<Reader>,
    documents: &Documents<'_>,
    inspection: &Inspection,
    images: &[usize],
    jobs: BTreeMap<Digest, Job>,
) -> Result<Read, Error> {
    let mut read = Read::default();
    let mut missing = read.take_cached(reader, jobs.into_values().collect()).await?;
    if reader.wanted.reads_tables() && missing.iter().any(soci::may_have_ztoc) {
        let images = images.iter().map(|image| &inspection.images[*image]);
        soci::find(documents, inspection, images, &mut missing).await;
        missing = read.take_cached(reader, missing).await?;
    }
    missing.sort_by_key(|job| std::cmp::Reverse(job.descriptor.size));
    missing.iter_mut().enumerate().for_each(|(place, job)| job.place = place);
    (reader.observer)(&LayerEvent::Planned {
        layers: missing.len(),
        bytes: missing.iter().fold(0, |sum: u64, job| sum.saturating_add(job.descriptor.size)),
    });
    let large = Semaphore::new(available_parallelism().map_or(2, usize::from));
    let small = Semaphore::new(SMALL_AT_A_TIME);
    let done = try_join_all(missing.into_iter().map(|job| async {
        let permits = if job.descriptor.size < SMALL { &small } else { &large };
        // The semaphores are never closed.
        let _permit = permits.acquire().await;
        let digest = job.descriptor.digest.clone();
        let outcome = blocking(reader, move |reader| reader.read(&job)).await??;
        Ok::<_, Error>((digest, outcome))
    }));
    for (digest, outcome) in done.await? {
        read.take(digest, outcome);
    }
    Ok(read)
}

/// Runs `work` on a thread for it. A panic is an error of the one layer.
async fn blocking<T: Send + 'static>(
    reader: &Arc<Reader>,
    work: impl FnOnce(&Reader) -> T + Send + 'static,
) -> Result<T, Error> {
    let reader = Arc::clone(reader);
    tokio::task::spawn_blocking(move || work(&reader)).await.map_err(|_| {
        Error::new(ErrorKind::Local, "reading a layer ended by a fault of this program")
    })
}

impl Read {
    fn take(&mut self, digest: Digest, Outcome { layer, warnings }: Outcome) {
        self.warnings.extend(warnings);
        if let Some(layer) = layer {
            self.tocs.insert(digest, layer);
        }
    }

    /// Takes what the cache has; gives back the others.
    async fn take_cached(
        &mut self,
        reader: &Arc<Reader>,
        jobs: Vec<Job>,
    ) -> Result<Vec<Job>, Error> {
        let found = try_join_all(jobs.into_iter().map(|job| async {
            reader.take_shared(&job).await;
            let known = move |reader: &Reader| {
                let found = reader.known(&job);
                (job, found)
            };
            blocking(reader, known).await
        }));
        let mut missing = Vec::new();
        for (job, outcome) in found.await? {
            match outcome? {
                Some(outcome) => self.take(job.descriptor.digest, outcome),
                None => missing.push(job),
            }
        }
        Ok(missing)
    }

    /// Refuses images whose layers are each below the ceiling but not together.
    fn check_entries(
        &self,
        inspection: &Inspection,
        images: &[usize],
        limit: usize,
    ) -> Result<(), Error> {
        for image in images {
            let layers = inspection.images[*image].layers.iter();
            let known = layers.filter_map(|layer| self.tocs.get(&layer.digest));
            let entries =
                known.fold(0, |sum: usize, read| sum.saturating_add(read.toc.entries.len()));
            if entries > limit {
                let text = format!(
                    "the layers of the image have {entries} entries together; the ceiling is {limit}"
                );
                return Err(
                    Error::new(ErrorKind::Ceiling, text).hint("allow more: --limit entries=NUMBER")
                );
            }
        }
        Ok(())
    }

    /// Entries of layers that an image has already, in the image that has the most of them.
    fn repeated(&self, inspection: &Inspection, images: &[usize]) -> usize {
        let of_image = |image: &usize| {
            let mut known = BTreeSet::new();
            let layers = inspection.images[*image].layers.iter();
            let again = layers.filter(|layer| !known.insert(&layer.digest));
            let read = again.filter_map(|layer| self.tocs.get(&layer.digest));
            read.fold(0, |sum: usize, read| sum.saturating_add(read.toc.entries.len()))
        };
        images.iter().map(of_image).max().unwrap_or_default()
    }

    /// The layers of one image. What was transferred counts for the first that has it.
    fn of(&mut self, inspection: &Inspection, image: usize) -> ImageLayers {
        let mut take = |layer: &Layer| {
            let known = self.tocs.get_mut(&layer.digest)?;
            let layer = known.clone();
            known.transferred = 0;
            Some(layer)
        };
        let layers = inspection.images[image].layers.iter().map(&mut take).collect();
        ImageLayers { image, layers }
    }
}

/// Says which layers that were read whole hold contents that nobody looked at.
fn unread(tocs: &BTreeMap<Digest, LayerRead>) -> Vec<String> {
    let is_cut = |toc: &Toc| toc.source == layer::Source::Stream && toc.captures_dropped > 0;
    let dropped = tocs.iter().filter(|(_, read)| is_cut(&read.toc));
    let warning = |(digest, read): (&Digest, &LayerRead)| {
        let files = match read.toc.captures_dropped {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        format!(
            "layer {digest}: the contents of {files} with packages or secrets were not looked at whole: too large, too many, or hard links"
        )
    };
    dropped.map(warning).collect()
}

/// Replaces what was inferred of lengths by what was counted.
fn count(inspection: &mut Inspection, tocs: &BTreeMap<Digest, LayerRead>) {
    for layer in inspection.images.iter_mut().flat_map(|image: &mut Image| &mut image.layers) {
        let Some(toc) = tocs.get(&layer.digest).map(|read| &read.toc) else { continue };
        if let Some(bytes) = toc.tar_size {
            layer.uncompressed =
                Some(Uncompressed { bytes, inferred: toc.source != layer::Source::Stream });
        }
    }
}

/// Whether a layer may be absent from the registry, or is nothing that can be listed.
pub(super) fn is_optional(descriptor: &Descriptor) -> bool {
    match descriptor.media_type.kind() {
        Kind::Layer(kind) => kind.foreign,
        _ => true,
    }
}
