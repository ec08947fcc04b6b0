//! The scripted registry and token server keep the protocol, or break it as asked.

use serde_json::json;

use crate::support::image::{OCI_INDEX, OCI_MANIFEST};
use crate::support::{
    Canary, Connection, DigestHeader, Image, Layer, Origin, Registry, Reply, TokenServer,
};

const BODY: &[u8] = b"0123456789";

fn digest_of(bytes: &[u8]) -> String {
    regsize::oci::Digest::of(bytes).to_string()
}

#[test]
fn registries_negotiate_manifests_and_serve_ranges_of_blobs() {
    let registry =
        Registry::new().put_manifest("r", "t", "{}", OCI_MANIFEST).put_blob("r", BODY).start();
    let mut connection = Connection::open(registry.address());
    let accept = [("Accept", "application/json, application/vnd.oci.image.manifest.v1+json")];
    let manifest = connection.get("/v2/r/manifests/t", &accept);
    let digest = digest_of(b"{}");
    assert_eq!(manifest.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(manifest.header("content-type"), Some(OCI_MANIFEST));
    let by_digest = format!("/v2/r/manifests/{digest}");
    assert_eq!(connection.request("HEAD", &by_digest, &accept, b"").status, 200);
    assert_eq!(
        connection.get("/v2/r/manifests/t", &[]).json()["errors"][0]["code"],
        "MANIFEST_UNKNOWN"
    );
    let blob = format!("/v2/r/blobs/{}", digest_of(BODY));
    let mut check = |range: &str, status: u16, body: &str, content_range: Option<&str>| {
        let answer = connection.get(&blob, &[("Range", range)]);
        let got = (answer.status, answer.text(), answer.header("content-range"));
        assert_eq!(got, (status, body.to_owned(), content_range), "{range}");
    };
    check("bytes=2-4", 206, "234", Some("bytes 2-4/10"));
    check("bytes=8-99", 206, "89", Some("bytes 8-9/10"));
    check("bytes=10-12", 416, "", Some("bytes */10"));
    check("bytes=-3", 200, "0123456789", None);
    check("bytes=3-", 200, "0123456789", None);
    check("bytes=0-1,4-5", 501, "", None);
    registry.update(|content| content.largest_range(2));
    check("bytes=2-9", 206, "23", Some("bytes 2-3/10"));
    registry.update(Registry::ignore_ranges);
    check("bytes=2-4", 200, "0123456789", None);
}

#[test]
fn registries_page_tags_and_list_referrers() {
    let subject = digest_of(b"subject");
    let referrer = json!({"subject": {"digest": subject}, "config": {"mediaType": "a/b"}});
    let registry = Registry::new()
        .put_manifest("r", "one", "{}", "text/plain")
        .put_manifest("r", "", referrer.to_string(), OCI_MANIFEST)
        .put_tags("r", "one", &["three", "two", "four"])
        .page_size(3)
        .start();
    let mut connection = Connection::open(registry.address());
    let page = connection.get("/v2/r/tags/list?n=2", &[]);
    assert_eq!(page.json()["tags"], json!(["four", "one"]));
    let link = "</v2/r/tags/list?last=one&n=2>; rel=\"next\"";
    assert_eq!(page.header("link"), Some(link));
    let page = connection.get("/v2/r/tags/list?last=one&n=2", &[]);
    assert_eq!((page.json()["tags"].clone(), page.header("link")), (json!(["three", "two"]), None));
    let all = connection.get("/v2/r/tags/list?n=9", &[]).json();
    assert_eq!(all["tags"].as_array().map(Vec::len), Some(3));
    let target = format!("/v2/r/referrers/{subject}?artifactType=a/b");
    assert_eq!(connection.get(&target, &[]).status, 404);
    registry.update(|content| content.referrers().put_fallback_tag("r", &subject.parse().unwrap()));
    let listed = connection.get(&target, &[]);
    assert_eq!(listed.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(listed.json()["manifests"][0]["artifactType"], "a/b");
    let tag = format!("/v2/r/manifests/{}", subject.replace(':', "-"));
    assert_eq!(connection.get(&tag, &[("Accept", OCI_INDEX)]).body, listed.body);
}

#[test]
fn registries_misbehave_as_asked() {
    let content = Registry::new().put_manifest("r", "t", "{}", "text/plain").no_head(405);
    let header = DigestHeader::Text("nonsense".to_owned());
    let registry = content
        .digest_header(header)
        .rate_limit_headers(100, 1, 21600, "192.0.2.1")
        .put_manifest("secret", "t", "{}", "text/plain")
        .deny("secret")
        .script("GET", "/v2/r/manifests/x", vec![Reply::status(502), Reply::status(504)])
        .forever()
        .start();
    let mut connection = Connection::open(registry.address());
    assert_eq!(connection.request("HEAD", "/v2/r/manifests/t", &[], b"").status, 405);
    let manifest = connection.get("/v2/r/manifests/t", &[]);
    assert_eq!(manifest.header("docker-content-digest"), Some("nonsense"));
    assert_eq!(manifest.header("ratelimit-remaining"), Some("0;w=21600"));
    assert_eq!(connection.get("/v2/r/manifests/t", &[]).status, 429);
    assert_eq!(connection.get("/v2/secret/manifests/t", &[]).status, 403);
    let statuses = [0; 3].map(|_| connection.get("/v2/r/manifests/x", &[]).status);
    assert_eq!(statuses, [502, 504, 504]);
    assert_eq!(connection.get("/v2/other/manifests/t", &[]).status, 404);
}

#[test]
fn basic_authentication_is_asked_for_and_checked() {
    let canary = Canary::new("robot");
    let registry = Registry::new().auth_basic(canary.user(), canary.secret()).start();
    let mut connection = Connection::open(registry.address());
    let refused = connection.get("/v2/", &[]);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"test registry\""));
    assert!(!registry.saw(canary.secret()));
    let basic = format!("Basic {}", canary.basic());
    assert_eq!(connection.get("/v2/", &[("Authorization", &basic)]).status, 200);
    assert!(registry.saw(canary.secret()));
}

