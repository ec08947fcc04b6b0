//! Metrics of a loop that watches targets, in the text format of Prometheus.
//!
//! What is not known has no sample. Two names that look the same once encoded have one sample,
//! that of the later name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::encode::{Untrusted, label_value};
use crate::audit::watch::{Health, TargetStatus, word};
use crate::check::Verdict;

/// The media type of the text.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const VERDICTS: [Verdict; 4] = [Verdict::Pass, Verdict::Warn, Verdict::Unknown, Verdict::Fail];

/// Metrics of the targets, by name.
pub fn metrics(targets: &BTreeMap<String, TargetStatus>, health: Health) -> String {
    let mut text = String::new();
    let mut build = Family::gauge("build_info", "What was built, the value is 1.");
    build.add(&[("version", env!("CARGO_PKG_VERSION"))], &1);
    build.write(&mut text);
    let mut ready = Family::gauge("ready", "Whether work would be taken now.");
    ready.add(&[], &u64::from(health.unready.is_none()));
    ready.write(&mut text);
    let mut count = Family::gauge("targets", "Targets that are watched.");
    count.add(&[], &targets.len());
    count.write(&mut text);
    for family in times(targets).into_iter().chain(results(targets)).chain(images(targets)) {
        family.write(&mut text);
    }
    text
}

/// When targets were run, and when they will be.
fn times(targets: &BTreeMap<String, TargetStatus>) -> [Family; 4] {
    let mut due = Family::gauge("target_due_timestamp_seconds", "When the target is due next.");
    let mut ended =
        Family::gauge("target_last_run_timestamp_seconds", "When the last run here ended.");
    let mut succeeded = Family::gauge(
        "target_last_success_timestamp_seconds",
        "When the last run here ended that found out all it was to find out.",
    );
    let mut running = Family::gauge("target_running", "Whether a run goes on here.");
    for (name, target) in targets {
        let labels = [("target", name.as_str())];
        let times = [
            (&mut due, target.due),
            (&mut ended, target.ended),
            (&mut succeeded, target.succeeded),
        ];
        for (family, time) in times {
            family.add_known(&labels, time.map(Timestamp::as_second));
        }
        running.add(&labels, &u64::from(target.running));
    }
    [due, ended, succeeded, running]
}

/// How runs ended.
fn results(targets: &BTreeMap<String, TargetStatus>) -> [Family; 3] {
    let mut verdicts =
        Family::gauge("target_verdict", "1 for the verdict of the last run here, else 0.");
    let mut runs = Family::counter(
        "target_runs_total",
        "Runs that ended here, by verdict; those left out and those given up.",
    );
    let mut breaches =
        Family::gauge("target_breaches_open", "Broken limits that are not kept yet.");
    for (name, target) in targets {
        for verdict in VERDICTS {
            let count = target.runs.get(&verdict).copied().unwrap_or(0);
            runs.add(&[("target", name), ("outcome", word(verdict))], &count);
            if let Some(outcome) = target.outcome.as_ref().filter(|_| target.ended.is_some()) {
                let is_this = u64::from(outcome.verdict == verdict);
                verdicts.add(&[("target", name), ("verdict", word(verdict))], &is_this);
            }
        }
        runs.add(&[("target", name), ("outcome", "skipped")], &target.skipped);
        runs.add(&[("target", name), ("outcome", "given-up")], &target.given_up);
        let open = target.outcome.as_ref().and_then(|outcome| outcome.breaches);
        breaches.add_known(&[("target", name)], open);
    }
    [verdicts, runs, breaches]
}

/// What the images take.
fn images(targets: &BTreeMap<String, TargetStatus>) -> [Family; 2] {
    let mut compressed = Family::gauge("image_compressed_bytes", "Bytes of an image on the wire.");
    let mut content = Family::gauge("image_content_bytes", "Bytes of the files in all layers.");
    for (name, target) in targets {
        for image in target.outcome.iter().flat_map(|outcome| &outcome.images) {
            let labels =
                [("target", name.as_str()), ("tag", &image.tag), ("platform", &image.platform)];
            compressed.add_known(&labels, image.compressed);
            content.add_known(&labels, image.content);
        }
    }
    [compressed, content]
}

/// Samples of one name.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    /// The values by encoded labels.
    samples: BTreeMap<String, String>,
}

