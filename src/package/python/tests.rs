use super::super::testing::{check, needs, one, paths};

const IMAGE: &str = r#"
RUN pip install
  venv/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/METADATA = "Name: Foo.Bar\nVersion: 1.0\nSummary: Does it\nRequires-Dist: uvicorn[standard]\nRequires-Dist: tomli; python_version < '3.11'\nRequires-Dist: pytest; extra == 'test'\n"
  venv/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/RECORD = "foo/a.py,sha256=x,10\n\"foo/b,c.py\",,5\n../../../bin/foo,,3\n/etc/foo.conf,,1\n../../../../../x,,\nfoo/none.pyc,,\n"
  venv/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/INSTALLER = "pip\n"
  venv/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/REQUESTED 0
  venv/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/WHEEL = "Tag: cp311-cp311-manylinux_2_17_x86_64\n"
  venv/lib/python3.11/site-packages/foo/a.py 10
  venv/lib/python3.11/site-packages/foo/b,c.py 5
  venv/lib/python3.11/site-packages/foo/_vendor/six-1.0.dist-info/METADATA = "Name: six\n"
  venv/bin/foo 3
  etc/foo.conf 1
  venv/lib/python3.11/site-packages/uvicorn-0.2.dist-info/METADATA = "Name: uvicorn\nVersion: 0.2\nRequires-Dist: click\nRequires-Dist: httptools; extra == 'standard'\n"
  venv/lib/python3.11/site-packages/uvicorn-0.2.dist-info/INSTALLER = "pip\n"
  venv/lib/python3.11/site-packages/uvicorn/a.py 10
"#;

#[test]
fn distributions_have_the_files_of_their_records() {
    let site = "venv/lib/python3.11/site-packages";
    let foo = format!("python foo-bar 1.0 in {site}");
    let note = format!("note {site}/Foo_Bar-1.0.dist-info/RECORD");
    check(IMAGE, &[&foo, &format!("python uvicorn 0.2 in {site}"), &note]);
    let in_site = |path: &str| format!("{site}/{path}");
    let expected = [
        "etc/foo.conf".to_owned(),
        "venv/bin/foo".to_owned(),
        in_site("Foo_Bar-1.0.dist-info"),
        in_site("Foo_Bar-1.0.dist-info/METADATA"),
        in_site("foo/a.py"),
        in_site("foo/b,c.py"),
    ];
    assert_eq!(paths(IMAGE, "foo-bar"), expected);
    let foo = one(IMAGE, "foo-bar");
    assert_eq!((foo.declared, foo.architecture.as_deref()), (Some(19), Some("x86_64")));
    assert_eq!((foo.installer.as_deref(), foo.summary.as_deref()), (Some("pip"), Some("Does it")));
}

#[test]
fn needs_follow_from_markers_and_the_extras_that_others_ask_for() {
    assert_eq!(needs(&one(IMAGE, "foo-bar")), ["uvicorn"]);
    assert_eq!(needs(&one(IMAGE, "uvicorn")), ["click", "httptools"]);
}

#[test]
fn an_empty_file_tells_what_was_asked_for() {
    assert_eq!(one(IMAGE, "foo-bar").requested, Some(true));
    assert_eq!(one(IMAGE, "uvicorn").requested, Some(false));
    let without = IMAGE.replace("REQUESTED 0", "other 0");
    assert_eq!(one(&without, "uvicorn").requested, None);
    let by_conda = IMAGE.replace("pip\\n", "conda\\n");
    assert_eq!(one(&by_conda, "foo-bar").requested, None);
}

#[test]
fn what_comes_with_a_virtual_environment_may_not_have_been_asked_for() {
    let check = |name: &str, image: &str, expected: Option<bool>| {
        assert_eq!(one(image, name).requested, expected, "{name} in {image}");
    };
    let package = |name: &str| {
        let directory = format!("  opt/v/lib/python3.11/site-packages/{name}-1.0.dist-info");
        format!(
            "{directory}/METADATA = \"Name: {name}\\nVersion: 1.0\\n\"\n{directory}/INSTALLER = \"pip\\n\"\n{directory}/REQUESTED 0\n"
        )
    };
    let (pip, numpy) = (package("pip"), package("numpy"));
    let image = format!("RUN venv\n  opt/v/pyvenv.cfg 9\n{pip}{numpy}");
    check("pip", &image, None);
    check("numpy", &image, Some(true));
    check("pip", &format!("RUN venv\n  opt/v/pyvenv.cfg 9\nRUN pip\n{pip}"), Some(true));
    check("pip", &format!("RUN pip\n{pip}"), Some(true));
}

