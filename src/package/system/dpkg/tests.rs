use super::*;
use crate::ledger::testing::image;

/// One line for each package: layers, name, version, what is known of it, files.
fn told(text: &str) -> (Vec<String>, Vec<String>) {
    let (_, ledger) = image(text);
    let documents = Documents::new(&ledger);
    let mut inventory = Inventory::default();
    read(&ledger, &documents, &mut inventory);
    let line = |package: &Package| {
        let files: Vec<String> = package
            .files
            .iter()
            .map(|node| String::from_utf8(ledger.filesystem().path(*node)).unwrap())
            .collect();
        let removed = package
            .removed
            .map_or(String::new(), |hidden| format!("-{} {}", hidden.layer, hidden.how.as_str()));
        let requested = match package.requested {
            None => "",
            Some(true) => " requested",
            Some(false) => " automatic",
        };
        let version = package.version.as_deref().unwrap_or("?");
        let files = files.join(" ");
        format!("{}{removed} {}={version}{requested}: {files}", package.layer, package.name)
    };
    let notes = inventory.notes.iter().map(|note| note.text.clone());
    (inventory.packages.iter().map(line).collect(), notes.collect())
}

fn check(text: &str, packages: &[&str], notes: &[&str]) {
    let (found, said) = told(text);
    assert_eq!(found, packages, "{text}");
    assert_eq!(said.len(), notes.len(), "{said:?}");
    for (said, words) in said.iter().zip(notes) {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_upgrade_makes_two_packages() {
    let text = r#"
RUN apt-get install a b
  usr/bin/a 10
  usr/lib/b.so 20
  lib -> usr/lib
  var/lib/dpkg/status = "Package: a\nVersion: 1\n\nPackage: b\nArchitecture: amd64\nVersion: 1\n"
  var/lib/dpkg/info/a.list = "/.\n/usr\n/usr/bin\n/usr/bin/a\n"
  var/lib/dpkg/info/b:amd64.list = "/lib/b.so\n"
RUN apt-get upgrade a
  usr/bin/a 11
  usr/bin/a2 1
  var/lib/apt/extended_states = "Package: b\nArchitecture: amd64\nAuto-Installed: 1\n"
  var/lib/dpkg/status = "Package: a\nVersion: 2\n\nPackage: b\nArchitecture: amd64\nVersion: 1\n"
  var/lib/dpkg/info/a.list = "/usr/bin/a\n/usr/bin/a2\n"
RUN apt-get purge a
  -usr/bin/a
  -var/lib/dpkg/info/a.list
  var/lib/dpkg/status = "Package: b\nArchitecture: amd64\nVersion: 1\n"
"#;
    let packages = [
        "0-1 overwrite-changed a=1: usr/bin/a",
        "0 b=1 automatic: usr/lib/b.so",
        "1-2 overwrite-changed a=2: usr/bin/a usr/bin/a2",
    ];
    check(text, &packages, &[]);
}

#[test]
fn a_database_that_is_deleted_takes_its_packages_along() {
    let text = r#"
RUN apt-get install a
  usr/bin/a 10
  var/lib/dpkg/status = "Package: a\nVersion: 1\n"
  var/lib/dpkg/info/a.list = "/usr/bin/a\n"
RUN rm -r /var/lib/dpkg
  -var/lib/dpkg
"#;
    check(text, &["0-1 whiteout a=1: usr/bin/a"], &[]);
}

#[test]
fn packages_without_a_dpkg_have_checksums() {
    let text = r#"
ADD a.tar /
  var/lib/dpkg/status.d/a = "Package: a\nVersion: 1\n"
  var/lib/dpkg/status.d/a.md5sums = "00000000000000000000000000000000  usr/lib/a\n"
  usr/lib/a 5
ADD b.tar /
  var/lib/dpkg/status.d/b = "Package: b\nVersion: 1\n"
  var/lib/dpkg/status.d/a = "Package: a\nVersion: 2\n"
"#;
    let packages = [
        "0-1 overwrite-changed a=1: var/lib/dpkg/status.d/a.md5sums usr/lib/a var/lib/dpkg/status.d/a",
        "1 a=2: var/lib/dpkg/status.d/a.md5sums usr/lib/a var/lib/dpkg/status.d/a",
        "1 b=1: var/lib/dpkg/status.d/b",
    ];
    check(text, &packages, &["Package b has no list"]);
}

#[test]
fn diverted_files_are_those_of_the_package_that_lists_them() {
    let text = r#"
RUN apt-get install dash
  bin/sh 1
  bin/sh.distrib 2
  var/lib/dpkg/diversions = "/bin/sh\n/bin/sh.distrib\ndash\n/x\n"
  var/lib/dpkg/status = "Package: dash\n\nPackage: bash\n"
  var/lib/dpkg/info/dash.list = "/bin/sh\n"
  var/lib/dpkg/info/bash.list = "/bin/sh\n"
"#;
    check(text, &["0 dash=?: bin/sh", "0 bash=?: bin/sh.distrib"], &[]);
    let later = r#"
RUN apt-get install bash
  bin/sh 2
  var/lib/dpkg/status = "Package: bash\n"
  var/lib/dpkg/info/bash.list = "/bin/sh\n"
RUN apt-get install dash
  bin/sh 1
  bin/sh.distrib 2
  var/lib/dpkg/diversions = "/bin/sh\n/bin/sh.distrib\ndash\n"
"#;
    check(later, &["0 bash=?: bin/sh.distrib bin/sh"], &[]);
}

#[test]
fn without_lists_there_are_checksums_and_configuration() {
    let text = r#"
RUN apt-get install a
  usr/bin/a 1
  etc/a 1
  var/lib/dpkg/status = "Package: a\nConffiles:\n /etc/a 00\n"
  var/lib/dpkg/info/a.md5sums = "00  usr/bin/a\n"
"#;
    check(text, &["0 a=?: usr/bin/a etc/a"], &[]);
    let nothing = r#"
RUN apt-get install a
  var/lib/dpkg/status = "Package: a\n\nPackage: b\n"
"#;
    check(nothing, &["0 a=?: ", "0 b=?: "], &["2 packages"]);
}

#[test]
fn records_that_were_not_kept_are_noted() {
    check("RUN x\n  var/lib/dpkg/status 5\n", &[], &["not kept"]);
}
