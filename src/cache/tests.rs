//! The cache under damage, other processes and too little room.

use super::*;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

fn place(cache: &Cache, bucket: Bucket, key: &Digest) -> PathBuf {
    cache.place.as_ref().unwrap().path(bucket, key)
}

fn stored(content: &[u8]) -> (tempfile::TempDir, Cache, Digest, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    let key = Digest::of(content);
    cache.put(Bucket::Documents, &key, content);
    let path = place(&cache, Bucket::Documents, &key);
    (directory, cache, key, path)
}

#[test]
fn what_was_put_is_found_under_its_key_and_bucket_only() {
    let (_directory, cache, key, _) = stored(b"content");
    assert_eq!(cache.get(Bucket::Documents, &key).as_deref(), Some(&b"content"[..]));
    assert_eq!(cache.get(Bucket::Tails, &key), None);
    assert_eq!(cache.get(Bucket::Documents, &Digest::of(b"other")), None);
}

#[test]
fn every_damage_is_a_miss_and_is_healed() {
    let (_directory, cache, key, path) = stored(b"content");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(cache.get(Bucket::Documents, &key), None, "byte {at} flipped");
        fs::write(&path, &sound[..at]).unwrap();
        assert_eq!(cache.get(Bucket::Documents, &key), None, "cut to {at} bytes");
    }
    cache.put(Bucket::Documents, &key, b"content");
    assert!(cache.get(Bucket::Documents, &key).is_some());
}

#[test]
fn an_entry_copied_to_another_key_is_a_miss() {
    let (_directory, cache, key, path) = stored(b"content");
    let other = Digest::of(b"other");
    let elsewhere = place(&cache, Bucket::Documents, &other);
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    fs::copy(&path, &elsewhere).unwrap();
    assert_eq!(cache.get(Bucket::Documents, &other), None);
    assert!(cache.get(Bucket::Documents, &key).is_some());
}

#[test]
fn links_directories_and_pipes_are_misses() {
    let (directory, cache, key, path) = stored(b"content");
    let aside = directory.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    assert_eq!(cache.get(Bucket::Documents, &key), None, "symbolic link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(cache.get(Bucket::Documents, &key), None, "directory");
    fs::remove_dir(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(cache.get(Bucket::Documents, &key), None, "pipe");
    assert_eq!(cache.damaged(), 3);
    cache.put(Bucket::Documents, &key, b"content");
    assert!(cache.get(Bucket::Documents, &key).is_some(), "a pipe is replaced");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    cache.put(Bucket::Documents, &key, b"content");
    assert!(cache.get(Bucket::Documents, &key).is_some(), "a directory is replaced");
    assert_eq!(fs::read(&aside).unwrap().len(), 7 + 32, "what a link leads to is left alone");
}

#[test]
fn directories_that_others_can_write_to_are_not_used() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Cache::open(directory.path()).unwrap_err().contains("everybody may write"));
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Cache::open(&file.path().join("below")).is_err());
}

#[test]
fn a_cache_that_cannot_be_written_to_forgets() {
    let (_directory, cache, key, path) = stored(b"content");
    let bucket = path.ancestors().nth(2).unwrap();
    fs::remove_dir_all(bucket).unwrap();
    fs::write(bucket, b"in the way").unwrap();
    cache.put(Bucket::Documents, &key, b"content");
    assert_eq!(cache.get(Bucket::Documents, &key), None);
    assert!(cache.notice().unwrap().starts_with("not everything is kept in the cache directory /"));
    Cache::disabled().put(Bucket::Documents, &key, b"content");
    assert_eq!(Cache::disabled().get(Bucket::Documents, &key), None);
}