#[test]
fn tokens_are_for_a_repository_and_wear_out() {
    let tokens = TokenServer::new().user("robot", "pw").uses_per_token(1).start();
    let content = Registry::new().put_manifest("a/b", "t", "{}", "text/plain");
    let registry = content.auth_bearer(&tokens).start();
    let mut connection = Connection::open(registry.address());
    let refused = connection.get("/v2/a/b/manifests/t", &[]);
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"test.service\",scope=\"repository:a/b:pull\"",
        tokens.realm()
    );
    assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
    let mut issuer = Connection::open(tokens.address());
    let target = "/token?service=test.service&scope=repository:a/b:pull";
    let token = issuer.get(target, &[]).json()["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let mut statuses = [0; 2];
    for status in &mut statuses {
        let answer = connection.get("/v2/a/b/manifests/t", &[("Authorization", &bearer)]);
        *status = answer.status;
    }
    assert_eq!(statuses, [200, 401]);
    assert_eq!(tokens.grants()[0].scopes, ["repository:a/b:pull"]);
    assert_eq!(issuer.get(target, &[("Authorization", "Basic cm9ib3Q6bm8=")]).status, 401);
}

#[test]
fn token_servers_take_the_oauth_form_and_answer_as_asked() {
    let tokens = TokenServer::new()
        .user("robot", "pw")
        .refresh_token("robot", "identity")
        .no_anonymous()
        .change_answer(json!({"token": "$token", "access_token": null, "expires_in": "soon"}))
        .start();
    let mut issuer = Connection::open(tokens.address());
    assert_eq!(issuer.get("/token", &[]).status, 401);
    let form = b"grant_type=refresh_token&refresh_token=identity&scope=a+b";
    let answer = issuer.request("POST", "/token", &[], form).json();
    assert_eq!(answer, json!({"token": "token-1", "expires_in": "soon"}));
    let grant = &tokens.grants()[0];
    assert_eq!((grant.kind.as_str(), grant.user.as_deref()), ("refresh_token", Some("robot")));
    assert_eq!(grant.scopes, ["a", "b"]);
}

#[test]
fn blobs_are_redirected_to_another_origin_by_links_that_expire() {
    let layer = Layer::gzip("a 1000");
    let image = Image::new("linux/amd64").layer(layer.clone(), "COPY a /");
    let content = Registry::new().put_image("r", "t", &image.bundle());
    let storage = content.clone().refuse_authorization().uses_per_link(1);
    let storage = storage.start_on(Origin::loopback(2));
    let registry = content.redirect_blobs(&storage.url(), 307).start();
    let blob = format!("/v2/r/blobs/{}", digest_of(&layer.blob));
    let answer = Connection::open(registry.address()).get(&blob, &[]);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("http://127.0.0.2:"), "{location}");
    let target = location.strip_prefix(&storage.url()).unwrap();
    let mut connection = Connection::open(storage.address());
    assert_eq!(connection.get(target, &[("Authorization", "Basic eA==")]).status, 400);
    assert_eq!(connection.get(target, &[]).body, layer.blob);
    assert_eq!(connection.get(target, &[]).status, 403);
}
