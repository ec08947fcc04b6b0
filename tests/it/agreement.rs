//! Images by the tools that people use, in Debian's registry, hold what Python's `tarfile` and the
//! rules of the image spec say that they hold: entry for entry, in all totals, and again from the
//! cache.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::support::agreement::{Agreement, Found};
use crate::support::layer::Compression;
use crate::support::oracle::escaped;
use crate::support::{Image, Layer, Layout, RealRegistry, Workshop};

/// Makes a tree that is hard to archive: long names, bytes that are no text, hard links, links,
/// pipes, times before 1970.
const ODD_TREE: &str = r"
    mkdir -p tree/dir/empty tree/$(printf 'long%.0s' {1..30})/$(printf 'path%.0s' {1..30}); cd tree
    head -c 3000 /dev/zero > zeros; seq 20000 > dir/numbers; : > dir/nothing
    seq 50 > $(printf 'long%.0s' {1..30})/$(printf 'path%.0s' {1..30})/$(printf 'name%.0s' {1..40})
    ln dir/numbers dir/same; ln dir/numbers also-same
    ln -s dir/numbers link; ln -s $(printf '/far%.0s' {1..60}) long-link
    ln -s ../../outside dir/dangling; mkfifo pipe
    seq 3 > $'bytes \xff\xfe'; seq 4 > $'line\nfeed'; seq 5 > 'back\slash'; seq 6 > ünïcode
    seq 7 > ' spaces '; seq 8 > .hidden; seq 9 > ...; seq 10 > x.wh.y
    chmod 4755 dir/numbers; chmod 1777 dir/empty; chmod 000 dir/nothing
    touch -d '1965-03-04 05:06:07.25' zeros; touch -d '2001-09-09 01:46:40.999999999' .hidden
    touch -d '2100-01-01' ...
";

/// A file with holes at its start, in its middle and at its end.
const SPARSE_TREE: &str = r"
    mkdir -p tree; cd tree; truncate -s 3000000 holes; truncate -s 700000 hole; seq 10 > plain
    seq 3000 | dd of=holes bs=4096 seek=100 conv=notrunc status=none
    seq 5000 | dd of=holes bs=4096 seek=300 conv=notrunc status=none
";

fn check(layout: &Layout) -> Found {
    let registry = RealRegistry::start();
    Agreement::new(&registry).check("team/app:1", layout)
}

fn check_warned(layout: &Layout, words: &str) -> Found {
    let registry = RealRegistry::start();
    Agreement::new(&registry).warning(words).check("team/app:1", layout)
}

fn one_layer(workshop: &Workshop, layer: Layer) -> Layout {
    workshop.layout(&Image::new("linux/amd64").layer(layer, "ADD tree.tar /"))
}

/// An image by umoci: files, then deletions and replacements, then more of them.
fn by_umoci(workshop: &Workshop) -> Layout {
    let layout = workshop.umoci_start("bundle");
    let layer = |script: &str| workshop.umoci_layer(&layout, "bundle", script);
    layer(
        r#"mkdir -p etc usr/bin usr/share/doc/a usr/share/doc/b var/cache srv/$(printf 'n%.0s' {1..180})
          seq 30000 > usr/bin/tool; ln usr/bin/tool usr/bin/same; ln -s tool usr/bin/link
          seq 100 > etc/config; seq 200 > etc/gone; seq 9000 > usr/share/doc/a/text
          seq 800 > usr/share/doc/b/text; seq 70000 > var/cache/index; seq 10 > $'etc/\xff'
          seq 5 > srv/$(printf 'n%.0s' {1..180})/$(printf 'm%.0s' {1..120}); seq 40 > becomes-directory
          mkdir becomes-file becomes-link; seq 60 > becomes-file/x; seq 70 > becomes-link/x
          python3 -c 'import os; os.setxattr(b"etc/config", b"trusted.it", bytes(range(256)))'"#,
    );
    layer(
        r"rm etc/gone usr/bin/tool; rm -r usr/share/doc/a becomes-file becomes-link var/cache
          seq 99 > becomes-file; ln -s etc becomes-link; rm becomes-directory; mkdir becomes-directory
          seq 11 > becomes-directory/x; chmod 600 etc/config; mkdir var/cache; seq 12 > var/cache/new
          mknod null c 1 3",
    );
    layer(
        r"rm usr/bin/same usr/bin/link; seq 200 > etc/gone; touch -d 2020-01-01 usr/share/doc/b/text
          rm -r becomes-directory; seq 13 > becomes-directory; rm becomes-link; mkdir becomes-link",
    );
    layout
}

