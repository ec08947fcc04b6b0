//! Sparse files: their maps, and what is odd about them.

use super::*;

/// A sparse file in the old GNU format: parts, apparent size, stored bytes.
fn old(parts: &[(u64, u64)], size: u64, stored: u64) -> Archive {
    let bytes = |parts: &[(u64, u64)]| -> Vec<u8> {
        parts.iter().flat_map(|(at, length)| part(*at, *length)).collect()
    };
    let (first, more) = parts.split_at(parts.len().min(4));
    let head = Head::new(b'S', b"a", stored).magic(GNU).put(386, &bytes(first));
    let head = head.put(482, &[u8::from(!more.is_empty())]);
    let mut archive = Archive::default().head(head.put(483, format!("{size:011o}\0").as_bytes()));
    for (at, chunk) in more.chunks(21).enumerate() {
        let mut block = bytes(chunk);
        block.resize(512, 0);
        block[504] = u8::from((at + 1) * 21 < more.len());
        archive = archive.raw(&block);
    }
    archive.data(&vec![b's'; usize::try_from(stored).unwrap()])
}

/// A sparse file whose map is in its data.
fn lines_before(map: &str, size: &str, stored: usize) -> Archive {
    let records = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "a"),
        ("GNU.sparse.realsize", size),
    ];
    let data = Archive::default().data(map.as_bytes()).raw(&vec![b's'; stored]).0;
    Archive::default().pax(&records).file("GNUSparseFile.0/a", &data)
}

fn records(records: &[(&str, &str)], stored: usize) -> Archive {
    Archive::default().pax(records).file("a", &vec![b's'; stored])
}

#[test]
fn old_gnu_sparse_files_are_read() {
    let check = |name: &str, parts: &[(u64, u64)], size, stored, line: &str| {
        check(name, &before_file(old(parts, size, stored)), &[line, "file next 5"]);
    };
    check("two parts", &[(512, 512), (4096, 100)], 1 << 30, 612, "file a 612 of 1073741824");
    check("only a hole", &[(4096, 0)], 4096, 0, "file a 0 of 4096");
    check("no part", &[], 0, 0, "file a of 0");
    for count in [4, 5, 25, 26, 60] {
        let parts: Vec<_> = (0..count).map(|at| (at * 1024, 512)).collect();
        let line = format!("file a {} of {}", count * 512, count * 1024);
        check("many parts", &parts, count * 1024, count * 512, &line);
    }
}

