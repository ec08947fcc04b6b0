//! Credentials and tokens reach the origins they are for, and nothing else that a registry names.
//!
//! Every server records everything. A canary is kept for one registry; whatever that registry
//! answers, neither the canary nor a token made from it may turn up anywhere else.

use serde_json::json;

use crate::support::canary::holds;
use crate::support::http::Server;
use crate::support::image::Bundle;
use crate::support::login::{IDENTITY_TOKENS, Login, PASSWORDS};
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::token::RunningTokenServer;
use crate::support::{
    Canary, Flaw, Image, Layer, Origin, Registry, Reply, Sandbox, TestCa, TokenServer, auths,
};

const MANIFEST: &str = "/v2/team/app/manifests/latest";

/// A registry with its token server, a stranger on another address, one on another port, and the
/// logins for all of them.
struct World {
    registry: RunningRegistry,
    tokens: RunningTokenServer,
    stranger: RunningRegistry,
    neighbour: RunningRegistry,
    canary: Canary,
    other: Canary,
    image: Image,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

impl World {
    fn new(scheme: Scheme) -> Self {
        let (canary, other) = (Canary::new("robot"), Canary::new("other"));
        let image = image();
        let content = Registry::new().put_image("team/app", "latest", &image.bundle()).referrers();
        let users = TokenServer::new()
            .user(canary.user(), canary.secret())
            .refresh_token(canary.user(), canary.secret())
            .no_anonymous();
        let tokens = users.start();
        let registry = match scheme {
            Scheme::Basic => content.clone().auth_basic(canary.user(), canary.secret()),
            Scheme::Bearer => content.clone().auth_bearer(&tokens),
        };
        let stranger = content.clone().start_on(Origin::loopback(2));
        let neighbour = content.start();
        Self { registry: registry.start(), tokens, stranger, neighbour, canary, other, image }
    }

    fn run(&self, login: Login, more: &[&str]) -> Output {
        let mut sandbox = Sandbox::new();
        // Logins for the other servers, which must not be used unasked either.
        let strangers = [&self.stranger, &self.neighbour].map(|server| server.host());
        let others =
            strangers.each_ref().map(|h| (h.as_str(), self.other.user(), self.other.secret()));
        sandbox.write("home/.config/containers/auth.json", auths(&others).to_string());
        let reference = self.registry.reference("team/app:latest");
        let arguments =
            [&["inspect", &reference, "--verbose", "--referrers", "--retries", "0"], more].concat();
        let output = login.run(&mut sandbox, &self.registry.host(), &self.canary, &arguments);
        self.check_silence(&sandbox, &output);
        output
    }

    /// Neither secrets nor tokens are in the output or in any file that the run wrote.
    fn check_silence(&self, sandbox: &Sandbox, output: &Output) {
        for canary in [&self.canary, &self.other] {
            assert!(!output.holds(canary), "{output}");
            let files = sandbox.files_holding(canary);
            assert!(!files.iter().any(|file| file.starts_with("cache")), "{files:?}");
        }
        for grant in self.tokens.grants() {
            let all = [output.stdout.as_bytes(), output.stderr.as_bytes()];
            assert!(!all.iter().any(|text| holds(text, &grant.token)), "{output}");
        }
    }

    fn check_strangers(&self, what: &str) {
        for server in [&self.stranger, &self.neighbour] {
            self.check_stranger(server, what);
        }
    }

    fn check_stranger(&self, server: &Server, what: &str) {
        assert!(!server.saw(self.canary.secret()), "{what}: {:?}", server.requests());
        assert!(!server.saw(self.other.secret()), "{what}: {:?}", server.requests());
        for grant in self.tokens.grants() {
            assert!(!server.saw(&grant.token), "{what}: {:?}", server.requests());
        }
        for request in server.requests() {
            for header in ["authorization", "proxy-authorization", "cookie", "referer"] {
                assert_eq!(request.header(header), None, "{what}: {request:?}");
            }
        }
    }