fn key(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// Makes a file as old as if it had been used so many days ago.
fn age(path: &Path, days: u32) {
    let time = SystemTime::now() - Duration::from_hours(24) * days;
    OpenOptions::new().append(true).open(path).unwrap().set_modified(time).unwrap();
}

fn opened() -> (tempfile::TempDir, Cache) {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    (directory, cache)
}

fn used(cache: &Cache) -> (u64, u64) {
    let usage = cache.usage().unwrap();
    (usage.entries(), usage.bytes())
}

#[test]
fn a_claim_about_a_layer_is_no_answer_for_others() {
    let (blob, other) = (key(0), key(1));
    let claims = [None, Some("estargz sha256:1"), Some("soci sha256:1"), Some("estargz sha256:2")];
    let keys: BTreeSet<Digest> = [&blob, &other]
        .into_iter()
        .flat_map(|blob| claims.map(|claim| toc_key(blob, claim)))
        .collect();
    assert_eq!(keys.len(), 8);
    assert_eq!(toc_key(&blob, None), blob);
}

#[test]
fn the_cache_stays_below_its_limit_and_what_was_not_used_for_longest_goes_first() {
    for bucket in [Bucket::Documents, Bucket::Tocs] {
        let (_directory, cache) = opened();
        let cache = cache.with_limit(Some(10 * 1032));
        for number in 0..10 {
            cache.put(bucket, &key(number), &[7; 1000]);
            age(&place(&cache, bucket, &key(number)), 100 - u32::try_from(number).unwrap());
        }
        assert_eq!(used(&cache), (10, 10_320));
        assert!(cache.get(bucket, &key(0)).is_some(), "the oldest is used again");
        for number in 10..40 {
            cache.put(bucket, &key(number), &[7; 1000]);
            assert!(used(&cache).1 <= 10_320, "{bucket:?} {number}");
            assert!(cache.get(bucket, &key(number)).is_some(), "the newest stays");
        }
        assert!(cache.get(bucket, &key(1)).is_none());
        cache.put(bucket, &key(50), &vec![0; 20_000]);
        assert!(cache.get(bucket, &key(50)).is_none(), "larger than all the cache");
    }
}

#[test]
fn a_hit_is_noted_once_a_day_and_a_time_in_the_future_is_mended() {
    let (_directory, cache, key, path) = stored(b"content");
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    let recent = SystemTime::now() - Duration::from_hours(20);
    let set =
        |time| OpenOptions::new().append(true).open(&path).unwrap().set_modified(time).unwrap();
    set(recent);
    cache.get(Bucket::Documents, &key).unwrap();
    assert_eq!(modified(), recent);
    for hours in [-30, 30] {
        let far = Duration::from_hours(30);
        set(if hours < 0 { SystemTime::now() - far } else { SystemTime::now() + far });
        cache.get(Bucket::Documents, &key).unwrap();
        let away = |time: SystemTime| time.elapsed().unwrap_or_else(|ahead| ahead.duration());
        assert!(away(modified()) < Duration::from_hours(1), "{hours}");
    }
}

#[test]
fn older_formats_go_first_and_later_ones_are_another_version_s_entries() {
    let (_directory, cache) = opened();
    cache.put(Bucket::Tocs, &key(0), &[1; 1000]);
    let current = place(&cache, Bucket::Tocs, &key(0));
    let versions = ["tocs-0", "tocs-4", "tocs-x", "toc-0"];
    let others = versions.map(|name| {
        let root = current.ancestors().nth(3).unwrap().join(name).join("sha256");
        fs::create_dir_all(&root).unwrap();
        let path = root.join(key(0).hex());
        fs::write(&path, [1; 1032]).unwrap();
        path
    });
    age(&current, 50);
    age(&others[1], 20);
    let exist =
        || [&others[0], &current, &others[1], &others[2], &others[3]].map(|path| path.exists());
    assert_eq!(used(&cache), (3, 3 * 1032));
    let prune = |size| cache.prune(Some(size), None).unwrap();
    assert_eq!(prune(3 * 1032), Removed::default());
    assert_eq!(prune(2 * 1032), Removed { entries: 1, bytes: 1032 });
    assert_eq!(exist(), [false, true, true, true, true]);
    prune(1032);
    assert_eq!(exist(), [false, false, true, true, true]);
    cache.clear().unwrap();
    assert_eq!(exist(), [false, false, false, true, true], "what has another name is not ours");
}

#[test]
fn entries_not_used_for_some_time_are_pruned() {
    let (_directory, cache) = opened();
    for number in 0..6 {
        cache.put(Bucket::Tails, &key(number), b"tail");
        age(&place(&cache, Bucket::Tails, &key(number)), u32::try_from(number).unwrap() * 10);
    }
    let days = |days: u32| Some(Duration::from_hours(24) * days);
    assert_eq!(cache.prune(None, days(35)).unwrap().entries, 2);
    assert_eq!(cache.prune(None, days(u32::MAX)).unwrap().entries, 0);
    assert_eq!(cache.prune(None, None).unwrap().entries, 0);
    assert_eq!(cache.prune(Some(0), None).unwrap(), Removed { entries: 4, bytes: 4 * 36 });
}

#[test]
fn clearing_removes_what_is_ours_and_nothing_else() {
    let (directory, cache, key, path) = stored(b"content");
    cache.put(Bucket::Tocs, &key, b"toc");
    let Attempt::Held(lock) = cache.try_lock(&key) else { panic!("no lock") };
    std::mem::forget(lock);
    let keep = [
        directory.path().join("notes.txt"),
        directory.path().join("v1/notes.txt"),
        path.parent().unwrap().join("notes.txt"),
        path.with_file_name("ab".repeat(31)),
    ];
    for file in &keep {
        fs::write(file, "mine").unwrap();
    }
    let link = directory.path().join("v1/tails");
    std::os::unix::fs::symlink(path.parent().unwrap().parent().unwrap(), &link).unwrap();
    fs::write(path.with_file_name(".new-abc"), "unfinished").unwrap();
    assert_eq!(cache.clear().unwrap(), Removed { entries: 2, bytes: 39 + 35 + 10 });
    assert!(keep.iter().all(|file| file.exists()) && link.is_symlink());
    assert!(!directory.path().join("v1/tocs-3").exists());
    let (directory, cache, ..) = stored(b"content");
    cache.clear().unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    cache.put(Bucket::Documents, &key, b"content");
    assert_eq!(used(&cache).0, 1);
}

#[test]
fn files_left_unfinished_go_after_an_hour_at_the_next_write() {
    let (_directory, cache, _, path) = stored(b"content");
    let (old, new) = (path.with_file_name(".new-old"), path.with_file_name(".new-now"));
    File::create(&old).unwrap();
    File::create(&new).unwrap();
    age(&old, 1);
    let locks = path.ancestors().nth(3).unwrap().join("locks");
    fs::create_dir(&locks).unwrap();
    let lock = locks.join(format!("sha256-{}", key(1).hex()));
    File::create(&lock).unwrap();
    age(&lock, 1);
    let next = Cache::open(cache.place.as_ref().unwrap().directory.as_path()).unwrap();
    next.put(Bucket::Tags, &key(2), b"tag");
    assert_eq!([&old, &new, &lock].map(|path| path.exists()), [false, true, false]);
}

#[test]
fn one_of_many_holds_a_lock_and_the_next_gets_it_at_once() {
    let (directory, cache) = opened();
    let other = Cache::open(directory.path()).unwrap();
    let held = |attempt: &Attempt| matches!(attempt, Attempt::Held(_));
    let first = cache.try_lock(&key(0));
    assert!(held(&first));
    assert!(matches!(other.try_lock(&key(0)), Attempt::Busy));
    assert!(held(&other.try_lock(&key(1))), "another key has another lock");
    cache.clear().unwrap();
    assert!(matches!(other.try_lock(&key(0)), Attempt::Busy), "a lock in use is not cleared");
    drop(first);
    assert!(held(&other.try_lock(&key(0))));
    assert!(matches!(Cache::disabled().try_lock(&key(0)), Attempt::Unavailable));
    let (directory, cache) = opened();
    fs::write(directory.path().join("v1"), "").unwrap();
    assert!(matches!(cache.try_lock(&key(0)), Attempt::Unavailable), "a file is in the way");
}

#[test]
fn a_wait_is_bounded_and_announced_once() {
    let all: Vec<Pause> = pauses(Duration::from_mins(1)).collect();
    assert_eq!(all.iter().map(|pause| pause.length).sum::<Duration>(), Duration::from_mins(1));
    let before = all.iter().take_while(|pause| !pause.announce).map(|pause| pause.length).sum();
    assert!((2..3).contains(&Duration::as_secs(&before)), "{before:?}");
    assert_eq!(all.iter().filter(|pause| pause.announce).count(), 1);
    assert_eq!(pauses(Duration::ZERO).count(), 0);
    assert!(pauses(Duration::from_millis(1900)).all(|pause| !pause.announce));
}

#[test]
fn many_threads_that_want_one_entry_make_it_once() {
    let (directory, _) = opened();
    let made = AtomicU64::new(0);
    let want = || {
        let cache = Cache::open(directory.path()).unwrap();
        let mut pauses = pauses(Duration::from_mins(1));
        loop {
            if let Some(entry) = cache.get(Bucket::Tocs, &key(0)) {
                return entry;
            }
            match cache.try_lock(&key(0)) {
                Attempt::Held(_lock) if cache.get(Bucket::Tocs, &key(0)).is_none() => {
                    made.fetch_add(1, Ordering::Relaxed);
                    cache.put(Bucket::Tocs, &key(0), b"listing");
                }
                Attempt::Busy => std::thread::sleep(pauses.next().unwrap().length),
                _ => {}
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(want)).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == b"listing"));
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

fn content(number: usize) -> Vec<u8> {
    key(number).as_str().as_bytes().repeat(100 + number * 300)
}

/// Reads everything over and over: what is found is right.
fn read_all(cache: &Cache, rounds: usize) -> usize {
    let mut hits = 0;
    for number in (0..rounds).flat_map(|_| 0..8) {
        if let Some(found) = cache.get(Bucket::Tocs, &key(number)) {
            assert!(found == content(number), "{number}");
            hits += 1;
        }
    }
    assert_eq!(cache.damaged(), 0);
    hits
}

#[test]
fn readers_writers_and_removal_at_once_agree() {
    let (directory, cache) = opened();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let writer = Cache::open(directory.path()).unwrap().with_limit(Some(2_000_000));
            scope.spawn(move || {
                for round in 0..25 {
                    let number = (round + thread) % 8;
                    writer.put(Bucket::Tocs, &key(number), &content(number));
                }
                assert_eq!(writer.notice(), None);
            });
            scope.spawn(|| read_all(&Cache::open(directory.path()).unwrap(), 40));
        }
        scope.spawn(|| {
            for round in 0..40 {
                if round % 4 == 0 { cache.clear() } else { cache.prune(Some(300_000), None) }
                    .unwrap();
            }
        });
    });
    (0..8).for_each(|number| cache.put(Bucket::Tocs, &key(number), &content(number)));
    assert_eq!(read_all(&cache, 1), 8);
}

