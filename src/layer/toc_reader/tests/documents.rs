//! Documents whose rows do not add up, or are odd.

use super::*;

/// Rows of a JSON document, read with the data ending at 1000.
fn rows(rows: &str) -> Result<Toc, Error> {
    let text = format!("{{\"version\":1,\"entries\":[{rows}]}}");
    let rows = rows::read(text.as_bytes(), Source::EStargz, &request(2000), 1000)?;
    let mut parts_of = TocRequest { captures: false, ..request(2000) };
    parts_of.blob_size = 2000;
    let blob = Blob::new(Vec::new());
    finish(
        rows,
        1000,
        contents::Format::Gzip,
        &parts_of,
        &mut Parts::new(&blob, 2000, Hold::default()),
    )
}

#[test]
fn a_row_has_a_longest_length() {
    let row = |length: usize| {
        let spaces = " ".repeat(length);
        rows(&format!(r#"{{"name":"a","type":"dir",{spaces}"size":0}}"#))
    };
    row(1 << 20).unwrap();
    let error = row(2 << 20).unwrap_err();
    assert!(error.to_string().contains("a row is longer than 2097152 bytes"), "{error}");
    let many: Vec<_> = (0..5).map(|_| r#"{"name":"a","type":"dir"}"#.to_owned()).collect();
    rows(&many.join(&format!(",{}", " ".repeat(1 << 20)))).unwrap();
}

#[test]
fn rows_that_do_not_add_up_are_refused() {
    let check = |text: &str, expected: Option<&str>| match (rows(text), expected) {
        (Ok(toc), None) => assert!(toc.is_sound() && sum(&toc) == 2000, "{text}"),
        (Err(error), Some(expected)) => {
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        (found, _) => panic!("{text}: {found:?}"),
    };
    let file = |rest: &str| format!("{{\"name\":\"a\",\"type\":\"reg\",{rest}}}");
    let chunk = |rest: &str| format!("{{\"name\":\"a\",\"type\":\"chunk\",{rest}}}");
    check(&file("\"size\":5,\"offset\":9"), None);
    check(&file("\"size\":4611686018427387904,\"offset\":9"), Some("at the most"));
    check(&file("\"size\":4611686018427387904,\"offset\":9,\"chunkSize\":1"), Some("shorter"));
    check(&file("\"size\":-5,\"offset\":9"), Some("JSON"));
    check(&file("\"size\":5"), Some("outside"));
    check(&file("\"size\":5,\"offset\":1000"), Some("outside"));
    check(&file("\"size\":5,\"offset\":18446744073709551615"), Some("outside"));
    check(&file("\"size\":5,\"offset\":-1"), Some("JSON"));
    check(&file("\"size\":5,\"offset\":9,\"endOffset\":8"), Some("ends before"));
    check(&file("\"size\":5,\"offset\":9,\"endOffset\":1001"), Some("ends before"));
    check(&file("\"size\":5,\"offset\":9,\"chunkOffset\":1"), Some("gaps"));
    check(&file("\"size\":5,\"offset\":9,\"chunkSize\":6"), Some("more chunks"));
    let two = |first: &str, second: &str| format!("{},{}", file(first), chunk(second));
    let half = "\"size\":5,\"offset\":9,\"chunkSize\":3";
    check(&two(half, "\"offset\":20,\"chunkOffset\":3"), None);
    check(&two(half, "\"offset\":20,\"chunkOffset\":3,\"chunkSize\":1"), Some("shorter"));
    check(&two(half, "\"offset\":20,\"chunkOffset\":2,\"chunkSize\":2"), Some("gaps"));
    check(&two(half, "\"offset\":20,\"chunkOffset\":4,\"chunkSize\":1"), Some("gaps"));
    check(&two("\"size\":0", "\"offset\":20"), Some("without its file"));
    check(&chunk("\"offset\":20"), Some("without its file"));
    check(&file("\"size\":0,\"digest\":\"sha256:00\""), Some("malformed digest"));
    check(&file("\"modtime\":\"yesterday\""), Some("RFC 3339"));
    check(&file("\"xattrs\":{\"user.a\":\"?\"}"), Some("base64"));
    check("{\"name\":\"a\",\"type\":\"socket\"}", Some("unknown type"));
    check("{\"name\":\"\u{fffd}\",\"type\":\"dir\"}", Some("UTF-8"));
    check(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), Some("JSON"));
    check("", None);
}

#[test]
fn odd_names_and_links_are_taken_as_in_a_tar() {
    let toc = rows(concat!(
        "{\"name\":\"../x\",\"type\":\"hardlink\",\"linkName\":\"y\"},",
        "{\"name\":\"y\",\"type\":\"hardlink\",\"linkName\":\"x\"},",
        "{\"name\":\"/z/./\",\"type\":\"dir\",\"mode\":16877,\"size\":3},",
        "{\"name\":\"z\",\"type\":\"hardlink\",\"linkName\":\"missing\"}"
    ))
    .unwrap();
    let names: Vec<_> = lines(&toc).into_iter().map(|line| (line.0, line.3, line.7)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        names,
        [
            ("x".into(), 0, text("y")),
            ("y".into(), 0, text("x")),
            ("z".into(), 0o755, None),
            ("z".into(), 0, text("missing")),
        ]
    );
    let kinds: Vec<_> = toc.oddities.kept.iter().map(|oddity| oddity.kind).collect();
    assert_eq!(kinds, [OddityKind::EscapingPath, OddityKind::SizeWithoutContent]);
    assert_eq!(toc.entries[2].kind, Kind::Directory);
}

#[test]
fn entries_of_one_member_share_its_bytes() {
    let file = |name: &str, size: u64, offset: u64, inner: u64| {
        format!(
            "{{\"name\":\"{name}\",\"type\":\"reg\",\"size\":{size},\"offset\":{offset},\"innerOffset\":{inner}}}"
        )
    };
    let text = [file("a", 1, 100, 0), file("b", 2, 100, 512), file("c", 7, 400, 0)].join(",");
    let toc = rows(&text).unwrap();
    let costs: Vec<_> = toc.entries.iter().map(|entry| entry.compressed).collect();
    assert_eq!((costs, toc.overhead), (vec![133, 267, 600], 1000));
}

/// A frame of zstd that says nothing of its content's length and has a window of 32 MiB.
fn wide_frame(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(25).unwrap();
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn chunks_of_a_file_are_frames_of_their_own() {
    let [first, second] = ["root:x:0:0\n", "me:x:1000:1000\n"].map(str::as_bytes);
    let frames = [zstd::bulk::compress(first, 3).unwrap(), wide_frame(second)];
    let start = b"before it";
    let content = [first, second].concat();
    let text = format!(
        r#"{{"version":1,"entries":[{{"name":"etc/passwd","type":"reg","size":{},"digest":"sha256:{}","offset":{},"endOffset":{},"chunkSize":{}}},
        {{"name":"etc/passwd","type":"chunk","offset":{},"chunkOffset":{},"chunkSize":{}}}]}}"#,
        content.len(),
        hex::encode(Sha256::digest(&content)),
        start.len(),
        start.len() + frames.concat().len(),
        first.len(),
        start.len() + frames[0].len(),
        first.len(),
        second.len(),
    );
    let blob = [start, &frames.concat()[..]].concat();
    let end = blob.len() as u64;
    let request = request(blob.len() + 1000);
    let rows = rows::read(text.as_bytes(), Source::ZstdChunked, &request, end).unwrap();
    let (blob, hold) = (Blob::new(blob), Hold::default());
    let mut parts = Parts::new(&blob, request.blob_size, hold);
    let toc = finish(rows, end, contents::Format::Zstd, &request, &mut parts).unwrap();
    assert_eq!(toc.captures[0].head, content);
}

#[test]
fn a_layer_of_nothing_may_have_no_array() {
    let read = |text: &str| rows::read(text.as_bytes(), Source::ZstdChunked, &request(10), 10);
    let rows = read(r#"{"version":1,"entries":null,"tarSplitDigest":""}"#);
    assert!(rows.is_ok_and(|rows| rows.pieces.is_empty() && rows.wanted.is_empty()));
}

#[test]
fn a_document_of_another_version_or_shape_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"entries\":[]}",
        "{\"version\":2,\"entries\":[]}",
        "{\"version\":1,\"entries\":[],\"entries\":[]}",
        "{\"version\":1,\"entries\":[]} x",
        "{\"version\":1,\"entries\":[",
    ] {
        let read = rows::read(text.as_bytes(), Source::EStargz, &request(10), 10);
        assert!(read.is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn damaged_blobs_give_sound_tables_or_none(
        which in 0..5_usize,
        changes in proptest::collection::vec((0..END, any::<u8>()), 1..6),
        cut in 0..100_usize,
    ) {
        let (name, choice, body): (&str, u8, fn(&[u8])) = [
            ("estargz-library", 0, estargz as fn(&[u8])),
            ("stargz-legacy", 1, estargz),
            ("zstd-gen1", 0, zstd_chunked),
            ("zstd-broken", 1, zstd_chunked),
            ("zstd-gen2", 2, zstd_chunked),
        ][which];
        let (bytes, _) = load(name);
        let mut input = vec![choice];
        input.extend_from_slice(&bytes[bytes.len() - END..]);
        for (back, value) in changes {
            input[END - back] = value;
        }
        body(&input);
        body(&input[..input.len() - cut]);
    }

    #[test]
    fn damaged_ztocs_give_sound_tables_or_none(
        changes in proptest::collection::vec((0_usize..5600, any::<u8>()), 1..8),
        cut in 0_usize..6000,
    ) {
        let mut bytes = ztoc("soci-plain.v2");
        for (at, value) in changes {
            let last = bytes.len() - 1;
            bytes[at.min(last)] = value;
        }
        fuzzing::ztoc(&bytes);
        fuzzing::ztoc(&bytes[..bytes.len().saturating_sub(cut)]);
    }

    #[test]
    fn damaged_rows_give_sound_tables_or_none(
        at in 0_usize..2000,
        value in prop_oneof![Just(b'9'), Just(b'"'), Just(b'-'), any::<u8>()],
    ) {
        let row = |offset: usize| format!(
            "{{\"name\":\"f{offset}\",\"type\":\"reg\",\"size\":70,\"offset\":{offset},\"chunkSize\":30}},\
             {{\"name\":\"f{offset}\",\"type\":\"chunk\",\"offset\":{offset},\"chunkOffset\":30,\"innerOffset\":30}},"
        );
        let rows = [10, 300, 999].map(row).concat();
        let text = format!("{{\"version\":1,\"entries\":[{rows}{{\"name\":\"d\",\"type\":\"dir\"}}]}}");
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = value;
        estargz(&[b"\x03", &bytes[..]].concat());
        zstd_chunked(&[b"\x04", &bytes[..]].concat());
    }
}
