//! Challenges are met, tokens are asked for once and renewed once, and refusals end the run soon.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::http::Request;
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::token::RunningTokenServer;
use crate::support::{
    Canary, DigestHeader, Image, Index, Layer, Registry, Reply, Sandbox, TokenServer, auths,
};

const MANIFEST: &str = "/v2/team/app/manifests/latest";
const PLATFORMS: [&str; 8] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/arm/v6",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
];

fn image(platform: &str) -> Image {
    Image::new(platform).layer(Layer::gzip(&format!("etc/{platform} 1000")), "COPY . /etc/")
}

fn content() -> Registry {
    Registry::new().put_image("team/app", "latest", &image("linux/amd64").bundle())
}

fn index() -> Registry {
    let index = PLATFORMS.iter().fold(Index::new(), |index, p| index.image(&image(p)));
    Registry::new().put_image("team/app", "latest", &index.bundle())
}

fn inspect(sandbox: &Sandbox, registry: &RunningRegistry) -> Output {
    let reference = registry.reference("team/app:latest");
    sandbox.run(&["inspect", &reference, "--format", "json", "--retries", "0"])
}

/// A sandbox that knows the canary as the login for the registry.
fn logged_in(registry: &RunningRegistry, canary: &Canary) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[(&registry.host(), canary.user(), canary.secret())]));
    sandbox
}

fn check_error(output: &Output, kind: &str, parts: &[&str]) {
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], kind, "{output}");
    for part in parts {
        assert!(output.stderr.contains(part), "{part}: {output}");
    }
}

fn authorized(requests: &[Request]) -> usize {
    requests.iter().filter(|request| request.header("authorization").is_some()).count()
}

#[test]
fn tokens_are_asked_for_by_get_with_a_password_and_by_form_with_an_identity_token() {
    let canary = Canary::new("robot");
    let start = || {
        let tokens = TokenServer::new()
            .user(canary.user(), canary.secret())
            .refresh_token("robot", canary.secret())
            .no_anonymous()
            .start();
        (content().auth_bearer(&tokens).start(), tokens)
    };
    let (registry, tokens) = start();
    let output = inspect(&logged_in(&registry, &canary), &registry);
    assert_eq!(output.code, Some(0), "{output}");
    let request = &tokens.requests()[0];
    assert_eq!((request.method.as_str(), request.path()), ("GET", "/token"));
    assert_eq!(request.query("service"), ["test.service"]);
    assert_eq!(request.query("scope"), ["repository:team/app:pull"]);
    let basic = format!("Basic {}", canary.basic());
    assert_eq!(request.header("authorization"), Some(basic.as_str()));
    assert!(!request.target.contains("canary"));

    let (registry, tokens) = start();
    let entry = json!({"identitytoken": canary.secret()});
    let sandbox = Sandbox::new();
    sandbox.docker_config(&json!({"auths": {registry.host(): entry}}));
    let output = inspect(&sandbox, &registry);
    assert_eq!(output.code, Some(0), "{output}");
    let request = &tokens.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/token"));
    assert_eq!(request.form("grant_type"), ["refresh_token"]);
    assert_eq!(request.form("refresh_token"), [canary.secret()]);
    assert_eq!(request.form("service"), ["test.service"]);
    assert_eq!(request.form("scope"), ["repository:team/app:pull"]);
    assert!(!request.form("client_id").is_empty());
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let tokens = TokenServer::new().start();
    let registry = content().auth_bearer(&tokens).start();
    let sandbox = Sandbox::new();
    let entry = json!({"registrytoken": "a-token-of-the-user"});
    sandbox.docker_config(&json!({"auths": {registry.host(): entry}}));
    let output = inspect(&sandbox, &registry);
    check_error(&output, "auth", &["docker/config.json"]);
    let bearers: Vec<_> = registry
        .requests()
        .iter()
        .filter_map(|r| r.header("authorization").map(str::to_owned))
        .collect();
    assert!(bearers.iter().all(|bearer| bearer == "Bearer a-token-of-the-user"), "{bearers:?}");
    assert!(!bearers.is_empty());
    assert_eq!(tokens.requests().len(), 0);
    assert!(!output.to_string().contains("a-token-of-the-user"), "{output}");
}

