//! Platforms that are watched and not, or no longer, published.

use serde_json::{Value, json};

use crate::audit_run::{count, pass, put, registry, run, settings};
use crate::support::registry::RunningRegistry;
use crate::support::{Index, Sandbox};

/// A run in words.
fn words(sandbox: &Sandbox, day: u8, format: &str) -> String {
    let config = sandbox.path("regsize.toml").display().to_string();
    let now = format!("2026-11-{day:02}T06:00:00Z");
    let asked = ["audit", "run", "--config", &config, "--now", &now, "--format", format];
    let output = sandbox.run(&asked);
    assert_eq!(output.code, Some(0), "{output}");
    output.stdout
}

#[test]
fn a_platform_that_is_lost_is_gone_and_then_not_published() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let lines = "tags = [\"latest\"]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]";
    settings(&sandbox, &registry, lines);
    run(&sandbox, 1, 0);
    put(&registry, "latest", &[300, 30]);
    let report = run(&sandbox, 2, 0);
    assert_eq!((count(&report, "gone"), count(&report, "absent")), (1, 0), "{report}");
    assert_eq!(report["gone"][0]["platform"], "linux/arm64", "{report}");
    let report = run(&sandbox, 3, 0);
    assert_eq!((count(&report, "gone"), count(&report, "absent")), (0, 1), "{report}");
    assert_eq!(report["same"], 1);
    assert!(words(&sandbox, 4, "markdown").contains("## Not published"));
    // A tag that is gone says nothing of platforms.
    registry.update(|content| content.remove("team/app", "latest"));
    for day in 5..7 {
        let report = run(&sandbox, day, 0);
        assert_eq!((count(&report, "barren"), count(&report, "absent")), (0, 0), "{report}");
    }
}

/// The manifests that were asked for so far.
fn manifests(registry: &RunningRegistry) -> usize {
    registry.count("GET", "/manifests/")
}

#[test]
fn a_tag_without_any_watched_platform_is_no_failure() {
    for depth in ["files", "manifest"] {
        let (registry, sandbox) = (registry(), Sandbox::new());
        let lines = format!(
            "tags = [\"1.0\", \"latest\"]\nplatforms = [\"linux/arm64\"]\ndepth = \"{depth}\""
        );
        settings(&sandbox, &registry, &lines);
        let report = run(&sandbox, 1, 0);
        assert_eq!((count(&report, "failures"), count(&report, "absent")), (0, 1), "{report}");
        assert_eq!((&report["verdict"], count(&report, "barren")), (&"pass".into(), 0), "{report}");
        // It is not asked for again before the tag moves.
        let before = manifests(&registry);
        let report = run(&sandbox, 2, 0);
        assert_eq!((&report["same"], count(&report, "absent")), (&2.into(), 1), "{report}");
        assert_eq!(manifests(&registry), before);
        let both = Index::new()
            .image(&crate::audit_run::image("linux/amd64", &[300]))
            .image(&crate::audit_run::image("linux/arm64", &[300, 7]));
        registry.update(|content| content.put_image("team/app", "1.0", &both.bundle()));
        let report = run(&sandbox, 3, 0);
        assert_eq!((count(&report, "moved"), count(&report, "absent")), (1, 0), "{report}");
        // All that was watched of it goes: it is gone, and no failure.
        put(&registry, "1.0", &[300, 8]);
        let report = run(&sandbox, 4, 0);
        assert_eq!((count(&report, "gone"), count(&report, "failures")), (1, 0), "{report}");
        assert_eq!(run(&sandbox, 5, 0)["same"], 2);
        // What comes back under a digest of which nothing was found is still not there.
        registry.update(|content| content.put_image("team/app", "1.0", &both.bundle()));
        assert_eq!(run(&sandbox, 6, 0)["moved"][0]["state"], "back");
    }
}

#[test]
fn a_target_of_which_no_tag_has_a_watched_platform_is_pointed_out() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "platforms = [\"linux/amd46\"]");
    let name = registry.reference("team/app");
    let expected = json!([{"target": name, "platforms": ["linux/amd46"]}]);
    for day in 1..3 {
        let output = pass(&sandbox, day, &[]);
        assert_eq!(output.code, Some(0), "{output}");
        let report = output.json();
        assert_eq!((&report["barren"], count(&report, "absent")), (&expected, 3), "{report}");
        assert!(output.stderr.contains("no tag has an image for linux/amd46"), "{output}");
    }
    let text = words(&sandbox, 3, "terminal");
    assert!(text.contains("no tag has an image for linux/amd46"), "{text}");
    // Of what was not looked at nothing is said.
    for method in ["HEAD", "GET"] {
        let path = "/v2/team/app/manifests/1.0";
        registry.script_forever(method, path, vec![crate::support::Reply::status(403)]);
    }
    let output = pass(&sandbox, 4, &["--retries", "0"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["barren"], Value::Array(Vec::new()));
}