/// Holds the merged filesystem against the files that it was made from.
fn assert_shows(found: &Found, root: &Path) {
    let mut expected = BTreeMap::from([(String::new(), None)]);
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            let size = metadata.is_file().then_some(metadata.len());
            expected.insert(escaped(name), size);
            waiting.extend(metadata.is_dir().then_some(path));
        }
    }
    let tree = &found.extracted.tree;
    let shown: BTreeSet<_> = tree.iter().map(|row| &row.path).collect();
    assert_eq!(shown, expected.keys().collect(), "paths below {}", root.display());
    for row in tree.iter().filter(|row| row.files == 1) {
        assert_eq!(Some(row.size), expected[&row.path], "{}", row.path);
    }
}

#[test]
fn images_by_umoci_agree_in_every_form_that_skopeo_gives_them() {
    let workshop = Workshop::new();
    let gzip = by_umoci(&workshop);
    let streamed = ["stream", "stream", "stream"];
    let gzip_found = check(&gzip);
    assert_eq!(gzip_found.sources, streamed);
    assert_shows(&gzip_found, &workshop.path("bundle/rootfs"));
    assert!(gzip_found.extracted.shadowed.bytes > 500_000, "{:?}", gzip_found.extracted.shadowed);
    assert_eq!(check(&workshop.compressed(&gzip, "zstd")).sources, streamed);
    assert_eq!(check(&workshop.decompressed(&gzip)).sources, streamed);
    let chunked = workshop.compressed(&gzip, "zstd:chunked");
    // skopeo writes names to the table that are no text as other names.
    let found = check_warned(&chunked, "not UTF-8");
    assert_eq!(found.sources, ["stream", "zstd-chunked", "zstd-chunked"]);
    let registry = RealRegistry::start();
    let whole = Agreement::new(&registry).option("--no-toc").check("team/app:1", &chunked);
    assert_eq!(whole.sources, streamed);
}

#[test]
fn images_by_buildah_agree_in_every_form_that_it_pushes() {
    let workshop = Workshop::new();
    workshop.shell(ODD_TREE);
    workshop.shell("mkdir more; seq 9 > more/new; mkdir more/dir; seq 8 > more/dir/numbers");
    let container = workshop.buildah(&["from", "scratch"]);
    let copy = |from: &str| workshop.buildah(&["copy", &container, from, "/opt"]);
    let commit = |name: &str| workshop.buildah(&["commit", &container, name]);
    copy("tree");
    commit("first");
    let container = workshop.buildah(&["from", "localhost/first"]);
    workshop.buildah(&["copy", &container, "more", "/opt"]);
    workshop.buildah(&["commit", &container, "second"]);
    let pushed = |options: &[&str]| workshop.buildah_layout("localhost/second", options);
    let forms: [&[&str]; 3] = [&[], &["--disable-compression"], &["--compression-format", "zstd"]];
    for options in forms {
        assert_eq!(check(&pushed(options)).sources, ["stream", "stream"], "{options:?}");
    }
    let chunked = pushed(&["--compression-format", "zstd:chunked"]);
    let found = check_warned(&chunked, "not UTF-8");
    assert_eq!(found.sources, ["stream", "zstd-chunked"]);
}

#[test]
fn what_a_dockerfile_deletes_and_replaces_agrees() {
    let workshop = Workshop::new();
    let dockerfile = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
RUN mkdir -p /srv/app/cache && seq 100000 > /srv/app/data && seq 50000 > /srv/app/cache/x
RUN rm -r /srv/app/cache && chmod 600 /srv/app/data && rm /bin/ls
RUN rm -r /srv && mkdir /srv && seq 10 > /srv/app
"#;
    workshop.shell("mkdir context; cp /bin/busybox context/");
    std::fs::write(workshop.path("context/Dockerfile"), dockerfile).unwrap();
    for layers in ["--layers", "--layers=false"] {
        workshop.buildah(&[
            "bud",
            "--quiet",
            "--isolation",
            "chroot",
            layers,
            "-t",
            "it",
            "context",
        ]);
        let found = check(&workshop.buildah_layout("localhost/it", &[]));
        assert_eq!(found.sources.len(), if layers == "--layers" { 5 } else { 1 });
    }
}

