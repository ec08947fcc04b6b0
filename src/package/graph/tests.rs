use super::*;

/// Packages of lines such as `+a 10 > b|c ~ d`: asked for (`+`), brought (`-`) or unknown
/// (`?`), bytes, needs and wants; `@LOCATION` after the bytes.
fn inventory(ecosystem: Ecosystem, text: &str) -> (Inventory, Vec<u64>) {
    let mut bytes = Vec::new();
    let package = |line: &str| {
        let (mut package, mut into) = (Package { ecosystem, ..Package::default() }, 0);
        for word in line.split_whitespace() {
            match word {
                ">" => into = 1,
                "~" => into = 2,
                _ if package.name.is_empty() => {
                    package.requested = match &word[..1] {
                        "+" => Some(true),
                        "-" => Some(false),
                        _ => None,
                    };
                    word[1..].clone_into(&mut package.name);
                }
                _ if word.starts_with('@') => package.location = word[1..].into(),
                _ if word.starts_with('=') => package.provides.push(word[1..].to_owned()),
                _ if word.starts_with('/') => package.architecture = Some(word.to_owned()),
                _ if into == 0 => bytes.push(word.parse().unwrap()),
                _ => {
                    let any = word.split('|').map(str::to_owned).collect();
                    let needs =
                        if into == 1 { &mut package.depends } else { &mut package.recommends };
                    needs.push(Dependency { any });
                }
            }
        }
        package
    };
    let packages = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(package);
    (Inventory { packages: packages.collect(), notes: Vec::new() }, bytes)
}

fn graph(ecosystem: Ecosystem, text: &str) -> (Inventory, Graph, Vec<u64>) {
    let (inventory, bytes) = inventory(ecosystem, text);
    let graph = Graph::new(&inventory, ecosystem);
    (inventory, graph, bytes)
}

fn names(inventory: &Inventory, ids: impl IntoIterator<Item = PackageId>) -> String {
    let name = |id| inventory.package(id).name.clone();
    let mut names: Vec<String> = ids.into_iter().map(name).collect();
    names.sort();
    names.join(" ")
}

const SERVER: &str = "
+app 10 > lib db|sqlite ~ docs
-lib 20 > libc
-sqlite 5 =db-engine > libc
-docs 40 > viewer
-viewer 2
+tool 7 > libc db-engine
-libc 100
-old 3 > libc older
-older 4 > old
";

#[test]
fn what_roots_need_and_want_is_reached() {
    let (inventory, graph, bytes) = graph(Ecosystem::Dpkg, SERVER);
    assert_eq!(names(&inventory, graph.closure(false)), "app lib libc sqlite tool");
    assert_eq!(names(&inventory, graph.closure(true)), "app docs lib libc sqlite tool viewer");
    let exclusive = graph.exclusive(|id| bytes[id.0 as usize]);
    let mut exclusive: Vec<(u32, u64)> =
        exclusive.into_iter().map(|(id, bytes)| (id.0, bytes)).collect();
    exclusive.sort_unstable();
    assert_eq!(exclusive, [(0, 72), (1, 20), (2, 5), (3, 42), (4, 2), (5, 7), (6, 100)]);
    let brought = graph.brought();
    assert_eq!(names(&inventory, brought[&PackageId(0)].clone()), "app docs lib viewer");
    assert_eq!(names(&inventory, graph.way(PackageId(4))), "app docs viewer");
    assert_eq!(graph.way(PackageId(7)), []);
    assert_eq!(graph.reach(PackageId(5), |id| bytes[id.0 as usize]), 112);
}

#[test]
fn what_goes_with_a_package_is_what_nothing_else_needs() {
    let check = |without: u32, freed: &str, unasked: &str| {
        let (inventory, graph, _) = graph(Ecosystem::Dpkg, SERVER);
        let without = HashSet::from([PackageId(without)]);
        assert_eq!(names(&inventory, graph.freed(&without)), freed, "{without:?}");
        assert_eq!(names(&inventory, graph.unasked(&without)), unasked, "{without:?}");
    };
    check(0, "app docs lib viewer", "app docs lib viewer");
    check(1, "lib", "");
    check(6, "libc", "");
    check(7, "", "");
}

#[test]
fn requests_that_another_one_brings_are_redundant() {
    let check = |text: &str, expected: &[(u32, u32)]| {
        let (_, graph, _) = graph(Ecosystem::Conda, text);
        let found: Vec<_> = graph.redundant().iter().map(|(a, b)| (a.0, b.0)).collect();
        assert_eq!(found, expected, "{text}");
    };
    check(
        "+a 1 > b
+b 1 > c
+c 1",
        &[(1, 0), (2, 1)],
    );
    check(
        "+a 1 > b
-b 1 > a",
        &[],
    );
    check(
        "+a 1
-b 1 > a",
        &[],
    );
    check(
        "+a 1 > b
-b 1 > c
+c 1 > b",
        &[(2, 1)],
    );
}

#[test]
fn packages_that_no_other_needs_stand_for_those_asked_for() {
    let check = |text: &str, expected: &str| {
        let (inventory, graph, _) = graph(Ecosystem::Python, text);
        let roots = graph.packages().iter().copied().filter(|id| graph.is_root(*id));
        assert_eq!(names(&inventory, roots), expected, "{text}");
    };
    check(
        "?a 1 > b
?b 1",
        "a",
    );
    check(
        "-a 1 > b
-b 1",
        "a",
    );
    check(
        "?a 1 > b
?b 1 > a
?c 1 > c",
        "a c",
    );
    check(
        "+a 1
?b 1 > c
?c 1
-d 1",
        "a b",
    );
    // Another location does not tell for this one.
    check(
        "+a 1 @x
-b 1 @y > c
-c 1 @y",
        "a b",
    );
}

#[test]
fn needs_are_met_where_a_package_looks() {
    let check = |ecosystem, text: &str, expected: &[u32]| {
        let (_, graph, _) = graph(ecosystem, text);
        let mut reached: Vec<_> = graph.closure(false).iter().map(|id| id.0).collect();
        reached.sort_unstable();
        assert_eq!(reached, expected, "{text}");
    };
    check(
        Ecosystem::Dpkg,
        "+a 1 /amd64 > b
-b 1 /i386
-b 1 /amd64",
        &[0, 2],
    );
    check(
        Ecosystem::Conda,
        "+a 1 @x > b
-b 1 @y
+c 1 @y",
        &[0, 2],
    );
    check(
        Ecosystem::R,
        "+a 1 @x > b
-b 1 @y
+c 1 @y",
        &[0, 1, 2],
    );
    check(
        Ecosystem::Npm,
        "+a 1 @app/node_modules > b c
             -b 1 @app/node_modules/a/node_modules
             -b 1 @app/node_modules
             -c 1 @node_modules > b
             -b 1 @node_modules
             +d 1 @other/node_modules",
        &[0, 1, 3, 4, 5],
    );
    check(
        Ecosystem::Npm,
        "+a 1 @app/node_modules/a > @x/b
             -@x/b 1 @app/node_modules/@x/b",
        &[0, 1],
    );
}
