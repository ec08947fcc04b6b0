use super::*;
use crate::filesystem::NodeId;
use crate::ledger::testing::image;
use crate::package::Package;

const IMAGE: &str = r"
RUN dnf install demo
  usr/bin/demo 4
  etc/demo.conf 4
  var/log/demo 9
  usr/lib/demo/part-1 2
  usr/lib/demo/part-40 3
  usr/lib/demo/other 1
  var/lib/rpm/rpmdb.sqlite = @rpm/rpmdb.sqlite
RUN dnf upgrade demo
  usr/bin/demo 5
  var/lib/rpm/rpmdb.sqlite = @rpm/rpmdb-upgraded.sqlite
";

fn inventory(text: &str) -> (Ledger, Inventory) {
    let (_, ledger) = image(text);
    let mut inventory = Inventory::default();
    read(&ledger, &Documents::new(&ledger), &mut inventory);
    (ledger, inventory)
}

#[test]
fn databases_are_compared_layer_by_layer() {
    let (ledger, inventory) = inventory(IMAGE);
    let path = |node: &NodeId| String::from_utf8(ledger.filesystem().path(*node)).unwrap();
    let line = |package: &Package| {
        let files: Vec<String> = package.files.iter().map(path).collect();
        let removed = package.removed.map(|hidden| hidden.layer);
        let version = package.version.as_deref().unwrap();
        format!("{} {version} {} {removed:?} {}", package.name, package.layer, files.join(" "))
    };
    let mut told: Vec<String> = inventory.packages.iter().map(line).collect();
    told.sort();
    let expected = [
        "demo 1:1.0-1 0 Some(1) etc/demo.conf usr/bin/demo",
        "demo 1:2.0-1 1 None etc/demo.conf usr/bin/demo",
        "demo-libs 1:1.0-1 0 None usr/lib/demo/part-1 usr/lib/demo/part-40",
    ];
    assert_eq!(told, expected);
    let demo = inventory.packages.iter().find(|package| package.name == "demo").unwrap();
    assert_eq!(demo.architecture.as_deref(), Some("noarch"));
    assert_eq!(demo.summary.as_deref(), Some("A tool to test with"));
    let needs = |needs: &[crate::package::Dependency]| -> Vec<String> {
        needs.iter().map(|need| need.any.join("|")).collect()
    };
    assert!(needs(&demo.depends).contains(&"demo-libs".to_owned()), "{:?}", demo.depends);
    assert!(needs(&demo.depends).contains(&"a|b".to_owned()));
    assert_eq!(needs(&demo.recommends), ["demo-doc"]);
    assert!(demo.provides.contains(&"demo".to_owned()));
    assert_eq!(inventory.notes, []);
}

#[test]
fn what_is_not_read_is_noted() {
    let check = |text: &str, expected: &str| {
        let (_, inventory) = inventory(text);
        assert!(inventory.packages.is_empty());
        let [note] = &inventory.notes[..] else { panic!("{:?}", inventory.notes) };
        assert!(note.text.contains(expected), "{}", note.text);
    };
    check("RUN x\n  var/lib/rpm/Packages 5\n", "format of this rpm database is not read");
    check("RUN x\n  usr/lib/sysimage/rpm/Packages.db 5\n", "format of this rpm database");
    check("RUN x\n  var/lib/rpm/rpmdb.sqlite 5\n", "was not kept");
    check("RUN x\n  var/lib/rpm/rpmdb.sqlite = \"SQLite\"\n", "cannot be read");
    check("RUN x\n  var/lib/rpm/rpmdb.sqlite-wal 5\n", "in this log");
}
