//! Header blocks and extension headers.

use super::*;

#[test]
fn what_has_no_content_has_none_whatever_its_size() {
    for (flag, kind) in [
        (b'1', "hardlink"),
        (b'2', "symlink"),
        (b'3', "character"),
        (b'4', "block"),
        (b'5', "directory"),
        (b'6', "fifo"),
    ] {
        let head = Head::new(flag, b"a", 1024).put(329, b"0000001\0").put(337, b"0000003\0");
        let line = format!("{kind} a !SizeWithoutContent");
        check(kind, &before_file(Archive::default().head(head)), &[&line, "file next 5"]);
        let archive = Archive::default().pax(&[("size", "1024")]).entry(flag, b"a", b"");
        let lines = lines(&list_tar(&before_file(archive)));
        assert!(lines[0].contains("!SizeWithoutContent") && lines[1] == "file next 5", "{lines:?}");
    }
    let negative = Head::new(b'5', b"a", 0).put(124, &[0xff; 12]);
    let expected = ["directory a !SizeWithoutContent", "file next 5"];
    check("negative", &before_file(Archive::default().head(negative)), &expected);
}

#[test]
fn an_old_entry_with_a_slash_at_the_end_is_a_directory() {
    let head = |flag| Archive::default().head(Head::new(flag, b"a/", 1024));
    let expected = ["directory a/ !SizeWithoutContent", "file next 5"];
    check("old", &before_file(head(0)), &expected);
    let expected = ["file a/ 1024", "file next 5"];
    check("new", &before_file(head(b'0').raw(&[1; 1024])), &expected);
    let archive = Archive::default().pax(&[("path", "b/")]).head(Head::new(0, b"a", 0));
    check("name from PAX", &before_file(archive), &["directory b/", "file next 5"]);
}

#[test]
fn types_are_told_and_unknown_ones_are_files_with_a_note() {
    let check = |flag: u8, line: &str| {
        let stream = before_file(Archive::default().entry(flag, b"a", b"123"));
        check(&format!("type {flag}"), &stream, &[line, "file next 5"]);
    };
    check(b'0', "file a 3");
    check(0, "file a 3");
    check(b'7', "file a 3");
    check(b'D', "directory a !UnknownType { flag: 68 }");
    for flag in [b'M', b'N', b'X', b'A', b'8', b' ', 0xff] {
        check(flag, &format!("file a 3 !UnknownType {{ flag: {flag} }}"));
    }
}

#[test]
fn a_volume_label_is_no_entry() {
    let label = |content: &[u8]| before_file(Archive::default().entry(b'V', b"label", content));
    check("label", &label(b""), &["file next 5", "~UnknownType { flag: 86 }"]);
    let expected = ["file next 5", "~UnknownType { flag: 86 }", "~SizeWithoutContent"];
    check("label with content", &label(b"123"), &expected);
    check(
        "cut",
        &label(b"123")[..514],
        &["~UnknownType { flag: 86 }", "~SizeWithoutContent", "error:cut after 514"],
    );
}

#[test]
fn the_size_in_a_pax_header_wins() {
    let check = |name: &str, pax: &str, header: u64, flags: &str| {
        let archive = Archive::default().pax(&[("size", pax)]);
        let archive =
            archive.head(Head::new(b'0', b"a", header)).data(&vec![1; pax.parse().unwrap()]);
        let bytes = if pax == "0" { "" } else { &format!(" {pax}") };
        check(name, &before_file(archive), &[&format!("file a{bytes}{flags}"), "file next 5"]);
    };
    check("header is 0", "1024", 0, "");
    check("same", "1024", 1024, "");
    check("larger", "1024", 512, " !SizesDiffer");
    check("smaller", "512", 1024, " !SizesDiffer");
    check("none", "0", 1024, " !SizesDiffer");
    check("header is full", "512", 0o77_777_777_777, "");
}

