use super::super::testing::{check, needs, one, paths};

const IMAGE: &str = r#"
RUN npm install
  app/package-lock.json = "{\"packages\":{\"\":{\"dependencies\":{\"a\":\"1\"},\"devDependencies\":{\"@s/d\":\"1\"}}}}"
  app/node_modules/.package-lock.json = "{\"packages\":{\"node_modules/a\":{},\"node_modules/@s/d\":{\"dev\":true},\"node_modules/@s/d/node_modules/e\":{\"dev\":true}}}"
  app/node_modules/a/package.json = "{\"name\":\"a\",\"version\":\"1.0.0\",\"dependencies\":{\"e\":\"1\"}}"
  app/node_modules/a/dist/esm/package.json = "{\"type\":\"module\"}"
  app/node_modules/a/package-lock.json = "{\"packages\":{\"\":{\"dependencies\":{\"z\":\"1\"}}}}"
  app/node_modules/@s/d/package.json = "{\"name\":\"@s/d\",\"version\":\"2.0.0\"}"
  app/node_modules/@s/d/node_modules/e/package.json = "{\"version\":\"3.0.0\"}"
  app/node_modules/.bin/package.json = "{}"
  app/node_modules/bad/package.json = "{"
  usr/lib/node_modules/npm/package.json = "{\"name\":\"npm\",\"version\":\"10.0.0\"}"
  usr/lib/node_modules/npm/node_modules/@x/y/package.json = "{\"name\":\"@x/y\",\"version\":\"1.0.0\"}"
"#;

#[test]
fn packages_are_right_below_node_modules() {
    check(
        IMAGE,
        &[
            "npm @s/d 2.0.0 in app/node_modules",
            "npm a 1.0.0 in app/node_modules",
            "npm e 3.0.0 in app/node_modules/@s/d/node_modules",
            "npm npm 10.0.0 in usr/lib/node_modules",
            "npm @x/y 1.0.0 in usr/lib/node_modules/npm/node_modules",
            "note app/node_modules/bad/package.json",
        ],
    );
    assert_eq!(needs(&one(IMAGE, "a")), ["e"]);
    let expected = ["app/node_modules/@s/d", "app/node_modules/@s/d/package.json"];
    assert_eq!(paths(IMAGE, "@s/d"), expected);
}

#[test]
fn what_was_asked_for_is_told_by_lock_files_and_global_installs() {
    let check = |name: &str, requested: Option<bool>, development: Option<bool>| {
        let package = one(IMAGE, name);
        assert_eq!((package.requested, package.development), (requested, development), "{name}");
    };
    check("a", Some(true), Some(false));
    check("@s/d", Some(true), Some(true));
    check("e", Some(false), Some(true));
    check("npm", Some(true), None);
    check("@x/y", Some(false), None);
}
