//! What `regsize files` lists, and in which order.

use serde_json::json;

use crate::support::analysis::{arguments, in_every_format, listed, listing, registry_of};
use crate::support::registry::RunningRegistry;
use crate::support::{Layer, Sandbox, refused};

/// Three layers whose blobs are the same bytes with every library.
fn registry_layers() -> [Layer; 3] {
    [
        Layer::plain(
            "bin/\n bin/tool 3000 mode=755\n bin/t => bin/tool\n bin/sh -> tool\n opt/lib/a 900\n opt/lib/b 100 uid=7 gid=8",
        ),
        Layer::plain("opt/lib/a 800 seed=z\n opt/tmp/x 5000\n etc/motd 10"),
        Layer::plain("opt/.wh.tmp 0\n etc/motd 20"),
    ]
}

fn registry() -> RunningRegistry {
    registry_of(&registry_layers())
}

#[test]
fn every_file_is_listed_with_what_is_known_of_it() {
    let report = listing(&Sandbox::new(), &registry(), &["--all", "--sort", "path"]);
    let entries = report["entries"].as_array().unwrap();
    let paths: Vec<_> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    let expected = [
        "",
        "bin",
        "bin/sh",
        "bin/t",
        "bin/tool",
        "etc",
        "etc/motd",
        "opt",
        "opt/lib",
        "opt/lib/a",
        "opt/lib/b",
    ];
    assert_eq!(paths, expected);
    let check = |at: usize, fields: serde_json::Value| {
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&entries[at][name], value, "{name} of {}", paths[at]);
        }
    };
    check(
        0,
        json!({"kind": "directory", "content": 3920, "files": 4, "layer": null, "mode": null}),
    );
    check(1, json!({"kind": "directory", "content": 3000, "files": 1, "layer": 0, "mode": "0755"}));
    check(2, json!({"kind": "symlink", "content": 0, "target": "tool", "shadowed_in": null}));
    check(3, json!({"kind": "hardlink", "content": 0, "target": "bin/tool", "compressed": 512}));
    check(4, json!({"kind": "file", "content": 3000, "mtime": 1_700_000_000, "target": null}));
    check(6, json!({"content": 20, "layer": 2}));
    check(10, json!({"content": 100, "uid": 7, "gid": 8, "mode": "0644", "how": null}));
    assert_eq!((&report["totals"]["bytes"], &report["totals"]["files"]), (&json!(3920), &json!(4)));
}

#[test]
fn without_options_it_is_the_largest_directories() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    assert_eq!(listed(&sandbox, &registry, &[]), [" 3920", "bin 3000", "opt 900", "etc 20"]);
    let path = listed(&sandbox, &registry, &["--sort", "path"]);
    assert_eq!(path, [" 3920", "bin 3000", "etc 20", "opt 900"]);
    let deep = listed(&sandbox, &registry, &["--depth", "2"]);
    assert_eq!(deep, [" 3920", "bin 3000", "opt 900", "opt/lib 900", "etc 20"]);
    assert_eq!(listed(&sandbox, &registry, &["--depth", "0"]), [" 3920"]);
    let top = listed(&sandbox, &registry, &["--top", "2"]);
    assert_eq!(top, [" 3920", "bin 3000", "opt 900"]);
    let top = listed(&sandbox, &registry, &["--all", "--top", "2", "--sort", "path"]);
    assert_eq!(top, [" 3920", "bin 3000", "bin/tool 3000"]);
    let cost = listed(&sandbox, &registry, &["--all", "--sort", "compressed", "/opt/lib"]);
    assert_eq!(cost, ["opt/lib 900", "opt/lib/b 100", "opt/lib/a 800"]);
}

#[test]
fn a_path_limits_the_list_in_whatever_form_it_is_given() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    for path in ["/opt", "opt/", "./opt", "//opt/./"] {
        assert_eq!(listed(&sandbox, &registry, &[path]), ["opt 900", "opt/lib 900"], "{path}");
    }
    assert_eq!(listed(&sandbox, &registry, &["/bin/tool"]), ["bin/tool 3000"]);
    let report = listing(&sandbox, &registry, &["/opt"]);
    assert_eq!((&report["root"]["path"], &report["totals"]["bytes"]), (&json!("opt"), &json!(900)));
}