    fn bundle(&self) -> Bundle {
        self.image.bundle()
    }

    /// Lets the registry answer the request for the manifest by `reply` once it is authorized.
    fn authorized_manifest(&self, reply: Reply) {
        self.registry.script_forever("GET", MANIFEST, vec![Reply::pass(), reply]);
    }
}

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 1000"), "COPY motd /etc/")
}

fn to(status: u16, location: impl Into<String>) -> Reply {
    Reply::status(status).header("Location", location).header("Set-Cookie", "session=canary")
}

fn schemes(login: Login) -> &'static [Scheme] {
    if IDENTITY_TOKENS.contains(&login) {
        &[Scheme::Bearer]
    } else {
        &[Scheme::Basic, Scheme::Bearer]
    }
}

/// Plays a scene with every kind of login and every way to ask for it.
fn for_all_logins(scene: impl Fn(&World, Login, &str)) {
    for login in PASSWORDS.into_iter().chain(IDENTITY_TOKENS) {
        for scheme in schemes(login) {
            scene(&World::new(*scheme), login, &format!("{login:?} {scheme:?}"));
        }
    }
}

/// Plays a scene with one login of each kind that can be on the way.
fn for_all_secrets(scene: impl Fn(&World, Login, &str)) {
    let cases = [
        (Login::DockerConfig, Scheme::Basic),
        (Login::DockerConfig, Scheme::Bearer),
        (Login::IdentityToken, Scheme::Bearer),
    ];
    for (login, scheme) in cases {
        scene(&World::new(scheme), login, &format!("{login:?} {scheme:?}"));
    }
}

#[test]
fn every_login_reaches_its_own_registry_or_token_server_alone() {
    for_all_logins(|world, login, what| {
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(0), "{what}: {output}");
        let (registry, tokens) =
            (world.registry.saw(world.canary.secret()), world.tokens.saw(world.canary.secret()));
        assert_ne!(registry, tokens, "{what}: {output}");
        world.check_strangers(what);
        assert_eq!(world.stranger.requests().len() + world.neighbour.requests().len(), 0);
    });
}

#[test]
fn redirected_manifests_and_blobs_are_fetched_without_any_login() {
    for_all_logins(|world, login, what| {
        world.authorized_manifest(to(307, format!("{}{MANIFEST}", world.stranger.url())));
        world.registry.update(|content| content.redirect_blobs(&world.neighbour.url(), 307));
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(0), "{what}: {output}");
        assert_eq!(world.stranger.count("GET", "manifests/latest"), 1);
        assert!(world.neighbour.count("GET", "/blobs/") > 0);
        world.check_strangers(what);
    });
}

#[test]
fn no_status_of_a_redirect_carries_a_login_along() {
    for status in [301, 302, 303, 307, 308] {
        for_all_secrets(|world, login, what| {
            let what = format!("{what} {status}");
            let location = format!("{}{MANIFEST}?token=abc", world.stranger.url());
            world.authorized_manifest(to(status, location));
            world.registry.update(|content| content.redirect_blobs(&world.stranger.url(), status));
            let output = world.run(login, &[]);
            assert_eq!(output.code, Some(0), "{what}: {output}");
            assert!(world.stranger.requests().len() >= 2);
            world.check_strangers(&what);
        });
    }
}

#[test]
fn a_redirect_that_comes_back_does_not_bring_the_login_back() {
    for_all_secrets(|world, login, what| {
        let back = format!("{}{MANIFEST}?back=1", world.registry.url());
        world.stranger.script("GET", MANIFEST, vec![to(302, back)]);
        let top = world.bundle().top;
        let served = Reply::ok(top.bytes).header("Content-Type", top.media_type);
        world.registry.script("GET", &format!("{MANIFEST}?back=1"), vec![served]);
        world.authorized_manifest(to(302, format!("{}{MANIFEST}", world.stranger.url())));
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(0), "{what}: {output}");
        world.check_strangers(what);
        let requests = world.registry.requests();
        let back = requests.iter().find(|r| r.target.ends_with("?back=1")).unwrap();
        assert_eq!(back.header("authorization"), None, "{what}: {back:?}");
        assert_eq!(back.header("referer"), None);
        assert!(requests.iter().all(|request| request.header("cookie").is_none()));
    });
}

