use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const MULTI_STAGE: &[u8] = include_bytes!("../../../testdata/provenance/multi-stage-v0.2.json");
const COPY_LINK: &[u8] = include_bytes!("../../../testdata/provenance/copy-link-v1.json");
const MINIMAL: &[u8] = include_bytes!("../../../testdata/provenance/minimal-v0.2.json");

const METADATA: &str = "https://mobyproject.org/buildkit@v1#metadata";

fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

fn digests(letters: &str) -> Vec<Digest> {
    letters.chars().map(digest).collect()
}

fn material(name: &str, letter: char) -> Material {
    Material { name: name.to_owned(), digest: Some(digest(letter)) }
}

fn base(name: &str, letter: char, layers: usize) -> ProvenanceBase {
    let (name, digest) = (Some(name.to_owned()), Some(digest(letter)));
    ProvenanceBase { name, digest, layers: Some(layers) }
}

/// The lines of each layer as `file:start-end`, `?` for unknown.
fn shown(provenance: &Provenance) -> Vec<String> {
    let show = |lines: &Option<SourceLines>| {
        lines.as_ref().map_or("?".to_owned(), |lines| {
            format!("{}:{}-{}", lines.file, lines.start_line, lines.end_line)
        })
    };
    provenance.lines.iter().map(show).collect()
}

/// A v0.2 statement about the manifest `f…` with these steps, locations and layers.
fn statement(steps: &Value, locations: &Value, layers: &Value) -> Value {
    json!({
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"digest": {"sha256": "f".repeat(64)}}],
        "predicate": {
            "buildConfig": {"llbDefinition": steps},
            "metadata": {METADATA: {
                "source": {"infos": [{"filename": "D"}, {"filename": "E"}], "locations": locations},
                "layers": layers,
            }},
        },
    })
}

fn read_value(statement: &Value, layers: &str) -> Result<Provenance, ProvenanceError> {
    read(statement.to_string().as_bytes(), &digest('f'), &digests(layers))
}

/// Steps written as `kind inputs`, for instance `exec 0 1`; `image` and `layout` are sources.
fn steps(lines: &[&str]) -> Value {
    let step = |(position, line): (usize, &&str)| {
        let (kind, inputs) = line.split_once(' ').unwrap_or((line, ""));
        let op = match kind {
            "image" => json!({"Op": {"source": {"identifier": "docker-image://debian:12"}}}),
            "layout" => {
                let pinned = format!("oci-layout://local@{}", digest('8'));
                json!({"Op": {"source": {"identifier": pinned}}})
            }
            "local" => json!({"Op": {"source": {"identifier": "local://context"}}}),
            "end" => json!({"Op": null}),
            kind => json!({"Op": {kind: {}}}),
        };
        let inputs: Vec<String> =
            inputs.split_whitespace().map(|input| format!("step{input}:0")).collect();
        json!({"id": format!("step{position}"), "op": op, "inputs": inputs})
    };
    lines.iter().enumerate().map(step).collect()
}

/// Step `n` stands on line `n + 1`.
fn line_per_step(count: usize) -> Value {
    let location = |step: usize| {
        let line = json!({"line": step + 1});
        let location = json!({"ranges": [{"start": line, "end": line}]});
        (format!("step{step}"), json!({"locations": [location]}))
    };
    Value::Object((0..count).map(location).collect())
}

/// Chains written as `step letters`.
fn chains(lines: &[&str]) -> Value {
    let mut chains = serde_json::Map::new();
    for line in lines {
        let (step, letters) = line.split_once(' ').unwrap();
        let chain: Value =
            letters.chars().map(|letter| json!({"digest": digest(letter)})).collect();
        let known = chains.entry(format!("step{step}:0")).or_insert_with(|| json!([]));
        known.as_array_mut().unwrap().push(chain);
    }
    Value::Object(chains)
}

fn one_step() -> Value {
    statement(&steps(&["exec"]), &line_per_step(1), &chains(&["0 a"]))
}