const WRITER: &str = "REGSIZE_TEST_CACHE_WRITER";

/// What a process of the test below does: writes until it is killed.
#[test]
fn another_process_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(WRITER) else { return };
    let cache = Cache::open(Path::new(&directory)).unwrap().with_limit(Some(2_000_000));
    for number in (0..8).cycle() {
        let lock = cache.try_lock(&key(number));
        if matches!(lock, Attempt::Held(_)) {
            cache.put(Bucket::Tocs, &key(number), &content(number));
        }
    }
}

fn writer(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cache::tests::another_process_writes_until_it_is_killed"])
        .env(WRITER, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_that_are_killed_leave_whole_entries_and_no_locks() {
    let (directory, cache) = opened();
    for _ in 0..12 {
        let mut writers = [writer(directory.path()), writer(directory.path())];
        // Killed at some moment after the first write.
        while used(&cache).0 == 0 || read_all(&cache, 3) == 0 {
            std::thread::yield_now();
        }
        for child in &mut writers {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        read_all(&cache, 1);
        let free = (0..8).all(|number| matches!(cache.try_lock(&key(number)), Attempt::Held(_)));
        assert!(free, "no lock outlives its process");
        assert!(used(&cache).1 <= 2_000_000 + store::length(&content(7)));
        cache.clear().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    }
}
