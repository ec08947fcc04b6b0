//! Contents that are kept while a layer passes, so that no layer is read twice.
//!
//! Of files that hold credentials, only a verdict ([`mod@credential`]). Whole, of the files on the
//! capture list ([`list`]) unless they are very large; the first bytes of large files, which tell
//! what they are; and the ends of archives, which hold their directories. What texts among them
//! have of secrets is left out ([`hidden`]). Kept within a ceiling, of which whole contents have
//! three quarters; what does not fit is counted.

mod credential;
mod hidden;
mod list;

use super::Capture;
pub(crate) use credential::{Credential, MARK, credential};
use hidden::{Names, without_secrets};

/// Whole contents are kept up to this size, and of databases up to the other.
const WHOLE: u64 = 4 << 20;
const WHOLE_DATABASE: u64 = 64 << 20;
/// Of larger ones on the list, this much of either end.
const PART: u64 = 2 << 20;
/// Of other files that are this large, the head is kept.
const LARGE: u64 = 256 << 10;
const HEAD: u64 = 4 << 10;
/// Of archives that are this large, the tail as well.
const LARGE_ARCHIVE: u64 = 1_000_000;
const TAIL: u64 = 64 << 10;

/// Whether the list has a file, by its name as the archive has it.
pub(super) fn is_listed(name: &[u8]) -> bool {
    list::has(name)
}

/// What of a content is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What was found in it.
    Verdict(Credential),
    /// All but secrets.
    Text(Names),
}

impl Keep {
    /// Decides by a file's name as the archive has it.
    pub(crate) fn of(name: &[u8]) -> Self {
        let names = || if list::has(name) { list::names(name) } else { Names::Settings };
        credential(name).map_or_else(|| Self::Text(names()), Self::Verdict)
    }

    /// What is kept of a content; nothing of one that may hold credentials and holds none.
    pub(crate) fn of_content(self, content: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Verdict(credential) => credential.verdict(&content),
            Self::Text(names) => without_secrets(names, content),
        }
    }
}

/// Up to which size a file on the list is kept whole, by its name.
pub(super) fn longest(name: &[u8]) -> u64 {
    if list::is_database(name) { WHOLE_DATABASE } else { WHOLE }
}

/// Keeps contents of one file after another.
#[derive(Debug)]
pub(super) struct Captures {
    /// Bytes that may still be kept of the files on the list, and of ends.
    whole: u64,
    ends: u64,
    current: Option<Current>,
    kept: Vec<Capture>,
    dropped: u64,
}

#[derive(Debug)]
struct Current {
    capture: Capture,
    plan: Plan,
    size: u64,
    /// Bytes seen.
    at: u64,
}

/// How much of a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    head: u64,
    tail: u64,
    listed: bool,
    keep: Keep,
}

impl Plan {
    /// Decides by a file's name as the archive has it, and its size.
    fn of(name: &[u8], size: u64) -> Option<Self> {
        if size == 0 {
            return None;
        }
        if let Some(credential) = credential(name) {
            let (head, keep) = (size.min(credential::LOOKED_AT), Keep::Verdict(credential));
            return Some(Self { head, tail: 0, listed: true, keep });
        }
        if list::has(name) {
            let (head, tail) = if size <= longest(name) { (size, 0) } else { (PART, PART) };
            return Some(Self { head, tail, listed: true, keep: Keep::Text(list::names(name)) });
        }
        let tail = if size >= LARGE_ARCHIVE && list::is_archive(name) { TAIL } else { 0 };
        let keep = Keep::Text(Names::Settings);
        (size >= LARGE).then_some(Self { head: HEAD, tail, listed: false, keep })
    }

    /// Whether credentials may stand where nobody looks.
    fn is_cut(&self, size: u64) -> bool {
        matches!(self.keep, Keep::Verdict(_)) && self.head < size
    }
}

impl Captures {
    /// Keeps nothing more than `ceiling` bytes.
    pub(super) fn new(ceiling: usize) -> Self {
        let ceiling = ceiling as u64;
        let ends = ceiling / 4;
        Self { whole: ceiling - ends, ends, current: None, kept: Vec::new(), dropped: 0 }
    }

    /// Starts with a file; gives the bytes of it that will be kept, or `None` for none.
    pub(super) fn begin(&mut self, entry: u32, name: &[u8], size: u64) -> Option<u64> {
        self.current = Plan::of(name, size).and_then(|plan| {
            let left = if plan.listed { &mut self.whole } else { &mut self.ends };
            let Some(rest) = left.checked_sub(plan.head + plan.tail) else {
                self.dropped += u64::from(plan.listed);
                return None;
            };
            *left = rest;
            self.dropped += u64::from(plan.is_cut(size));
            let capture = Capture { entry, head: Vec::new(), tail: Vec::new() };
            Some(Current { capture, plan, size, at: 0 })
        });
        self.current.as_ref().map(|Current { plan, .. }| plan.head + plan.tail)
    }