#[test]
fn layers_by_gnu_tar_agree_in_all_its_formats() {
    let workshop = Workshop::new();
    workshop.shell(ODD_TREE);
    let formats: [&[&str]; 7] = [
        &["--format=gnu", "-C", "tree", "."],
        &["--format=oldgnu", "--owner=it:3000000000", "--group=it:2500000", "-C", "tree", "."],
        &["--format=pax", "tree"],
        &["--format=pax", "--pax-option=globexthdr.name=g,comment=all", "-C", "tree", "."],
        &["--format=pax", "--owner=it:3000000000", "--xattrs", "-C", "tree", "."],
        &["--format=ustar", "--mtime=@0", "--exclude=far*", "-C", "tree", "dir", "pipe", "link"],
        &["--format=v7", "--mtime=@0", "-C", "tree", "dir/numbers", "zeros", ".hidden", "x.wh.y"],
    ];
    for options in formats {
        let found = check(&one_layer(&workshop, workshop.gnu_tar(options)));
        assert!(found.extracted.content > 3000, "{options:?}");
    }
}

#[test]
fn layers_by_other_archivers_agree() {
    let workshop = Workshop::new();
    workshop.shell(ODD_TREE);
    for format in ["pax", "paxr", "gnutar"] {
        check(&one_layer(&workshop, workshop.bsdtar(&["--format", format, "-C", "tree", "."])));
    }
    let ustar = ["--format", "ustar", "-C", "tree", "dir", "pipe", "link", ".hidden"];
    check(&one_layer(&workshop, workshop.bsdtar(&ustar)));
    let tar = workshop.program("busybox", "busybox-static", &["tar", "-c", "-C", "tree", "."]);
    check(&one_layer(&workshop, Layer::from_tar(tar, Compression::Zstd)));
}

#[test]
fn sparse_files_agree_in_all_their_encodings() {
    let workshop = Workshop::new();
    workshop.shell(SPARSE_TREE);
    let layers = [
        workshop.gnu_tar(&["--sparse", "--format=gnu", "tree"]),
        workshop.gnu_tar(&["--sparse", "--format=pax", "--sparse-version=0.0", "tree"]),
        workshop.gnu_tar(&["--sparse", "--format=pax", "--sparse-version=0.1", "tree"]),
        workshop.gnu_tar(&["--sparse", "--format=pax", "--sparse-version=1.0", "tree"]),
        workshop.bsdtar(&["--format", "pax", "tree"]),
    ];
    for layer in layers {
        assert!(layer.tar.len() < 1_000_000, "holes are not stored");
        let found = check(&one_layer(&workshop, layer));
        assert_eq!(found.extracted.content, 3_700_021);
    }
}

/// Files of Debian packages that every Debian has, as they are installed.
fn debian_root(workshop: &Workshop) -> Layer {
    let list = r"
import os, subprocess
packages = ['base-files', 'bash', 'perl-base', 'ncurses-base']
listed = subprocess.run(['dpkg', '-L', *packages], stdout=subprocess.PIPE, check=True).stdout
paths = set()
for line in listed.splitlines():
    if not line.startswith(b'/'):
        continue
    above, name = os.path.split(line)
    path = os.path.join(os.path.realpath(above), name).lstrip(b'/')
    while path and os.path.lexists(b'/' + path):
        paths.add(path)
        path = os.path.dirname(path)
with open('list', 'wb') as file:
    file.writelines(path + b'\0' for path in sorted(paths))
";
    workshop.program("python3", "python3", &["-c", list]);
    workshop.gnu_tar(&["--format=pax", "--no-recursion", "--null", "-C", "/", "-T", LIST])
}

/// `-T` is taken from where the program runs, before `-C`.
const LIST: &str = "list";