impl Family {
    fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: "gauge", samples: BTreeMap::new() }
    }

    fn counter(name: &'static str, help: &'static str) -> Self {
        Self { kind: "counter", ..Self::gauge(name, help) }
    }

    fn add(&mut self, labels: &[(&str, &str)], value: &impl ToString) {
        let label = |(name, value): &(&str, &str)| {
            format!("{name}=\"{}\"", label_value(&Untrusted::new(*value)))
        };
        let labels: Vec<_> = labels.iter().map(label).collect();
        let labels = labels.join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        self.samples.insert(labels, value.to_string());
    }

    fn add_known(&mut self, labels: &[(&str, &str)], value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(labels, &value);
        }
    }

    fn write(&self, text: &mut String) {
        let Self { name, help, kind, samples } = self;
        // Writing into a String cannot fail.
        let _ = write!(text, "# HELP regsize_{name} {help}\n# TYPE regsize_{name} {kind}\n");
        for (labels, value) in samples {
            let _ = writeln!(text, "regsize_{name}{labels} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::HOSTILE;
    use super::*;
    use crate::audit::watch::{Image, Outcome};

    const HEALTH: Health = Health { alive: true, unready: None };

    fn target() -> TargetStatus {
        let image = Image {
            tag: "1.2".to_owned(),
            platform: "linux/amd64".to_owned(),
            compressed: Some(123),
            content: None,
        };
        let outcome = Outcome { verdict: Verdict::Warn, images: vec![image], breaches: Some(1) };
        TargetStatus {
            due: Some(Timestamp::constant(1_800_000_000, 0)),
            outcome: Some(outcome),
            ended: Some(Timestamp::constant(1_700_000_000, 5)),
            runs: BTreeMap::from([(Verdict::Warn, 2)]),
            skipped: 3,
            ..TargetStatus::default()
        }
    }

    /// A sample: its name, its labels in order, and its value.
    type Sample = (String, Vec<(String, String)>, f64);

    /// Reads what is in the format, and nothing else: comments before samples, samples of a name
    /// together, names and labels as they may be, values that are numbers, no sample twice.
    fn read(text: &str) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut declared = Vec::new();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let words: Vec<_> = rest.splitn(3, ' ').collect();
                match words[..] {
                    ["HELP", name, help] => {
                        assert!(!declared.contains(&name) && !help.is_empty(), "{line}");
                        declared.push(name);
                    }
                    ["TYPE", name, "gauge" | "counter"] => {
                        assert_eq!(declared.last(), Some(&name));
                        assert!(samples.last().is_none_or(|sample| sample.0 != name), "{line}");
                    }
                    _ => panic!("{line}"),
                }
                continue;
            }
            let end = line.find(['{', ' ']).unwrap();
            let name = &line[..end];
            assert_eq!(declared.last(), Some(&name), "{line}");
            assert!(name.chars().all(|c| c == '_' || c.is_ascii_lowercase()), "{line}");
            let (labels, value) = read_labels(&line[end..]);
            let value: f64 = value.strip_prefix(' ').unwrap().parse().unwrap();
            let sample = (name.to_owned(), labels, value);
            assert!(
                !samples.iter().any(|(name, labels, _)| (name, labels) == (&sample.0, &sample.1))
            );
            samples.push(sample);
        }
        samples
    }

    fn read_labels(text: &str) -> (Vec<(String, String)>, &str) {
        let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
        let mut labels = Vec::new();
        loop {
            let (name, after) = rest.split_once("=\"").unwrap();
            assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{text}");
            let mut value = String::new();
            let mut characters = after.char_indices();
            let end = loop {
                match characters.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        plain @ ('\\' | '"') => plain,
                        other => panic!("\\{other} in {text}"),
                    }),
                    (_, plain) => value.push(plain),
                }
            };
            labels.push((name.to_owned(), value));
            rest = &after[end + 1..];
            match rest.split_at(1) {
                (",", more) => rest = more,
                ("}", value) => return (labels, value),
                _ => panic!("{text}"),
            }
        }
    }

    #[test]
    fn every_metric_has_its_place() {
        let targets = BTreeMap::from([("ghcr.io/owner/name".to_owned(), target())]);
        let text = metrics(&targets, HEALTH);
        read(&text);
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn names_of_others_stay_label_values() {
        let mut targets = BTreeMap::new();
        for text in HOSTILE {
            let mut target = target();
            for image in target.outcome.iter_mut().flat_map(|outcome| &mut outcome.images) {
                (image.tag, image.platform) = ((*text).to_owned(), (*text).to_owned());
            }
            targets.insert((*text).to_owned(), target);
        }
        let samples = read(&metrics(&targets, HEALTH));
        let count = |wanted: &str| samples.iter().filter(|(name, ..)| name == wanted).count();
        assert_eq!(count("regsize_image_compressed_bytes"), HOSTILE.len());
        assert_eq!(count("regsize_image_content_bytes"), 0);
        assert_eq!(count("regsize_target_runs_total"), HOSTILE.len() * 6);
    }

    #[test]
    fn nothing_is_metrics_too() {
        let health = Health { alive: true, unready: Some("the loop has not begun") };
        let samples = read(&metrics(&BTreeMap::new(), health));
        let values: Vec<_> =
            samples.iter().map(|(name, _, value)| (name.as_str(), *value)).collect();
        let expected =
            [("regsize_build_info", 1.0), ("regsize_ready", 0.0), ("regsize_targets", 0.0)];
        assert_eq!(values, expected);
    }
}
