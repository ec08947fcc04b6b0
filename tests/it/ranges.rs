//! Registries and storage that answer the request for a layer's end in their own ways.

use regsize::image::Inspection;
use regsize::oci::Digest;

use crate::support::registry::RunningRegistry;
use crate::support::{Image, Layer, Library, Origin, Registry, Reply};

const SMALL: &str = "etc/motd 5000";
/// Longer than what is read of a blob whose ranges are ignored.
const BIG: &str = "usr/lib/big 200000";

fn image(layers: &[&str]) -> Image {
    let image = Image::new("linux/amd64");
    layers.iter().fold(image, |image, text| image.layer(Layer::gzip(text), "COPY x /"))
}

fn content(image: &Image) -> Registry {
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

fn path(layer: &Layer) -> String {
    format!("/v2/team/app/blobs/{}", Digest::of(&layer.blob))
}

fn inspect(registry: &RunningRegistry) -> Inspection {
    let inspection = Library::new().inspect(&registry.reference("team/app:latest"));
    inspection.unwrap_or_else(|error| panic!("{error}"))
}

fn lengths(inspection: &Inspection) -> Vec<Option<u64>> {
    let layers = inspection.images[0].layers.iter();
    layers.map(|layer| layer.uncompressed.as_ref().map(|length| length.bytes)).collect()
}

/// Inspects an image of one layer whose blob is answered by `replies`.
fn answered(text: &str, replies: Vec<Reply>) -> (Option<u64>, Vec<String>, usize) {
    let image = image(&[text]);
    let path = path(&image.layers()[0]);
    let registry = content(&image).script("GET", &path, replies).forever().start();
    let inspection = inspect(&registry);
    (lengths(&inspection)[0], inspection.warnings, registry.count("GET", &path))
}

fn check_known(text: &str, replies: Vec<Reply>, requests: usize) {
    let expected = Layer::gzip(text).tar.len() as u64;
    let shown = format!("{replies:?}");
    let (length, warnings, count) = answered(text, replies);
    assert_eq!(
        (length, warnings.as_slice(), count),
        (Some(expected), &[][..], requests),
        "{shown}"
    );
}

fn check_unknown(text: &str, replies: Vec<Reply>, warning: &str) {
    let shown = format!("{replies:?}");
    let (length, warnings, _) = answered(text, replies);
    assert_eq!((length, warnings.len()), (None, 1), "{shown} {warnings:?}");
    assert!(warnings[0].contains(warning), "{warning:?} is not in {warnings:?}");
}

fn whole(text: &str) -> Reply {
    Reply::ok(Layer::gzip(text).blob)
}

#[test]
fn one_closed_range_in_the_stored_bytes_is_asked_for() {
    let image = image(&[BIG]);
    let layer = &image.layers()[0];
    let registry = content(&image).start();
    assert_eq!(lengths(&inspect(&registry)), [Some(layer.tar.len() as u64)]);
    let requests = registry.requests();
    let request = requests.iter().find(|request| request.path() == path(layer)).unwrap();
    let size = layer.blob.len();
    let expected = format!("bytes={}-{}", size - 72, size - 1);
    assert_eq!(request.header("range"), Some(expected.as_str()));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("if-range"), None);
    assert_eq!(registry.count("HEAD", "/blobs/"), 0);
}

#[test]
fn ranges_that_hold_what_they_should_are_believed() {
    let size = Layer::gzip(BIG).blob.len();
    let (first, last) = (size - 72, size - 1);
    let says = |text: String| vec![Reply::pass().header("Content-Range", text)];
    check_known(BIG, vec![Reply::pass()], 1);
    check_known(BIG, says(format!("{first}-{last}/{size}")), 1);
    check_known(BIG, says(format!("bytes {first}-{last}/*")), 1);
    check_known(BIG, vec![Reply::pass().chunked(7)], 1);
    check_known(BIG, vec![Reply::pass().without_length()], 1);
    check_known(BIG, vec![Reply::pass().without_header("Accept-Ranges")], 1);
}