#[test]
fn a_root_of_debian_packages_and_what_is_done_to_it_agree() {
    let workshop = Workshop::new();
    let layout = one_layer(&workshop, debian_root(&workshop));
    workshop.umoci_unpack(&layout, "debian");
    let layer = |script: &str| workshop.umoci_layer(&layout, "debian", script);
    layer("rm -r usr/share/doc usr/share/man usr/share/locale; chmod 700 usr/bin/bash");
    layer(
        "cp usr/bin/bash usr/bin/sh2; ln usr/bin/sh2 usr/bin/sh3; rm usr/bin/perl; mkdir -p usr/share/doc",
    );
    layer("cp -r usr/lib usr/lib2; rm -r usr/lib; mv usr/lib2 usr/lib; rm usr/bin/sh2");
    let found = check(&layout);
    assert_shows(&found, &workshop.path("debian/rootfs"));
    assert!(found.extracted.layers[0].entries.len() > 500);
    assert!(found.extracted.content > 10_000_000);
    let chunked = check(&workshop.compressed(&layout, "zstd:chunked"));
    assert_eq!(chunked.sources, ["zstd-chunked"; 4]);
    let (first, whole) = (chunked.transferred[0], chunked.extracted.layers[0].compressed);
    assert!(first * 20 < whole, "{first} of {whole}");
}

#[test]
fn what_the_rules_of_layers_leave_to_interpretation_agrees() {
    let base = "
        a/ 
        a/one 100
        a/two 200
        a/deep/er/three 300
        b/one 400
        c 500
        d => c
        e -> a
        f/g/h 600
        usr/lib/ 
        usr/lib/x 700
        lib -> usr/lib
    ";
    let layers: [&str; 14] = [
        "a/.wh..wh..opq 0\n a/two 201",
        "a/two 201\n a/.wh..wh..opq 0",
        "a/.wh.two 0\n a/two 202",
        "a/two 202\n a/.wh.two 0",
        ".wh.a 0\n a/deep/er/four 10",
        "a/deep/er/four 10\n .wh.a 0",
        ".wh.c 0\n x => d",
        "c 501\n .wh.d 0\n y => a/one",
        "a 5\n a/one 6",
        "a -> b\n f 9\n c/now/below 3",
        "lib/y 30\n e/z 40",
        "./a//one 7\n /a/./two 8\n a/deep/../five 9\n ../../out 10",
        "g 1\n g 22\n g 333\n g/\n g/h 4\n.wh.g 0\n .wh..wh..opq 0",
        ".wh..wh.aufs 5\n .wh..wh.plnk/1 6\n b/.wh. 0\n b/.wh.. 0\n b/.wh... 0\n .wh.b 50\n x.wh.y 3",
    ];
    let workshop = Workshop::new();
    for layer in layers {
        let image = Image::new("linux/amd64")
            .layer(Layer::gzip(base), "ADD base /")
            .layer(Layer::zstd(layer), "RUN it")
            .layer(Layer::plain("a/last 1\n d 2\n .wh.f 0"), "RUN more");
        check(&workshop.layout(&image));
    }
}

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn name(&mut self) -> &'static str {
        match self.below(3) {
            0 => "a",
            1 => "b",
            _ => "c",
        }
    }

    fn path(&mut self) -> String {
        let depth = 1 + self.below(4);
        let names: Vec<_> = (0..depth).map(|_| self.name()).collect();
        names.join("/")
    }

    /// The lines of a layer in which everything meets everything.
    fn layer(&mut self) -> String {
        let mut lines = String::new();
        for _ in 0..self.below(14) {
            let path = self.path();
            let (above, last) = path.rsplit_once('/').unwrap_or((".", &path));
            match self.below(12) {
                0..=4 => writeln!(lines, "{path} {} seed={}", self.below(900), self.below(3)),
                5..=6 => writeln!(lines, "{path}/"),
                7 => writeln!(lines, "{path} -> {}", self.path()),
                8 => writeln!(lines, "{path} => {}", self.path()),
                9..=10 => writeln!(lines, "{above}/.wh.{last} 0"),
                _ => writeln!(lines, "{path}/.wh..wh..opq 0"),
            }
            .unwrap();
        }
        lines
    }
}

#[test]
fn layers_in_which_everything_meets_everything_agree() {
    let workshop = Workshop::new();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..8 {
        let mut image = Image::new("linux/amd64");
        for _ in 0..8 {
            image = image.layer(Layer::gzip(&numbers.layer()), "RUN it");
        }
        check(&workshop.layout(&image));
    }
}
