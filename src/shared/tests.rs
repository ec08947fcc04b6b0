//! A shared cache on stores that lie, fail and wait.

use std::fmt;
use std::sync::atomic::AtomicUsize;

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, Error, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStoreExt,
    PutMultipartOptions, PutPayload, PutResult, Result,
};

use super::*;

const TOC: Bucket = Bucket::Tocs;

/// What a store does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// An error with this status and this text.
    Status(u16, &'static str),
    /// The first bytes alone.
    Cut(usize),
    /// A connection that ends before the body does.
    Broken,
    /// More bytes than were announced.
    Longer,
    /// An object of this length.
    Huge(u64),
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Headers, and a byte a second.
    Trickle,
    /// No writes under a condition.
    Unconditional,
}

#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    fault: Mutex<Fault>,
    asked: AtomicUsize,
}

impl Faulty {
    async fn fail(&self, path: &Path) -> Result<Fault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::Status(status, text) => Err(error(status, text, path)),
            Fault::Slow(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                Ok(Fault::None)
            }
            _ => Ok(fault),
        }
    }
}

/// An error as the library makes it of an answer.
fn error(status: u16, text: &str, path: &Path) -> Error {
    let path = path.to_string();
    let source = format!(
        "Error performing GET http://x/y in 1ms - Server returned non-2xx status code: {status} \
         Words: {text}"
    );
    let source = source.into();
    match status {
        403 => Error::PermissionDenied { path, source },
        404 => Error::NotFound { path, source },
        412 => Error::Precondition { path, source },
        _ => Error::Generic { store: "S3", source },
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a faulty store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.fail(path).await?;
        let mut answer = self.inner.get_opts(path, options).await?;
        if let Fault::Huge(size) = fault {
            answer.meta.size = size;
        }
        let length = answer.meta.size;
        let entry = self.inner.get(path).await?.bytes().await?;
        let pieces: BoxStream<'static, Result<Bytes>> = match fault {
            Fault::Cut(length) => futures::stream::iter([Ok(entry.slice(..length))]).boxed(),
            Fault::Broken => {
                let broken = Error::Generic { store: "S3", source: "the end came early".into() };
                futures::stream::iter([Ok(entry.slice(..9)), Err(broken)]).boxed()
            }
            Fault::Longer => futures::stream::iter([Ok(entry.clone()), Ok(entry)]).boxed(),
            Fault::Trickle => futures::stream::iter(0..length)
                .then(move |at| {
                    let at = usize::try_from(at).unwrap();
                    let byte = entry.slice(at..=at);
                    async {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        Ok(byte)
                    }
                })
                .boxed(),
            _ => return Ok(answer),
        };
        Ok(GetResult { payload: GetResultPayload::Stream(pieces), ..answer })
    }

    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if self.fail(path).await? == Fault::Unconditional && options.mode == PutMode::Create {
            let (operation, implementer) = ("put".to_owned(), "it".to_owned());
            return Err(Error::NotImplemented { operation, implementer });
        }
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        panic!("nobody lists")
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        panic!("nobody lists")
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

struct Rig {
    store: Arc<Faulty>,
}

impl Rig {
    fn new() -> Self {
        let fault = Mutex::new(Fault::None);
        let asked = AtomicUsize::new(0);
        Self { store: Arc::new(Faulty { inner: InMemory::new(), fault, asked }) }
    }

    /// The cache as another run has it.
    fn run(&self) -> SharedCache {
        self.run_with("a key of sixteen or more")
    }

    fn run_with(&self, key: &str) -> SharedCache {
        let key = Key::new(&Secret::new(key.to_owned())).unwrap();
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        SharedCache::of("s3://bucket".to_owned(), store, &Path::from("team"), key, true)
    }

    fn set(&self, fault: Fault) {
        *self.store.fault.lock().unwrap() = fault;
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::Relaxed)
    }

    /// A store with one entry.
    async fn filled() -> (Self, Digest) {
        let (rig, subject) = (Self::new(), Digest::of(b"layer"));
        rig.run().put(TOC, &subject, b"content").await;
        (rig, subject)
    }

    async fn overwrite(&self, path: &Path, entry: Vec<u8>) {
        self.store.inner.put(path, entry.into()).await.unwrap();
    }

    async fn raw(&self, path: &Path) -> Vec<u8> {
        self.store.inner.get(path).await.unwrap().bytes().await.unwrap().to_vec()
    }
}

async fn content(shared: &SharedCache, subject: &Digest) -> Option<String> {
    let content = shared.get(TOC, subject).await?;
    Some(String::from_utf8(content.to_vec()).unwrap())
}

