use crate::ledger::testing::image;
use crate::ledger::{Documents, Ledger};
use crate::owner::Owners;
use crate::package::{Ecosystem, Inventory, Package};
use crate::rule::testing::{check, found};
use crate::rule::{Facts, Finding, Risk, Selection, findings};

/// What rules find in an image with some packages.
fn found_with(text: &str, only: &str, packages: impl Fn(&Ledger) -> Vec<Package>) -> Vec<Finding> {
    let (image, ledger) = image(text);
    let documents = Documents::new(&ledger);
    let inventory = Inventory { packages: packages(&ledger), notes: Vec::new() };
    let owners = Owners::attribute(&image, &ledger, &Inventory::default(), &[]);
    let facts = Facts::new(&image, &ledger, &documents, &inventory, &[], &owners);
    findings(&facts, &Selection { only: vec![only.to_owned()], ..Selection::default() })
}

/// A package `NAME VERSION` whose files are below a directory.
fn package(ledger: &Ledger, ecosystem: Ecosystem, what: &str, at: &str, below: &str) -> Package {
    let (name, version) = what.split_once(' ').unwrap();
    Package {
        ecosystem,
        name: name.to_owned(),
        version: Some(version.to_owned()),
        location: at.as_bytes().to_vec(),
        directories: vec![ledger.find(format!("{at}/{below}").as_bytes()).unwrap()],
        ..Package::default()
    }
}

fn net(found: &[Finding]) -> Vec<u64> {
    found.iter().map(|finding| finding.net.content).collect()
}

#[test]
fn identical_files() {
    let text = "
RUN make install
  opt/a/x 4_000_000 hash=x
  opt/b/x 4_000_000 hash=x
  opt/b/y => opt/a/x
  opt/b/small 60_000 hash=s
  opt/a/small 60_000 hash=s
";
    check("dup-identical-files", text, &[4_000_000]);
    let finding = &found(text, &["dup-identical-files"])[0];
    assert_eq!(finding.risk, Risk::Safe);
    assert_eq!(finding.snippet, "RUN make install \\\n && ln -f /opt/a/x /opt/b/x");
    // Hard links are one file, and hidden copies are no copies.
    check("dup-identical-files", "RUN a\n  x 4_000_000 hash=x\n  y => x\n", &[]);
    check(
        "dup-identical-files",
        "RUN a\n  x 4_000_000 hash=x\nRUN b\n  -x\n  y 4_000_000 hash=x\n",
        &[],
    );
}

#[test]
fn what_a_cache_rule_takes_is_no_copy() {
    let text = "
RUN pip install x
  root/.cache/pip/x.so 4_000_000 hash=x
  usr/lib/x.so 4_000_000 hash=x
";
    check("dup-identical-files", text, &[]);
    let sum: u64 = net(&found(text, &[])).iter().sum();
    assert_eq!(sum, 4_000_000);
}

#[test]
fn identical_trees() {
    let tree = |root: &str| {
        format!(
            "  {root}/bin/a 3_000_000 hash=a\n  {root}/lib/b 4_000_000 hash=b\n  {root}/l -> b\n"
        )
    };
    let text = format!("RUN a\n{}RUN cp -r\n{}{}", tree("opt/t"), tree("srv/t"), tree("x/y/t"));
    check("dup-identical-trees", &text, &[14_000_000]);
    // The same files are not claimed again.
    check("dup-identical-files", &text, &[]);
    let all = found(&text, &["dup"]);
    assert_eq!(net(&all), [14_000_000]);
    assert_eq!(all[0].snippet, "RUN cp -r \\\n && rm -rf /srv/t && ln -s /opt/t /srv/t");
    let programs =
        "RUN a\n  usr/bin/python3 3_000_000 hash=a\nRUN b\n  opt/x/bin/python3 3_000_000 hash=a\n";
    let programs = found(programs, &["dup-identical-files"]);
    assert!(programs[0].snippet.starts_with("# no links"), "{}", programs[0].snippet);
    // Other names, or hard links to the same files.
    check("dup-identical-trees", &format!("RUN a\n{}", tree("opt/t")), &[]);
    let renamed = format!("RUN a\n{}RUN b\n{}", tree("t"), tree("u").replace("/lib/b", "/lib/c"));
    check("dup-identical-trees", &renamed, &[]);
    check("dup-identical-trees", "RUN a\n  t/x 9_000_000\n  u/x => t/x\n", &[]);
}

