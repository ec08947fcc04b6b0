use crate::filesystem::{Hidden, How};
use crate::ledger::testing::image;
use crate::ledger::{Documents, Ledger};
use crate::owner::Owners;
use crate::package::{Inventory, Package};
use crate::rule::testing::{check, found};
use crate::rule::{Facts, Finding, Selection, Value, findings};

fn one(text: &str, rule: &str) -> Finding {
    let mut found = found(text, &[rule]);
    assert_eq!(found.len(), 1, "{rule} {text}");
    found.remove(0)
}

fn check_snippet(rule: &str, text: &str, expected: &str) {
    assert_eq!(one(text, rule).snippet, expected, "{rule} {text}");
}

#[test]
fn what_is_deleted_is_named_from_the_root() {
    let check = |before: &str, command: &str, expected: &str| {
        let text = format!(
            "RUN make\n  srv/app/build/a.o 40_000_000\n  srv/app/bin/app 10\n{before}RUN {command}\n  -srv/app/build\n"
        );
        check_snippet("waste-deleted-later", &text, &format!("RUN make \\\n && {expected}"));
    };
    check("", "cd /srv/app && rm -rf build", "rm -rf /srv/app/build");
    check("", "cd /srv && cd app && rm -rf ./build && ls", "rm -rf /srv/app/build");
    check("", "cd /srv/x && rm -rf ../app/build", "rm -rf /srv/app/build");
    check("WORKDIR /srv\nWORKDIR app\n", "rm -rf build", "rm -rf /srv/app/build");
    check("", "cd /srv/app && rm -rf 'build' x", "(cd /srv/app && rm -rf 'build' x)");
    check("", "cd /srv/app && find build -delete", "find /srv/app/build -delete");
    check("", "cd $APP && rm -rf build", "rm -rf /srv/app/build");
    check("", "rm -rf /srv/app/build", "rm -rf /srv/app/build");
}

#[test]
fn deleted_later() {
    let text = "
RUN curl -O https://x.org/a.zip && unzip a.zip
  opt/a.zip 40_000_000
  opt/a/x 90_000_000
  opt/small 10
RUN ls && rm -f /opt/a.zip && rm /srv/x
  -opt/a.zip
  -opt/small
";
    check("waste-deleted-later", text, &[40_000_010]);
    check_snippet(
        "waste-deleted-later",
        text,
        "RUN curl -O https://x.org/a.zip && unzip a.zip \\\n && rm -f /opt/a.zip",
    );
    // What the same step deletes is not stored; what it writes anew is overwritten.
    let again = "RUN a\n  x 2_000_000\nRUN b\n  -x\n  x 2_000_001\n";
    check("waste-deleted-later", again, &[]);
    check("waste-deleted-later", "RUN a\n  x 999_999\nRUN rm\n  -x\n", &[]);
    // A directory that makes way for a link takes its files along.
    check("waste-deleted-later", "RUN a\n  d/x 2_000_000\nRUN b\n  d -> e\n", &[2_000_000]);
}

#[test]
fn what_a_copy_brings_is_mounted_instead() {
    check_snippet(
        "waste-deleted-later",
        "COPY --from=build a.zip /tmp/a.zip\n  tmp/a.zip 2_000_000\nRUN unzip /tmp/a.zip\n  -tmp/a.zip\n",
        "# mount what is only needed during the build, without the rm:\nRUN --mount=type=bind,source=a.zip,from=build,target=/tmp/a.zip \\\n    unzip /tmp/a.zip",
    );
    check_snippet(
        "waste-deleted-later",
        "base: ADD rootfs /\n  tmp/a 2_000_000\nRUN rm /tmp/a\n  -tmp/a\n",
        "# the base image stores them: only a base image without them, or flattening, frees them\n# FROM <base>",
    );
}