#[tokio::test]
async fn what_one_machine_puts_another_gets() {
    let (rig, subject) = Rig::filled().await;
    let shared = rig.run();
    assert_eq!(content(&shared, &subject).await.as_deref(), Some("content"));
    assert_eq!(shared.get(Bucket::Captures, &subject).await, None);
    assert_eq!((shared.notice(), shared.exchanged()), (None, (1, 0)));
    let path = shared.inner.path(TOC, &subject).to_string();
    let name = shared.inner.key.name();
    assert_eq!(path, format!("team/regsize-1/{name}/tocs-3-a1/sha256/{}", subject.hex()));
}

#[tokio::test]
async fn the_first_one_wins_and_nobody_minds() {
    let (rig, subject) = Rig::filled().await;
    let second = rig.run();
    second.put(TOC, &subject, b"another").await;
    assert_eq!(content(&second, &subject).await.as_deref(), Some("content"));
    assert_eq!((second.notice(), second.exchanged()), (None, (1, 0)));
    rig.set(Fault::Status(412, "PreconditionFailed"));
    second.put(TOC, &Digest::of(b"other"), b"another").await;
    assert_eq!(second.notice(), None);
}

#[tokio::test]
async fn who_may_not_write_does_not() {
    let rig = Rig::new();
    let place: Place = "file:///".parse().unwrap();
    let key = Secret::new("a key of sixteen or more".to_owned());
    let (variables, network) = (Variables::default(), Network::default());
    let reader =
        SharedCache::open(&place, &Options { key, write: false, variables, network }).unwrap();
    assert!(!reader.is_writable());
    assert!(rig.run().is_writable());
}

