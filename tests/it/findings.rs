//! Findings, rules and packages as the program tells them.

use serde_json::{Value, json};

use crate::support::analysis::{self, analyzed, in_every_format, registry_of, run};
use crate::support::registry::RunningRegistry;
use crate::support::verdict::check_text;
use crate::support::{Image, Layer, Registry, Sandbox, accepted, refused};
use crate::tables::fixture;

const LISTS: &str = "var/lib/apt/lists/main 3000000 seed=lists\n usr/bin/jq 20000";
const CACHE: &str = "root/.cache/pip/http/a 2000000 seed=cache\n usr/lib/app 50000";

/// An image of a base and two steps that leave caches behind.
fn registry() -> RunningRegistry {
    let base = Image::new("linux/amd64").layer(Layer::gzip("etc/passwd 700"), "ADD rootfs /");
    let image = base
        .clone()
        .layer(Layer::gzip(LISTS), "RUN apt-get install -y jq # buildkit")
        .layer(Layer::gzip(CACHE), "RUN pip install app # buildkit");
    Registry::new()
        .put_image("team/base", "1", &base.bundle())
        .put_image("team/app", "latest", &image.bundle())
        .start()
}

fn found<'a>(report: &'a Value, rule: &str) -> &'a Value {
    let findings = report["images"][0]["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule} in {findings:?}"))
}

fn rules_of(report: &Value) -> Vec<&str> {
    let findings = report["images"][0]["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["rule"].as_str().expect("an id")).collect()
}

#[test]
fn what_would_be_left_is_the_whole_less_what_findings_add() {
    let registry = registry();
    let base = registry.reference("team/base:1");
    for options in [&["--base", &base][..], &["--no-base"], &["--base", &base, "--skip", "cache"]] {
        let report = analyzed(&Sandbox::new(), &registry, options);
        let image = &report["images"][0];
        let number = |value: &Value| value.as_u64().expect("a number");
        let findings = image["findings"].as_array().expect("findings");
        let sum = |column: &str, risks: &[&str]| -> u64 {
            let counted = findings
                .iter()
                .filter(|finding| risks.contains(&finding["risk"].as_str().expect("a risk")));
            let own = |finding: &Value| {
                let split = &finding["origin_split"];
                let part = |origin: &str| split[origin][column].as_u64().unwrap_or(0);
                assert_eq!(part("own") + part("base") + part("unknown"), finding["net"][column]);
                part("own") + part("unknown")
            };
            counted.map(own).sum()
        };
        for (column, size) in [("u", "content"), ("d", "compressed")] {
            let whole = number(&image["sizes"][size]);
            let left = |plan: &str| number(&image["optimized"][plan][size]);
            assert_eq!(whole - left("safe"), sum(column, &["safe"]), "{size} {options:?}");
            assert_eq!(whole - left("test"), sum(column, &["safe", "test"]), "{size} {options:?}");
            assert_eq!(left("review_up_to"), sum(column, &["review"]), "{size} {options:?}");
        }
        let owned = ["visible", "shadowed"].map(|part| analysis::sum(&image["owners"], part));
        assert_eq!(number(&image["sizes"]["content"]), owned.into_iter().sum::<u64>());
    }
}

#[test]
fn findings_say_what_would_be_saved_and_where() {
    let registry = registry();
    let base = registry.reference("team/base:1");
    let options = ["--base", &base, "--only", "cache-apt-lists,cache-pip"];
    let report = analyzed(&Sandbox::new(), &registry, &options);
    let image = &report["images"][0];
    assert_eq!(rules_of(&report).len(), 2, "{image}");
    let lists = found(&report, "cache-apt-lists");
    assert_eq!((&lists["net"]["u"], &lists["gross"]["u"]), (&json!(3_000_000), &json!(3_000_000)));
    assert_eq!((&lists["quick_win"], &lists["family"]), (&json!(true), &json!("cache")));
    assert_eq!(lists["origin_split"]["own"], lists["net"]);
    assert_eq!((&lists["steps"][0]["n"], &lists["steps"][0]["layer"]), (&json!(2), &json!(1)));
    assert_eq!(lists["steps"][0]["text"], "RUN apt-get install -y jq");
    assert_eq!(lists["paths"][0]["path"], "var/lib/apt/lists/main");
    let snippet = lists["snippet"].as_str().unwrap();
    assert!(snippet.contains("RUN apt-get install -y jq"), "{snippet}");
    let content = image["sizes"]["content"].as_u64().unwrap();
    assert_eq!(image["optimized"]["safe"]["content"], content - 5_000_000);
    let [terminal, markdown, ..] = in_every_format(
        &Sandbox::new(),
        &registry,
        &["analyze", "--base", &base, "--only", "cache"],
    );
    for part in ["Quick wins", "cache-pip", "3.00 MB"] {
        assert!(terminal.contains(part), "{part} in {terminal}");
    }
    for part in
        ["## Roadmap", "```dockerfile", "## Method and caveats", "rm -rf /var/lib/apt/lists"]
    {
        assert!(markdown.contains(part), "{part} in {markdown}");
    }
    assert!(!markdown.contains("{{"), "what is not filled in: {markdown}");
    assert!(!terminal.contains("\n\n\n"), "empty lines: {terminal}");
}

#[test]
fn rules_can_be_chosen_left_out_and_graded() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let check = |options: &[&str], has: &[&str], has_not: &[&str]| {
        let report = analyzed(&sandbox, &registry, options);
        let rules = rules_of(&report);
        assert!(has.iter().all(|rule| rules.contains(rule)), "{options:?} {rules:?}");
        assert!(!has_not.iter().any(|rule| rules.contains(rule)), "{options:?} {rules:?}");
    };
    check(&["--only", "cache"], &["cache-pip", "cache-apt-lists"], &[]);
    check(&["--only", "cache-p*"], &["cache-pip"], &["cache-apt-lists"]);
    check(&["--skip", "cache-pip"], &["cache-apt-lists"], &["cache-pip"]);
    check(&["--only", "cache", "--skip", "*-pip"], &["cache-apt-lists"], &["cache-pip"]);
    let report = analyzed(&sandbox, &registry, &["--severity", "cache-pip=low"]);
    assert_eq!(found(&report, "cache-pip")["severity"], "low");
}