#[test]
fn one_token_serves_all_requests_for_a_repository() {
    let tokens = TokenServer::new().start();
    let registry = index().auth_bearer(&tokens).start();
    let output = inspect(&Sandbox::new(), &registry);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(tokens.requests().len(), 1);
    assert!(authorized(&registry.requests()) > 2 * PLATFORMS.len());
    assert_eq!(registry.requests().len(), authorized(&registry.requests()) + 1);
}

#[test]
fn a_token_that_is_revoked_on_the_way_is_renewed_once_for_all_requests() {
    for uses in [1, 5, 12] {
        let tokens = TokenServer::new().uses_of_first_token(uses).start();
        let registry = index().auth_bearer(&tokens).start();
        let output = inspect(&Sandbox::new(), &registry);
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(tokens.requests().len(), 2, "{uses}");
    }
}

#[test]
fn an_expired_token_may_be_answered_by_400() {
    let expired = Reply::error(400, "DENIED", "Your authorization token has expired. Log in.");
    let config = Digest::of(&image("linux/amd64").config());
    let path = format!("/v2/team/app/blobs/{config}");
    let run = |replies: Vec<Reply>| {
        let tokens = TokenServer::new().start();
        let registry = content().auth_bearer(&tokens).start();
        registry.script("GET", &path, replies);
        let output = inspect(&Sandbox::new(), &registry);
        (output, tokens.requests().len(), registry.count("GET", &path))
    };
    let (output, tokens, requests) = run(vec![expired.clone()]);
    assert_eq!((output.code, tokens, requests), (Some(0), 2, 2), "{output}");
    let (output, tokens, requests) = run(vec![expired; 9]);
    assert_eq!((output.code, tokens, requests), (Some(2), 2, 2), "{output}");
    assert!(output.stderr.contains("token has expired"), "{output}");
}

#[test]
fn a_fresh_token_that_is_not_valid_yet_is_tried_once_more() {
    let tokens = TokenServer::new().start();
    let registry = content().auth_bearer(&tokens).start();
    let refusal = Reply::error(401, "UNAUTHORIZED", "token used before nbf");
    registry.script("GET", MANIFEST, vec![Reply::pass(), refusal]);
    assert_eq!(inspect(&Sandbox::new(), &registry).code, Some(0));
    assert_eq!((tokens.requests().len(), registry.count("GET", MANIFEST)), (1, 3));
}

#[test]
fn a_registry_that_always_wants_another_login_is_left_soon() {
    let canary = Canary::new("robot");
    let tokens = TokenServer::new().user(canary.user(), canary.secret()).start();
    let registry =
        content().auth_bearer_at(&tokens.realm(), "s", &TokenServer::new().start().tokens());
    let registry = registry.start();
    let output = inspect(&logged_in(&registry, &canary), &registry);
    check_error(&output, "auth", &["docker/config.json", "team/app"]);
    assert_eq!((tokens.requests().len(), registry.requests().len()), (1, 3));

    let registry = content().auth_basic("robot", "another").start();
    let output = inspect(&logged_in(&registry, &canary), &registry);
    check_error(&output, "auth", &["docker/config.json", "team/app"]);
    assert_eq!(registry.requests().len(), 2, "a wrong password is sent once: {output}");

    let tokens = TokenServer::new().user("robot", "another").start();
    let registry = content().auth_bearer(&tokens).start();
    let output = inspect(&logged_in(&registry, &canary), &registry);
    check_error(&output, "auth", &["rejects the credentials", "docker/config.json"]);
    assert_eq!((tokens.requests().len(), registry.requests().len()), (1, 1));
}