#[test]
fn what_is_deleted_is_told_in_the_words_of_other_rules() {
    let text = "
RUN apt-get update && pip install x
  var/lib/apt/lists/a 2_000_000
  root/.cache/pip/http/b 3_000_000
  opt/c 1_000_000
RUN rm
  -var/lib/apt/lists/*
  -root/.cache
  -opt
";
    let row = |text: &str, bytes: u64| {
        vec![Value::Text(text.to_owned()), Value::Count(1), Value::Bytes(bytes)]
    };
    let rows = vec![
        row("Cache of pip", 3_000_000),
        row("Package indexes of apt", 2_000_000),
        row("Other files", 1_000_000),
    ];
    assert_eq!(one(text, "waste-deleted-later").table.unwrap().rows, rows);
}

#[test]
fn what_is_in_a_directory_named_like_a_dump_is_none() {
    let text = "
RUN a
  opt/numpy/core/lib/libnpymath.a 2_000_000
RUN rm
  -opt/numpy/core/lib/libnpymath.a
";
    let table = one(text, "waste-deleted-later").table.unwrap();
    assert_eq!(table.rows[0][0], Value::Text("Static libraries".to_owned()));
}

#[test]
fn findings_of_equal_steps_have_ids_of_their_own() {
    let step = |name: &str| format!("RUN x\n  {name} 2_000_000\n");
    let text = format!("{}{}RUN rm\n  -a\n  -b\n", step("a"), step("b"));
    let found = found(&text, &["waste-deleted-later"]);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn overwritten_content() {
    let text = "
RUN a
  var/log/x 3_000_000
  etc/conf 10
RUN b
  var/log/x 5_000_000
  etc/conf 20
";
    check("waste-overwritten-content", text, &[3_000_010]);
    check_snippet("waste-overwritten-content", text, "RUN a \\\n && b");
    // What is copied in between may be what the later step works with.
    check_snippet(
        "waste-overwritten-content",
        &text.replace("RUN b", "COPY c /c\n  c 1\nRUN b"),
        "# write the files once: leave out of the earlier step what this one stores:\nRUN b",
    );
    // The same content again is another rule's, and small files are nobody's.
    check(
        "waste-overwritten-content",
        "RUN a\n  x 2_000_000 hash=h\nRUN b\n  x 2_000_000 hash=h\n",
        &[],
    );
    check("waste-overwritten-content", "RUN a\n  etc/conf 10\nRUN b\n  etc/conf 20\n", &[]);
    // A file that makes way for a link.
    check("waste-overwritten-content", "RUN a\n  x 2_000_000\nRUN b\n  x -> y\n", &[2_000_000]);
    // Twice in one layer.
    check("waste-overwritten-content", "RUN a\n  x 2_000_000\n  x 3_000_000\n", &[2_000_000]);
}

#[test]
fn metadata_copy_ups() {
    let text = "
COPY --link app /app
  app/a 4_000_000 hash=a
  app/b 2_000_000 hash=b
RUN chown -R 1000:100 /app
  app/a 4_000_000 hash=a uid=1000 gid=100
  app/b 2_000_000 hash=b uid=1000 gid=100
";
    check("waste-metadata-copyup", text, &[6_000_000]);
    check("waste-identical-rewrite", text, &[]);
    check_snippet("waste-metadata-copyup", text, "COPY --chown=1000:100 --link app /app");
    let installed = text.replace("COPY --link app /app", "RUN make install");
    check_snippet(
        "waste-metadata-copyup",
        &installed,
        "RUN make install \\\n && chown -R 1000:100 /app",
    );
    // Directories cost nothing.
    check("waste-metadata-copyup", "RUN a\n  d/\n  d/x 2_000_000\nRUN chmod 7 /d\n  d/\n", &[]);
}

#[test]
fn variables_set_after_a_step_do_not_stand_in_it() {
    let text = "
RUN a
  usr/local/fs/lib/a 4_000_000 hash=a
ENV FS=/usr/local/fs
RUN chmod -R a+rwX ${FS}/lib
  usr/local/fs/lib/a 4_000_000 hash=a mode=777
";
    let expected = "RUN a \\\n && chmod -R a+rwX /usr/local/fs/lib";
    check_snippet("waste-metadata-copyup", text, expected);
    let unknown = text.replace("ENV FS=/usr/local/fs\n", "");
    let expected = "RUN a \\\n && chmod 777 /usr/local/fs/lib/a";
    check_snippet("waste-metadata-copyup", &unknown, expected);
}

#[test]
fn each_step_deletes_what_it_stores() {
    let text = "
RUN a
  opt/a/x 4_000_000
RUN b
  srv/b 3_000_000
RUN rm -rf /opt/a /srv/b /none
  -opt/a
  -srv/b
";
    let snippets: Vec<String> =
        found(text, &["waste-deleted-later"]).into_iter().map(|one| one.snippet).collect();
    let expected = ["RUN a \\\n && rm -rf /opt/a", "RUN b \\\n && rm -rf /srv/b"];
    assert_eq!(snippets, expected);
    let relative = text.replace("RUN rm -rf /opt/a /srv/b", "RUN cd /opt && rm -rf a ../srv/b");
    let found = found(&relative, &["waste-deleted-later"]);
    assert_eq!(found[0].snippet, expected[0]);
}

#[test]
fn identical_rewrites() {
    let text = "
base: RUN install
  opt/conda/a 4_000_000 hash=a
COPY --from=build /opt/conda /opt/conda
  opt/conda/a 4_000_000 hash=a
  opt/conda/b 2_000_000
";
    check("waste-identical-rewrite", text, &[4_000_000]);
    assert_eq!(one(text, "waste-identical-rewrite").notes.len(), 3);
    let chmod = "RUN a\n  x 2_000_000 hash=h\nRUN b\n  x 2_000_000 hash=h mode=755\n";
    check("waste-identical-rewrite", chmod, &[]);
}

#[test]
fn moved_trees() {
    let text = "
RUN wget https://x.org/a
  tmp/a/x 4_000_000 hash=x
  tmp/a/y 3_000_000 hash=y
RUN mv /tmp/a /opt/a
  -tmp/a
  opt/a/x 4_000_000 hash=x
  opt/a/y 3_000_000 hash=y
";
    check("waste-moved-tree", text, &[7_000_000]);
    check_snippet("waste-moved-tree", text, "RUN wget https://x.org/a \\\n && mv /tmp/a /opt/a");
    let all = found(text, &["waste"]);
    let net = |id: &str| -> u64 {
        all.iter().filter(|one| one.rule.id == id).map(|one| one.net.content).sum()
    };
    assert_eq!((net("waste-moved-tree"), net("waste-deleted-later")), (7_000_000, 0));
    // A copy of which the old one stays is another rule's; other content is no move.
    check("waste-moved-tree", "RUN a\n  x 4_000_000 hash=x\nRUN cp\n  y 4_000_000 hash=x\n", &[]);
    check("waste-moved-tree", "RUN a\n  x 4_000_000\nRUN mv x y\n  -x\n  y 4_000_001\n", &[]);
}

#[test]
fn database_churn() {
    let text = "
RUN apt-get update && apt-get install -y a
  var/lib/dpkg/status 4_000_000
  var/cache/debconf/templates.dat 2_000_000
  var/lib/apt/lists/x 9_000_000
  usr/bin/a 100
RUN apt-get install -y b a
  var/lib/dpkg/status 4_000_001
  var/cache/debconf/templates.dat 2_000_001
  -var/lib/apt/lists/x
";
    check("waste-db-churn", text, &[6_000_000]);
    check_snippet(
        "waste-db-churn",
        text,
        "RUN apt-get update \\\n && apt-get install -y a b \\\n && rm -rf /var/lib/apt/lists/*",
    );
    let rows = one(text, "waste-db-churn").table.unwrap().rows.len();
    assert_eq!(rows, 2);
    let lean = text.replace("install -y", "install -y --no-install-recommends");
    check_snippet(
        "waste-db-churn",
        &lean,
        "RUN apt-get update \\\n && apt-get install -y --no-install-recommends a b \\\n && rm -rf /var/lib/apt/lists/*",
    );
    let mixed = text.replace("install -y b", "install -y --no-install-recommends b");
    check_snippet(
        "waste-db-churn",
        &mixed,
        "RUN apt-get update \\\n && apt-get install -y a \\\n && apt-get install -y --no-install-recommends b a \\\n && rm -rf /var/lib/apt/lists/*",
    );
    let all = found(text, &["waste"]);
    let rules: Vec<&str> = all.iter().map(|finding| finding.rule.id).collect();
    assert!(!rules.contains(&"waste-overwritten-content"), "{rules:?}");
    check("waste-db-churn", "RUN a\n  var/lib/dpkg/status 4_000_000\nRUN b\n  x 1\n", &[]);
}

#[test]
fn ineffective_cleanup() {
    let text = "
RUN install
  opt/a 4_000_000
RUN rm -rf /opt/a
  -opt/a
  var/log/x 100
";
    check("waste-ineffective-cleanup", text, &[4_000_000]);
    check_snippet("waste-ineffective-cleanup", text, "RUN install \\\n && rm -rf /opt/a");
    let base = text.replace("RUN install", "base: RUN install");
    let of_base = "# in the base image's Dockerfile:\nRUN install \\\n && rm -rf /opt/a";
    check_snippet("waste-ineffective-cleanup", &base, of_base);
    let finding = one(text, "waste-ineffective-cleanup");
    assert_eq!(finding.net.content, 0);
    // It installs something at that.
    check("waste-ineffective-cleanup", &text.replace("100", "1_000_000"), &[]);
    let strip = "RUN a\n  x 4_000_000\nRUN strip /x\n  x 3_000_000\n";
    check("waste-ineffective-cleanup", strip, &[4_000_000]);
}

#[test]
fn base_content_that_is_hidden() {
    let text = "
base: ADD rootfs /
  a 20_000_000
  b 30_000_000
base: RUN rm /a
  -a
RUN rm /b
  -b
";
    check("waste-base-shadowed", text, &[50_000_000]);
    check("waste-base-shadowed", &text.replace("base: ", ""), &[]);
}

/// The pair of versions of a package whose files are `d/*`.
fn inventory(ledger: &Ledger, versions: [&str; 2]) -> Inventory {
    let files = vec![ledger.find(b"d/x").unwrap(), ledger.find(b"d/y").unwrap()];
    let package = |version: &str, layer| Package {
        name: "p".to_owned(),
        version: Some(version.to_owned()),
        layer,
        files: files.clone(),
        ..Package::default()
    };
    let removed = Some(Hidden { layer: 1, how: How::OverwriteChanged });
    let packages = vec![Package { removed, ..package(versions[0], 0) }, package(versions[1], 1)];
    Inventory { packages, notes: Vec::new() }
}

#[test]
fn upgraded_packages() {
    let check = |versions: [&str; 2], expected: &[u64]| {
        let text = "
RUN apt-get install -y p
  d/x 2_000_000
  d/y 3_000_000
  e 4_000_000
RUN apt-get upgrade -y
  d/x 2_000_001
  d/y 3_000_001
  e 4_000_001
";
        let (image, ledger) = image(text);
        let documents = Documents::new(&ledger);
        let inventory = inventory(&ledger, versions);
        let owners = Owners::attribute(&image, &ledger, &Inventory::default(), &[]);
        let facts = Facts::new(&image, &ledger, &documents, &inventory, &[], &owners);
        let selection = Selection { only: vec!["waste".to_owned()], ..Selection::default() };
        let found = findings(&facts, &selection);
        let net: Vec<u64> = found
            .iter()
            .filter(|finding| finding.rule.id == "waste-package-upgrade")
            .map(|finding| finding.net.content)
            .collect();
        assert_eq!(net, expected);
        let all: u64 = found.iter().map(|finding| finding.net.content).sum();
        assert_eq!(all, 9_000_000);
    };
    check(["1", "2"], &[5_000_000]);
    // The same version once more is no upgrade.
    check(["1", "1"], &[]);
}

#[test]
fn what_a_step_deletes_goes_where_it_was_stored() {
    let image = "
RUN curl -o /tmp/a.zip x
  tmp/a.zip 2_000_000
RUN pip install y
  opt/y/lib.a 3_000_000
RUN rm -f /tmp/a.zip && find /opt/y -name '*.a' -delete
  -tmp/a.zip
  -opt/y/lib.a
";
    let findings = found(image, &["waste-ineffective-cleanup"]);
    let snippet = findings.first().map_or("", |finding| &finding.snippet);
    let expected = "RUN pip install y \\\n && find /opt/y -name '*.a' -delete\n\
                    RUN curl -o /tmp/a.zip x \\\n && rm -f /tmp/a.zip";
    assert_eq!(snippet, expected);
}
