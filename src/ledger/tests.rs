use super::testing::image;
use super::*;

fn paths(ledger: &Ledger, ids: &[AtomId]) -> Vec<String> {
    ids.iter().map(|id| String::from_utf8(ledger.path(*id)).unwrap()).collect()
}

const IMAGE: &str = "
base: ADD rootfs /
  usr/lib/libz.so.1 100
  lib -> usr/lib
  opt/a/x 10
  opt/a/y => opt/a/x
  opt/b/z => opt/a/x
  opt/b/w 5
RUN rm
  -opt/a/x
  etc/os-release = \"ID=debian\\n\"
";

#[test]
fn what_is_in_a_directory_is_one_slice() {
    let (_, ledger) = image(IMAGE);
    let node = |path: &str| ledger.find(path.as_bytes()).unwrap();
    let check = |path: &str, expected: &[&str]| {
        assert_eq!(paths(&ledger, ledger.inside(node(path))), expected, "{path}");
    };
    check("", &["etc/os-release", "opt/a/y", "opt/b/w", "usr/lib/libz.so.1"]);
    check("opt", &["opt/a/y", "opt/b/w"]);
    check("opt/b", &["opt/b/w"]);
    check("opt/b/w", &["opt/b/w"]);
    check("opt/a/x", &[]);
}

#[test]
fn a_file_is_selected_with_all_its_names() {
    let (_, ledger) = image(IMAGE);
    let check = |roots: &[&str], expected: &[&str]| {
        let roots: Vec<_> =
            roots.iter().map(|path| ledger.find(path.as_bytes()).unwrap()).collect();
        assert_eq!(paths(&ledger, &ledger.select(&roots)), expected);
    };
    check(&["opt/a"], &[]);
    check(&["opt/b"], &["opt/b/w"]);
    check(&["opt/b", "opt/a"], &["opt/a/y", "opt/b/w"]);
    check(&["opt", "opt/a", "opt"], &["opt/a/y", "opt/b/w"]);
    check(&["opt/a/x"], &[]);
}

#[test]
fn paths_below_a_merged_directory_are_found_in_usr() {
    let (_, ledger) = image(IMAGE);
    assert_eq!(ledger.find(b"lib/libz.so.1"), ledger.find(b"usr/lib/libz.so.1"));
    assert!(ledger.find(b"lib/libz.so.1").is_some());
    assert_eq!(ledger.find(b"usr/lib/no"), None);
}

#[test]
fn documents_are_found_by_name_and_node() {
    let (_, ledger) = image(IMAGE);
    let documents = Documents::new(&ledger);
    let [document] = documents.named(b"os-release") else { panic!("one") };
    assert_eq!(
        (document.head, document.layer, document.is_complete()),
        (&b"ID=debian\n"[..], 1, true)
    );
    let node = ledger.find(b"etc/os-release").unwrap();
    assert!(documents.at(&ledger, node).is_some());
}

#[test]
fn atoms_and_structure_are_all_there_is() {
    let (image, ledger) = image(IMAGE);
    let mut sum = ledger.sum(ledger.ids());
    sum += ledger.structure();
    assert_eq!(sum.bytes, ledger.filesystem().content());
    assert_eq!(u128::from(sum.compressed), image.compressed());
}

#[test]
fn a_directory_has_the_bytes_of_what_counts_in_it() {
    let (_, ledger) = image(IMAGE);
    let check = |path: &str, expected: u64| {
        let node = ledger.find(path.as_bytes()).unwrap();
        assert_eq!(ledger.bytes(node), expected, "{path}");
        assert_eq!(ledger.bytes(node), ledger.sum(ledger.inside(node).iter().copied()).bytes);
    };
    check("opt", 15);
    check("opt/b", 5);
    check("opt/a/x", 0);
    let link = ledger.child(NodeId::ROOT, b"lib").unwrap();
    assert_eq!(ledger.target(link), Some(&b"usr/lib"[..]));
}
