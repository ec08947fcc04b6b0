use jiff::civil::{Date, date};

use super::*;
use crate::analysis::testing::{analysed, partly};
use crate::analysis::{AnalysisOptions, PathSearch};
use crate::check::{Check, DiveRules, Row, Subject, Verdict, check_all};
use crate::snapshot::Snapshot;

const NAMES: Names<'_> = Names { components: &["fsl", "freesurfer"] };
const TODAY: Date = date(2026, 11, 21);

const IMAGE: &str = "
base: ADD rootfs /
  bin/sh 1_000_000
  root/.ssh/id_rsa 100
  usr/lib/keys/a.pem 50
RUN build
  -root/.ssh
  bin/sh 1_000_000 hash=other
  root/.cache/pip/http/a 60_000_000
  var/lib/dpkg/status = \"Package: gcc-12\\nStatus: install ok installed\\nVersion: 12.2\\nArchitecture: amd64\\n\\n\"
  var/lib/dpkg/info/gcc-12.list = \"/bin\\n\"
";

fn config(text: &str) -> Config {
    read(text, &NAMES, TODAY).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn options(config: &Config) -> AnalysisOptions {
    let all = config.budgets.all();
    AnalysisOptions {
        search: PathSearch { patterns: all.path_patterns(), except: all.ignored_paths() },
        dive: all.dive.is_some(),
        ..AnalysisOptions::default()
    }
}

/// The image held against a budget.
fn checked(text: &str, image: &str, baseline: Option<&[Snapshot]>) -> Check {
    let config = config(text);
    let (inspection, found) = analysed(image, &options(&config));
    let snapshot = Snapshot::of_analysis(&inspection, &inspection.images[0], &found);
    let subject = Subject::of_layers(snapshot, &found);
    check_all(&[subject], &config.budgets, baseline).remove(0)
}

fn row<'a>(check: &'a Check, id: &str) -> &'a Row {
    let found = check.rows.iter().find(|row| row.id == id);
    found.unwrap_or_else(|| panic!("no {id} in {:?}", check.rows))
}