#[test]
fn maps_in_records_are_read() {
    let next = |archive: Archive| before_file(archive);
    let zero = [
        ("GNU.sparse.size", "4096"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "512"),
        ("GNU.sparse.offset", "2048"),
        ("GNU.sparse.numbytes", "8"),
    ];
    check("0.0", &next(records(&zero, 520)), &["file a 520 of 4096", "file next 5"]);
    let one = [
        ("GNU.sparse.size", "4096"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.name", "b"),
        ("GNU.sparse.map", "0,512,2048,8"),
    ];
    check("0.1", &next(records(&one, 520)), &["file b 520 of 4096", "file next 5"]);
    let empty = [
        ("GNU.sparse.major", "0"),
        ("GNU.sparse.minor", "1"),
        ("GNU.sparse.numblocks", "0"),
        ("GNU.sparse.realsize", "9"),
    ];
    check("no part", &next(records(&empty, 0)), &["file a 0 of 9", "file next 5"]);
}

#[test]
fn maps_before_the_data_are_read() {
    let check = |name: &str, map: &str, size: &str, stored: usize, line: &str| {
        check(name, &before_file(lines_before(map, size, stored)), &[line, "file next 5"]);
    };
    check("two parts", "2\n0\n512\n2048\n8\n", "4096", 520, "file a 520 of 4096");
    check("no part", "0\n", "4096", 0, "file a 0 of 4096");
    let parts: Vec<_> = (0..100).map(|at| format!("{}\n512\n", at * 100_000)).collect();
    check(
        "several blocks",
        &format!("100\n{}", parts.concat()),
        "99999999",
        51_200,
        "file a 51200 of 99999999",
    );
    let exact = format!("{}1\n0\n5\n", "0".repeat(506));
    assert_eq!(exact.len(), 512);
    check("just a block", &exact, "5", 5, "file a 5 of 5");
}

#[test]
fn bad_maps_are_errors() {
    let overlap: &[(u64, u64)] = &[(0, 1024), (512, 512)];
    check("old, overlapping", &old(overlap, 4096, 1536).end(), &["error:parts that overlap"]);
    check(
        "old, unsorted",
        &old(&[(512, 8), (0, 8)], 4096, 16).end(),
        &["error:parts that overlap"],
    );
    check(
        "old, outside",
        &old(&[(4096, 8)], 4096, 8).end(),
        &["error:parts that are not in the file"],
    );
    check("old, too few", &old(&[(0, 8)], 4096, 7).end(), &["error:more or fewer bytes"]);
    check("old, too many", &old(&[(0, 8)], 4096, 9).end(), &["error:more or fewer bytes"]);
    let ustar = Head::new(b'S', b"a", 0).magic(USTAR);
    check("not GNU", &Archive::default().head(ustar).end(), &["error:not of the GNU format"]);
    let size = Head::new(b'S', b"a", 0).magic(GNU).put(483, b"x");
    check("no size", &Archive::default().head(size).end(), &["error:size of a sparse file is not"]);
    let size = Head::new(b'S', b"a", 0).magic(GNU).put(483, &[0xff; 12]);
    check("negative size", &Archive::default().head(size).end(), &["error:negative size"]);
    for map in [
        "x\n",
        "-1\n",
        "1\n0\n-1\n",
        "1\n-1\n1\n",
        "2\n0\n512\n0\n8\n",
        "1\n4000\n512\n",
        "\n",
        "1\n0\n8 \n",
        "9223372036854775808\n",
    ] {
        let lines = lines(&list_tar(&lines_before(map, "4096", 520).end()));
        assert!(lines.len() == 1 && lines[0].starts_with("error: BadData"), "{map:?}: {lines:?}");
    }
    let cut = lines_before(&format!("9\n{}", "0".repeat(510)), "4096", 0).end();
    check("map longer than data", &cut, &["error:longer than its data"]);
    let map = [("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,1")];
    check("too few parts", &records(&map, 1).end(), &["error:does not have the parts it says"]);
    let map = [("GNU.sparse.size", "x"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "0,1")];
    check("size no number", &records(&map, 1).end(), &["error:`GNU.sparse.size`"]);
    let map = [
        ("GNU.sparse.size", "0"),
        ("GNU.sparse.numblocks", "0"),
        ("GNU.sparse.major", "0"),
        ("GNU.sparse.minor", "1"),
    ];
    let archive = Archive::default().pax(&map).entry(b'5', b"a", b"");
    check("a directory", &archive.end(), &["error:is not a file"]);
}

#[test]
fn maps_and_sizes_have_ceilings() {
    let head = Head::new(b'S', b"a", 0).magic(GNU).put(482, b"\x01");
    let mut more = [0; 512];
    more[504] = 1;
    let endless = (0..2100).fold(Archive::default().head(head), |archive, _| archive.raw(&more));
    check("old", &endless.0, &["error:Ceiling: the map of a sparse file is longer than 1 MiB"]);
    let map = format!("400000\n{}", "0\n0\n".repeat(300_000));
    let archive = lines_before(&map, "4096", 0);
    check("1.0", &archive.0, &["error:Ceiling: the map of a sparse file is longer than 1 MiB"]);
    let huge = "1\n0\n8\n";
    check(
        "7 EiB",
        &lines_before(huge, "8070450532247928832", 8).end(),
        &["error:Ceiling: a file says"],
    );
    let line = "file a 8 of 4611686018427387904";
    check("4 EiB", &lines_before(huge, "4611686018427387904", 8).end(), &[line]);
}

#[test]
fn keys_without_a_sparse_file_are_flagged() {
    let check = |name: &str, given: &[(&str, &str)], line: &str| {
        check(name, &before_file(records(given, 5)), &[line, "file next 5"]);
    };
    check("size alone", &[("GNU.sparse.realsize", "100")], "file a 5 !OrphanSparse");
    check("name alone", &[("GNU.sparse.name", "b")], "file a 5 !OrphanSparse");
    let unknown = [("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"), ("GNU.sparse.map", "0,5")];
    check("unknown version", &unknown, "file a 5 !OrphanSparse");
    check("an empty offset", &[("GNU.sparse.offset", "")], "file a 5 !OrphanSparse");
    let sizes = [
        ("GNU.sparse.size", "9"),
        ("GNU.sparse.realsize", "8"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.map", "0,5"),
    ];
    check("two sizes", &sizes, "file a 5 of 9 !SizesDiffer");
    let mut archive =
        Archive::default().pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")]);
    archive.0.extend_from_slice(&old(&[(0, 5)], 9, 5).0);
    super::check(
        "on an old one",
        &before_file(archive),
        &["file a 5 of 9 !OrphanSparse", "file next 5"],
    );
}