#[tokio::test]
async fn a_key_is_wanted_and_a_directory_that_is_there() {
    let check = |place: &str, key: &str, expected: &str| {
        let options = Options {
            key: Secret::new(key.to_owned()),
            write: true,
            variables: Variables::default(),
            network: Network::default(),
        };
        let opened = SharedCache::open(&place.parse().unwrap(), &options);
        let reason = opened.err().unwrap();
        assert!(reason.contains(expected), "{reason}");
    };
    check("file:///", "short", "its key is too short");
    check("file:///no/such/directory", "a key of sixteen or more", "no such directory");
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_once_a_run() {
    let rig = Rig::new();
    let shared = rig.run();
    for _ in 0..3 {
        assert_eq!(content(&shared, &Digest::of(b"layer")).await, None);
    }
    assert_eq!((rig.asked(), shared.notice()), (1, None));
}

/// An entry that this fault makes unusable is a miss with one notice, and the run goes on.
async fn check(fault: Fault, notice: Option<&str>) {
    let (rig, subject) = Rig::filled().await;
    rig.set(fault);
    let shared = rig.run();
    assert_eq!(content(&shared, &subject).await, None, "{fault:?}");
    let expected = notice.map(|notice| format!("the shared cache s3://bucket {notice}"));
    assert_eq!(shared.notice(), expected, "{fault:?}");
}

#[tokio::test]
async fn every_fault_is_a_miss() {
    let damaged = Some("holds damaged entries, which are not used");
    check(Fault::Status(403, "AccessDenied"), Some("could not be read: access is denied")).await;
    check(Fault::Status(404, "<Code>NoSuchKey</Code>"), None).await;
    let bucket = Some("could not be read: there is no such bucket");
    check(Fault::Status(404, "<Code>NoSuchBucket</Code>"), bucket).await;
    let status = Some("could not be read: it answered with status 500");
    check(Fault::Status(500, "InternalError status code: 200"), status).await;
    let status = Some("could not be read: it answered with status 400");
    check(Fault::Status(400, "RequestTimeTooSkewed"), status).await;
    for length in [0, 1, 63, 64, 100] {
        check(Fault::Cut(length), damaged).await;
    }
    check(Fault::Longer, damaged).await;
    check(Fault::Huge(entry::longest(CEILING) + 1), damaged).await;
    check(Fault::Broken, Some("could not be read: something went wrong")).await;
}

#[tokio::test]
async fn entries_are_taken_from_nobody_without_the_key() {
    let (rig, subject) = Rig::filled().await;
    let (own, other) = (rig.run(), rig.run_with("another key of some length"));
    assert_eq!(content(&other, &subject).await, None);
    assert_eq!(other.notice(), None, "keys have places of their own");
    let forged = entry::encode(&other.inner.key, TOC, &subject, b"forged");
    rig.overwrite(&own.inner.path(TOC, &subject), forged).await;
    assert_eq!(content(&own, &subject).await, None);
    assert!(own.notice().unwrap().contains("were not made with this key"));
}

#[tokio::test]
async fn an_entry_in_the_place_of_another_is_not_taken() {
    let (rig, subject) = Rig::filled().await;
    let (shared, other) = (rig.run(), Digest::of(b"other"));
    let entry = rig.raw(&shared.inner.path(TOC, &subject)).await;
    rig.overwrite(&shared.inner.path(TOC, &other), entry.clone()).await;
    rig.overwrite(&shared.inner.path(Bucket::Captures, &subject), entry).await;
    assert_eq!(content(&shared, &other).await, None);
    assert_eq!(shared.get(Bucket::Captures, &subject).await, None);
    assert!(shared.notice().unwrap().contains("in the place of others"));
    assert_eq!(content(&shared, &subject).await.as_deref(), Some("content"));
}

#[tokio::test]
async fn what_is_damaged_is_replaced_by_who_found_it() {
    let (rig, subject) = Rig::filled().await;
    let path = rig.run().inner.path(TOC, &subject);
    rig.overwrite(&path, b"nonsense".to_vec()).await;
    let blind = rig.run();
    blind.put(TOC, &subject, b"new").await;
    assert_eq!(rig.raw(&path).await, b"nonsense", "it did not look");
    let finder = rig.run();
    assert_eq!(content(&finder, &subject).await, None);
    finder.put(TOC, &subject, b"new").await;
    assert_eq!(content(&rig.run(), &subject).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn what_is_too_long_is_not_put() {
    let (rig, subject) = (Rig::new(), Digest::of(b"layer"));
    let content = vec![0; usize::try_from(CEILING).unwrap() + 1];
    rig.run().put(TOC, &subject, &content).await;
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn the_longest_entries_are_read_one_after_the_other() {
    let (rig, subject) = Rig::filled().await;
    rig.set(Fault::Huge(entry::longest(CEILING)));
    let shared = rig.run();
    let asked = [(); 8].map(|()| content(&shared, &subject));
    for content in futures::future::join_all(asked).await {
        assert_eq!(content.as_deref(), Some("content"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_left_alone_after_three_times() {
    let (rig, _) = Rig::filled().await;
    let before = rig.asked();
    let shared = rig.run();
    rig.set(Fault::Status(503, "SlowDown"));
    for number in 0..20 {
        let subject = Digest::of(&[number]);
        assert_eq!(content(&shared, &subject).await, None);
        shared.put(TOC, &subject, b"new").await;
    }
    assert_eq!(rig.asked() - before, 6, "three reads and three writes");
    let notice = shared.notice().unwrap();
    let expected = "could not be read: it answered with status 503; it was left alone for the \
                    rest of the run";
    assert!(notice.ends_with(expected), "{notice}");
    rig.set(Fault::None);
    assert_eq!(content(&shared, &Digest::of(b"layer")).await, None, "it stays so");
}

#[tokio::test]
async fn writes_that_fail_do_not_end_reads() {
    let (rig, subject) = Rig::filled().await;
    let shared = rig.run();
    rig.set(Fault::Unconditional);
    for number in 0..4 {
        shared.put(TOC, &Digest::of(&[number]), b"new").await;
    }
    assert!(!shared.is_writable());
    assert!(shared.notice().unwrap().contains("no writes that leave alone what is there"));
    assert_eq!(content(&shared, &subject).await.as_deref(), Some("content"));
}

/// Asks for a hundred entries one after the other, or all at once.
async fn wait_for_all(fault: Fault, at_once: bool) -> Duration {
    let (rig, subject) = Rig::filled().await;
    let entry = rig.raw(&rig.run().inner.path(TOC, &subject)).await;
    let shared = rig.run();
    let subjects: Vec<_> = (0..100_u8).map(|number| Digest::of(&[number])).collect();
    for subject in &subjects {
        rig.overwrite(&shared.inner.path(TOC, subject), entry.clone()).await;
    }
    rig.set(fault);
    let started = Instant::now();
    let asked = subjects.iter().map(|subject| shared.get(TOC, subject));
    if at_once {
        futures::future::join_all(asked).await;
    } else {
        for asked in asked {
            asked.await;
        }
    }
    assert!(shared.notice().is_some_and(|notice| notice.contains("left alone")), "{fault:?}");
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_waits_costs_seconds_and_not_minutes() {
    for fault in [Fault::Slow(3_600_000), Fault::Slow(4000), Fault::Slow(900), Fault::Trickle] {
        for at_once in [false, true] {
            let took = wait_for_all(fault, at_once).await;
            assert!(took <= Duration::from_secs(13), "{fault:?}, {at_once}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_wait_cost_seconds_and_not_minutes() {
    let rig = Rig::new();
    let shared = rig.run();
    rig.set(Fault::Slow(3_600_000));
    let started = Instant::now();
    for number in 0..100 {
        shared.put(TOC, &Digest::of(&[number]), b"new").await;
    }
    assert!(started.elapsed() <= Duration::from_secs(13), "{:?}", started.elapsed());
    assert!(shared.notice().unwrap().contains("could not be written to: it took too long"));
}
