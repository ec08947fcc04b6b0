//! Malformed references and arguments: refused before anybody is asked, with what is wrong.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::sandbox::Running;
use crate::support::{Image, Layer, Registry, Sandbox, accepted, check_text, refused};

fn registry() -> Registry {
    let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

#[test]
fn malformed_references_are_refused_with_the_place_before_anybody_is_asked() {
    let registry = registry().start();
    let sandbox = Sandbox::new();
    let check = |name: &str, parts: &[&str]| {
        let typed = registry.reference(name);
        refused(&sandbox, &["inspect", &typed], "usage").says(parts);
    };
    // The host and port of the test registry vary in length, so positions are told without them.
    check("UPPER/case", &["UPPER/case", "'U' (character ", "lower-case"]);
    check("a//b", &["'/' (character ", "a//b"]);
    check("a/", &["'/' (character "]);
    check("a/../b", &["'.' (character "]);
    check("../../etc/passwd", &["'.' (character "]);
    check("a:b:c", &["':' (character "]);
    check("a:", &["a tag has 1 to 128 characters"]);
    check(&format!("a:{}", "t".repeat(129)), &["a tag has 1 to 128 characters"]);
    check(&"n".repeat(256), &["longer than 255 characters"]);
    check("a:-x", &["'-' (character ", "not . or - first"]);
    for wrong in
        ["sha256:", "sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:00", ""]
    {
        check(&format!("a@{wrong}"), &["expected sha256: and 64"]);
    }
    for length in [63, 65] {
        check(&format!("a@sha256:{}", "a".repeat(length)), &["expected sha256: and 64"]);
    }
    check(&format!("a@sha256:{}", "AB".repeat(32)), &["lower-case hexadecimal"]);
    assert_eq!(registry.lines(), [""; 0]);
}

#[test]
fn malformed_hosts_are_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    let check = |typed: &str, parts: &[&str]| {
        refused(&sandbox, &["inspect", typed], "usage").says(parts);
    };
    check("UPPER/case", &["'U' (character 1)"]);
    check("host:99999/x", &["host:99999", "1 to 65535"]);
    check("host:/x", &["1 to 65535"]);
    check("host:0/x", &["1 to 65535"]);
    check("[::zz]:5000/x", &["IPv6"]);
    check("b\u{fc}cher.example/x", &["xn--"]);
    check("", &["the image reference is empty"]);
    check("https://ghcr.io/o/r", &["leave out \"https://\""]);
    check("x-.example/y", &["letters, digits"]);
    check("-x.example/y", &["unexpected argument '-x'"]);
}

#[test]
fn passwords_in_references_are_refused_and_not_repeated() {
    let sandbox = Sandbox::new();
    for typed in [
        "robot:s3cret@host.example/x",
        "https://robot:s3cret@host.example/x:1",
        "robot:s3cret@sha.example:5000/x",
        "robot:s3cret@host.example",
        "robot:pass@s3cret@host.example/x@sha256:00",
    ] {
        let refusal = refused(&sandbox, &["inspect", typed], "usage");
        refusal.says(&["no user name or password", "docker login"]);
        let printed = sandbox.run(&["inspect", typed, "--format", "json"]);
        for text in [&refusal.terminal.stderr, &printed.stdout, &printed.stderr] {
            assert!(!text.contains("s3cret"), "{text}");
        }
        let side_by_side = sandbox.run(&["inspect", typed, typed, "--format", "markdown"]);
        assert!(!format!("{side_by_side}").contains("s3cret"), "{side_by_side}");
    }
}

#[test]
fn characters_that_move_cursors_are_refused_and_printed_as_escapes() {
    let sandbox = Sandbox::new();
    let check = |typed: &str, shown: &str| {
        refused(&sandbox, &["inspect", typed], "usage").says(&["is not an image ref", shown]);
    };
    check("a\u{1b}[31mb", "u{1b}");
    check("a\nb", "\\n");
    check("a\u{202e}b", "202e");
    check("a\u{9b}2Jb", "9b");
    check("ubuntu:\u{200b}x", "200b");
    check("::set-env name=PATH::x/y", "is not a registry host");
}

#[test]
fn arguments_that_are_not_text_are_refused() {
    let sandbox = Sandbox::new();
    for locale in ["C", "C.UTF-8", "de_DE.ISO-8859-1"] {
        for format in ["terminal", "json"] {
            let mut command = sandbox.command(&["inspect", "--format", format]);
            command.env("LC_ALL", locale).arg(OsStr::from_bytes(b"debian:\xff\xfe"));
            let output = Running::start(&mut command).finish();
            assert_eq!(output.code, Some(2), "{output}");
            check_text(&output.stderr);
            assert!(output.stderr.contains("invalid UTF-8"), "{output}");
            if format == "json" {
                assert_eq!(output.json()["error"]["kind"], "usage");
            }
        }
    }
}

#[test]
fn a_digest_wins_over_a_tag_and_the_tag_stays_in_the_name() {
    let old = Image::new("linux/amd64").layer(Layer::gzip("old 1000"), "COPY old /");
    let registry = registry().put_image("team/app", "old", &old.bundle()).start();
    let typed = registry.reference(&format!("team/app:latest@{}", old.digest()));
    let report = accepted(&Sandbox::new(), &["inspect", &typed]);
    assert_eq!(
        (&report["reference"], &report["digest"]),
        (&typed.into(), &old.digest().to_string().into())
    );
    assert_eq!(registry.count("*", "manifests/latest"), 0, "{:?}", registry.lines());
}