#[test]
fn a_path_that_is_not_there_is_an_error_with_the_one_that_may_be_meant() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let reference = registry.reference("team/app:latest");
    let check = |command: &[&str], parts: &[&str]| {
        let command = arguments(&reference, &[&["files"], command].concat());
        refused(&sandbox, &command, "not_found").says(parts);
    };
    check(&["/opt/lbi"], &["there is no /opt/lbi", "did you mean /opt/lib?"]);
    check(&["/bni/tool"], &["did you mean /bin?"]);
    check(&["/opt/nothing/like/it"], &["see what is in /opt"]);
    check(&["/opt/tmp"], &["there is no /opt/tmp: deleted in step 3", "--shadowed"]);
    check(&["/opt/tmp", "--layer", "0"], &["there is no /opt/tmp"]);
    check(&["/opt/tmp/x"], &["there is no /opt/tmp/x: deleted in step 3"]);
    check(&["/opt/tmp/y"], &["there is no /opt/tmp/y", "did you mean /opt/lib?"]);
    check(&["--layer", "1", "--min-layer", "1GB"], &["layer 1 was not read", "--min-layer"]);
    for command in ["files", "analyze"] {
        let none = arguments(&reference, &[command, "--top", "0"]);
        refused(&sandbox, &none, "usage").says(&["invalid value '0' for '--top <NUMBER>'"]);
    }
    let unknown = arguments(&reference, &["files", "--layer", "3"]);
    refused(&sandbox, &unknown, "usage").says(&["there is no layer 3", "from 0 to 2"]);
}

#[test]
fn one_layer_is_listed_as_it_is_stored_and_no_other_is_read() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let options = ["--layer", "2", "--all", "--sort", "path"];
    let report = listing(&sandbox, &registry, &options);
    let kinds: Vec<_> = report["entries"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["directory", "directory", "file", "directory", "whiteout"], "{report}");
    assert_eq!(registry.lines().iter().filter(|line| line.contains("/blobs/")).count(), 2);
    let layer = registry_layers()[2].blob.len() as u64;
    assert_eq!(report["overhead"], layer - report["totals"]["compressed"].as_u64().unwrap());
    assert_eq!(listing(&sandbox, &registry, &[])["overhead"], json!(null));
    let left: Vec<_> = report["left_out"].as_array().unwrap().iter().map(|l| &l["index"]).collect();
    assert_eq!(left, [0, 1]);
}

#[test]
fn what_is_hidden_is_listed_with_who_hides_it() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let report = listing(&sandbox, &registry, &["--shadowed", "--all", "--sort", "path"]);
    let entries = report["entries"].as_array().unwrap();
    let hidden: Vec<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "file")
        .map(|entry| json!([entry["path"], entry["layer"], entry["shadowed_in"], entry["how"]]))
        .collect();
    let expected = [
        json!(["etc/motd", 1, 2, "overwrite-changed"]),
        json!(["opt/lib/a", 0, 1, "overwrite-changed"]),
        json!(["opt/tmp/x", 1, 2, "whiteout"]),
    ];
    assert_eq!(hidden, expected);
    assert_eq!(report["totals"]["bytes"], 5_910);
}

#[test]
fn every_format_has_every_row() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    for command in [
        &["files"][..],
        &["files", "--all"],
        &["files", "--shadowed", "--all"],
        &["files", "--layer", "0", "--all"],
        &["files", "/opt", "--depth", "3", "--sort", "path"],
        &["files", "--all", "--top", "3", "--sort", "compressed", "--iec"],
    ] {
        let [terminal, markdown, csv, json] = in_every_format(&sandbox, &registry, command);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let entries = json["entries"].as_array().unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.records().map(Result::unwrap).count(), entries.len(), "{csv}");
        for entry in entries {
            let path = entry["path"].as_str().unwrap();
            let name = path.rsplit('/').next().unwrap();
            for text in [&terminal, &markdown, &csv] {
                assert!(text.contains(name), "{path} in {text}");
            }
        }
    }
}
