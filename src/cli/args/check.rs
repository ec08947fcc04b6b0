//! The arguments of `check`.

use std::path::PathBuf;

use clap::Args;

use super::{PlatformArgs, SelectionArgs};
use crate::check::{Bound, BoundError, Kind, Measure};
use crate::cli::help::CHECK_EXAMPLES;
use crate::config::nearest;

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(in crate::cli) struct CheckArgs {
    /// The image
    #[arg(value_name = "IMAGE", help = "The image: [host[:port]/]repository[:tag][@digest]")]
    pub(in crate::cli) reference: String,
    #[command(flatten)]
    pub(in crate::cli) platform: PlatformArgs,
    /// Check every platform; the verdict is the worst of them
    #[arg(long, conflicts_with = "platform")]
    pub(in crate::cli) all_platforms: bool,
    /// What growth is measured from: an image, or a JSON report of an earlier run, as NAME.json,
    /// ./FILE or @FILE
    #[arg(long, value_name = "IMAGE|FILE")]
    pub(in crate::cli) baseline: Option<String>,
    /// Hold the image against the rules of this file of dive, with dive's own figures; .dive-ci in
    /// the working directory where no other limit is given
    #[arg(long, value_name = "FILE", alias = "ci-config")]
    pub(in crate::cli) dive_ci: Option<PathBuf>,
    /// The day that entries of the list of what to ignore expire by
    #[arg(long, value_name = "DATE", hide = true)]
    pub(in crate::cli) today: Option<jiff::civil::Date>,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
    #[command(flatten)]
    pub(in crate::cli) rules: SelectionArgs,
}

/// Limits; they replace those of the file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(in crate::cli) struct LimitArgs {
    /// Fail if a pull downloads more
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(in crate::cli) max_compressed: Option<Bound>,
    /// Fail if the layers store more
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(in crate::cli) max_content: Option<Bound>,
    /// Fail if there are more layers
    #[arg(long, value_name = "NUMBER", value_parser = count)]
    pub(in crate::cli) max_layers: Option<Bound>,
    /// Fail if more is stored in vain
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(in crate::cli) max_shadowed: Option<Bound>,
    /// Fail if more of the content is stored in vain, as in 5%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(in crate::cli) max_shadowed_share: Option<Bound>,
    /// Fail if less of the content is visible, as in 95%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(in crate::cli) min_efficiency: Option<Bound>,
    /// Fail if a pull downloads so much more than of the baseline: 5%, 50MB, or '5% and 50MB', of
    /// which both must be exceeded
    #[arg(long, value_name = "GROWTH", value_parser = growth)]
    pub(in crate::cli) max_growth: Option<Bound>,
    /// The same of the content
    #[arg(long, value_name = "GROWTH", value_parser = growth)]
    pub(in crate::cli) max_content_growth: Option<Bound>,
    /// Fail if there is a finding of this severity or a higher one
    #[arg(long, value_name = "LEVEL", value_parser = severity)]
    pub(in crate::cli) forbid_findings: Option<Bound>,
    /// Fail if any layer stores such a path, even if it is deleted later, as in '**/*.pem'
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) forbid_path: Vec<String>,
    /// Fail if such a package is installed, as in gcc-* or python:torch
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) forbid_package: Vec<String>,
    /// Warn beyond a soft limit, as in max-compressed=1GB
    #[arg(long, value_name = "LIMIT=VALUE", value_parser = soft)]
    pub(in crate::cli) warn: Vec<(Measure, Bound)>,
}

impl LimitArgs {
    /// The hard limits of figures that are given.
    pub(in crate::cli) fn hard(&self) -> impl Iterator<Item = (Measure, Bound)> {
        let all = [
            (Measure::Compressed, self.max_compressed),
            (Measure::Content, self.max_content),
            (Measure::Layers, self.max_layers),
            (Measure::Shadowed, self.max_shadowed),
            (Measure::ShadowedShare, self.max_shadowed_share),
            (Measure::Efficiency, self.min_efficiency),
            (Measure::Growth, self.max_growth),
            (Measure::ContentGrowth, self.max_content_growth),
            (Measure::Findings, self.forbid_findings),
        ];
        all.into_iter().filter_map(|(measure, bound)| Some((measure, bound?)))
    }
}

fn bytes(text: &str) -> Result<Bound, BoundError> {
    Kind::Bytes.read(text)
}

fn count(text: &str) -> Result<Bound, BoundError> {
    Kind::Count.read(text)
}

fn share(text: &str) -> Result<Bound, BoundError> {
    Kind::Share.read(text)
}

fn growth(text: &str) -> Result<Bound, BoundError> {
    Kind::Growth.read(text)
}

fn severity(text: &str) -> Result<Bound, BoundError> {
    Kind::Severity.read(text)
}

fn soft(text: &str) -> Result<(Measure, Bound), String> {
    let names = || Measure::ALL.map(Measure::as_str).join(", ");
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let near = || nearest(name.trim(), Measure::ALL.map(Measure::as_str));
    let hint = || {
        near().map_or_else(
            || format!("known are {}", names()),
            |near| format!("did you mean {near}?"),
        )
    };
    let measure = Measure::named(name.trim())
        .ok_or_else(|| format!("there is no limit {name:?}: {}", hint()))?;
    let bound = measure.kind().read(value).map_err(|error| error.to_string())?;
    Ok((measure, bound))
}
