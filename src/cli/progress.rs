//! What a person sees on stderr while a run goes on: lines that move, or each request.
//!
//! One line tells of the registry's answers; while layers are read it is the total, and each layer
//! that is being read has a line of its own above it. Where nobody watches there are none.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::environment;
use crate::collect::{LayerEvent, LayerObserver};
use crate::registry::{Event, Observer};
use crate::report::printable;

const ASKING: &str = "{spinner} {msg} ({elapsed})";
const TOTAL: &str = "{spinner} total        {bar:20} {decimal_bytes}/{decimal_total_bytes}  \
                     {decimal_bytes_per_sec}, {eta} left  {msg}";
const LAYER: &str = "  {prefix:12} {bar:20} {decimal_bytes}/{decimal_total_bytes}  \
                     {decimal_bytes_per_sec}";

/// The progress of a run; cleared when dropped.
pub(super) struct Progress {
    lines: MultiProgress,
    total: ProgressBar,
    reading: Arc<AtomicBool>,
    verbose: bool,
}

impl Progress {
    /// Shows moving lines where somebody watches; with `verbose`, a line for each request.
    pub(super) fn new(verbose: bool) -> Self {
        let target = if environment::watched() && !verbose {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::on(target, verbose)
    }

    fn on(target: ProgressDrawTarget, verbose: bool) -> Self {
        let lines = MultiProgress::with_draw_target(target);
        let total = lines.add(styled(ProgressBar::new(0), ASKING));
        if !lines.is_hidden() {
            total.enable_steady_tick(Duration::from_millis(120));
        }
        Self { lines, total, reading: Arc::default(), verbose }
    }

    /// What the registry client tells its events to.
    pub(super) fn observer(&self) -> Observer {
        let (bar, verbose) = (self.total.clone(), self.verbose);
        let reading = Arc::clone(&self.reading);
        let asked = Asked::default();
        Arc::new(move |event| {
            if verbose {
                line(&describe(event));
            }
            match event {
                Event::Answered { .. } | Event::Listed { .. } => {
                    asked.count(event);
                    let is_reading = reading.load(Ordering::Relaxed);
                    bar.set_message(if is_reading { String::new() } else { asked.told() });
                }
                Event::Retrying { wait, .. } => {
                    bar.set_message(format!(
                        "a request failed, trying again in {:.1} s",
                        wait.as_secs_f64()
                    ));
                }
            }
        })
    }

    /// What the reading of one reference's layers tells its events to.
    pub(super) fn layers(&self) -> LayerObserver {
        let (lines, total) = (self.lines.clone(), self.total.clone());
        let reading = Arc::clone(&self.reading);
        let active: Mutex<BTreeMap<usize, ProgressBar>> = Mutex::default();
        Arc::new(move |event| {
            let mut active = active.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                LayerEvent::Planned { bytes, .. } => {
                    if !reading.swap(true, Ordering::Relaxed) {
                        total.set_style(style(TOTAL));
                        total.set_message("");
                        total.reset_eta();
                    }
                    total.inc_length(*bytes);
                }
                LayerEvent::Waiting { name } => lines.suspend(|| {
                    line(&format!("note: waiting for another regsize to read layer {name}"));
                }),
                LayerEvent::Started { layer, name, bytes } => {
                    let bar = styled(ProgressBar::new(*bytes), LAYER).with_prefix(name.clone());
                    active.insert(*layer, lines.insert_before(&total, bar));
                }
                LayerEvent::Advanced { layer, bytes } => {
                    total.inc(*bytes);
                    if let Some(bar) = active.get(layer) {
                        bar.inc(*bytes);
                    }
                }
                LayerEvent::Finished { layer } => {
                    if let Some(bar) = active.remove(layer) {
                        bar.finish_and_clear();
                        lines.remove(&bar);
                    }
                }
            }
        })
    }
}

/// How much the registries have told so far.
#[derive(Default)]
struct Asked {
    answers: AtomicU64,
    pages: AtomicU64,
    tags: AtomicU64,
}

impl Asked {
    fn count(&self, event: &Event) {
        if let Event::Listed { tags } = event {
            let tags = u64::try_from(*tags).unwrap_or(u64::MAX);
            self.pages.fetch_add(1, Ordering::Relaxed);
            self.tags.fetch_add(tags, Ordering::Relaxed);
        } else {
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn told(&self) -> String {
        let [answers, pages, tags] =
            [&self.answers, &self.pages, &self.tags].map(|count| count.load(Ordering::Relaxed));
        let answers = counted(answers, "answer", "answers");
        if pages == 0 {
            return format!("asking the registry: {answers}");
        }
        let (tags, pages) = (counted(tags, "tag", "tags"), counted(pages, "page", "pages"));
        format!("asking the registry: {answers}, {tags} listed on {pages}")
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.total.finish_and_clear();
        // That a terminal cannot be cleared is no reason to fail. Threads that still read a layer
        // may tell of it, but draw nothing more.
        let _ = self.lines.clear();
        self.lines.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    bar.with_style(style(template))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn describe(event: &Event) -> String {
    match event {
        Event::Answered { request, status, elapsed } => {
            format!("{status} {request} ({} ms)", elapsed.as_millis())
        }
        Event::Listed { tags } => {
            let tags = u64::try_from(*tags).unwrap_or(u64::MAX);
            format!("{} more on this page", counted(tags, "tag", "tags"))
        }
        Event::Retrying { reason, wait } => {
            format!("again in {:.1} s: {reason}", wait.as_secs_f64())
        }
    }
}

/// Writes a line to stderr. That nobody reads it is no reason to fail.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_sound() {
        for template in [ASKING, TOTAL, LAYER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_listing_tells_pages_and_tags() {
        let progress = Progress::on(ProgressDrawTarget::hidden(), false);
        let observe = progress.observer();
        let answered =
            Event::Answered { request: String::new(), status: 200, elapsed: Duration::ZERO };
        let check = |event: &Event, expected: &str| {
            observe(event);
            assert_eq!(progress.total.message(), expected);
        };
        check(&answered, "asking the registry: 1 answer");
        check(&Event::Listed { tags: 1 }, "asking the registry: 1 answer, 1 tag listed on 1 page");
        check(&answered, "asking the registry: 2 answers, 1 tag listed on 1 page");
        check(
            &Event::Listed { tags: 100 },
            "asking the registry: 2 answers, 101 tags listed on 2 pages",
        );
    }

    #[test]
    fn the_total_is_of_all_references_and_layers_come_and_go() {
        let progress = Progress::on(ProgressDrawTarget::hidden(), false);
        let (first, second) = (progress.layers(), progress.layers());
        let started = |layer| LayerEvent::Started { layer, name: "0a1b2c3d4e5f".into(), bytes: 60 };
        first(&LayerEvent::Planned { layers: 2, bytes: 100 });
        second(&LayerEvent::Planned { layers: 1, bytes: 60 });
        first(&started(0));
        second(&started(0));
        first(&LayerEvent::Advanced { layer: 0, bytes: 25 });
        second(&LayerEvent::Advanced { layer: 0, bytes: 60 });
        second(&LayerEvent::Finished { layer: 0 });
        assert_eq!((progress.total.length(), progress.total.position()), (Some(160), 85));
        first(&LayerEvent::Finished { layer: 7 });
        first(&LayerEvent::Advanced { layer: 7, bytes: 5 });
        assert_eq!(progress.total.position(), 90);
        drop(progress);
        first(&started(1));
        first(&LayerEvent::Advanced { layer: 1, bytes: 5 });
    }
}