#[test]
fn a_wrong_password_is_not_tried_again_for_other_repositories() {
    let canary = Canary::new("robot");
    let repositories = ["a/one:1", "a/two:1", "a/three:1", "a/four:1"];
    let check = |registry: &RunningRegistry| {
        let references = repositories.map(|name| registry.reference(name));
        let mut arguments = vec!["inspect", "--retries", "0"];
        arguments.extend(references.iter().map(String::as_str));
        let output = logged_in(registry, &canary).run(&arguments);
        assert_eq!(output.code, Some(2), "{output}");
        for reference in &references {
            assert!(output.stderr.contains(reference), "{output}");
        }
    };
    let registry = Registry::new().auth_basic("robot", "another").start();
    check(&registry);
    assert_eq!(authorized(&registry.requests()), 1);
    let tokens = TokenServer::new().user("robot", "another").start();
    check(&Registry::new().auth_bearer(&tokens).start());
    assert_eq!(tokens.requests().len(), 1);
}

/// The program's answer where the token server answers by `reply`, which it is asked for once.
fn with_token_reply(reply: Reply) -> Output {
    let tokens = TokenServer::new().start();
    tokens.script_forever("GET", "/token", vec![reply]);
    let registry = content().auth_bearer(&tokens).start();
    let output = inspect(&Sandbox::new(), &registry);
    assert_eq!(tokens.requests().len(), 1, "{output}");
    assert_eq!(registry.requests().len(), 1, "{output}");
    assert!(output.stderr.contains(&registry.host()), "{output}");
    assert!(output.stderr.contains("/token"), "{output}");
    assert!(output.stderr.len() < 2000, "{output}");
    output
}

#[test]
fn odd_answers_of_the_token_server_are_an_error() {
    let check = |reply: Reply, kind: &str, expected: &str| {
        check_error(&with_token_reply(reply), kind, &[expected]);
    };
    let token = |value: Value| Reply::json(200, &json!({"token": value, "expires_in": 60}));
    check(Reply::ok("<html><body>Log in</body></html>"), "auth", "is an HTML page");
    check(Reply::ok("{}"), "auth", "holds no token");
    check(Reply::ok("[]"), "auth", "holds no token");
    check(Reply::ok(""), "auth", "not a JSON object");
    check(Reply::ok("x".repeat(10 << 20)), "ceiling", "larger than");
    check(token(json!("")), "auth", "holds no token");
    check(token(json!("a\nX-Evil: 1")), "auth", "visible characters");
    check(token(json!("a b")), "auth", "visible characters");
    check(token(json!("t\u{f6}ken")), "auth", "visible characters");
    check(token(json!("x".repeat(100 << 10))), "auth", "visible characters");
    check(token(json!("x".repeat(1 << 20))), "ceiling", "larger than");
    check(token(json!(5)), "auth", "not a JSON object");
    check(token(json!({"a": 1})), "auth", "not a JSON object");
    check(Reply::status(500), "network", "500");
    check(Reply::status(404), "auth", "404");
    check(Reply::error(400, "BAD", "what is a scope"), "auth", "what is a scope");
    check(Reply::status(401), "auth", "gives nothing to anonymous users");
    check(Reply::status(403), "auth", "gives nothing to anonymous users");
    check(Reply::status(429), "rate_limited", "no more requests");
    check(Reply::rst(), "network", "connection");
    check(Reply::ok("{\"token\":\"abc").truncate_after(5), "network", "connection");
}

#[test]
fn lifetimes_of_any_form_are_taken_as_they_are_meant() {
    let check = |changes: Value| {
        let tokens = TokenServer::new().change_answer(changes.clone()).start();
        let registry = index().auth_bearer(&tokens).start();
        let output = inspect(&Sandbox::new(), &registry);
        assert_eq!(output.code, Some(0), "{changes}: {output}");
        assert_eq!(tokens.requests().len(), 1, "{changes}");
    };
    check(json!({"token": "$token", "access_token": "$token"}));
    check(json!({"token": null, "access_token": "$token"}));
    for lifetime in
        [json!(null), json!(0), json!(-5), json!(1), json!(1e300), json!("300"), json!([])]
    {
        check(json!({"expires_in": lifetime}));
    }
    for issued in ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "yesterday"] {
        check(json!({"issued_at": issued}));
    }
}