#[test]
fn nested_copies_are_claimed_once() {
    let text = "
RUN a
  a/p/d/x 6_000_000 hash=x
  a/p/e 6_000_000 hash=e
  b/p/d/x 6_000_000 hash=x
  b/p/e 6_000_000 hash=e
  c/d/x 6_000_000 hash=x
";
    // One of b/p, and c/d beside a/p/d.
    check("dup-identical-trees", text, &[12_000_000, 6_000_000]);
    let sum: u64 = net(&found(text, &["dup"])).iter().sum();
    assert_eq!(sum, 18_000_000);
}

#[test]
fn tools_at_two_places() {
    let commands = |root: &str, size: u64| {
        let line = |name: &str| format!("  {root}/bin/{name} {size} mode=755\n");
        ["antsA", "antsB", "antsC", "antsD", "antsE"].map(line).concat()
    };
    let text = format!(
        "ENV PATH=/opt/ants/bin:/usr/bin:/opt/ants-2.4.4/bin\nENV ANTSPATH=/opt/ants-2.4.4/bin\nRUN a\n{}  opt/ants-2.4.4/bin/more 5 mode=755\nRUN b\n{}",
        commands("opt/ants-2.4.4", 2_000_000),
        commands("opt/ants", 9_000_000),
    );
    check("dup-tool-versions", &text, &[10_000_005]);
    let finding = &found(&text, &["dup-tool-versions"])[0];
    assert_eq!(finding.risk, Risk::Review);
    assert_eq!(finding.notes.len(), 4, "{:?}", finding.notes);
    // The smaller one stays if the environment names it alone.
    let named = text.replace("/opt/ants/bin:", "");
    check("dup-tool-versions", &named, &[45_000_000]);
    let inside = ["opt/ants", "opt/ants/lib/ants"].map(|root| commands(root, 9_000_000)).concat();
    check("dup-tool-versions", &format!("RUN a\n{inside}"), &[]);
    // Its programs come behind those of other tools, if nothing calls them by name now.
    let fix = |image: &str| {
        let finding = found(image, &["dup-tool-versions"]).remove(0);
        (finding.snippet, finding.check)
    };
    let keep = "# keep /opt/ants-2.4.4 and leave out what makes /opt/ants: step 2";
    assert_eq!(fix(&named), (keep.to_owned(), "command -v antsA".to_owned()));
    let nowhere = named.replace(":/opt/ants-2.4.4/bin", "");
    assert_eq!(fix(&nowhere).0, keep);
    assert_eq!(fix(&nowhere).1, "command -v /opt/ants-2.4.4/bin/antsA");
    let path = nowhere.replace("ENV PATH=/usr/bin", "ENV PATH=/usr/bin:/opt/ants/bin");
    let small = path.replace("9000000", "1000000").replace("9_000_000", "1000000");
    let moved = "# keep /opt/ants-2.4.4 and leave out what makes /opt/ants: step 2\n# take /opt/ants/bin out of PATH\nENV PATH=$PATH:/opt/ants-2.4.4/bin";
    assert_eq!(fix(&small).0, moved);
    // Versions that the distribution keeps side by side, and few commands in common.
    let llvm =
        text.replace("opt/ants-2.4.4", "usr/lib/llvm-16").replace("opt/ants", "usr/lib/llvm-18");
    check("dup-tool-versions", &llvm, &[]);
    check(
        "dup-tool-versions",
        "RUN a\n  opt/a/bin/run 9_000_000 mode=755\n  opt/b/bin/run 9_000_000 mode=755\n",
        &[],
    );
    // Without more than names, nobody knows whether it is one tool.
    let unnamed = text.replace("ENV PATH=/opt/ants/bin:/usr/bin:/opt/ants-2.4.4/bin\n", "");
    let unnamed = unnamed.replace("ENV ANTSPATH=/opt/ants-2.4.4/bin\n", "");
    let unnamed = unnamed.replace("  opt/ants-2.4.4/bin/more 5 mode=755\n", "");
    assert_eq!(found(&unnamed, &["dup-tool-versions"])[0].risk, Risk::Review);
    let mrtrix = format!(
        "{unnamed}  opt/ants/bin/mrconvert 1 mode=755\n  opt/ants/lib/libmrtrix.so 1\n  opt/ants-2.4.4/bin/mrconvert 1 mode=755\n  opt/ants-2.4.4/lib/libmrtrix.so 1\n"
    );
    assert_eq!(found(&mrtrix, &["dup-tool-versions"])[0].risk, Risk::Review);
    // Only where all contents of one are in the other does nothing go with it.
    let equal =
        "RUN a\n".to_owned() + &commands("opt/a", 2_000_000) + &commands("opt/b", 2_000_000);
    let equal = equal.replace("mode=755", "mode=755 hash=x");
    assert_eq!(found(&equal, &["dup-tool-versions"])[0].risk, Risk::Test);
    let more = equal + "  opt/a/lib/x.so 1\n  opt/b/lib/y.so 2\n";
    assert_eq!(found(&more, &["dup-tool-versions"])[0].risk, Risk::Review);
}