#[test]
fn names_of_rules_and_levels_that_are_none_are_refused() {
    let registry = registry();
    let reference = registry.reference("team/app:latest");
    let check = |option: &str, value: &str, says: &[&str]| {
        let command = ["analyze", &reference, option, value];
        refused(&Sandbox::new(), &command, "usage").says(says);
    };
    check("--only", "cache-ppip", &["cache-ppip", "did you mean cache-pip?"]);
    check("--skip", "cahce", &["did you mean cache?"]);
    check("--severity", "cache-pip=huge", &["huge", "critical"]);
    check("--severity", "nothing-here=low", &["nothing-here"]);
    assert_eq!(registry.count("GET", "/v2/team/app/manifests/"), 0, "nothing was asked for");
    let missing = ["analyze", &reference, "--dockerfile", "none.Dockerfile"];
    refused(&Sandbox::new(), &missing, "local").says(&["none.Dockerfile"]);
}

#[test]
fn what_needs_all_layers_is_null_without_one() {
    let registry = registry();
    let report = analyzed(&Sandbox::new(), &registry, &["--min-layer", "1MB"]);
    let image = report["images"][0].as_object().unwrap();
    for key in ["owners", "packages", "components", "duplicates", "findings", "optimized"] {
        assert!(image.contains_key(key) && image[key].is_null(), "{key}");
    }
}

#[test]
fn a_dockerfile_names_the_lines_of_layers() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let dockerfile = "FROM base\n\nRUN apt-get install -y jq\n# why\nRUN pip \\\n    install app\n";
    let path = sandbox.write("Dockerfile", dockerfile);
    let path = path.to_str().unwrap();
    let report = analyzed(&sandbox, &registry, &["--dockerfile", path, "--only", "cache"]);
    let layers = &report["images"][0]["layers"];
    assert!(layers[0]["source"].is_null(), "{layers}");
    assert_eq!(layers[1]["source"]["start_line"], 3);
    assert_eq!(layers[2]["source"], json!({"file": path, "start_line": 5, "end_line": 6}));
    assert_eq!(found(&report, "cache-pip")["steps"][0]["line"], 5);
}