#[test]
fn a_challenge_of_a_redirect_target_is_not_met() {
    let challenges = |world: &World| {
        let bearer = |url: String| format!("Bearer realm=\"{url}/token\",service=\"x\"");
        ["Basic realm=\"x\"".to_owned(), bearer(world.stranger.url()), bearer(world.tokens.url())]
    };
    for number in 0..3 {
        for_all_secrets(|world, login, what| {
            let challenge = challenges(world)[number].clone();
            let refusal = Reply::error(401, "UNAUTHORIZED", "log in");
            let refusal = refusal.header("WWW-Authenticate", challenge);
            world.stranger.script_forever("GET", MANIFEST, vec![refusal]);
            world.authorized_manifest(to(302, format!("{}{MANIFEST}", world.stranger.url())));
            let output = world.run(login, &[]);
            assert_eq!(output.code, Some(2), "{what}: {output}");
            assert!(output.stderr.contains(&world.stranger.host()), "{output}");
            world.check_strangers(what);
            assert!(world.tokens.grants().len() <= 1, "{what}");
        });
    }
}

#[test]
fn the_next_page_of_a_listing_is_not_asked_of_another_server() {
    for_all_secrets(|world, login, what| {
        let subject = world.bundle().top.digest();
        let referrers = format!("/v2/team/app/referrers/{subject}");
        for (number, server) in [&world.stranger, &world.neighbour].into_iter().enumerate() {
            let link = format!("<{}{referrers}?page={number}>; rel=\"next\"", server.url());
            let entry = json!({"mediaType": "a/b", "digest": subject, "size": 1});
            let page = Reply::json(200, &json!({"schemaVersion": 2, "manifests": [entry]}))
                .header("Content-Type", "application/vnd.oci.image.index.v1+json")
                .header("Link", link);
            world.registry.script("GET", &referrers, vec![page]);
            let output = world.run(login, &[]);
            assert_eq!(output.code, Some(0), "{what}: {output}");
            assert!(output.stdout.contains(&server.url()), "{what}: {output}");
        }
        world.check_strangers(what);
        assert_eq!(world.stranger.requests().len() + world.neighbour.requests().len(), 0);
    });
}

#[test]
fn the_tags_of_a_missing_image_are_not_asked_of_another_server() {
    for_all_secrets(|world, login, what| {
        let link = format!("<{}/v2/team/app/tags/list?last=a>; rel=\"next\"", world.stranger.url());
        let page = Reply::json(200, &json!({"tags": ["a"]})).header("Link", link);
        world.registry.script_forever("GET", "/v2/team/app/tags/list", vec![page]);
        world.registry.update(|content| content.remove("team/app", "latest"));
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(2), "{what}: {output}");
        assert_eq!(world.registry.count("GET", "/tags/list"), 1, "{what}: {output}");
        world.check_strangers(what);
        assert_eq!(world.stranger.requests().len(), 0);
    });
}