fn refused(text: &str, expected: &str) {
    let error = read(text, &NAMES, TODAY).expect_err(text).to_string();
    assert!(error.contains(expected), "{text}: {error}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let check = refused;
    check("[budget]\nmax-compresed = \"1GB\"", "line 2, column 1: budget has no \"max-compresed\"");
    check("[budget]\nmax-compresed = \"1GB\"", "did you mean max-compressed?");
    check("[budgett]", "line 1, column 2: a file of settings has no \"budgett\"");
    check("[budget]\nmax-content = \"5 GX\"", "line 2, column 15: \"5 GX\" is not a size");
    check("[budget]\nmin-efficiency = 1.5", "line 2, column 18: \"1.5\" is not a share");
    check("[budget]\nmax-layers = true", "line 2, column 14: this is not a number");
    check("[budget]\nmax-layers = -1", "\"-1\" is not a number");
    check(
        "[budget]\nmax-layers = {warn = 5, fail = 4}",
        "line 2, column 14: max-layers contradicts",
    );
    check("[budget]\nmax-layers = {soft = 5}", "line 2, column 15: a limit has no \"soft\"");
    check("[budget]\nmax-layers = {}", "a limit is expected: warn, fail or both");
    check("[budget]\nmax-growth = \"5 and 6\"", "is not an amount of growth");
    check("[budget]\nforbid-findings = \"huge\"", "is not a severity");
    check("[budget]\nforbid-paths = \"a\"", "line 2, column 16: a list of patterns is expected");
    check("[budget]\nforbid-paths = [\n  \"*.pem\",\n  \"a?\"]", "line 4, column 3: \"a?\" is not");
    check(
        "[budget.component.fls]\nmax-content = 1",
        "there is no component \"fls\": did you mean fsl?",
    );
    check("[budget.component.fsl]\nmax-layers = 1", "component.fsl has no \"max-layers\"");
    check(
        "[budget.platform.linux]\nmax-layers = 1",
        "line 1, column 18: \"linux\" is not a platform",
    );
    check(
        "[budget.platform.\"linux/arm65\"]\nmax-layers = 1",
        "line 1, column 18: \"linux/arm65\": there is no platform with \"arm65\": did you mean arm64?",
    );
    check("[budget.platform.\"linx/arm64\"]\nmax-layers = 1", "did you mean linux?");
    check(
        "[budget]\nforbid-packages = [\"pythn:numpy\"]",
        "line 2, column 20: there is no ecosystem \"pythn\": did you mean python?",
    );
    check("[budget]\nforbid-packages = [\"zzz:numpy\"]", "write one of dpkg, apk");
    check("[[ignore]]\npackage = \"pip:a\"\nreason = \"b\"", "there is no ecosystem \"pip\"");
    check("[[ignore]]\nrule = \"cache-pp\"\nreason = \"b\"", "did you mean cache-p");
}

#[test]
fn what_is_wrong_with_what_is_ignored_is_told() {
    let check = refused;
    check(
        "[[ignore]]\nrule = \"cache-pip\"",
        "line 1, column 1: an entry of ignore needs a reason",
    );
    check(
        "[[ignore]]\nrule = \"cache-pip\"\nreason = \" \"",
        "line 3, column 10: a reason is expected",
    );
    check("[[ignore]]\nrule = \"cache-pop\"\nreason = \"a\"", "there is no rule \"cache-pop\"");
    check("[[ignore]]\nreason = \"a\"", "about one of finding, rule, path, package");
    let ignore = "[[ignore]]\npath = \"a\"\nreason = \"b\"\nuntil = ";
    check(
        &format!("{ignore}2026-11-20"),
        "line 4, column 9: this entry of ignore expired on 2026-11-20",
    );
    check(&format!("{ignore}\"soon\""), "a date is expected");
    check("[severity]\ncache-pop = \"low\"", "line 2, column 1: there is no rule \"cache-pop\"");
    check("[severity]\ncache-pip = \"lo\"", "line 2, column 13: \"lo\" is not a severity");
    check("[budget\n", "line 1, column 8");
    check("a = 1\na = 2", "line 2, column 1");
    check("\"ä\" = \"1\"\n\"é\" = 1", "line 1, column 1: a file of settings has no \"ä\"");
}

#[test]
fn what_a_pull_downloads_is_not_known_of_bare_tars() {
    const IDS: [&str; 4] =
        ["max-compressed", "max-growth", "component.fsl.max-compressed", "max-layers"];
    let config = config(
        "[budget]\nmax-compressed = \"1TB\"\nmax-growth = \"1TB\"\nmax-layers = 9\n\
         [budget.component.fsl]\nmax-compressed = \"1TB\"",
    );
    let (inspection, found) = analysed(IMAGE, &options(&config));
    let of_registry = Snapshot::of_analysis(&inspection, &inspection.images[0], &found);
    let mut of_files = of_registry.clone();
    of_files.sizes.plain_layers = 1;
    let check = |image: &Snapshot, past: &Snapshot, expected: [Verdict; 4], reason: &str| {
        let subject = Subject::of_layers(image.clone(), &found);
        let past = [past.clone()];
        let check = check_all(&[subject], &config.budgets, Some(&past)).remove(0);
        assert_eq!(IDS.map(|id| row(&check, id).verdict), expected);
        let growth = row(&check, "max-growth");
        assert!(growth.reason.contains(reason), "{growth:?}");
    };
    let (pass, unknown) = (Verdict::Pass, Verdict::Unknown);
    check(&of_registry, &of_registry, [pass; 4], "does not exceed");
    check(&of_files, &of_registry, [unknown, unknown, unknown, pass], "the image is in files");
    check(&of_registry, &of_files, [pass, unknown, pass, pass], "the baseline is in files");
}

#[test]
fn an_image_without_a_limit_is_no_pass() {
    let found = checked("[budget.platform.\"linux/arm64\"]\nmax-layers = 1", IMAGE, None);
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(row(&found, "budget").reason.contains("no limit is set for linux/amd64"));
}

#[test]
fn an_entry_holds_on_its_last_day() {
    config("[[ignore]]\npath = \"a\"\nreason = \"b\"\nuntil = 2026-11-21");
    config("[[ignore]]\npath = \"a\"\nreason = \"b\"\nuntil = \"2026-11-21\"");
}

#[test]
fn severities_are_by_rule_and_family() {
    let found = config("[severity]\ncache = \"low\"\n").severities;
    assert_eq!(found.get("cache-pip"), Some(&Severity::Low));
    assert!(!found.contains_key("waste-deleted-later"));
}

#[test]
fn limits_are_kept_or_broken() {
    use Verdict::{Fail, Pass, Warn};
    let check = |budget: &str, id: &str, expected: Verdict| {
        let check = checked(&format!("[budget]\n{budget}"), IMAGE, None);
        let row = row(&check, id);
        assert_eq!(row.verdict, expected, "{budget}: {row:?}");
    };
    check("max-content = \"63MB\"", "max-content", Pass);
    check("max-content = \"62MB\"", "max-content", Fail);
    check("max-content = {warn = \"62MB\", fail = \"1GB\"}", "max-content", Warn);
    check("max-content = {warn = \"61MB\", fail = \"62MB\"}", "max-content", Fail);
    check("max-layers = 2", "max-layers", Pass);
    check("max-layers = 1", "max-layers", Fail);
    check("max-shadowed = \"1.1MB\"", "max-shadowed", Pass);
    check("max-shadowed = \"1MB\"", "max-shadowed", Fail);
    check("max-shadowed-share = \"1%\"", "max-shadowed-share", Fail);
    check("max-shadowed-share = 0.02", "max-shadowed-share", Pass);
    check("min-efficiency = \"98%\"", "min-efficiency", Pass);
    check("min-efficiency = {warn = \"99%\", fail = 0.5}", "min-efficiency", Warn);
    check("forbid-findings = \"medium\"", "forbid-findings", Fail);
    check("forbid-findings = {warn = \"low\", fail = \"critical\"}", "forbid-findings", Fail);
    check("forbid-paths = [\"/root/.ssh/**\"]", "forbid-path", Fail);
    check("forbid-paths = {warn = [\"*.pem\"]}", "forbid-path", Warn);
    check("forbid-paths = [\"*.key\"]", "forbid-path", Pass);
    check("forbid-packages = [\"GCC-*\"]", "forbid-package", Fail);
    check("forbid-packages = [\"dpkg:gcc-12\"]", "forbid-package", Fail);
    check("forbid-packages = [\"python:gcc-12\", ]", "forbid-package", Pass);
    check("[budget.component.fsl]\nmax-content = \"1GB\"", "component.fsl.max-content", Pass);
    check("max-layers = 1\n[budget.platform.\"linux/amd64\"]\nmax-layers = 2", "max-layers", Pass);
    check("max-layers = 1\n[budget.platform.\"linux/arm64\"]\nmax-layers = 2", "max-layers", Fail);
}

#[test]
fn growth_has_to_exceed_each_part_of_its_limit() {
    let (inspection, found) = analysed(IMAGE, &AnalysisOptions::default());
    let past = [Snapshot::of_analysis(&inspection, &inspection.images[0], &found)];
    let larger = IMAGE.replace("http/a 60_000_000", "http/a 66_000_000");
    let check = |limit: &str, expected: Verdict| {
        let text = format!("[budget]\nmax-content-growth = {limit}");
        let check = checked(&text, &larger, Some(&past));
        assert_eq!(check.verdict, expected, "{limit}: {:?}", check.rows);
    };
    check("\"5%\"", Verdict::Fail);
    check("\"10%\"", Verdict::Pass);
    check("\"5MB\"", Verdict::Fail);
    check("\"5% and 50MB\"", Verdict::Pass);
    check("\"20% and 5MB\"", Verdict::Pass);
    check("\"5% and 5MB\"", Verdict::Fail);
    check("{warn = \"5%\", fail = \"20%\"}", Verdict::Warn);
    let text = "[budget]\nmax-growth = \"5%\"";
    assert_eq!(checked(text, &larger, None).verdict, Verdict::Unknown);
    let mut other = past.clone();
    other[0].platform = "linux/arm64".to_owned();
    let found = checked(text, &larger, Some(&other));
    assert!(found.rows[0].reason.contains("of linux/arm64"), "{:?}", found.rows);
    let old = Snapshot::of_inspection(&inspection, &inspection.images[0]);
    let text = "[budget]\nmax-content-growth = \"5%\"";
    assert_eq!(checked(text, &larger, Some(&[old])).verdict, Verdict::Unknown);
}

#[test]
fn what_is_ignored_does_not_count_and_is_told() {
    let check = |budget: &str, ignore: &str, expected: Verdict, count: u64| {
        let text = format!("[budget]\n{budget}\n[[ignore]]\n{ignore}\nreason = \"known\"");
        let check = checked(&text, IMAGE, None);
        assert_eq!(check.verdict, expected, "{ignore}: {check:?}");
        assert_eq!(check.ignored.iter().map(|each| each.count).sum::<u64>(), count, "{check:?}");
        assert_eq!(check.idle.len(), usize::from(count == 0), "{check:?}");
    };
    let paths = "forbid-paths = [\"*.pem\"]";
    check(paths, "path = \"usr/lib/keys/*\"", Verdict::Pass, 1);
    check(paths, "path = \"opt/*\"", Verdict::Fail, 0);
    let packages = "forbid-packages = [\"gcc*\"]";
    check(packages, "package = \"dpkg:gcc-12\"", Verdict::Pass, 1);
    let all = checked("[budget]\nforbid-findings = \"info\"", IMAGE, None);
    let count = row(&all, "forbid-findings").offences.len() as u64;
    check("forbid-findings = \"info\"", "rule = \"*\"", Verdict::Pass, count);
    let id = &all.rows[0].offences[0].id;
    check("forbid-findings = \"info\"", &format!("finding = \"{id}\""), Verdict::Fail, 1);
}

#[test]
fn layers_that_were_left_out_make_no_pass() {
    let text = "[budget]\nmax-compressed = \"1TB\"\nmax-content = \"1TB\"\nmin-efficiency = 0\n\
                max-shadowed = \"1TB\"\nforbid-findings = \"critical\"\n\
                forbid-paths = [\"no/such\", \"*.pem\"]\nforbid-packages = [\"no-such\"]\n\
                [budget.component.fsl]\nmax-content = \"1TB\"";
    let config = config(text);
    let (inspection, found) = partly(IMAGE, &options(&config), |layer| layer == 0);
    let snapshot = Snapshot::of_analysis(&inspection, &inspection.images[0], &found);
    let check = check_all(&[Subject::of_layers(snapshot, &found)], &config.budgets, None).remove(0);
    let of = |verdict| check.rows.iter().filter(|row| row.verdict == verdict).count();
    // What was found is there, whatever else there is.
    assert_eq!((of(Verdict::Pass), of(Verdict::Fail)), (1, 1), "{:?}", check.rows);
    assert_eq!(of(Verdict::Unknown), 7, "{:?}", check.rows);
}

#[test]
fn flags_replace_the_level_that_they_give() {
    let mut budgets = config("[budget]\nmax-layers = {warn = 5, fail = 9}").budgets;
    let limit = |budgets: &Budgets| {
        let levels = budgets.all().limits[&Measure::Layers];
        (levels.warn, levels.fail)
    };
    let count = |count| Some(crate::check::Bound::Count(count));
    let mut flag = |warn: Option<u64>, fail: Option<u64>| {
        let levels =
            crate::check::Levels { warn: warn.and_then(count), fail: fail.and_then(count) };
        budgets.flags.limits.insert(Measure::Layers, levels);
        limit(&budgets)
    };
    assert_eq!(flag(None, Some(7)), (count(5), count(7)));
    assert_eq!(flag(None, Some(3)), (None, count(3)));
    assert_eq!(flag(Some(6), None), (count(6), count(9)));
}

#[test]
fn dives_files_read_as_dive_reads_them() {
    let check = |text: &str, expected: (Option<f64>, Option<u64>, Option<f64>)| {
        let DiveRules { lowest_efficiency, highest_wasted_bytes, highest_user_wasted_percent } =
            read_dive_ci(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = (lowest_efficiency, highest_wasted_bytes, highest_user_wasted_percent);
        assert_eq!(found, expected, "{text}");
    };
    let example = "rules:\n  # If the efficiency is measured below X%, mark as failed.\n  \
                   lowestEfficiency: 0.95\n\n  highestWastedBytes: 20MB # or so\n  \
                   highestUserWastedPercent: 0.20\n";
    check(example, (Some(0.95), Some(20_000_000), Some(0.2)));
    check(&example.replace('\n', "\r\n"), (Some(0.95), Some(20_000_000), Some(0.2)));
    check("---\nrules:\n    \"lowestEfficiency\": \"0.5\"\n", (Some(0.5), None, Some(0.1)));
    check("rules:\n  highestWastedBytes: '1,000 KiB'", (Some(0.9), Some(1_024_000), Some(0.1)));
    check("rules:\n  highestWastedBytes: 2Mi", (Some(0.9), Some(2 << 20), Some(0.1)));
    check("", (Some(0.9), None, Some(0.1)));
    let off = "rules:\n lowestEfficiency: disabled\n highestUserWastedPercent: off";
    check(off, (None, None, None));
}

#[test]
fn dives_files_that_are_not_understood_are_refused() {
    let check = |text: &str, expected: &str| {
        let error = read_dive_ci(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    };
    check(
        "rules:\n  lowestEfficiency: 95",
        "line 2, column 3: lowestEfficiency: a ratio from 0 to 1",
    );
    check(
        "rules:\n  lowestEficiency: 1",
        "line 2, column 3: there is no rule \"lowestEficiency\": did you mean lowestEfficiency?",
    );
    check("rules:\n  size: 1", "known are lowestEfficiency, highestWastedBytes");
    check("rule:\n  lowestEfficiency: 1", "line 1, column 1: there is no section \"rule\"");
    check("rule:\n  lowestEfficiency: 1", "did you mean rules?");
    check("  lowestEfficiency: 1", "below rules:");
    check("rules:\n  lowestEfficiency: high", "a ratio from 0 to 1");
    check("rules:\n  lowestEfficiency: NaN", "a ratio from 0 to 1");
    check("rules:\n  highestWastedBytes: 20XB", "a size is expected");
    check("rules: {lowestEfficiency: 0.9}", "line 1, column 1: this is not a plain");
    check("rules:\n  - lowestEfficiency: 0.9", "line 2, column 3");
    check("rules:\n  lowestEfficiency:0.9", "a space is expected after the colon");
    check("rules:\n  lowestEfficiency", "a name, a colon and a value");
    check("rules:\n  lowestEfficiency: 0.9\n    highestWastedBytes: 1", "not indented as");
    check("rules:\n\tlowestEfficiency: 0.9", "line 2, column 1");
}