#[test]
fn a_range_in_pieces_is_put_together() {
    let image = image(&[BIG]);
    let registry = content(&image).largest_range(20).start();
    let layer = &image.layers()[0];
    assert_eq!(lengths(&inspect(&registry)), [Some(layer.tar.len() as u64)]);
    assert_eq!(registry.count("GET", &path(layer)), 4);
    let registry = content(&image).largest_range(1).start();
    let inspection = inspect(&registry);
    assert_eq!(lengths(&inspection), [None]);
    assert!(inspection.warnings[0].contains("only in tiny pieces"), "{inspection:?}");
    assert!(registry.count("GET", &path(layer)) <= 8);
}

#[test]
fn ranges_that_hold_something_else_leave_the_size_unknown() {
    let size = Layer::gzip(BIG).blob.len();
    let (first, last) = (size - 72, size - 1);
    let says = |text: String| vec![Reply::pass().header("Content-Range", text)];
    let other = "when asked for";
    check_unknown(BIG, says(format!("bytes 0-71/{size}")), other);
    check_unknown(BIG, says(format!("bytes {}-{last}/{size}", first - 1)), other);
    check_unknown(BIG, says(format!("bytes {first}-{size}/*")), other);
    check_unknown(
        BIG,
        says(format!("bytes {first}-{last}/{}", size + 5)),
        "bytes long, the manifest says",
    );
    let unsaid = "without saying which";
    check_unknown(BIG, says(format!("bytes {last}-{first}/{size}")), unsaid);
    check_unknown(BIG, says("bytes */5".to_owned()), unsaid);
    check_unknown(BIG, says("bytes 0-99999999999999999999/*".to_owned()), unsaid);
    check_unknown(BIG, vec![Reply::pass().without_header("Content-Range")], unsaid);
    let parts = "--b\r\nContent-Range: bytes 0-3/9\r\n\r\nabcd\r\n--b--\r\n";
    let multipart =
        Reply::status(206).header("Content-Type", "multipart/byteranges; boundary=b").body(parts);
    check_unknown(BIG, vec![multipart], unsaid);
    let length = "another number of bytes";
    check_unknown(BIG, vec![Reply::pass().body(vec![0; 71])], length);
    check_unknown(BIG, vec![Reply::pass().body(vec![0; 73])], length);
    check_unknown(BIG, vec![Reply::pass().without_length().truncate_after(30)], length);
}

#[test]
fn a_small_blob_may_come_whole() {
    check_known(SMALL, vec![whole(SMALL)], 1);
    check_known(SMALL, vec![whole(SMALL).header("Accept-Ranges", "bytes")], 1);
    check_unknown(SMALL, vec![Reply::ok("not the blob")], "does not serve parts of blobs");
}

#[test]
fn a_big_blob_that_comes_whole_is_left_at_once() {
    let blob = Layer::gzip(BIG).blob;
    let endless = whole(BIG).content_length("99999999999").flood(blob.clone());
    let unnamed = whole(BIG).without_length().flood(blob);
    for reply in [whole(BIG), endless, unnamed] {
        check_unknown(BIG, vec![reply], "does not serve parts of blobs");
    }
}

#[test]
fn a_cache_that_knows_a_blob_only_after_the_first_request_is_asked_again() {
    check_known(BIG, vec![whole(BIG), Reply::pass()], 2);
    let texts = [BIG, "usr/lib/other 200001", "usr/lib/third 200002"];
    let image = image(&texts);
    let registry = texts.iter().fold(content(&image), |content, text| {
        content.script("GET", &path(&Layer::gzip(text)), vec![whole(text)])
    });
    let registry = registry.start();
    let inspection = inspect(&registry);
    assert_eq!(inspection.warnings, [""; 0]);
    assert!(lengths(&inspection).iter().all(Option::is_some));
}