#[test]
fn longer_digests_are_verified_too() {
    let manifest = Image::new("linux/amd64").layer(Layer::gzip("a 9"), "COPY a /");
    let bytes = manifest.manifest().bytes;
    let digest = format!("sha512:{}", hex::encode(<sha2::Sha512 as sha2::Digest>::digest(&bytes)));
    let registry = registry()
        .put_image("team/app", "x", &manifest.bundle())
        .put_manifest("team/app", &digest, bytes, crate::support::image::OCI_MANIFEST)
        .start();
    let typed = registry.reference(&format!("team/app@{digest}"));
    assert_eq!(accepted(&Sandbox::new(), &["inspect", &typed])["digest"], *digest);
    let other = format!("sha512:{}", "0".repeat(128));
    let bytes = manifest.manifest().bytes;
    registry.update(|content| {
        content.put_manifest("team/app", &other, bytes, crate::support::image::OCI_MANIFEST)
    });
    let typed = registry.reference(&format!("team/app@{other}"));
    refused(&Sandbox::new(), &["inspect", &typed], "bad_data").says(&["is not the content of"]);
}

#[test]
fn hosts_in_brackets_are_asked() {
    let Ok(probe) = std::net::TcpListener::bind("[::1]:0") else { return };
    let origin = crate::support::Origin::at(probe.local_addr().unwrap());
    drop(probe);
    let registry = registry().start_on(origin);
    let typed = registry.reference("team/app");
    assert!(typed.starts_with("[::1]:"), "{typed}");
    accepted(&Sandbox::new(), &["inspect", &typed]);
}

#[test]
fn values_of_options_are_refused_with_the_forms_that_are_taken() {
    let registry = registry().start();
    let reference = registry.reference("team/app");
    let sandbox = Sandbox::new();
    let check = |options: &[&str], parts: &[&str]| {
        refused(&sandbox, &[&["inspect", &reference], options].concat(), "usage").says(parts);
    };
    for size in ["-1", "1.5.2GB", "10 XB", "MB", "", "18446744073709551616", "1e3", "١٠"] {
        check(&["--limit", &format!("manifest={size}")], &["--limit"]);
    }
    let huge = "manifest=340282366920938463463374607431768211.9kB";
    check(&["--limit", huge], &[huge, "500MB"]);
    check(&["--limit", "manifest=1.5.2GB"], &["--limit manifest=1.5.2GB", "1.5GiB"]);
    for number in ["-1", "1.5", "many", "99999999999999999999999"] {
        check(&["--limit", &format!("layers={number}")], &["layers=", "number"]);
    }
    check(&["--limit", "layer=5"], &["--limit layer=5", "manifest, config"]);
    check(&["--limit", "layers"], &["--limit", "equals sign"]);
    for number in ["-1", "x", "1.5", "", "99999999999999999999999"] {
        for option in ["--width", "--retries", "--deadline", "--concurrency"] {
            check(&[&format!("{option}={number}")], &[option]);
        }
    }
    for option in ["--width", "--deadline", "--concurrency", "--streams"] {
        check(&[&format!("{option}=0")], &["invalid value '0'", option, "0 is not in 1.."]);
    }
    for platform in ["linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/\u{1b}[31m", ""] {
        check(&[&format!("--platform={platform}")], &["--platform", "os/architecture"]);
    }
    check(&["--base", "UPPER/x"], &["UPPER/x", "'U' (character 1)"]);
    check(&["--sort", "name"], &["--sort", "step", "size"]);
    assert_eq!(registry.lines(), [""; 0]);
}

#[test]
fn the_largest_and_smallest_values_of_options_work() {
    let registry = registry().start();
    let reference = registry.reference("team/app");
    let sandbox = Sandbox::new();
    let all = u64::MAX.to_string();
    let check = |options: &[&str]| {
        let output = sandbox.run(&[&["inspect", &reference], options].concat());
        assert_eq!(output.code, Some(0), "{options:?}: {output}");
        assert!(output.stdout.contains("COPY motd"), "{options:?}: {output}");
        assert!(output.stdout.len() < 100_000, "{options:?}");
    };
    for limit in ["manifest", "config", "statement", "page", "layers", "manifests"] {
        check(&["--limit", &format!("{limit}={all}")]);
    }
    check(&["--deadline", &all]);
    check(&["--retries", "4294967295"]);
    check(&["--concurrency", &all]);
    check(&["--width", &all]);
    check(&["--width", &all, "--history"]);
}

#[test]
fn one_column_and_dumb_terminals_get_a_plain_report() {
    let registry = registry().start();
    let reference = registry.reference("team/app");
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "dumb");
    for (locale, ascii) in [("C", true), ("C.UTF-8", false), ("", true)] {
        sandbox.set("LC_ALL", locale);
        for width in ["1", "7"] {
            for options in [&["--iec"][..], &["--history"]] {
                let arguments = [&["inspect", &reference, "--width", width], options].concat();
                let output = sandbox.run(&arguments);
                assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
                check_text(&output.stdout);
                assert_eq!(output.stdout.is_ascii(), ascii, "{locale} {width}: {output}");
            }
        }
    }
    sandbox.set("COLUMNS", "-5");
    assert_eq!(sandbox.run(&["inspect", &reference]).code, Some(0));
}