#[test]
fn a_pax_size_is_digits_and_nothing_else() {
    for size in ["-1", "+5", "5.0", "0x5", "", " 5", "9223372036854775808", "18446744073709551616"]
    {
        for flag in [b'0', b'5'] {
            let archive = Archive::default().pax(&[("size", size)]).entry(flag, b"a", b"");
            check(size, &archive.end(), &["error:BadData: a PAX header has a `size`"]);
        }
    }
    let archive = Archive::default().pax(&[("size", "1"), ("size", "2")]).entry(b'0', b"a", b"12");
    check("repeated", &before_file(archive), &["file a 2 !RepeatedPaxKey", "file next 5"]);
}

#[test]
fn sizes_that_no_file_has_are_errors() {
    let archive =
        |size: &str| Archive::default().pax(&[("size", size)]).entry(b'0', b"a", b"").end();
    check(
        "2^62 + 1",
        &archive("4611686018427387905"),
        &["error:Ceiling: a file says that it has more than 2^62"],
    );
    let expected = ["file a 4611686018427387904", "error:cut after 2560 bytes, in the content"];
    check("2^62", &archive("4611686018427387904"), &expected);
    let head = Head::new(b'0', b"a", 0).put(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    check("8 EiB", &Archive::default().head(head).raw(b"1234567890").0, &["error:Ceiling"]);
}

#[test]
fn the_last_of_repeated_keys_and_headers_wins() {
    let archive = Archive::default().pax(&[("path", "b"), ("uid", "1"), ("path", "c")]);
    let expected = ["file c !RepeatedPaxKey", "file next 5"];
    check("keys", &before_file(archive.file("a", b"")), &expected);
    let archive = Archive::default().pax(&[("path", "b"), ("path", "")]).file("a", b"");
    check("empty last", &before_file(archive), &["file a !RepeatedPaxKey", "file next 5"]);
    let archive =
        Archive::default().pax(&[("path", "b"), ("linkpath", "d")]).pax(&[("mtime", "1")]);
    let expected = ["symlink a !RepeatedPaxHeader", "file next 5"];
    check("headers", &before_file(archive.entry(b'2', b"a", b"")), &expected);
}

#[test]
fn a_gnu_long_name_wins_over_pax_in_either_order() {
    let long = |archive: Archive| archive.entry(b'L', b"././@LongLink", b"gnu\0");
    let pax = |archive: Archive| archive.pax(&[("path", "pax")]);
    let expected = ["file gnu !TwoLongNames", "file next 5"];
    check("PAX first", &before_file(long(pax(Archive::default())).file("a", b"")), &expected);
    check("GNU first", &before_file(pax(long(Archive::default())).file("a", b"")), &expected);
    check("twice", &before_file(long(long(Archive::default())).file("a", b"")), &expected);
    let archive = Archive::default().entry(b'K', b"x", b"k\0junk").pax(&[("linkpath", "l")]);
    let expected = ["symlink a -> k !TwoLongNames", "file next 5"];
    check("link", &before_file(archive.entry(b'2', b"a", b"")), &expected);
    let archive = Archive::default().entry(b'L', b"x", b"").entry(b'K', b"x", b"").file("a", b"");
    check("empty", &before_file(archive), &["file a", "file next 5"]);
}

#[test]
fn pax_headers_are_made_of_records() {
    let bad: [&[u8]; 16] = [
        b"x",
        b" ",
        b"0 a=b\n",
        b"4 a=\n",
        b"5 a=b\n",
        b"7 a=b\n",
        b"6 a=b ",
        b"6 abc\n",
        b"5 =b\n",
        b"-6 a=b\n",
        b"6a a=b\n",
        b"99999999999999999999 a=b\n",
        b"8 a\0=bc\n",
        b"10 path=\0\n",
        b"6 a=b\n\0",
        b"23 GNU.sparse.numbytes=1\n",
    ];
    for data in bad {
        let archive = Archive::default().entry(b'x', b"x", data).file("a", b"");
        let name = data.escape_ascii().to_string();
        check(&name, &archive.end(), &["error:BadData: a PAX header is not made of records"]);
    }
    let good: [&[u8]; 5] = [b"", b"5 a=\n", b"+7 a=b\n", b"008 a=b\n", b"8 a=\0\n\n\n"];
    for data in good {
        let archive = Archive::default().entry(b'x', b"x", data).file("a", b"");
        let name = data.escape_ascii().to_string();
        check(&name, &before_file(archive), &["file a", "file next 5"]);
    }
    let many: Vec<u8> =
        (0..60_000).flat_map(|n| record(format!("k{n:05}").as_bytes(), b"v")).collect();
    let archive = Archive::default().entry(b'x', b"x", &many).file("a", b"");
    check("many", &before_file(archive), &["file a", "file next 5"]);
}

#[test]
fn other_values_that_are_no_numbers_are_errors() {
    for (key, value) in
        [("uid", "x"), ("gid", "1.5"), ("mtime", "now"), ("atime", "."), ("ctime", "1.x")]
    {
        let archive = Archive::default().pax(&[(key, value)]).file("a", b"");
        check(key, &archive.end(), &[&format!("error:a PAX header has a `{key}`")]);
    }
    let overridden = Archive::default().pax(&[("uid", "x")]).pax(&[]).file("a", b"");
    check("overridden", &overridden.end(), &["file a !RepeatedPaxHeader"]);
}

#[test]
fn extension_headers_are_at_most_a_mebibyte() {
    for flag in *b"xgLK" {
        let head = |size| Archive::default().head(Head::new(flag, b"x", size));
        for size in [(1 << 20) + 1, 1 << 30] {
            check(
                "too long",
                &head(size).0,
                &["error:Ceiling: an extension header is longer than 1 MiB"],
            );
        }
        let negative = Head::new(flag, b"x", 0).put(124, &[0xff; 12]);
        check("negative", &Archive::default().head(negative).0, &["error:negative size"]);
    }
    let archive = Archive::default().pax(&[("comment", &"c".repeat((1 << 20) - 17))]);
    assert_eq!(archive.0.len(), 512 + (1 << 20));
    check("just fits", &before_file(archive.file("a", b"")), &["file a", "file next 5"]);
}

#[test]
fn a_chain_of_extension_headers_has_an_end() {
    let chain =
        |count| (0..count).fold(Archive::default(), |archive, _| archive.entry(b'x', b"x", b""));
    check("1024", &chain(1024).file("a", b"").end(), &["file a !RepeatedPaxHeader"]);
    check(
        "1025",
        &chain(1025).file("a", b"").end(),
        &["error:Ceiling: an entry has more than 1024"],
    );
    let globals = (0..1025).fold(Archive::default(), |archive, _| archive.entry(b'g', b"g", b""));
    check("global", &globals.end(), &["error:Ceiling: an entry has more than 1024"]);
}

#[test]
fn a_global_pax_header_is_not_applied() {
    for (key, value) in [("path", "b"), ("size", "3"), ("linkpath", "b"), ("GNU.sparse.major", "1")]
    {
        let archive =
            Archive::default().entry(b'g', b"g", &record(key.as_bytes(), value.as_bytes()));
        check(key, &before_file(archive), &["file next 5", "~GlobalPax"]);
    }
    let archive = Archive::default().entry(b'g', b"g", &record(b"comment", b"0123abcd"));
    check("comment", &before_file(archive), &["file next 5"]);
    let archive = Archive::default().pax(&[("path", "b")]).entry(b'g', b"g", b"");
    check("behind another", &before_file(archive), &["file next 5", "~DanglingExtension"]);
    let archive = Archive::default().entry(b'g', b"g", &record(b"mtime", b"x"));
    check("bad", &before_file(archive), &["file next 5", "~GlobalPax"]);
}

#[test]
fn header_numbers_are_read_as_go_reads_them() {
    let size = |field: &[u8]| {
        let head = Head::new(b'0', b"a", 0).put(124, field);
        before_file(Archive::default().head(head).data(b"123"))
    };
    let good: [&[u8]; 6] = [
        b"00000000003\0",
        b"          3 ",
        b"3\0\0\0\0\0\0\0\0\0\0\0",
        b"\0\0\0\0\0\0\0\0\0\0\x003",
        b"000000000003",
        b"\x80\0\0\0\0\0\0\0\0\0\0\x03",
    ];
    for field in good {
        check(&field.escape_ascii().to_string(), &size(field), &["file a 3", "file next 5"]);
    }
    for field in [
        b"-3\0\0\0\0\0\0\0\0\0\0",
        b"3x\0\0\0\0\0\0\0\0\0\0",
        b"9\0\0\0\0\0\0\0\0\0\0\0",
        b"3 3         ",
        b"\x80\x01\0\0\0\0\0\0\0\0\0\0",
    ] {
        let name = field.escape_ascii().to_string();
        check(&name, &size(field), &["error:BadData: the size in the header at byte 0"]);
    }
    check("negative", &size(&[0xff; 12]), &["error:an entry has a negative size"]);
    let device = Head::new(b'0', b"a", 0).put(329, b"x");
    check("device", &Archive::default().head(device.clone()).end(), &["error:the device in"]);
    let old = device.magic(&[0; 8]);
    check("no device in V7", &Archive::default().head(old).end(), &["file a"]);
}

#[test]
fn checksums_may_be_of_signed_bytes() {
    let block = Head::new(b'0', b"caf\xe9", 0).sealed();
    let unsigned: u32 =
        (0..512).filter(|at| !(148..156).contains(at)).map(|at| u32::from(block[at])).sum();
    let with = |sum: u32| {
        let mut block = block;
        block[148..156].copy_from_slice(format!("{:06o}\0 ", sum + 256).as_bytes());
        Archive::default().raw(&block).end()
    };
    check("unsigned", &with(unsigned), &["file caf\\xe9"]);
    check("signed", &with(unsigned - 256), &["file caf\\xe9"]);
    check(
        "wrong",
        &with(unsigned + 1),
        &["error:byte 0 of its tar stream starts no header: bad checksum"],
    );
    let mut second = before_file(Archive::default().file("a", b"1"));
    second[1024 + 150] = b'x';
    check("second", &second, &["file a 1", "error:byte 1024"]);
}

#[test]
fn prefixes_stand_before_names() {
    let head = Head::new(b'0', b"name", 0).put(345, b"some/prefix");
    let check = |name, head: Head, line| check(name, &Archive::default().head(head).end(), &[line]);
    check("ustar", head.clone(), "file some/prefix/name");
    check("V7", head.clone().magic(&[0; 8]), "file name");
    check("other version", head.clone().magic(b"ustar\0\0\0"), "file some/prefix/name");
    check("GNU with a prefix for times", head.clone().magic(GNU), "file some/prefix/name");
    let times = Head::new(b'0', b"name", 0).put(345, b"14500000000\x0014500000000\0");
    check("GNU with times", times.magic(GNU), "file name");
    check("GNU, not ASCII", head.clone().magic(GNU).put(346, b"\xe9"), "file name");
    let star = head.put(375, b"/x").put(476, b"14500000000\x0014500000000\0").put(508, b"tar\0");
    check("star", star.clone(), "file some/prefix/name");
    check("star with bad times", star.put(476, b"x"), "error:the access time in");
}

#[test]
fn names_are_bytes() {
    let names: [&[u8]; 8] =
        [b"./a", b"../a", b"a\nb", b"a\x1b[2J", b"caf\xe9", b"C:\\x", "\u{202e}a".as_bytes(), b""];
    for name in names {
        let line = format!("file {}", name.escape_ascii());
        check("header", &Archive::default().entry(b'0', name, b"").end(), &[&line]);
        let archive =
            Archive::default().entry(b'x', b"x", &record(b"path", name)).entry(b'0', name, b"");
        check("PAX", &archive.end(), &[&line]);
    }
    let long = "n".repeat(65_536);
    let archive = Archive::default().pax(&[("path", &long)]).file("a", b"").end();
    check("64 KiB", &archive, &[&format!("file {long}")]);
}

#[test]
fn attributes_are_kept_within_their_types() {
    let one = |archive: Archive| list_tar(&archive.end()).entries.remove(0);
    let head = Head::new(b'0', b"a", 0);
    let entry = one(Archive::default().head(head.clone()));
    assert_eq!(
        (entry.attributes.mode, entry.attributes.uid, entry.attributes.gid),
        (0o644, 1000, 1001)
    );
    assert_eq!((entry.mtime, entry.attributes.xattrs), (0o14_500_000_000, 0));
    let wide = head.clone().put(100, b"7777777\0").put(108, b"\x80\0\0\x01\0\0\0\0");
    let wide = wide.put(116, b"\xff\xff\xff\xff\xff\xff\xff\xfe").put(136, &[0xff; 12]);
    let entry = one(Archive::default().head(wide));
    assert_eq!((entry.attributes.mode, entry.mtime), (0o7777, -1));
    assert_eq!((entry.attributes.uid, entry.attributes.gid), (1 << 32, 4_294_967_294));
    let archive =
        Archive::default().pax(&[("mtime", "1000000000000000000"), ("uid", "5000000000")]);
    let entry = one(archive.head(head.clone()));
    assert_eq!((entry.mtime, entry.attributes.uid), (1_000_000_000_000_000_000, 5_000_000_000));
    let entry = one(Archive::default().pax(&[("mtime", "-0.5")]).head(head));
    assert_eq!(entry.mtime, -1);
}

#[test]
fn extended_attributes_hash_alike_in_any_order() {
    let hash = |records: &[(&str, &str)]| {
        list_tar(&Archive::default().pax(records).file("a", b"").end()).entries[0].attributes.xattrs
    };
    let (one, two) = (("SCHILY.xattr.user.a", "1"), ("LIBARCHIVE.xattr.b", "Mg"));
    assert_eq!(hash(&[one, two]), hash(&[two, one]));
    assert_eq!(hash(&[one, ("comment", "c")]), hash(&[one]));
    assert_eq!(hash(&[("SCHILY.xattr.user.a", "0"), one]), hash(&[one]), "the last one counts");
    let all = [
        hash(&[]),
        hash(&[one]),
        hash(&[two]),
        hash(&[one, two]),
        hash(&[("SCHILY.xattr.user.a", "")]),
    ];
    assert_eq!(all[0], 0);
    assert!((1..all.len()).all(|at| !all[..at].contains(&all[at])), "{all:?}");
    assert_ne!(hash(&[("SCHILY.xattr.a", "bc\n\0")]), hash(&[("SCHILY.xattr.ab", "c\n\0")]));
    let large = "v".repeat(1_000_000);
    assert_ne!(hash(&[("SCHILY.xattr.a", &large)]), 0);
}

#[test]
fn devices_that_overlayfs_takes_for_whiteouts_are_noted() {
    let head = Head::new(b'3', b"a", 0);
    let check = |name, head: Head, line| check(name, &Archive::default().head(head).end(), &[line]);
    check("0/0", head.clone(), "character a !WhiteoutDevice");
    check("1/3", head.clone().put(329, b"0000001\0").put(337, b"0000003\0"), "character a");
    check("huge", head.clone().put(329, b"\x80\0\0\0\xff\xff\xff\xff"), "character a");
    check("V7", head.magic(&[0; 8]), "character a");
    check("block", Head::new(b'4', b"a", 0), "block a");
    check("ustar", Head::new(b'0', b"a", 0).magic(USTAR), "file a");
}