#[test]
fn tools_with_a_few_names_in_common_are_two() {
    let commands = |root: &str, own: &str| {
        let line = |name: String| format!("  {root}/bin/{name} 2_000_000 mode=755\n");
        let common = ["run", "config", "view", "convert", "info"].map(str::to_owned);
        let own = (0..6).map(|at| format!("{own}-{at}"));
        common.into_iter().chain(own).map(line).collect::<String>()
    };
    let text = format!("RUN a\n{}{}", commands("opt/one", "one"), commands("opt/two", "two"));
    check("dup-tool-versions", &text, &[]);
    // Files tell that these are two, whatever their commands are called.
    let same = |root: &str| {
        let line = |name: &str| format!("  {root}/bin/{name} 2_000_000 mode=755\n");
        ["run", "config", "view", "convert", "info"].map(line).concat()
    };
    let known = format!(
        "RUN a\n{}  opt/one/bin/mrconvert 1 mode=755\n  opt/one/lib/libmrtrix.so 1\n{}  \
         opt/two/bin/antsRegistration 1 mode=755\n  opt/two/bin/antsApplyTransforms 1 mode=755\n",
        same("opt/one"),
        same("opt/two"),
    );
    check("dup-tool-versions", &known, &[]);
    // So does the step that installs what is around one.
    let around = known.replace("opt/one/bin/mrconvert", "opt/one/mrconvert");
    let around = around.replace("opt/one", "opt/mrtrix3/lib");
    let installed = around.replace("RUN a", "RUN git clone https://github.com/MRtrix3/mrtrix3.git");
    assert_eq!(found(&around, &["dup-tool-versions"]).len(), 1);
    check("dup-tool-versions", &installed, &[]);
}

#[test]
fn python_packages() {
    let text = "
RUN a
  opt/conda/lib/python3.11/site-packages/numpy/a.so 40_000_000
  opt/conda/lib/python3.11/site-packages/big/a.so 90_000_000
  srv/venv/lib/python3.11/site-packages/numpy/a.so 39_000_000
  srv/venv/lib/python3.11/site-packages/big/a.so 1_000_000
";
    let places =
        ["opt/conda/lib/python3.11/site-packages", "srv/venv/lib/python3.11/site-packages"];
    let packages = |ledger: &Ledger, second: &str| {
        let one = |what: &str, at: &str| {
            package(ledger, Ecosystem::Python, what, at, what.split_once(' ').unwrap().0)
        };
        vec![
            one("numpy 2", places[0]),
            one("big 1", places[0]),
            one("numpy 1", second),
            one("big 1", second),
        ]
    };
    let found = found_with(text, "dup-python-package", |ledger| packages(ledger, places[1]));
    assert_eq!(net(&found), [39_000_000]);
    assert_eq!(found[0].risk, Risk::Review);
    assert_eq!(found[0].snippet, "RUN python -m venv --system-site-packages /srv/venv");
    // The distribution's own tools need theirs.
    let system = "usr/lib/python3/dist-packages";
    let text = text.replace(places[1], system);
    let found = found_with(&text, "dup-python-package", |ledger| packages(ledger, system));
    assert_eq!(net(&found), [0_u64; 0]);
}