    /// Counts a hard link by which alone a file would be looked into for credentials: what it leads
    /// to has passed.
    pub(super) fn link(&mut self, name: &[u8], target: &[u8]) {
        self.dropped += u64::from(credential(name).is_some() && credential(target).is_none());
    }

    /// Takes the next bytes of the file.
    pub(super) fn content(&mut self, bytes: &[u8]) {
        let Some(current) = &mut self.current else { return };
        let Plan { head, tail, .. } = current.plan;
        let end = current.at + bytes.len() as u64;
        if current.at < head {
            current.capture.head.extend_from_slice(part(bytes, 0, head - current.at));
        }
        let tail_start = current.size - tail;
        if tail > 0 && end > tail_start {
            let from = tail_start.saturating_sub(current.at);
            current.capture.tail.extend_from_slice(part(bytes, from, u64::MAX));
        }
        current.at = end;
    }

    /// Ends the file.
    pub(super) fn end(&mut self) {
        if let Some(Current { mut capture, plan, .. }) = self.current.take() {
            let read = capture.head.len() as u64;
            capture.head = plan.keep.of_content(capture.head);
            if let Keep::Verdict(_) = plan.keep {
                self.whole += read.saturating_sub(capture.head.len() as u64);
                if capture.head.is_empty() {
                    return;
                }
            } else {
                capture.tail = plan.keep.of_content(capture.tail);
            }
            capture.head.shrink_to_fit();
            capture.tail.shrink_to_fit();
            self.kept.push(capture);
        }
    }

    /// What was kept, and how many files were not because of the ceiling.
    pub(super) fn finish(self) -> (Vec<Capture>, u64) {
        (self.kept, self.dropped)
    }
}