#[test]
fn a_multi_stage_build_in_v0_2_is_read() {
    let provenance = read(MULTI_STAGE, &digest('5'), &digests("01234")).unwrap();
    let lines = ["7-7", "7-7", "8-9", "10-10", "11-14"].map(|lines| format!("Dockerfile:{lines}"));
    assert_eq!(shown(&provenance), lines);
    assert_eq!(provenance.base, Some(base("docker.io/library/debian:12", '8', 2)));
    let golang = material("docker.io/library/golang:1.22", '9');
    assert_eq!(provenance.materials, [golang, material("docker.io/library/debian:12", '8')]);
    assert!(provenance.warnings.is_empty(), "{:?}", provenance.warnings);
}

#[test]
fn linked_copies_in_v1_are_read() {
    let provenance = read(COPY_LINK, &digest('6'), &digests("012345")).unwrap();
    let lines = [1, 1, 2, 3, 4, 5].map(|line| format!("docker/app.Dockerfile:{line}-{line}"));
    assert_eq!(shown(&provenance), lines);
    assert_eq!(provenance.base, Some(base("ghcr.io/example/base:3.2", '8', 2)));
    assert_eq!(provenance.materials, [material("ghcr.io/example/base:3.2", '8')]);
    assert!(provenance.warnings.is_empty(), "{:?}", provenance.warnings);
}

#[test]
fn a_minimal_statement_only_lists_candidates() {
    let provenance = read(MINIMAL, &digest('5'), &digests("01")).unwrap();
    assert_eq!(shown(&provenance), ["?", "?"]);
    assert_eq!(provenance.base, None);
    let golang = material("docker.io/library/golang:1.22", '9');
    assert_eq!(provenance.materials, [golang, material("docker.io/library/debian:12", '8')]);
    assert!(provenance.warnings.is_empty(), "{:?}", provenance.warnings);
}

#[test]
fn recompressed_layers_are_matched_by_position_with_a_warning() {
    let provenance = read(MULTI_STAGE, &digest('5'), &digests("56789")).unwrap();
    assert_eq!(shown(&provenance)[1..3], ["Dockerfile:7-7", "Dockerfile:8-9"]);
    assert_eq!(provenance.base, Some(base("docker.io/library/debian:12", '8', 2)));
    assert!(provenance.warnings[0].contains("inferred by position"), "{:?}", provenance.warnings);
}

#[test]
fn layers_of_another_build_stay_unknown_with_a_warning() {
    let provenance = read(MULTI_STAGE, &digest('5'), &digests("567")).unwrap();
    assert_eq!(shown(&provenance), ["?", "?", "?"]);
    assert_eq!(provenance.base, None);
    assert!(provenance.warnings[0].contains("none of the image's layers"));
}

/// Compares the lines of the layers, as numbers, and the number of base layers.
fn check_build(
    (build, chains_of): (&[&str], &[&str]),
    layers: &str,
    lines: &str,
    base: Option<usize>,
) {
    let statement = statement(&steps(build), &line_per_step(build.len()), &chains(chains_of));
    let provenance = read_value(&statement, layers).unwrap();
    let expected: Vec<String> = lines
        .chars()
        .map(|line| if line == '?' { "?".to_owned() } else { format!("D:{line}-{line}") })
        .collect();
    assert_eq!(shown(&provenance), expected, "{build:?} {chains_of:?}");
    assert_eq!(provenance.base.and_then(|base| base.layers), base, "{build:?} {chains_of:?}");
}

