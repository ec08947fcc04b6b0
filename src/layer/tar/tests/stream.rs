//! Streams as a whole: how they end, where they are cut, what is no tar stream.

use super::*;

#[test]
fn content_is_given_as_it_is() {
    let content: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let nested = Archive::default().file("inner", b"x").end();
    let stream = Archive::default().file("a", &content).file("x.tar", &nested).end();
    let listing = list_tar(&stream);
    assert_eq!(listing.entries[0].content, content);
    assert_eq!(listing.entries[1].content, nested);
    assert_eq!(listing.entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [0, 5632]);
    tar_walker(&stream);
}

#[test]
fn an_entry_begins_with_its_extension_headers() {
    let archive = Archive::default().file("a", b"1").pax(&[("path", "b")]).entry(b'K', b"x", b"k");
    let listing = list_tar(&archive.file("b", b"").end());
    assert_eq!(listing.entries[1].offset, 1024);
}

#[test]
fn streams_without_entries_are_fine() {
    check("end marker alone", &[0; 1024], &[]);
    check("more zeros", &[0; 10_240], &[]);
    check("nothing", &[], &["~NoEndMarker"]);
    check("one block", &[0; 512], &["~NoEndMarker"]);
}

#[test]
fn streams_without_an_end_marker_are_noted_if_they_stop_at_a_boundary() {
    let stream = Archive::default().file("a", b"1").file("b", b"2").0;
    let both = ["file a 1", "file b 1", "~NoEndMarker"];
    check("no marker", &stream, &both);
    check("no padding", &stream[..stream.len() - 511], &both);
    check("part of the padding", &stream[..stream.len() - 1], &both);
    check("one block of zeros", &[&stream[..], &[0; 512]].concat(), &both);
    let cut = [&stream[..], &[0; 700]].concat();
    check("cut marker", &cut, &["file a 1", "file b 1", "error:in its end marker"]);
}

#[test]
fn cut_streams_are_errors() {
    let stream =
        Archive::default().file("a", &[7; 600]).pax(&[("path", "c")]).file("b", b"2").end();
    check("one byte", &stream[..1], &["error:it looks like text"]);
    for cut in 2..stream.len() {
        let listing = list_tar(&stream[..cut]);
        let (header, content) = ((1..512).contains(&cut), (512..1112).contains(&cut));
        let later = (1537..2057).contains(&cut) || (2561..3073).contains(&cut);
        let marker = (3585..4608).contains(&cut) && cut % 512 != 0;
        let is_cut = header || content || later || marker;
        assert_eq!(listing.error.is_some(), is_cut, "{cut}: {:?}", listing.error);
        assert!(
            listing.error.is_none_or(|(_, text)| text.contains(&format!("cut after {cut} bytes")))
        );
    }
    let claim = Head::new(b'0', b"a", 8 << 30);
    let expected = ["file a 8589934592", "error:cut after 522 bytes, in the content of an entry"];
    check("a claim", &Archive::default().head(claim).raw(b"1234567890").0, &expected);
    let sparse = Head::new(b'S', b"a", 0).magic(GNU).put(482, b"\x01");
    check("a map", &Archive::default().head(sparse).0, &["error:in the map of a sparse file"]);
}

#[test]
fn what_follows_the_end_is_counted() {
    let end = || Archive::default().file("a", b"1").raw(&[0; 1024]);
    check("zeros", &end().raw(&vec![0; 1 << 20]).0, &["file a 1"]);
    let more = end().file("hidden", b"2").end();
    check("entries", &more, &["file a 1", "~BytesAfterEnd { bytes: 2048 }"]);
    let junk = end().raw(&[0; 700]).raw(b"junk").raw(&[0; 10]).0;
    check("junk", &junk, &["file a 1", "~BytesAfterEnd { bytes: 14 }"]);
    let lone = Archive::default().file("a", b"1").raw(&[0; 512]).file("b", b"2").end();
    check(
        "lone block",
        &lone,
        &["file a 1", "error:a single block of zeros is in its tar stream before byte 1536"],
    );
}

#[test]
fn extension_headers_before_nothing_are_flagged() {
    let pax = || Archive::default().file("a", b"").pax(&[("path", "b")]);
    check("at the end", &pax().end(), &["file a", "~DanglingExtension"]);
    check("at a cut", &pax().0, &["file a", "~DanglingExtension", "~NoEndMarker"]);
    let long = Archive::default().entry(b'L', b"x", b"name");
    check("long name", &long.end(), &["~DanglingExtension"]);
}

#[test]
fn other_formats_are_named() {
    let kinds: [(&[u8], &str); 6] = [
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"!<arch>\ndebian-binary   ", "a Debian package"),
        (b"070701", "cpio"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"{\"errors\": []}", "JSON"),
    ];
    for (start, kind) in kinds {
        let line = format!("error:BadData: it is not a tar archive; it looks like {kind}");
        check(kind, start, &[&line]);
        let mut long = start.to_vec();
        long.resize(2048, if kind == "JSON" { b' ' } else { 0x80 });
        check(kind, &long, &[&line]);
    }
    let garbage = [&[0x80; 512][..], &Archive::default().file("a", b"").end()].concat();
    check("garbage", &garbage, &["error:byte 0 of its tar stream starts no header"]);
}

#[test]
fn many_entries_are_read_in_one_go() {
    let archive = (0..50_000).fold(Archive::default(), |archive, _| archive.file("a", b""));
    let listing = list_tar(&archive.end());
    assert_eq!((listing.entries.len(), listing.error), (50_000, None));
}