/// The bytes from `from` to `to`, as far as they are there.
fn part(bytes: &[u8], from: u64, to: u64) -> &[u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[index(from)..index(to)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(captures: &mut Captures, name: &str, content: &[u8], cut: usize) {
        captures.begin(7, name.as_bytes(), content.len() as u64);
        content.chunks(cut).for_each(|bytes| captures.content(bytes));
        captures.end();
    }

    fn bytes(length: u64) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn what_is_kept_depends_on_name_and_size() {
        let check = |name: &str, size: u64, expected: Option<(u64, u64)>| {
            let content = bytes(size);
            for cut in [1 << 16, 100_003, 1 << 24] {
                let mut captures = Captures::new(128 << 20);
                keep(&mut captures, name, &content, cut);
                let (kept, dropped) = captures.finish();
                assert_eq!(dropped, 0);
                let Some((head, tail)) = expected else {
                    assert!(kept.is_empty(), "{name} {size}");
                    continue;
                };
                assert_eq!(kept.len(), 1, "{name} {size}");
                assert!(kept[0].head == content[..usize::try_from(head).unwrap()], "{name}");
                assert!(kept[0].tail == content[usize::try_from(size - tail).unwrap()..], "{name}");
            }
        };
        check("etc/os-release", 0, None);
        check("etc/os-release", 300, Some((300, 0)));
        check("a/x.dist-info/RECORD", WHOLE, Some((WHOLE, 0)));
        check("a/x.dist-info/RECORD", WHOLE + 1, Some((PART, PART)));
        check("var/lib/dpkg/status", WHOLE + 1, Some((WHOLE + 1, 0)));
        check("var/lib/dpkg/info/a.list", WHOLE + 1, Some((WHOLE + 1, 0)));
        check("var/lib/rpm/rpmdb.sqlite", WHOLE_DATABASE, Some((WHOLE_DATABASE, 0)));
        check("var/lib/rpm/rpmdb.sqlite", WHOLE_DATABASE + 1, Some((PART, PART)));
        check("opt/conda/conda-meta/a-1-0.json", WHOLE + 1, Some((WHOLE + 1, 0)));
        check("usr/bin/tool", LARGE - 1, None);
        check("usr/bin/tool", LARGE, Some((HEAD, 0)));
        check("usr/bin/tool", 2 << 20, Some((HEAD, 0)));
        check("opt/app.jar", 999_999, Some((HEAD, 0)));
        check("opt/app.jar", 1_000_000, Some((HEAD, TAIL)));
        check("opt/app.tar.gz", 1_000_000, Some((HEAD, TAIL)));
    }

    #[test]
    fn of_credentials_a_verdict_is_kept() {
        let keep_one = |name: &str, content: &str| {
            let mut captures = Captures::new(64 << 20);
            keep(&mut captures, name, content.as_bytes(), 7);
            captures.finish().0
        };
        let kept = keep_one("root/.netrc", "machine h login u password hunter2");
        assert_eq!(kept[0].head, b"secret:password\t\n");
        assert!(keep_one("root/.netrc", "machine h login u").is_empty());
        let large = format!("A_TOKEN=hunter2\n{}", "#".repeat(1 << 20));
        assert_eq!(keep_one("app/.env", &large)[0].head, b"secret:A_TOKEN\t\n");
    }

    #[test]
    fn credentials_that_may_stand_where_nobody_looks_are_counted() {
        let check = |name: &str, size: u64, expected: u64| {
            let mut captures = Captures::new(64 << 20);
            keep(&mut captures, name, &vec![b'#'; usize::try_from(size).unwrap()], 1 << 16);
            assert_eq!(captures.finish().1, expected, "{name} of {size} bytes");
        };
        check("app/.env", credential::LOOKED_AT, 0);
        check("app/.env", credential::LOOKED_AT + 1, 1);
        check("var/log/large", credential::LOOKED_AT + 1, 0);
        let link = |name: &str, target: &str, expected: u64| {
            let mut captures = Captures::new(64 << 20);
            captures.link(name.as_bytes(), target.as_bytes());
            assert_eq!(captures.finish().1, expected, "{name} to {target}");
        };
        link("root/.netrc", "tmp/notes", 1);
        link("root/.netrc", "home/user/.netrc", 0);
        link("tmp/notes", "root/.netrc", 0);
    }

    #[test]
    fn secrets_in_other_files_are_not_kept() {
        let check = |name: &str, content: &str| {
            let mut captures = Captures::new(64 << 20);
            keep(&mut captures, name, content.as_bytes(), 7);
            let (kept, _) = captures.finish();
            let text = String::from_utf8_lossy(&kept[0].head).into_owned();
            assert!(text.contains("***") && !text.contains("hunter2"), "{name}: {text}");
            let whole = content.as_bytes().to_vec();
            assert_eq!(Keep::of(name.as_bytes()).of_content(whole), kept[0].head);
        };
        let url = r#"{"url": "https://me:hunter2@git.example/x.git", "vcs_info": {"vcs": "git"}}"#;
        check("a/x.dist-info/direct_url.json", url);
        check(
            "opt/conda/conda-meta/a-1-0.json",
            r#"{"channel": "https://c.example/t/ab-hunter2/main"}"#,
        );
        check(
            "opt/conda/conda-meta/history",
            "# cmd: conda install -c https://c.example/t/ab-hunter2 a\n",
        );
        check("app/package-lock.json", r#"{"resolved": "https://me:hunter2@npm.example/a.tgz"}"#);
        check("etc/R/Renviron.site", "GITHUB_PAT_TOKEN=hunter2\n");
        check("srv/entrypoint.sh", "#!/bin/sh\nexec app --password hunter2\n");
        check("srv/entrypoint.sh", "#!/bin/sh\nexec sshpass -phunter2 ssh x\n");
        check("app/node_modules/a/package.json", r#"{"name": "a", "_authToken": "hunter2"}"#);
        check("opt/conda/conda-meta/a-1-0.json", r#"{"auth": "hunter2"}"#);
        check("var/lib/dpkg/status", "Package: a\nHomepage: https://u:hunter2@x.example/\n");
        check("lib/apk/db/installed", "P:a\nU:https://u:hunter2@x.example/\n");
        check("a/x.dist-info/RECORD", "https://u:hunter2@x.example/y,,\n");
        check("usr/lib/R/library/a/DESCRIPTION", "Package: a\nRemotePassword: hunter2\n");
    }

    #[test]
    fn secrets_in_the_heads_of_large_texts_are_not_kept() {
        let mut captures = Captures::new(64 << 20);
        let text = format!("DB_PASSWORD=hunter2\n{}", "-- a row\n".repeat(100_000));
        keep(&mut captures, "srv/dump.sql", text.as_bytes(), 1000);
        let (kept, _) = captures.finish();
        assert_eq!(kept[0].head.len(), 4096);
        assert!(kept[0].head.starts_with(b"DB_PASSWORD=***\n"));
    }

    #[test]
    fn what_exceeds_the_ceiling_is_counted() {
        let mut captures = Captures::new(40_000);
        keep(&mut captures, "etc/passwd", &bytes(29_000), 1 << 16);
        keep(&mut captures, "etc/group", &bytes(1001), 1 << 16);
        keep(&mut captures, "etc/os-release", &bytes(1000), 1 << 16);
        for _ in 0..3 {
            keep(&mut captures, "usr/bin/tool", &bytes(LARGE), 1 << 16);
        }
        let (kept, dropped) = captures.finish();
        let lengths: Vec<_> = kept.iter().map(|capture| capture.head.len()).collect();
        assert_eq!((lengths, dropped), (vec![29_000, 1000, 4096, 4096], 1));
    }
}