#[test]
fn next_pages_of_the_same_registry_are_read_however_they_are_named() {
    let registry = Registry::new().put_image("team/app", "latest", &image().bundle()).start();
    let (path, url) = ("/v2/team/app/tags/list", registry.url());
    let check = |links: &[&str], followed: bool| {
        let first = Reply::json(200, &json!({"tags": ["first"]}));
        let first = links.iter().fold(first, |reply, link| reply.also_header("Link", *link));
        registry.script("GET", path, vec![first, Reply::json(200, &json!({"tags": ["second"]}))]);
        let reference = registry.reference("team/app:absent");
        let output = Sandbox::new().run(&["inspect", &reference, "--retries", "0"]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("first"), "{links:?}: {output}");
        assert_eq!(output.stderr.contains("second"), followed, "{links:?}: {output}");
        if !followed {
            // Uses up the page that was not asked for.
            crate::support::Connection::open(registry.address()).get(path, &[]);
        }
    };
    check(&[&format!("<{path}?last=first>; rel=\"next\"")], true);
    check(&[&format!("<{url}{path}?last=first>; rel=next")], true);
    check(&[&format!("{path}?last=first")], true);
    check(&["<?last=first>; rel=\"next\""], true);
    check(&["</x>; rel=\"prev\"", &format!("<{path}?last=a,b>; rel=\"last next\"")], true);
    check(&["<http://[::>; rel=\"next\""], false);
    check(&[&format!("<{path}?last=a>; rel=\"prev\"")], false);
    check(&[""], false);
}

#[test]
fn a_password_is_not_sent_to_a_token_server_elsewhere_unless_that_is_allowed() {
    for login in PASSWORDS.into_iter().chain(IDENTITY_TOKENS) {
        let world = World::new(Scheme::Bearer);
        let thief = TokenServer::new()
            .user(world.canary.user(), world.canary.secret())
            .refresh_token(world.canary.user(), world.canary.secret())
            .start_on(Origin::loopback(3));
        world.registry.update(|c| c.auth_bearer_at(&thief.realm(), "s", &thief.tokens()));
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(2), "{login:?}: {output}");
        assert!(thief.requests().is_empty() && !thief.saw(world.canary.secret()), "{login:?}");
        let allow = format!("{}={}", world.registry.host(), thief.host());
        assert!(output.stderr.contains(&format!("--allow-realm {allow}")), "{login:?}: {output}");
        let output = world.run(login, &["--allow-realm", &allow]);
        assert_eq!(output.code, Some(0), "{login:?}: {output}");
        assert!(thief.saw(world.canary.secret()), "{login:?}");
        assert!(!world.registry.saw(world.canary.secret()), "{login:?}");
        world.check_strangers(&format!("{login:?}"));
    }
}

#[test]
fn a_redirect_of_the_token_server_carries_no_login_along() {
    for status in [301, 302, 303, 307, 308] {
        for login in [Login::DockerConfig, Login::IdentityToken] {
            let world = World::new(Scheme::Bearer);
            let location = format!("{}/token", world.stranger.url());
            world.tokens.script_forever("*", "/token", vec![to(status, location)]);
            let output = world.run(login, &[]);
            assert_eq!(output.code, Some(2), "{login:?} {status}: {output}");
            assert!(world.tokens.saw(world.canary.secret()), "{login:?} {status}");
            world.check_strangers(&format!("{login:?} {status}"));
        }
    }
}

#[test]
fn locations_with_a_login_in_them_are_refused_and_not_printed() {
    for_all_secrets(|world, login, what| {
        let host = world.stranger.host();
        let url = format!("http://user:canary-in-url@{host}{MANIFEST}");
        world.authorized_manifest(to(302, url));
        let output = world.run(login, &[]);
        assert_eq!(output.code, Some(2), "{what}: {output}");
        assert!(output.stderr.contains("carries a user name or password"), "{output}");
        assert!(output.stderr.contains(&host), "{output}");
        assert!(!output.to_string().contains("canary-in-url"), "{output}");
        assert_eq!(world.stranger.requests().len(), 0);
    });
}

#[test]
fn a_base_image_elsewhere_is_asked_for_with_that_registrys_login() {
    for_all_secrets(|world, login, what| {
        let base = world.stranger.reference("team/app:latest");
        let output = world.run(login, &["--base", &base]);
        assert_eq!(output.code, Some(0), "{what}: {output}");
        assert!(world.stranger.count("GET", "/manifests/latest") > 0);
        world.check_strangers(what);
        let (user, secret) = (world.other.user(), world.other.secret());
        world.stranger.update(|content| content.auth_basic(user, secret));
        let output = world.run(login, &["--base", &base]);
        assert_eq!(output.code, Some(0), "{what}: {output}");
        assert!(world.stranger.saw(secret), "{what}: {output}");
        assert!(!world.stranger.saw(world.canary.secret()), "{what}");
        assert!(!world.registry.saw(secret) && !world.tokens.saw(secret), "{what}");
    });
}