#[test]
fn without_a_record_the_modules_of_its_name_are_its_own() {
    let site = "venv/lib/python3.11/site-packages";
    let expected = [
        format!("{site}/uvicorn"),
        format!("{site}/uvicorn-0.2.dist-info"),
        format!("{site}/uvicorn-0.2.dist-info/METADATA"),
    ];
    assert_eq!(paths(IMAGE, "uvicorn"), expected);
}

const EGGS: &str = r#"
RUN setup.py install
  usr/lib/python3/dist-packages/six-1.16.egg-info = "Name: six\nVersion: 1.16\n"
  usr/lib/python3/dist-packages/six.py 10
  usr/lib/python3/dist-packages/a-1.egg-info/PKG-INFO = "Name: a\nVersion: 1\n"
  usr/lib/python3/dist-packages/a-1.egg-info/requires.txt = "six\n[x]\nb\n"
  usr/lib/python3/dist-packages/a-1.egg-info/installed-files.txt = "../amod/a.py\nPKG-INFO\n"
  usr/lib/python3/dist-packages/amod/a.py 10
  usr/lib/python3/dist-packages/c-2-py3.egg/EGG-INFO/PKG-INFO = "Name: c\nVersion: 2\n"
  usr/lib/python3/dist-packages/dev.egg-link = "/src/dev\n."
  src/dev/dev.egg-info/PKG-INFO = "Name: dev\nVersion: 3\n"
  src/dev/dev/x.py 10
  src/other/other.egg-info/PKG-INFO = "Name: other\nVersion: 4\n"
  app/lib/e-1.dist-info/METADATA = "Name: e\nVersion: 1\n"
  app/lib/e-1.dist-info/direct_url.json = "{\"url\":\"file:///src/e\",\"dir_info\":{\"editable\":true}}"
  app/lib/e-1.dist-info/top_level.txt = "emod\n../x\n"
  src/e/src/emod/x.py 10
"#;

#[test]
fn older_and_editable_installations_are_told() {
    let site = "usr/lib/python3/dist-packages";
    let in_site = |text: &str| format!("python {text} in {site}");
    let expected = [in_site("a 1"), in_site("c 2"), in_site("dev 3"), in_site("six 1.16")];
    let mut all = vec!["python e 1 in app/lib"];
    all.extend(expected.iter().map(String::as_str));
    check(EGGS, &all);
    let check_paths = |name: &str, expected: &[&str]| {
        let place = |path: &str| path.replace("SITE", site);
        let expected: Vec<_> = expected.iter().map(|path| place(path)).collect();
        assert_eq!(paths(EGGS, name), expected, "{name}");
    };
    check_paths("six", &["SITE/six-1.16.egg-info", "SITE/six.py"]);
    check_paths("a", &["SITE/a-1.egg-info", "SITE/a-1.egg-info/PKG-INFO", "SITE/amod/a.py"]);
    check_paths("c", &["SITE/c-2-py3.egg", "SITE/c-2-py3.egg/EGG-INFO/PKG-INFO"]);
    check_paths(
        "dev",
        &[
            "src/dev/dev",
            "src/dev/dev.egg-info",
            "src/dev/dev.egg-info/PKG-INFO",
            "SITE/dev.egg-link",
        ],
    );
    check_paths(
        "e",
        &["app/lib/e-1.dist-info", "app/lib/e-1.dist-info/METADATA", "src/e/src/emod"],
    );
    assert_eq!(needs(&one(EGGS, "a")), ["six"]);
}

const CACHES: &str = r#"
RUN install
  opt/conda/pkgs/six-1-0/info/index.json 1
  opt/conda/pkgs/six-1-0/site-packages/six-1.dist-info/METADATA = "Name: six\nVersion: 1\n"
  root/.cache/uv/archive-v0/x/six-1.dist-info/METADATA = "Name: six\nVersion: 1\n"
  venv/lib/python3.12/site-packages/six-1.dist-info/METADATA => root/.cache/uv/archive-v0/x/six-1.dist-info/METADATA
"#;

#[test]
fn copies_in_caches_are_not_installed_but_links_to_them_are() {
    check(CACHES, &["python six 1 in venv/lib/python3.12/site-packages"]);
}
