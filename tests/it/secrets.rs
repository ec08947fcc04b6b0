//! Secrets stay out of what the program prints, keeps and passes on, whatever servers do with
//! them.

use serde_json::json;

use crate::support::http::{Request, Server};
use crate::support::{Canary, Image, Layer, Origin, Registry, Reply, Sandbox, TokenServer, auths};

const MANIFEST: &str = "/v2/team/app/manifests/latest";

fn content() -> Registry {
    let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 1000"), "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

/// A server that repeats what it was sent, wherever an answer has room for text.
fn echo(status: u16) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request: &Request| {
        let given = request.header("authorization").unwrap_or_default().to_owned();
        if given.is_empty() && request.method == "GET" && request.path().starts_with("/v2/") {
            return Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let secret = given.split(' ').next_back().unwrap_or_default().to_owned();
        let said = format!("no {given} {body}");
        Reply::error(status, "DENIED", &said)
            .header("Warning", format!("299 - \"{said}\""))
            .header("Location", format!("/elsewhere/{secret}?x={secret}"))
            .header("Docker-Content-Digest", secret.clone())
            .header("Content-Type", format!("text/{secret}"))
            .header("RateLimit-Limit", "100;w=60")
            .header("RateLimit-Remaining", "0;w=60")
            .header("Docker-RateLimit-Source", secret)
    }
}

#[test]
fn a_registry_that_repeats_a_password_does_not_make_the_program_repeat_it() {
    let canary = Canary::new("robot");
    for status in [200, 302, 400, 401, 403, 404, 418, 429, 500] {
        let registry = Server::start(Origin::default(), echo(status));
        let sandbox = Sandbox::new();
        sandbox.docker_config(&auths(&[(&registry.host(), canary.user(), canary.secret())]));
        let reference = format!("{}/team/app", registry.host());
        for format in ["json", "terminal"] {
            let arguments = ["inspect", &reference, "--verbose", "--retries", "0"];
            let output = sandbox.run(&[&arguments[..], &["--format", format]].concat());
            assert_eq!(output.code, Some(2), "{status}: {output}");
            assert!(registry.saw(canary.secret()), "{status}: {output}");
            assert!(!output.holds(&canary), "{status}: {output}");
        }
        let files = sandbox.files_holding(&canary);
        assert!(!files.iter().any(|file| file.starts_with("cache")), "{status}: {files:?}");
    }
}

#[test]
fn a_token_server_that_repeats_a_secret_does_not_make_the_program_repeat_it() {
    let canary = Canary::new("robot");
    for status in [200, 302, 400, 401, 403, 404, 418, 429, 500] {
        let tokens = Server::start(Origin::default(), echo(status));
        let realm = format!("{}/token", tokens.url());
        let registry = content().auth_bearer_at(&realm, "s", &TokenServer::new().start().tokens());
        let registry = registry.start();
        let password = auths(&[(&registry.host(), canary.user(), canary.secret())]);
        let identity = json!({"identitytoken": canary.secret()});
        let identity = json!({"auths": {registry.host(): identity}});
        for config in [password, identity] {
            let sandbox = Sandbox::new();
            sandbox.docker_config(&config);
            let reference = registry.reference("team/app");
            let output = sandbox.run(&["inspect", &reference, "--verbose", "--retries", "0"]);
            assert_eq!(output.code, Some(2), "{status}: {output}");
            assert!(tokens.saw(canary.secret()), "{status}: {output}");
            assert!(!output.holds(&canary), "{status}: {output}");
        }
    }
}

#[test]
fn a_token_that_the_registry_repeats_is_not_printed() {
    let token = Canary::new("token").basic();
    let tokens = TokenServer::new().change_answer(json!({"token": token})).start();
    let refusal = Reply::error(403, "DENIED", &format!("{token} is not enough"));
    let refusal = refusal.header("Warning", format!("299 - \"{token}\""));
    let registry = content().auth_bearer(&tokens).start();
    registry.script_forever("GET", MANIFEST, vec![Reply::pass(), refusal]);
    let output = Sandbox::new().run(&["inspect", &registry.reference("team/app"), "--verbose"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(registry.saw(&token) && !output.to_string().contains(&token), "{output}");
}

#[test]
fn signed_links_are_printed_without_their_signature() {
    let storage = content().start_on(Origin::loopback(2));
    let registry = content().start();
    let canary = Canary::new("signature");
    let encoded: String =
        url::form_urlencoded::byte_serialize(canary.secret().as_bytes()).collect();
    let signed = format!("{}{MANIFEST}?X-Amz-Signature={encoded}&sig={encoded}", storage.url());
    registry.script_forever("GET", MANIFEST, vec![Reply::status(307).header("Location", signed)]);
    let run = || {
        let sandbox = Sandbox::new();
        let reference = registry.reference("team/app");
        let output = sandbox.run(&["inspect", &reference, "--verbose", "--retries", "0"]);
        assert!(storage.saw(canary.secret()) && !output.holds(&canary), "{output}");
        assert_eq!(sandbox.files_holding(&canary).len(), 0);
        output.code
    };
    assert_eq!(run(), Some(0));
    for reply in [Reply::status(403).body(canary.secret().to_owned()), Reply::rst()] {
        storage.script_forever("GET", MANIFEST, vec![reply.clone(), reply]);
        assert_eq!(run(), Some(2));
    }
}

#[test]
fn the_password_of_a_proxy_is_for_the_proxy() {
    let canary = Canary::new("proxy");
    let encoded: String =
        url::form_urlencoded::byte_serialize(canary.secret().as_bytes()).collect();
    let registry = content().start();
    let proxied = content();
    let proxy = proxied.start_on(Origin::loopback(3));
    let mut sandbox = Sandbox::new();
    sandbox.set("http_proxy", &format!("http://proxy:{encoded}@{}", proxy.host()));
    let output = sandbox.run(&["inspect", &registry.reference("team/app"), "--verbose"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!registry.saw(canary.secret()) && proxy.requests().is_empty());
    for reply in [Reply::status(407), Reply::rst(), Reply::status(502)] {
        proxy.script_forever("*", MANIFEST, vec![reply]);
        let arguments = [
            "inspect",
            "r.example/team/app",
            "--plain-http",
            "r.example",
            "--verbose",
            "--retries",
            "0",
        ];
        let output = sandbox.run(&arguments);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(proxy.saw(canary.secret()), "{output}");
        assert!(!output.holds(&canary), "{output}");
    }
}

#[test]
fn a_helper_is_told_nothing_but_which_registry_is_meant() {
    let (canary, other) = (Canary::new("robot"), Canary::new("other"));
    let registry = content().auth_basic(canary.user(), canary.secret()).start();
    let mut sandbox = Sandbox::new();
    let answer = json!({"Username": canary.user(), "Secret": canary.secret()}).to_string();
    let answer = sandbox.write("answer", answer);
    let seen = sandbox.path("seen");
    let script = format!(
        "{{ env; tr '\\0' ' ' < /proc/$$/cmdline; echo; echo \"args: $*\"; cat; }} > '{}'\ncat '{}'",
        seen.display(),
        answer.display()
    );
    sandbox.helper("vault", &script);
    sandbox.docker_config(&json!({"credsStore": "vault"}));
    sandbox.set(
        "DOCKER_AUTH_CONFIG",
        &auths(&[("r.example", other.user(), other.secret())]).to_string(),
    );
    let output = sandbox.run(&["inspect", &registry.reference("team/app")]);
    assert_eq!(output.code, Some(0), "{output}");
    let seen = std::fs::read(seen).unwrap();
    assert!(!canary.in_bytes(&seen) && !other.in_bytes(&seen));
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains("args: get\n") && text.ends_with(&registry.host()), "{text}");
}

#[test]
fn no_setting_accepts_any_certificate() {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["danger", "tls_sni(false", "insecure"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn secrets_in_an_image_are_neither_shown_nor_kept() {
    let canary = Canary::new("robot");
    let url = format!("https://me:{}@git.example/x.git", canary.secret());
    let texts = [
        ("opt/a/lib/python3/site-packages/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n".to_owned()),
        (
            "opt/a/lib/python3/site-packages/x-1.dist-info/direct_url.json",
            json!({"url": url, "vcs_info": {"vcs": "git", "commit_id": "a"}}).to_string(),
        ),
        (
            "opt/conda/conda-meta/y-1-0.json",
            json!({"name": "y", "version": "1", "build": "0", "channel": format!("https://c.example/t/{}/main", canary.secret())}).to_string(),
        ),
        ("opt/conda/conda-meta/history", format!("# cmd: conda install -c {url} y\n")),
        ("etc/pip.conf", format!("[global]\nindex-url = {url}\n")),
        ("root/.npmrc", format!("//registry.example/:_authToken={}\n", canary.secret())),
        ("root/.condarc", format!("channels:\n  - https://c.example/t/{}/main\n", canary.secret())),
        ("srv/entrypoint.sh", format!("#!/bin/sh\nexport API_TOKEN={}\n", canary.secret())),
        ("srv/dump.sql", format!("-- PASSWORD={}\n{}", canary.secret(), "-- row\n".repeat(50_000))),
    ];
    let lines = texts.map(|(path, text)| format!("{path} {}", json!(text)));
    let image = Image::new("linux/amd64").layer(Layer::gzip(&lines.join("\n")), "COPY . /");
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    for command in ["analyze", "packages"] {
        for format in ["terminal", "markdown", "csv", "json"] {
            for _ in 0..2 {
                let output = sandbox.run(&[command, &reference, "--format", format]);
                assert_eq!(output.code, Some(0), "{output}");
                assert!(!output.holds(&canary), "{output}");
            }
        }
    }
    let files = sandbox.files_holding(&canary);
    assert!(files.is_empty(), "{files:?}");
}