#[test]
fn python_packages_of_conda_and_pip() {
    let site = "opt/conda/lib/python3.11/site-packages";
    let text = format!("RUN a\n  {site}/old/a.so 9_000_000\n  {site}/numpy/a.so 40_000_000\n");
    let packages = |ledger: &Ledger| {
        let mut conda = package(ledger, Ecosystem::Conda, "numpy 1", "opt/conda", "lib");
        conda.directories = vec![ledger.find(format!("{site}/old").as_bytes()).unwrap()];
        let mut pip = package(ledger, Ecosystem::Python, "numpy 2", site, "numpy");
        pip.installer = Some("pip".to_owned());
        vec![conda, pip]
    };
    assert_eq!(net(&found_with(&text, "dup-python-package", packages)), [9_000_000]);
}

#[test]
fn python_interpreters() {
    let python = |prefix: &str| {
        format!(
            "  {prefix}/lib/python3.11/os.py 1_000_000\n  {prefix}/lib/python3.11/x.so 30_000_000\n  {prefix}/lib/python3.11/site-packages/big 90_000_000\n  {prefix}/bin/python3.11 6_000_000 mode=755\n"
        )
    };
    let text = format!(
        "ENV PATH=/opt/conda/bin:/usr/bin\nRUN a\n{}{}{}",
        python("usr"),
        python("opt/conda"),
        python("opt/fsl/fslpython")
    );
    check("dup-python-interpreters", &text, &[37_000_000]);
    // The one of the distribution beside one other.
    check(
        "dup-python-interpreters",
        &format!("RUN a\n{}{}", python("usr"), python("opt/conda")),
        &[],
    );
}

#[test]
fn node_runtimes() {
    let text = "
ENV PATH=/usr/bin
RUN a
  usr/bin/node 90_000_000 mode=755
  opt/conda/bin/node 80_000_000 mode=755
  usr/lib/code-server/lib/node 90_000_001 mode=755
  opt/x/bin/node 1_000 mode=755
";
    check("dup-node-runtimes", text, &[80_000_000]);
    check(
        "dup-node-runtimes",
        &text.replace("  opt/conda/bin/node 80_000_000 mode=755\n", ""),
        &[],
    );
}

#[test]
fn java_runtimes() {
    let java = |home: &str| {
        format!(
            "  {home}/release = \"JAVA_VERSION=\\\"17.0.2\\\"\\n\"\n  {home}/lib/modules 90_000_000\n"
        )
    };
    let text = format!(
        "ENV JAVA_HOME=/usr/lib/jvm/a\nRUN a\n{}{}",
        java("usr/lib/jvm/a"),
        java("opt/matlab/jre")
    );
    check("dup-java-runtimes", &text, &[90_000_022]);
    check("dup-java-runtimes", &text.replace("  opt/matlab/jre/lib/modules 90_000_000\n", ""), &[]);
}

#[test]
fn cuda_stacks() {
    let text = "
base: RUN a
  usr/local/cuda-12.4/targets/lib/libcublas.so.12.4 400_000_000
  usr/local/cuda-12.4/targets/lib/libcublas.so.12 -> libcublas.so.12.4
  usr/local/cuda-12.4/targets/lib/libnvjpeg.so.12 80_000_000
RUN pip install torch
  opt/v/lib/python3/site-packages/nvidia/cublas/lib/libcublas.so.12 410_000_000
  opt/v/lib/python3/site-packages/nvidia/cudnn/lib/libcudnn.so.9 900_000_000
";
    check("dup-cuda-stacks", text, &[400_000_000]);
    // One place, with links.
    check("dup-cuda-stacks", text.split("RUN pip").next().unwrap(), &[]);
}