#[test]
fn a_token_server_that_fails_for_a_moment_is_asked_again() {
    let tokens = TokenServer::new().start();
    tokens.script("GET", "/token", vec![Reply::status(502)]);
    let registry = content().auth_bearer(&tokens).start();
    let reference = registry.reference("team/app:latest");
    let output = Sandbox::new().run(&["inspect", &reference, "--retries", "1"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(tokens.requests().len(), 2);
}

/// The program's answer to a refusal with these challenges. No password and no anonymous request
/// follow it.
fn challenged(challenges: &[String]) -> Output {
    let canary = Canary::new("robot");
    let registry = content().start();
    let refusal = Reply::error(401, "UNAUTHORIZED", "authentication required");
    let refusal =
        challenges.iter().fold(refusal, |r, text| r.also_header("WWW-Authenticate", text));
    registry.script_forever("GET", MANIFEST, vec![refusal]);
    let output = inspect(&logged_in(&registry, &canary), &registry);
    assert_eq!(registry.requests().len(), 1, "{challenges:?}: {output}");
    assert!(output.stderr.contains(&registry.host()) && output.stderr.len() < 3000, "{output}");
    assert!(!output.holds(&canary));
    output
}

#[test]
fn challenges_that_cannot_be_met_are_an_error() {
    let check = |challenges: &[&str], expected: &str| {
        let challenges: Vec<String> = challenges.iter().map(|&text| text.to_owned()).collect();
        check_error(&challenged(&challenges), "auth", &[expected]);
    };
    check(&[], "does not say how");
    check(&[""], "does not say how");
    check(&["Bearer realm=\"http://127.0.0.1:1/token"], "does not say how");
    check(&["Negotiate"], "wants negotiate authentication, which is not supported");
    check(&["Negotiate", "NTLM"], "wants negotiate or ntlm authentication");
    check(&["AWS4-HMAC-SHA256 x=y, Digest realm=\"a\""], "not supported");
    check(&["Bearer service=\"x\""], "does not name a token server");
    check(&["Bearer realm=\"/token\""], "does not name a token server");
    check(&["Bearer realm=\"\""], "does not name a token server");
    check(&["Bearer realm=\"file:///etc/passwd\""], "not an http or https URL");
    check(&["Bearer realm=\"http://user:pw@127.0.0.1/t\""], "carries a user name or password");
    check(&["Bearer realm=\"http://10.0.0.1/t\""], "not a public address");
    check(&["Bearer realm=\"http://[::1]:1/t\""], "not a public address");
    check(&["Bearer realm=\"http://localhost:1/t\""], "not a public address");
    check(&[&format!("Bearer realm=\"{}\"", "x".repeat(60_000))], "does not name a token server");
}

#[test]
fn challenges_in_any_spelling_are_met() {
    let check = |challenges: &dyn Fn(&RunningTokenServer) -> Vec<String>| {
        let tokens = TokenServer::new().start();
        let registry = content().auth_bearer(&tokens).start();
        let challenges = challenges(&tokens);
        let refusal = Reply::error(401, "UNAUTHORIZED", "authentication required");
        let refusal =
            challenges.iter().fold(refusal, |r, text| r.also_header("WWW-Authenticate", text));
        registry.script("GET", MANIFEST, vec![refusal]);
        let output = inspect(&Sandbox::new(), &registry);
        assert_eq!(output.code, Some(0), "{challenges:?}: {output}");
        assert_eq!(tokens.requests().len(), 1, "{challenges:?}");
    };
    check(&|tokens| vec![format!("bEARER Realm=\"{}\"", tokens.realm())]);
    check(&|tokens| vec![format!("Basic realm=\"x\", Bearer realm=\"{}\"", tokens.realm())]);
    check(&|tokens| vec!["Negotiate".to_owned(), format!("Bearer realm=\"{}\"", tokens.realm())]);
    check(&|tokens| {
        vec![format!("Bearer realm=\"{}#part\",error=\"a \\\"b\\\"\"", tokens.realm())]
    });
    check(&|tokens| vec![format!("Bearer realm=\"{}?service=a\"", tokens.realm())]);
    check(&|tokens| vec![format!("Bearer service=\"a b\" , realm=\"{}\"", tokens.realm())]);
}

#[test]
fn a_refusal_names_whose_account_it_was() {
    let canary = Canary::new("robot");
    let tokens = TokenServer::new().user(canary.user(), canary.secret()).start();
    let registry = content().auth_bearer(&tokens).deny("team/app").start();
    let check = |sandbox: &Sandbox, expected: &[&str]| {
        let before = registry.requests().len();
        let output = inspect(sandbox, &registry);
        check_error(&output, "auth", expected);
        assert!(output.stderr.contains("team/app") && !output.holds(&canary), "{output}");
        assert_eq!(registry.requests().len() - before, 2, "{output}");
    };
    check(&logged_in(&registry, &canary), &["docker/config.json", "has no access"]);
    let sandbox = Sandbox::new();
    sandbox.helper_answering("vault", canary.user(), canary.secret());
    sandbox.docker_config(&json!({"credsStore": "vault"}));
    check(&sandbox, &["docker-credential-vault", "has no access"]);
    let log_in = format!("docker login {}", registry.host());
    check(&Sandbox::new(), &["or it is private", &log_in]);
}

#[test]
fn a_cached_image_is_shown_only_to_those_who_may_read_it_now() {
    let canary = Canary::new("robot");
    let registry = content().auth_basic(canary.user(), canary.secret()).start();
    let first = logged_in(&registry, &canary);
    let shared = first.path("cache").display().to_string();
    assert_eq!(inspect(&first, &registry).code, Some(0));
    let pinned = registry.reference(&format!("team/app@{}", image("linux/amd64").digest()));
    let check = |mut sandbox: Sandbox| {
        sandbox.set("REGSIZE_CACHE_DIR", &shared);
        for reference in [&registry.reference("team/app:latest"), &pinned] {
            let output = sandbox.run(&["inspect", reference]);
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output}");
        }
    };
    check(Sandbox::new());
    check(logged_in(&registry, &Canary::new("somebody")));
    registry.update(|content| content.deny("team/app"));
    check(logged_in(&registry, &canary));
}

#[test]
fn a_digest_in_a_reference_is_not_overruled_by_a_header() {
    let other = image("linux/arm64");
    let registry = content().put_image("team/app", "other", &other.bundle()).start();
    let sandbox = Sandbox::new();
    for tag in ["latest", "other"] {
        let output = sandbox.run(&["inspect", &registry.reference(&format!("team/app:{tag}"))]);
        assert_eq!(output.code, Some(0), "{output}");
    }
    let header = DigestHeader::Text(other.digest().to_string());
    registry.update(|content| content.digest_header(header));
    let digest = image("linux/amd64").digest();
    let reference = registry.reference(&format!("team/app@{digest}"));
    let output = sandbox.run(&["inspect", &reference, "--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.json()["digest"], digest.to_string(), "{output}");
}

#[test]
fn a_digest_header_of_another_algorithm_changes_nothing() {
    let sha512 = format!("sha512:{}", "0".repeat(128));
    for text in [sha512, format!("md5:{}", "0".repeat(32)), "nonsense".to_owned()] {
        let registry = content().digest_header(DigestHeader::Text(text.clone())).start();
        let output = inspect(&Sandbox::new(), &registry);
        assert_eq!(output.code, Some(0), "{text}: {output}");
        let digest = image("linux/amd64").digest();
        assert_eq!(output.json()["digest"], digest.to_string(), "{text}: {output}");
    }
}
