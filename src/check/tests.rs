use super::*;
use crate::analysis::testing::analysed;
use crate::analysis::{AnalysisOptions, Dive};

/// dive's figures of the image that its own tests use.
const DIVE: Dive = Dive {
    efficiency: 0.984_421_213_418_430_9,
    size_bytes: 1_220_598,
    user_size_bytes: 66_237,
    wasted_bytes: 32_025,
    user_wasted_percent: 0.483_491_100_140_404_9,
};

fn rules(efficiency: f64, bytes: u64, percent: f64) -> DiveRules {
    DiveRules {
        lowest_efficiency: Some(efficiency),
        highest_wasted_bytes: Some(bytes),
        highest_user_wasted_percent: Some(percent),
    }
}

#[test]
fn a_name_of_a_limit_tells_which_figure_it_is_about() {
    let text = "RUN make\n  opt/a 600\n  opt/b 200\nRUN rm\n  -opt/b\n";
    let snapshot = crate::compare::testing::whole(text);
    let check = |name: &str, expected: Option<Figure>| {
        assert_eq!(figure(&snapshot, name), expected, "{name}");
    };
    check("max-content", Some(Figure::Bytes(800)));
    check("max-compressed", Some(Figure::Bytes(snapshot.sizes.compressed)));
    check("max-shadowed", Some(Figure::Bytes(200)));
    check("max-shadowed-share", Some(Figure::Share(0.25)));
    check("min-efficiency", Some(Figure::Share(0.75)));
    check("max-layers", Some(Figure::Count(2)));
    check("component.fsl.max-content", Some(Figure::Bytes(0)));
    check("component.fsl.max-layers", None);
    check("component.fsl.max-growth", None);
    for of_more in
        ["max-growth", "max-creep.7d", "forbid-findings", "forbid-path *.a", "", "component."]
    {
        check(of_more, None);
    }
}

#[test]
fn dives_own_cases_end_as_dive_says() {
    let check = |rules: DiveRules, expected: &[Verdict]| {
        let rows = dive::rows(Some(&DIVE), Some(&rules));
        let verdicts: Vec<Verdict> = rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, expected, "{rules:?}");
    };
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    let off = DiveRules {
        lowest_efficiency: None,
        highest_wasted_bytes: None,
        highest_user_wasted_percent: None,
    };
    check(rules(0.99, 1, 0.01), &[fail, fail, fail]);
    check(rules(0.9, 50_000, 0.5), &[pass, pass, pass]);
    check(rules(0.9, 1, 0.5), &[pass, fail, pass]);
    check(off, &[]);
    check(DiveRules::default(), &[pass, fail]);
    // What meets a limit keeps it.
    check(rules(DIVE.efficiency, 32_025, DIVE.user_wasted_percent), &[pass, pass, pass]);
}

#[test]
fn dives_figures_of_small_images() {
    let options = AnalysisOptions { dive: true, ..AnalysisOptions::default() };
    let check = |layers: &[&str], wasted: u64, efficiency: f64| {
        let text: Vec<String> = layers
            .iter()
            .map(|layer| format!("RUN make\n  {}", layer.replace('\n', "\n  ")))
            .collect();
        let (_, found) = analysed(&text.join("\n"), &options);
        let dive = found.dive.expect("all layers were read");
        assert_eq!(dive.wasted_bytes, wasted, "{layers:?}");
        assert!((dive.efficiency - efficiency).abs() < 0.0001, "{layers:?}: {dive:?}");
    };
    check(&["a/\na/x 1000\na/y 500", "-a"], 0, 1.0);
    check(&["a/\na/x 1000\na/y 500", "-a/x"], 1000, 0.3333);
    check(&["a/x 1000", "-a/*\na/z 10"], 0, 1.0);
    check(&["x 1000 hash=1", "x 1000 hash=2", "x 1000 hash=3"], 3000, 0.3333);
    check(&["x 1000", "x 100", "x 3000"], 4100, 0.0244);
    check(&["x 1000", "-x\nx 300"], 1300, 0.0);
    check(&["a/x 1000", "a 5"], 0, 1.0);
    check(&["x 1000 hash=1\ny 1000 hash=1"], 0, 1.0);
}

#[test]
fn what_dive_divides_by_nothing_fails_if_there_is_waste() {
    let check = |wasted_bytes, expected| {
        let dive = Dive { user_size_bytes: 0, user_wasted_percent: 0.0, wasted_bytes, ..DIVE };
        let rows = dive::rows(Some(&dive), Some(&rules(0.0, u64::MAX, 1.0)));
        assert_eq!(rows[2].verdict, expected);
    };
    check(0, Verdict::Pass);
    check(5, Verdict::Fail);
}

#[test]
fn what_was_not_read_is_unknown() {
    let rows = dive::rows(None, Some(&DiveRules::default()));
    assert!(rows.iter().all(|row| row.verdict == Verdict::Unknown && row.actual.is_none()));
}

#[test]
fn the_worst_verdict_counts() {
    use Verdict::{Fail, Pass, Unknown, Warn};
    assert_eq!(Verdict::worst([Pass, Warn]), Warn);
    assert_eq!(Verdict::worst([Warn, Unknown, Pass]), Unknown);
    assert_eq!(Verdict::worst([Unknown, Fail]), Fail);
    assert_eq!(Verdict::worst([]), Pass);
}
