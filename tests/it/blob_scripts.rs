//! Blobs from servers that do anything, one thing after the other.

use proptest::prelude::*;

use crate::support::blob::RANGE;
use crate::support::{Registry, Reply, Store};

/// Two ranges and a bit more than fit into what two requests bring.
const SIZE: usize = 9 * RANGE / 2;

/// One thing that a server does with a request for a blob.
fn action() -> impl Strategy<Value = Reply> {
    let cut = |at: usize| Reply::pass().truncate_after(at);
    let range = |first: usize, last: usize, total: usize| {
        Reply::pass().header("Content-Range", format!("bytes {first}-{last}/{total}"))
    };
    prop_oneof![
        4 => Just(Reply::pass()),
        3 => (0..SIZE).prop_map(cut),
        2 => (0..SIZE).prop_map(move |at| cut(at).then_reset()),
        1 => (1..5000_usize, 0..SIZE).prop_map(move |(size, at)| cut(at).chunked(size)),
        1 => (1..5000_usize).prop_map(|size| Reply::pass().chunked(size)),
        1 => (1..5000_usize).prop_map(|size| Reply::pass().unfinished_chunks(size)),
        1 => (0..SIZE).prop_map(move |at| cut(at).without_length()),
        2 => prop::sample::select(vec![400, 401, 403, 404, 410, 416, 429, 500, 501, 503])
            .prop_map(Reply::status),
        1 => Just(Reply::pass().with_status(200)),
        1 => (0..SIZE, 0..SIZE, SIZE - 1..SIZE + 2).prop_map(move |(a, b, n)| range(a, b, n)),
        1 => Just(Reply::pass().without_header("Content-Range")),
        1 => Just(Reply::pass().header("Content-Type", "multipart/byteranges; boundary=b")),
        1 => (0..SIZE).prop_map(|size| Reply::ok(vec![7; size])),
        1 => Just(Reply::rst()),
        1 => Just(Reply::close_before_response()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_server_does_the_blob_is_whole_or_an_error(
        actions in prop::collection::vec(action(), 0..12),
        one_request: bool,
        ignore_ranges: bool,
    ) {
        let range = if one_request { SIZE } else { RANGE };
        let store = Store::new(SIZE).range(range as u64).replies(actions);
        let store = if ignore_ranges { store.with(Registry::ignore_ranges) } else { store };
        let store = store.start();
        let mut blob = store.blob();
        if let Ok(bytes) = store.library.read(&mut blob) {
            prop_assert!(bytes == store.bytes);
        }
        // What was read ahead in vain is at most what fits ahead.
        let most = 2 * SIZE + 8 * RANGE;
        prop_assert!(blob.received() <= most as u64, "{}", blob.received());
        prop_assert!(store.registry.lines().len() <= 60, "{:?}", store.ranges());
    }
}