#[test]
fn refusals_to_serve_ranges_leave_the_size_unknown() {
    let refusal = "does not serve parts of blobs";
    check_unknown(BIG, vec![Reply::status(400)], refusal);
    check_unknown(BIG, vec![Reply::status(501)], refusal);
    let message = Reply::status(416).body("requested range not satisfiable\n\n");
    check_unknown(BIG, vec![message.clone()], refusal);
    // The whole blob's length is announced for a short message; its end never comes.
    check_unknown(BIG, vec![message.content_length("99999999").then_stall()], refusal);
}

#[test]
fn failures_cost_a_warning_and_no_report() {
    check_unknown(BIG, vec![Reply::status(404)], "which the registry does not have");
    check_unknown(BIG, vec![Reply::status(403)], "could not be read");
    check_unknown(BIG, vec![Reply::status(410)], "410 Gone");
    check_unknown(BIG, vec![Reply::status(418)], "418");
    check_unknown(BIG, vec![Reply::status(500)], "500 Internal Server Error");
    check_unknown(BIG, vec![Reply::status(429)], "allows no more requests");
    check_unknown(BIG, vec![Reply::rst()], "broke");
    check_unknown(BIG, vec![Reply::pass().truncate_after(5)], "broke");
    check_unknown(BIG, vec![Reply::raw("gopher\r\n\r\n").then_close()], "not valid HTTP");
    check_unknown(BIG, vec![Reply::status(302).header("Location", "http://[::")], "not a URL");
    check_unknown(BIG, vec![Reply::status(302).header("Location", "ftp://x/")], "not an http");
}

#[test]
fn failures_that_pass_are_waited_out() {
    check_known(BIG, vec![Reply::status(503), Reply::status(429), Reply::pass()], 3);
    check_known(BIG, vec![Reply::pass().truncate_after(5), Reply::pass()], 2);
    check_known(BIG, vec![Reply::rst(), Reply::pass()], 2);
}

#[test]
fn redirects_keep_the_range_and_leave_the_login_behind() {
    for status in [301, 302, 303, 307, 308] {
        let image = image(&[BIG]);
        let content = content(&image);
        let storage = content.clone().refuse_authorization().start_on(Origin::loopback(2));
        let registry = content.redirect_blobs(&storage.url(), status).start();
        let inspection = inspect(&registry);
        assert_eq!(inspection.warnings, [""; 0], "{status}");
        assert_eq!(lengths(&inspection), [Some(image.layers()[0].tar.len() as u64)]);
        let layer = path(&image.layers()[0]);
        let requests = storage.requests();
        let request = requests.iter().find(|request| request.path() == layer).unwrap();
        assert!(request.header("range").is_some_and(|range| range.starts_with("bytes=")));
    }
}

#[test]
fn an_expired_link_is_asked_for_once_more() {
    let expired = |status: u16, replies: usize| {
        let image = image(&[BIG]);
        let content = content(&image);
        let layer = path(&image.layers()[0]);
        let storage = content.clone().start_on(Origin::loopback(2));
        storage.script("GET", &layer, vec![Reply::status(status).body("expired"); replies]);
        let registry = content.redirect_blobs(&storage.url(), 307).start();
        let inspection = inspect(&registry);
        (lengths(&inspection)[0].is_some(), inspection.warnings, registry.count("GET", &layer))
    };
    for status in [403, 404, 410] {
        assert_eq!(expired(status, 1), (true, Vec::new(), 2), "{status}");
        let (known, warnings, asked) = expired(status, 9);
        assert_eq!((known, warnings.len(), asked), (false, 1, 2), "{status} {warnings:?}");
    }
}

#[test]
fn one_bad_layer_does_not_take_the_others_along() {
    let texts = [SMALL, BIG, "usr/lib/other 200001"];
    let image = image(&texts);
    let bad = path(&image.layers()[1]);
    let registry = content(&image).script("GET", &bad, vec![Reply::status(404)]).forever().start();
    let inspection = inspect(&registry);
    let known: Vec<bool> = lengths(&inspection).iter().map(Option::is_some).collect();
    assert_eq!(known, [true, false, true]);
    assert_eq!(inspection.warnings.len(), 1, "{inspection:?}");
}
