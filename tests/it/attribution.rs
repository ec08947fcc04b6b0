//! Owners of the files of Debian packages, as they are installed on this machine, against the sizes
//! that the files have here.

use std::collections::BTreeMap;

use regsize::analysis::Study;
use regsize::owner::{Owner, OwnerKind};

use crate::support::analysis::registry_of;
use crate::support::{Layer, Library, Workshop};

/// Small packages that every Debian has: with hard links, diversions, a library of one architecture.
const PACKAGES: &str = "base-files dash gzip libtinfo6 ncurses-base";

/// Writes the files of packages to `list`, what dpkg knows of them to `tree`, and to `expected` for
/// each package the bytes of its files.
const GATHER: &str = r"
import glob, os, shutil, stat, sys
dpkg = '/var/lib/dpkg/'
wanted = set(sys.argv[1:])
os.makedirs('tree' + dpkg + 'info')
stanzas = open(dpkg + 'status').read().split('\n\n')
name = lambda stanza: stanza.partition('\n')[0].removeprefix('Package: ')
kept = [stanza for stanza in stanzas if name(stanza) in wanted or wanted == {'all'}]
open('tree' + dpkg + 'status', 'w').write('\n\n'.join(kept) + '\n')
diversions = {}
if os.path.exists(dpkg + 'diversions'):
    shutil.copy(dpkg + 'diversions', 'tree' + dpkg)
    lines = open(dpkg + 'diversions').read().splitlines()
    diversions = {lines[at]: (lines[at + 1], lines[at + 2]) for at in range(0, len(lines), 3)}
paths, expected = set(), {}
for package in sorted({name(stanza) for stanza in kept if 'ok installed' in stanza}):
    inodes = {}
    lists = glob.glob(f'{dpkg}info/{package}.list') + glob.glob(f'{dpkg}info/{package}:*.list')
    for file in lists:
        shutil.copy(file, 'tree' + dpkg + 'info')
        for path in open(file).read().splitlines():
            to, by = diversions.get(path, (path, package))
            path = path if by == package else to
            above, last = os.path.split(path)
            path = os.path.join(os.path.realpath(above), last)
            if last in ('', '.') or not os.path.lexists(path):
                continue
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                inodes[status.st_ino] = status.st_size
            path = path.lstrip('/')
            while path:
                paths.add(path)
                path = os.path.dirname(path)
    expected[package] = sum(inodes.values())
for link in ('bin', 'sbin', 'lib', 'lib64'):
    if os.path.islink('/' + link):
        paths.add(link)
open('list', 'wb').writelines(os.fsencode(path) + b'\0' for path in sorted(paths))
print('\n'.join(f'{package} {size}' for package, size in expected.items()))
";

/// The bytes of packages by name, and a layer with their files and what dpkg knows of them.
fn gathered(workshop: &Workshop, packages: &str) -> (BTreeMap<String, u64>, Layer) {
    let words: Vec<&str> = ["-c", GATHER].into_iter().chain(packages.split(' ')).collect();
    let printed = String::from_utf8(workshop.program("python3", "python3", &words)).unwrap();
    let line = |line: &str| {
        let (name, bytes) = line.split_once(' ').unwrap();
        (name.to_owned(), bytes.parse().unwrap())
    };
    let tree = workshop.path("tree").display().to_string();
    let layer = workshop.gnu_tar(&[
        "--format=pax",
        "--no-recursion",
        "--null",
        "-C",
        "/",
        "-T",
        "list",
        "--recursion",
        "-C",
        &tree,
        "var",
    ]);
    (printed.lines().map(line).collect(), layer)
}

fn studied(layers: &[Layer]) -> Study {
    let registry = registry_of(layers);
    let analysis = Library::new().analyze(&registry.reference("team/app:latest")).unwrap();
    let image = analysis.images.into_iter().next().unwrap();
    let study = image.study.unwrap();
    let sum = |owner: &Owner| owner.visible.bytes + owner.shadowed.bytes;
    let content = image.visible.bytes + image.shadowed.bytes;
    assert_eq!(study.owners.iter().map(sum).sum::<u64>(), content);
    study
}

/// The visible bytes of packages by name; those without files are left out.
fn visible(study: &Study) -> BTreeMap<String, u64> {
    let packages = study.owners.iter().filter(|owner| matches!(owner.kind, OwnerKind::Package(_)));
    let mut sums = BTreeMap::new();
    for owner in packages.filter(|owner| owner.visible.files > 0) {
        *sums.entry(owner.name.clone()).or_default() += owner.visible.bytes;
    }
    sums
}

#[test]
fn packages_own_the_bytes_that_their_files_have() {
    let workshop = Workshop::new();
    let (expected, layer) = gathered(&workshop, PACKAGES);
    assert!(expected.values().all(|bytes| *bytes > 0), "{expected:?}");
    let study = studied(&[layer]);
    assert_eq!(visible(&study), expected);
    let unowned: u64 = study
        .owners
        .iter()
        .filter(|owner| owner.kind == OwnerKind::Unowned)
        .map(|owner| owner.visible.bytes)
        .sum();
    assert_eq!(unowned, 0, "{:?}", study.owners);
    assert_eq!(study.inventory.notes, []);
}

#[test]
fn what_an_upgrade_hides_stays_with_the_old_version() {
    let workshop = Workshop::new();
    let (expected, layer) = gathered(&workshop, PACKAGES);
    workshop.shell(
        r"mkdir -p new/usr/bin new/var/lib/dpkg/info; seq 1000 > new/usr/bin/dash
          sed '/^Package: dash$/,/^$/s/^Version: .*/Version: 99/' tree/var/lib/dpkg/status \
              > new/var/lib/dpkg/status
          echo /bin/dash > new/var/lib/dpkg/info/dash.list
          echo /usr/bin/dash >> new/var/lib/dpkg/info/dash.list",
    );
    let study = studied(&[layer, workshop.gnu_tar(&["-C", "new", "usr", "var"])]);
    let dash: Vec<&Owner> = study.owners.iter().filter(|owner| owner.name == "dash").collect();
    let (old, new): (Vec<&Owner>, Vec<&Owner>) = dash.iter().partition(|owner| owner.layer == 0);
    let ([old], [new]) = (&old[..], &new[..]) else { panic!("{dash:?}") };
    assert_eq!(old.visible.bytes + old.shadowed.bytes, expected["dash"]);
    assert_eq!(old.shadowed.files, 1);
    assert_eq!((new.version.as_deref(), new.visible.bytes), (Some("99"), 3893));
    let removed = study.inventory.packages.iter().filter(|package| package.removed.is_some());
    let removed: Vec<(&str, usize)> =
        removed.map(|package| (&*package.name, package.removed.unwrap().layer)).collect();
    assert_eq!(removed, [("dash", 1)]);
}
