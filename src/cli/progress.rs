//! What a person sees on stderr while a run goes on: a line that moves, or each request.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::environment;
use crate::registry::{Event, Observer};
use crate::report::printable;

/// The progress of a run; cleared when dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    verbose: bool,
}

impl Progress {
    /// Shows a moving line where somebody watches; with `verbose`, a line for each request.
    pub(super) fn new(verbose: bool) -> Self {
        let bar = if environment::watched() && !verbose {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, verbose }
    }

    /// What the registry client tells its events to.
    pub(super) fn observer(&self) -> Observer {
        let (bar, verbose) = (self.bar.clone(), self.verbose);
        let requests = AtomicU64::new(0);
        Arc::new(move |event| {
            if verbose {
                line(&describe(event));
            }
            match event {
                Event::Answered { .. } => {
                    let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
                    bar.set_message(format!("asking the registry: {count} answers"));
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
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn describe(event: &Event) -> String {
    match event {
        Event::Answered { request, status, elapsed } => {
            format!("{status} {request} ({} ms)", elapsed.as_millis())
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