#[test]
fn https_never_becomes_http() {
    let (ca, canary, image) = (TestCa::new(), Canary::new("robot"), image());
    let content = Registry::new().put_image("team/app", "latest", &image.bundle());
    let plain = content.clone().start_on(Origin::loopback(2));
    let tokens = TokenServer::new().user(canary.user(), canary.secret()).start();
    let check = |registry: &RunningRegistry, target: &str| {
        let host = registry.host();
        let sandbox = Sandbox::new();
        sandbox.docker_config(&auths(&[(&host, canary.user(), canary.secret())]));
        let (reference, ca) = (registry.reference("team/app"), ca.path().display().to_string());
        let arguments = ["inspect", &reference, "--https", &host, "--ca-file", &ca, "--verbose"];
        let output =
            sandbox.run(&[&arguments[..], &["--format", "json", "--retries", "0"]].concat());
        assert_eq!(output.code, Some(2), "{output}");
        for part in [host.as_str(), target, "https"] {
            assert!(output.stderr.contains(part), "{part}: {output}");
        }
        assert!(!output.holds(&canary) && !output.stderr.contains("insecure"), "{output}");
        assert_eq!(plain.requests().len() + tokens.requests().len(), 0);
        output.json()["error"]["kind"].as_str().map(str::to_owned)
    };
    let start =
        |content: Registry| content.start_on(Origin::default().tls(ca.certificate(Flaw::None)));
    let basic = content.clone().auth_basic(canary.user(), canary.secret());
    let registry = start(basic.clone());
    registry.script("GET", MANIFEST, vec![to(302, format!("{}{MANIFEST}", plain.url()))]);
    assert_eq!(check(&registry, &plain.url()).as_deref(), Some("network"));
    let registry = start(basic.redirect_blobs(&plain.url(), 307));
    assert_eq!(check(&registry, &plain.url()).as_deref(), Some("network"));
    let registry = start(content.auth_bearer(&tokens));
    assert_eq!(check(&registry, &tokens.url()).as_deref(), Some("auth"));
}

#[test]
fn redirects_without_end_or_aim_are_an_error() {
    let world = World::new(Scheme::Basic);
    let check = |reply: Reply, expected: &str| {
        world.stranger.script("GET", "/loop", vec![reply.clone(); 11]);
        let registry = Registry::new().start();
        registry.script_forever("GET", MANIFEST, vec![reply]);
        let reference = registry.reference("team/app:latest");
        let output = Sandbox::new().run(&["inspect", &reference, "--retries", "0"]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(expected), "{expected}: {output}");
        assert!(output.stderr.contains(&registry.host()), "{output}");
        assert!(output.stderr.len() < 2000, "{output}");
        registry.requests().len()
    };
    assert_eq!(check(to(302, MANIFEST), "more than 10 redirects"), 11);
    assert_eq!(check(Reply::status(307), "redirects without saying where to"), 1);
    assert_eq!(check(to(307, "http://[::"), "something that is not a URL"), 1);
    assert_eq!(check(to(307, "http://"), "something that is not a URL"), 1);
    assert_eq!(check(to(307, "/h\u{e9}"), "something that is not a URL"), 1);
    assert_eq!(check(to(307, "/\u{1}"), "not valid HTTP"), 1);
    assert_eq!(check(to(307, "file:///etc/passwd"), "is not an http or https URL"), 1);
    assert_eq!(check(to(307, format!("/{}", "x".repeat(16_000))), "no such"), 3);
    assert_eq!(check(to(307, format!("/{}", "x".repeat(65_000))), "the ceiling is 16384"), 1);
}