#[test]
fn the_first_step_to_reach_a_chain_made_the_layer() {
    let plain = ["image", "exec 0", "exec 1", "exec 2", "end 3"];
    check_build((&plain, &["0 a", "1 ab", "2 ab", "3 ab"]), "ab", "12", Some(1));
    check_build((&plain, &["0 a", "1 a", "2 ab", "3 abc"]), "abc", "134", Some(1));
    check_build((&plain, &["0 ab", "1 abc", "3 abcd"]), "abcd", "1124", Some(2));
    // Chains of other compressions and of longer images do not match.
    check_build((&plain, &["0 d", "0 a", "1 de", "1 ab", "2 abcd"]), "ab", "12", Some(1));
    // A layer that no step reached is unknown.
    check_build((&plain, &["0 a", "3 abc"]), "abc", "1?4", Some(1));
    // Inputs may stand behind what is built from them.
    check_build((&["exec 2", "image", "exec 1"], &["0 ab", "1 a", "2 ab"]), "ab", "23", Some(1));
}

#[test]
fn the_longest_chain_of_an_image_is_the_base() {
    let sources = ["image", "image", "exec 1"];
    check_build((&sources, &["0 a", "1 ab", "2 abc"]), "abc", "223", Some(2));
    check_build((&sources, &["0 ab", "1 a", "2 abc"]), "abc", "113", Some(2));
    check_build((&sources, &["0 d", "1 e", "2 abc"]), "abc", "??3", None);
    check_build((&["image", "end 0"], &["0 ab"]), "ab", "11", Some(2));
    check_build((&["local", "file 0", "end 1"], &["0 a", "1 b"]), "b", "2", None);
    check_build((&["local"], &["0 a"]), "a", "?", None);
    check_build((&["image"], &["0 a"]), "", "", None);
}

#[test]
fn linked_copies_are_found_by_their_own_layer() {
    let merged = ["image", "local", "file 1", "merge 0 2", "end 3"];
    check_build((&merged, &["0 a", "2 b", "3 ab"]), "ab", "14", Some(1));
    // The merge's chain is missing or of another base.
    check_build((&merged, &["0 a", "2 b"]), "ab", "13", Some(1));
    check_build((&merged, &["0 a", "2 b", "3 db"]), "ab", "13", Some(1));
    // On an empty base the copy itself is the first layer.
    check_build((&["local", "file 0", "end 1"], &["1 a"]), "a", "2", None);
    // A layer that occurs twice names no place.
    check_build((&merged, &["0 a", "2 b"]), "abb", "1??", Some(1));
}

#[test]
fn recompression_is_only_inferred_from_the_result() {
    let build = ["image", "exec 0", "image", "end 1"];
    check_build((&build, &["0 d", "1 de", "2 567"]), "ab", "12", Some(1));
    check_build((&build, &["0 d", "1 de", "2 567"]), "abc", "???", None);
    check_build((&["image", "exec 0"], &["0 d", "1 de"]), "ab", "12", Some(1));
    check_build((&["image", "exec 0", "image"], &["1 de", "2 567"]), "ab", "??", None);
}

#[test]
fn cycles_and_unknown_steps_end() {
    check_build((&["exec 0"], &["0 a"]), "a", "?", None);
    check_build((&["exec 1", "exec 0"], &["0 a", "1 a"]), "a", "?", None);
    check_build((&["exec 7"], &["0 a", "7 ab"]), "ab", "1?", None);
}

#[test]
fn a_local_base_has_layers_but_no_name() {
    let steps = steps(&["layout", "exec 0"]);
    let statement = statement(&steps, &line_per_step(2), &chains(&["0 a", "1 ab"]));
    let expected = ProvenanceBase { name: None, digest: Some(digest('8')), layers: Some(1) };
    assert_eq!(read_value(&statement, "ab").unwrap().base, Some(expected));
}

#[test]
fn a_base_without_digest_takes_it_from_the_materials() {
    let mut statement = statement(&steps(&["image"]), &line_per_step(1), &chains(&["0 a"]));
    let without = read_value(&statement, "a").unwrap().base.unwrap();
    assert_eq!(without.name.as_deref(), Some("docker.io/library/debian:12"));
    assert_eq!(without.digest, None);
    statement["predicate"]["materials"] =
        json!([{"uri": "pkg:docker/debian@12", "digest": {"sha256": "8".repeat(64)}}]);
    let with = read_value(&statement, "a").unwrap().base.unwrap();
    assert_eq!(with.digest, Some(digest('8')));
}