#[test]
fn shared_libraries() {
    let text = "
RUN a
  opt/conda/lib/libmkl_core.so.2 70_000_000
  opt/conda/lib/libmkl_avx2.so.2 50_000_000
  opt/v/lib/python3/site-packages/mkl.libs/libmkl_core.so.2 60_000_000
  usr/lib/x86_64-linux-gnu/libmkl_rt.so 10_000_000
";
    check("dup-shared-libraries", text, &[60_000_000]);
    // Variants for several processors are one family.
    check(
        "dup-shared-libraries",
        "RUN a\n  l/libmkl_avx2.so 60_000_000\n  l/libmkl_avx512.so 60_000_000\n",
        &[],
    );
}

#[test]
fn conda_installs() {
    let text = "
RUN a
  opt/conda/p/a 60_000_000 hash=a
  opt/conda/p/b 60_000_000 hash=b
RUN b
  opt/env/p/a 60_000_000 hash=a
  opt/env/p/b 60_000_000 hash=prefix
";
    let packages = |ledger: &Ledger| {
        let one = |at: &str| package(ledger, Ecosystem::Conda, "p 1", at, "p");
        vec![one("opt/conda"), one("opt/env")]
    };
    let gross = |text: &str| -> Vec<u64> {
        let found = found_with(text, "dup-conda-installs", packages);
        found.iter().map(|finding| finding.gross.content).collect()
    };
    assert_eq!(gross(text), [60_000_000]);
    // Environments of one step share their files.
    let linked = "RUN a\n  opt/conda/p/a 60_000_000\n  opt/env/p/a => opt/conda/p/a\n";
    assert_eq!(gross(linked), [0_u64; 0]);
}

#[test]
fn r_packages() {
    let text = "
RUN a
  usr/lib/R/site-library/sf/x 12_000_000
  usr/local/lib/R/site-library/sf/x 13_000_000
  opt/conda/lib/R/library/sf/x 14_000_000
";
    let packages = |ledger: &Ledger| {
        let one = |at: &str| package(ledger, Ecosystem::R, "sf 1", at, "sf");
        vec![
            one("opt/conda/lib/R/library"),
            one("usr/lib/R/site-library"),
            one("usr/local/lib/R/site-library"),
        ]
    };
    assert_eq!(net(&found_with(text, "dup-r-packages", packages)), [12_000_000]);
    let other_r = |ledger: &Ledger| packages(ledger).into_iter().take(2).collect();
    assert_eq!(net(&found_with(text, "dup-r-packages", other_r)), [0_u64; 0]);
}

#[test]
fn npm_packages() {
    let text = "
RUN a
  app/node_modules/p/x 30_000_000
  app/node_modules/p/node_modules/q/y 5_000_000
  srv/node_modules/p/x 30_000_000
  srv/node_modules/p/node_modules/q/y 5_000_001
";
    let packages = |ledger: &Ledger| {
        let one = |at: &str| package(ledger, Ecosystem::Npm, "p 1", at, "p");
        vec![one("app/node_modules"), one("srv/node_modules")]
    };
    assert_eq!(net(&found_with(text, "dup-node-modules", packages)), [30_000_000]);
    let bundled = |ledger: &Ledger| {
        let at = "usr/lib/code-server/node_modules";
        vec![packages(ledger).remove(0), package(ledger, Ecosystem::Npm, "p 1", at, "p")]
    };
    let text = format!("{text}  usr/lib/code-server/node_modules/p/x 30_000_000\n");
    assert_eq!(net(&found_with(&text, "dup-node-modules", bundled)), [0_u64; 0]);
}

#[test]
fn jars_in_versions() {
    let text = "
RUN a
  opt/spark/jars/hive-exec-2.3.9.jar 40_000_000
  opt/hive/lib/hive-exec-3.1.0-core.jar 41_000_000
  opt/hive/lib/other-1.jar 50_000_000
";
    check("dup-jars", text, &[40_000_000]);
    check("dup-jars", "RUN a\n  a/x-1.jar 40_000_000 hash=x\n  b/x-1.jar 40_000_000 hash=x\n", &[]);
}
