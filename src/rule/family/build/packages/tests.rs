use super::*;
use crate::component::Component;
use crate::ledger::Documents;
use crate::ledger::testing::image;
use crate::owner::Owners;
use crate::package::Inventory;

/// What rules claim of an image in which packages own files; each is `NAME SECTION FILE…`.
fn check(detect: fn(&Facts<'_>) -> Vec<Candidate>, text: &str, packages: &[&str], expected: u64) {
    let (image, ledger) = image(text);
    let documents = Documents::new(&ledger);
    let package = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        Package {
            name: words[0].to_owned(),
            section: Some(words[1].to_owned()),
            files: words[2..].iter().filter_map(|path| ledger.find(path.as_bytes())).collect(),
            ..Package::default()
        }
    };
    let packages = packages.iter().map(package).collect();
    let inventory = Inventory { packages, ..Inventory::default() };
    let components: &[Component] = &[];
    let owners = Owners::attribute(&image, &ledger, &inventory, components);
    let facts = Facts::new(&image, &ledger, &documents, &inventory, components, &owners);
    let files = detect(&facts).into_iter().flat_map(|found| match found.claim {
        Claim::Files(files) => files,
        _ => Vec::new(),
    });
    assert_eq!(ledger.sum(files.map(|(file, _)| file)).bytes, expected, "{text}");
}

const IMAGE: &str = "
RUN apt-get install -y libx-dev gcc
  usr/include/x.h 3_000_000
  usr/lib/libx.a 4_000_000
  usr/lib/libx.so.1 5_000_000
  usr/bin/gcc 30_000_000
  usr/lib/gcc/x86_64-linux-gnu/12/cc1 40_000_000
";

#[test]
fn dev_packages() {
    let packages = [
        "libx-dev libdevel usr/include/x.h usr/lib/libx.a",
        "libx1 libs usr/lib/libx.so.1",
        "gcc devel usr/bin/gcc",
    ];
    check(development, IMAGE, &packages, 7_000_000);
    check(development, IMAGE, &packages[1..], 0);
}

#[test]
fn compilers_and_their_trees() {
    check(compilers, IMAGE, &["gcc devel usr/bin/gcc"], 70_000_000);
    check(compilers, IMAGE, &["gcc-12-base libs usr/bin/gcc"], 40_000_000);
    check(compilers, IMAGE, &["libasan8 libs usr/lib/libx.so.1"], 45_000_000);
    check(compilers, "RUN a\n  usr/bin/x 9_000_000\n", &["ld_impl_linux-64 x usr/bin/x"], 0);
}

#[test]
fn what_came_with_them_is_told() {
    let text = format!("{IMAGE}  usr/lib/libz.so.1 1_000_000\n");
    let packages = "
dpkg +libx-dev 1 usr/include/x.h usr/lib/libx.a > libx1 libz1
dpkg -libx1 1 usr/lib/libx.so.1
dpkg -libz1 1 usr/lib/libz.so.1
dpkg +app 1 > libz1
";
    let found = crate::rule::testing::found_with(&text, packages, &["build-dev-packages"]);
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!(found.gross.content, 7_000_000);
    assert!(found.snippet.ends_with("as ldd tells: libx1"), "{}", found.snippet);
    assert!(!found.snippet.contains("purge"), "{}", found.snippet);
    let bytes = found.notes[0]
        .0
        .iter()
        .filter(|piece| matches!(piece, crate::rule::Piece::Bytes(5_000_000)));
    assert_eq!(bytes.count(), 1, "{:?}", found.notes);
}

#[test]
fn a_stage_has_the_steps_that_compile_and_copies_what_they_wrote() {
    let check = |rest: &str, expected: &str| {
        let text = format!("RUN a\n  usr/local/bin/x 1\n{IMAGE}{rest}");
        let packages = "dpkg +libx-dev 1 usr/include/x.h usr/lib/libx.a";
        let found = crate::rule::testing::found_with(&text, packages, &["build-dev-packages"]);
        assert_eq!(found[0].snippet, expected, "{rest}");
    };
    let stage = "# FROM <base> AS build\nRUN apt-get install -y libx-dev gcc\n";
    let last = "# in the last stage, in place of the steps that compile:\n";
    let or = "# or install libx-dev, compile and purge them in one RUN";
    let make = "RUN git clone https://x.org/y.git && cd y && ./build\n  srv/y/bin/z 9\n  srv/y/a 9\n  var/log/a 9\n";
    let copy = "COPY --from=build /srv/y /srv/y\n";
    let run = "RUN git clone https://x.org/y.git && cd y && ./build\n";
    check(&format!("WORKDIR /srv\n{make}"), &format!("{stage}WORKDIR /srv\n{run}{last}{copy}{or}"));
    let copy = "COPY --from=build --chown=me /srv/y /srv/y\n";
    check(&format!("USER me\n{make}"), &format!("{stage}{run}{last}{copy}{or}"));
    // Of a directory that holds more, only the files of the step.
    let copy = "COPY --from=build /usr/local/bin/y /usr/local/bin/y\n";
    let one = "RUN make install\n  usr/local/bin/y 9\n";
    check(one, &format!("{stage}RUN make install\n{last}{copy}{or}"));
    check("RUN a\n  x 1\n", BUILD.fix);
}

#[test]
fn histories_are_tools_where_people_work() {
    let check = |text: &str, risk: Risk, message: &str| {
        let text = format!("RUN a\n  usr/bin/git 30_000_000\n{text}");
        let packages = "dpkg +git 1 usr/bin/git";
        let found = crate::rule::testing::found_with(&text, packages, &["build-compilers"]);
        assert_eq!((found[0].risk, &*found[0].message.to_string()), (risk, message));
    };
    check("", Risk::Test, "Compilers and what goes with them");
    check("  usr/bin/jupyter 1\n", Risk::Review, "Version control");
}

#[test]
fn conda_packages_of_headers() {
    let text = "RUN a\n  c/include/x.h 9_000_000\n  c/lib/x.so 1_000_000\n  c/lib/y.so 8_000_000\n";
    let (_, ledger) = image(text);
    let package = |files: &[&str]| Package {
        ecosystem: Ecosystem::Conda,
        location: b"c".to_vec(),
        files: files.iter().filter_map(|path| ledger.find(path.as_bytes())).collect(),
        ..Package::default()
    };
    assert!(is_development(&ledger, &package(&["c/include/x.h", "c/lib/x.so"])));
    assert!(!is_development(&ledger, &package(&["c/include/x.h", "c/lib/y.so"])));
}