#[test]
fn tables_of_findings_and_owners_have_the_same_columns_in_each_row() {
    let registry = registry();
    for table in ["layers", "findings", "packages", "owners", "components"] {
        let output =
            run(&Sandbox::new(), &registry, &["analyze", "--format", "csv", "--table", table]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        check_text(&output.stdout);
        let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{output}");
        assert!(output.stdout.starts_with("\"reference\",\"platform\""), "{output}");
    }
}

#[test]
fn the_catalogue_needs_no_registry() {
    let sandbox = Sandbox::new();
    let all = accepted(&sandbox, &["rules"]);
    assert_eq!(all["schema"], "regsize.rules/1");
    let ids = |report: &Value| -> Vec<String> {
        let rules = report["rules"].as_array().unwrap();
        rules.iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids(&all).contains(&"cache-pip".to_owned()));
    let family = ids(&accepted(&sandbox, &["rules", "cache"]));
    assert!(!family.is_empty() && family.iter().all(|id| id.starts_with("cache-")), "{family:?}");
    let one = sandbox.run(&["rules", "cache-pip"]);
    assert_eq!((one.code, one.stderr.as_str()), (Some(0), ""), "{one}");
    for part in ["cache-pip: ", "PIP_NO_CACHE_DIR", "https://"] {
        assert!(one.stdout.contains(part), "{part} in {one}");
    }
    refused(&sandbox, &["rules", "cache-ppip"], "usage").says(&["did you mean cache-pip?"]);
}

#[test]
fn packages_are_listed_in_every_format() {
    let registry = registry();
    let [terminal, ..] = in_every_format(&Sandbox::new(), &registry, &["packages"]);
    assert!(terminal.contains("linux/amd64"), "{terminal}");
    let reference = registry.reference("team/app:latest");
    let report = accepted(&Sandbox::new(), &["packages", &reference]);
    assert_eq!(report["schema"], "regsize.packages/1");
    assert!(report["images"][0]["packages"].is_array(), "{report}");
    let manifest = run(&Sandbox::new(), &registry, &["packages", "--format", "manifest"]);
    assert_eq!(manifest.code, Some(0), "{manifest}");
    assert!(manifest.stdout.starts_with("# Version manifest of "), "{manifest}");
    let unknown = ["packages", &reference, "--ecosystem", "cobol"];
    refused(&Sandbox::new(), &unknown, "usage").says(&["cobol", "dpkg"]);
}

#[test]
fn a_manifest_is_of_packages_alone() {
    let registry = registry_of(&[Layer::gzip("a 1")]);
    for command in ["inspect", "analyze", "files"] {
        let output = run(&Sandbox::new(), &registry, &[command, "--format", "manifest"]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("packages"), "{output}");
    }
}

#[test]
fn what_a_table_of_contents_leaves_open_is_told() {
    let layers =
        [fixture("estargz-library"), Layer::gzip("usr/bin/tool 20000"), fixture("estargz-inner")];
    let registry = registry_of(&layers);
    let sandbox = Sandbox::new();
    let told = "layers 0, 2 were listed from a table of contents (estargz)";
    let copies = "copies of a file in these layers and in others are not seen";
    // The second time, the listings come from the cache.
    for _ in 0..2 {
        let report = analyzed(&sandbox, &registry, &[]);
        let warnings = report["warnings"].as_array().expect("warnings");
        let warning = warnings.iter().find_map(|warning| {
            warning.as_str().filter(|warning| warning.starts_with("linux/amd64: layers"))
        });
        let warning = warning.unwrap_or_else(|| panic!("{warnings:?}"));
        assert!(warning.contains(told) && warning.contains(copies), "{warning}");
    }
    let markdown = run(&sandbox, &registry, &["analyze", "--format", "markdown"]);
    assert!(markdown.stdout.contains(told), "{markdown}");
    let strict = run(&sandbox, &registry, &["analyze", "--strict"]);
    assert_eq!(strict.code, Some(0), "{strict}");
    let report = analyzed(&sandbox, &registry, &["--no-toc"]);
    assert_eq!(report["warnings"], json!([]));
    let alone = registry_of(&layers[..1]);
    let report = analyzed(&Sandbox::new(), &alone, &[]);
    let warning = report["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("layer 0 was listed") && !warning.contains(copies), "{warning}");
}

#[test]
fn a_table_that_no_format_writes_is_refused() {
    let registry = registry();
    let reference = registry.reference("team/app:latest");
    let command = ["analyze", &reference, "--table", "layers"];
    refused(&Sandbox::new(), &command, "usage").says(&["--table", "--format csv"]);
    let command = [&command[..], &["--format", "markdown"]].concat();
    assert_eq!(Sandbox::new().run(&command).code, Some(2));
}

#[test]
fn a_terminal_gets_the_largest_packages() {
    let packages = (0..60)
        .map(|at| {
            format!(
                "Package: p{at}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
            )
        })
        .collect::<Vec<_>>()
        .join("\n");
    let layer = Layer::gzip(&format!("var/lib/dpkg/status {}", json!(packages)));
    let registry = registry_of(&[layer]);
    let sandbox = Sandbox::new();
    let lines = |options: &[&str]| {
        let output = run(&sandbox, &registry, &[&["packages"], options].concat());
        (output.stdout.lines().filter(|line| line.contains(" p")).count(), output.stdout)
    };
    let (count, text) = lines(&[]);
    assert!(text.contains("10 more packages; --top NUMBER lists more"), "{text}");
    assert!(count < 60, "{text}");
    let (_, text) = lines(&["--top", "60"]);
    assert!(!text.contains("more package"), "{text}");
    for format in ["markdown", "csv"] {
        let (_, text) = lines(&["--format", format]);
        assert!(text.contains("p59") && !text.contains("more package"), "{text}");
    }
}