#[test]
fn locations_become_the_lines_from_the_first_to_the_last() {
    let check = |locations: &str, expected: &str| {
        let locations: Value = serde_json::from_str(locations).unwrap();
        let locations = json!({"step0": {"locations": locations}});
        let statement = statement(&steps(&["exec"]), &locations, &chains(&["0 a"]));
        assert_eq!(shown(&read_value(&statement, "a").unwrap()), [expected], "{locations}");
    };
    let range = |start: &str, end: &str| {
        format!(r#"{{"start":{{"line":{start}}},"end":{{"line":{end}}}}}"#)
    };
    let ranges = |ranges: &str| format!(r#"[{{"ranges":[{ranges}]}}]"#);
    let file = |index: &str| {
        format!(r#"[{{"ranges":[]}},{{"sourceIndex":{index},"ranges":[{}]}}]"#, range("3", "5"))
    };
    check(&ranges(&range("3", "5")), "D:3-5");
    check(&ranges(&format!("{},{}", range("8", "9"), range("3", "5"))), "D:3-9");
    check(&file("null"), "D:3-5");
    check(&file("0"), "D:3-5");
    check(&file("1"), "E:3-5");
    check(&file("2"), "?");
    check(&file("-1"), "?");
    check(&file("99999999999999999999"), "?");
    check(&ranges(r#"{"start":{"line":3,"character":4}}"#), "D:3-3");
    check(&ranges(r#"{"end":{"line":3}}"#), "D:3-3");
    check(&ranges(r#"{"start":{},"end":null}"#), "?");
    check(&ranges("{}"), "?");
    check(&ranges(&range("5", "3")), "D:5-5");
    check(&ranges(&range("0", "0")), "?");
    check(&ranges(&range("-3", "7")), "D:7-7");
    check(&ranges(&range("4294967295", "4294967296")), "D:4294967295-4294967295");
    check(&ranges(&range("1.5", "18446744073709551615")), "?");
    check("null", "?");
}

#[test]
fn a_file_without_name_is_the_one_that_was_asked_for() {
    let mut statement = one_step();
    let set_file = |statement: &mut Value, name: &str| {
        statement["predicate"]["metadata"][METADATA]["source"]["infos"] =
            json!([{"filename": name}]);
    };
    set_file(&mut statement, "");
    assert_eq!(shown(&read_value(&statement, "a").unwrap()), ["?"]);
    statement["predicate"]["invocation"] = json!({"configSource": {"entryPoint": "F"}});
    assert_eq!(shown(&read_value(&statement, "a").unwrap()), ["F:1-1"]);
    set_file(&mut statement, &"x".repeat(MAX_FILE_NAME + 1));
    assert_eq!(shown(&read_value(&statement, "a").unwrap()), ["?"]);
}

#[test]
fn other_statements_are_refused() {
    let check = |bytes: &[u8], expected: &str| {
        let error = read(bytes, &digest('0'), &[]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(MULTI_STAGE, &format!("is about {}: expected {}", digest('5'), digest('0')));
    check(b"{}", r#"predicate type "" is not provenance"#);
    check(br#"{"predicateType":"https://spdx.dev/Document"}"#, "https://spdx.dev/Document");
    check(br#"{"predicateType":"https://slsa.dev/provenance/v1"}"#, "is about no image");
    check(
        br#"{"predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"x","digest":{"sha1":"1"}},{}]}"#,
        "is about sha1:1",
    );
    check(b"", "not a provenance statement");
}

#[test]
fn wrong_types_are_errors_that_name_the_place() {
    let check = |place: &str, value: Value| {
        let mut statement = one_step();
        *statement.pointer_mut(place).unwrap() = value;
        let Err(ProvenanceError::Malformed(error)) = read_value(&statement, "a") else {
            panic!("{place} was accepted");
        };
        let path = place.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
        assert!(error.path.starts_with(&path), "{place}: {error}");
    };
    check("/subject", json!({}));
    check("/subject/0/digest", json!(["x"]));
    check("/predicate/buildConfig/llbDefinition/0/id", json!(7));
    check("/predicate/buildConfig/llbDefinition/0/inputs", json!("step1:0"));
}

#[test]
fn absent_and_null_fields_are_unknown() {
    let about = json!([{"digest": {"sha256": "f".repeat(64)}}]);
    let layers =
        json!({"step0:0": null, "step0": [null, [], [{}]], "step0:x": [[{"digest": null}]]});
    let source = json!({"infos": null, "locations": {"step0": null, "step1": {"locations": null}}});
    for predicate in [
        json!(null),
        json!({}),
        json!({"buildConfig": null, "materials": null, "invocation": null, "metadata": null}),
        json!({"buildDefinition": null, "runDetails": null}),
        json!({"buildDefinition": {"internalParameters": null, "externalParameters": {"request": null}}}),
        json!({"runDetails": {"metadata": {"buildkit_metadata": null}}}),
        json!({
            "buildConfig": {"llbDefinition": [{}, {"id": "step0", "op": null, "inputs": null}]},
            "metadata": {METADATA: {"layers": layers, "source": source}},
            "materials": [{}, {"uri": null, "digest": null}],
        }),
    ] {
        for version in ["v0.2", "v1"] {
            let kind = format!("https://slsa.dev/provenance/{version}");
            let statement =
                json!({"predicateType": kind, "subject": about, "predicate": predicate});
            let provenance = read_value(&statement, "ab").unwrap();
            assert_eq!(provenance.lines, [None, None]);
            assert_eq!((provenance.base, provenance.materials), (None, Vec::new()));
        }
    }
}

#[test]
fn repeated_keys_are_reported() {
    let text = String::from_utf8(MINIMAL.to_vec()).unwrap();
    let text = text.replace("\"builder\":", "\"materials\": [], \"builder\":");
    let provenance = read(text.as_bytes(), &digest('5'), &[]).unwrap();
    assert!(provenance.warnings[0].contains("predicate.materials"), "{:?}", provenance.warnings);
}

#[test]
fn large_builds_take_linear_time() {
    const STEPS: usize = 10_000;
    let output = |step: usize| format!("step{step}:0");
    let all: Vec<String> = (0..STEPS).map(output).collect();
    let step = |step: usize| {
        let inputs = if step == 0 { all.clone() } else { vec![output(step - 1)] };
        json!({"id": format!("step{step}"), "op": {"Op": {"exec": {}}}, "inputs": inputs})
    };
    let steps: Value = (0..STEPS).map(step).collect();
    let chain = json!([[{"digest": digest('a')}]]);
    let layers = (0..STEPS).map(|output| (format!("step0:{output}"), chain.clone())).collect();
    let statement = statement(&steps, &line_per_step(STEPS), &Value::Object(layers));
    assert_eq!(shown(&read_value(&statement, "a").unwrap()), ["?"]);
}

proptest! {
    #[test]
    fn any_chains_give_one_answer_per_layer(
        chains_of in proptest::collection::vec("[0-5] [ab]{1,4}", 0..8),
        layers in "[ab]{0,4}",
    ) {
        let build = ["image", "exec 0", "local", "file 1 2", "merge 3 0", "end 4"];
        let chains_of: Vec<&str> = chains_of.iter().map(String::as_str).collect();
        let statement = statement(&steps(&build), &line_per_step(6), &chains(&chains_of));
        let provenance = read_value(&statement, &layers).unwrap();
        prop_assert_eq!(provenance.lines.len(), layers.len());
        let base = provenance.base.as_ref().and_then(|base| base.layers).unwrap_or(0);
        prop_assert!(base <= layers.len());
        prop_assert!(shown(&provenance)[..base].iter().all(|lines| lines == "D:1-1"));
    }
}
