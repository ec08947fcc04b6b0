//! Credentials are read as docker and podman keep them; what cannot be read is an error that names
//! its place and never leads to a request without them.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Canary, Image, Layer, Registry, Sandbox, TokenServer, auths};

/// A registry for the canary's owner, the owner, and where the owner keeps the login.
struct World {
    registry: RunningRegistry,
    canary: Canary,
    sandbox: Sandbox,
}

impl World {
    fn new() -> Self {
        let canary = Canary::new("robot");
        let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 1000"), "COPY . /etc/");
        let content = Registry::new().put_image("team/app", "latest", &image.bundle());
        let registry = content.auth_basic(canary.user(), canary.secret()).start();
        Self { registry, canary, sandbox: Sandbox::new() }
    }

    fn run(&self) -> Output {
        let reference = self.registry.reference("team/app:latest");
        let arguments = ["inspect", &reference, "--format", "json", "--retries", "0", "--verbose"];
        let output = self.sandbox.run(&arguments);
        assert!(!output.holds(&self.canary), "{output}");
        output
    }

    /// The login is read and used.
    fn check_known(&self, what: &str) {
        let output = self.run();
        assert_eq!(output.code, Some(0), "{what}: {output}");
        assert!(self.registry.saw(self.canary.secret()));
    }

    /// The registry is asked once, before it is known that it wants a login, and not again.
    fn check_error(&self, parts: &[&str]) {
        let before = self.registry.requests().len();
        let output = self.run();
        assert_eq!(output.code, Some(2), "{output}");
        assert_eq!(output.json()["error"]["kind"], "auth", "{output}");
        for part in parts {
            assert!(output.stderr.contains(part), "{part}: {output}");
        }
        assert_eq!(self.registry.requests().len() - before, 1, "{output}");
        assert!(self.registry.requests().iter().all(|r| r.header("authorization").is_none()));
    }

    fn entry(&self) -> Value {
        json!({"auth": self.canary.basic()})
    }
}

#[test]
fn a_broken_config_is_an_error_that_names_the_file() {
    let world = World::new();
    let check = |content: &[u8], expected: &str| {
        world.sandbox.write("docker/config.json", content);
        world.check_error(&["docker/config.json", expected]);
    };
    check(b"", "empty, expected JSON");
    check(b"auths: {}", "not JSON at line 1");
    check(b"{\"auths\": {\"a\": {", "incomplete JSON");
    check(b"[]", "not JSON");
    check(b"{\"auths\": [\"a\"]}", "unexpected value at line 1");
    check(&vec![b' '; 2 << 20], "larger than 1 MiB");
    let path = world.sandbox.path("docker/config.json");
    std::fs::remove_file(&path).unwrap();
    symlink("config.json", &path).unwrap();
    world.check_error(&["docker/config.json", "cannot be read"]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    world.check_error(&["docker/config.json", "not a regular file"]);
    std::fs::remove_dir(&path).unwrap();
    world.sandbox.docker_config(&json!({"auths": null, "credHelpers": null}));
    let output = world.run();
    assert!(output.stderr.contains("wants a user name and password"), "{output}");
}

#[test]
fn an_unreadable_config_is_an_error_unless_the_user_may_read_everything() {
    let world = World::new();
    let login = auths(&[(&world.registry.host(), "robot", world.canary.secret())]);
    let path = world.sandbox.docker_config(&login);
    std::fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return world.check_known("as root");
    }
    world.check_error(&["docker/config.json", "cannot be read: Permission denied"]);
}

#[test]
fn a_broken_variable_or_named_file_is_an_error_that_names_it() {
    let mut world = World::new();
    world.sandbox.set("DOCKER_AUTH_CONFIG", "{\"auths\"");
    world.check_error(&["DOCKER_AUTH_CONFIG", "incomplete JSON"]);
    world.sandbox.unset("DOCKER_AUTH_CONFIG");
    let path = world.sandbox.write("somewhere.json", "no");
    world.sandbox.set("REGISTRY_AUTH_FILE", &path.display().to_string());
    world.check_error(&["somewhere.json", "not JSON"]);
}

#[test]
fn a_variable_that_is_not_text_is_not_taken_for_nothing() {
    let world = World::new();
    let mut command = world.sandbox.command(&["inspect", &world.registry.reference("team/app")]);
    command.env("DOCKER_AUTH_CONFIG", OsStr::from_bytes(b"{\"auths\":{}}\xff"));
    let output = Running::start(&mut command).finish();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("DOCKER_AUTH_CONFIG: not UTF-8"), "{output}");
    assert_eq!(world.registry.requests().len(), 0);
}

#[test]
fn a_password_on_stdin_is_one_line_for_one_registry() {
    let world = World::new();
    let reference = world.registry.reference("team/app");
    let check = |images: &[&str], stdin: &[u8], expected: &str| {
        let stdin = File::open(world.sandbox.write("stdin", stdin)).unwrap();
        let login = ["inspect", "--username", "robot", "--password-stdin", "--retries", "0"];
        let mut command = world.sandbox.command(&[&login, images].concat());
        command.stdin(stdin);
        let output = Running::start(&mut command).finish();
        assert_eq!(output.code, Some(if expected.is_empty() { 0 } else { 2 }), "{output}");
        assert!(output.stderr.contains(expected), "{expected}: {output}");
        assert!(!output.holds(&world.canary), "{output}");
    };
    let secret = world.canary.secret();
    check(&[&reference], b"", "the password or token is empty");
    check(&[&reference], format!("{secret}\nmore\n").as_bytes(), "line break");
    check(&[&reference], b"\xff\xfe", "cannot be read from stdin");
    check(&[&reference], &vec![b'x'; 70_000], "longer than 64 KiB");
    check(&[&reference, "r.example/a"], secret.as_bytes(), "is for one registry");
    assert!(world.registry.requests().iter().all(|r| r.header("authorization").is_none()));
    for end in ["", "\n", "\r\n"] {
        check(&[&reference], format!("{secret}{end}").as_bytes(), "");
    }
}

#[test]
fn a_broken_config_does_not_lead_to_an_anonymous_token() {
    let tokens = TokenServer::new().start();
    let world = World::new();
    world.registry.update(|content| content.auth_bearer(&tokens));
    world.sandbox.write("docker/config.json", "{");
    world.check_error(&["docker/config.json", "incomplete JSON"]);
    world.sandbox.docker_config(&json!({"credsStore": "nowhere"}));
    world.check_error(&["docker-credential-nowhere", "not in PATH"]);
    assert_eq!(tokens.requests().len(), 0);
}

#[test]
fn entries_that_cannot_be_sent_are_an_error() {
    let world = World::new();
    let host = world.registry.host();
    let check = |entry: Value, expected: &str| {
        world.sandbox.docker_config(&json!({"auths": {host.clone(): entry}}));
        world.check_error(&["docker/config.json", &host, expected]);
    };
    let encoded = |text: &str| json!({"auth": STANDARD.encode(text)});
    check(json!({"auth": "not base64!"}), "is not base64");
    check(json!({"auth": STANDARD.encode([0xff, 0xfe, b':'])}), "is not base64");
    check(encoded("nocolon"), "has no colon");
    check(encoded(":password"), "the user name is empty");
    check(encoded("robot:"), "the password or token is empty");
    check(encoded("robot:pw\0"), "line break or a NUL");
    check(encoded("robot:pw\r\nX-Evil: 1"), "line break or a NUL");
    check(encoded("ro\nbot:pw"), "line break or a NUL");
    check(json!({"username": "robot"}), "the password or token is empty");
    check(json!({"identitytoken": "a\nb"}), "line break or a NUL");
    check(json!({"registrytoken": "a b"}), "visible ASCII");
}

#[test]
fn passwords_may_have_any_other_character() {
    for password in ["a:b:c", " spaces ", "p\u{e4}ss", "%41+&=#", "\"quoted\\\""] {
        let world = World::new();
        world.registry.update(|content| content.auth_basic("robot", password));
        world.sandbox.docker_config(&auths(&[(&world.registry.host(), "robot", password)]));
        let output = world.run();
        assert_eq!(output.code, Some(0), "{password}: {output}");
    }
}

#[test]
fn keys_are_for_one_host_and_port_or_a_part_of_its_repositories() {
    let world = World::new();
    let (host, port) = (world.registry.host(), world.registry.address().port());
    let check = |key: &str, known: bool| {
        let mut map = serde_json::Map::new();
        map.insert(key.to_owned(), world.entry());
        world.sandbox.docker_config(&json!({"auths": map}));
        let output = world.run();
        assert_eq!(output.code, Some(if known { 0 } else { 2 }), "{key}: {output}");
    };
    check(&format!("localhost:{port}"), false);
    check("127.0.0.1", false);
    check(&format!("127.0.0.1:{}", port ^ 1), false);
    check(&format!("127.0.0.1:{port}0"), false);
    check(&format!("{host}/team/ap"), false);
    check(&format!("{host}/team/app/more"), false);
    check(&format!("{host}@example.com"), false);
    check(&format!("https://example.com/{host}"), false);
    check("https://index.docker.io/v1/", false);
    check("", false);
    assert!(!world.registry.saw(world.canary.secret()));
    for form in ["", "/", "/v1/", "/v2/", "/team", "/team/app"] {
        check(&format!("{host}{form}"), true);
    }
    check(&format!("http://{host}"), true);
    check(&format!("HTTPS://{host}/any"), true);
}

#[test]
fn the_login_of_the_nearest_source_counts() {
    let mut world = World::new();
    let host = world.registry.host();
    let wrong = Canary::new("wrong");
    let wrong_login = auths(&[(&host, wrong.user(), wrong.secret())]);
    let login = auths(&[(&host, world.canary.user(), world.canary.secret())]);
    world.sandbox.write("home/.config/containers/auth.json", login.to_string());
    world.check_known("podman's file");
    world.sandbox.write("home/.config/containers/auth.json", wrong_login.to_string());
    world.sandbox.docker_config(&login);
    world.check_known("docker's file");
    world.sandbox.docker_config(&wrong_login);
    world.sandbox.auth_file(&login);
    world.check_known("the named file");
    world.sandbox.auth_file(&wrong_login);
    world.sandbox.set("DOCKER_AUTH_CONFIG", &login.to_string());
    world.check_known("the variable");
    assert!(!world.registry.saw(wrong.secret()));
}

#[test]
fn a_missing_helper_is_an_error_and_no_other_login_is_used() {
    let world = World::new();
    let host = world.registry.host();
    for config in [
        json!({"credsStore": "absent", "auths": {host.clone(): world.entry()}}),
        json!({"credHelpers": {host.clone(): "absent"}, "auths": {host.clone(): world.entry()}}),
    ] {
        world.sandbox.docker_config(&config);
        let whole = ["docker-credential-absent", host.as_str(), "not in PATH"];
        world.check_error(&whole);
    }
}

#[test]
fn helpers_of_other_names_than_plain_ones_are_not_run() {
    let world = World::new();
    let host = world.registry.host();
    let ran = world.sandbox.path("ran");
    world.sandbox.helper("x", &format!("touch '{}'", ran.display()));
    for name in ["../x", "a/b", "x y", "-x", "x;id", "$(id)", "x\n", "\u{e9}"] {
        world.sandbox.docker_config(&json!({"credHelpers": {host.clone(): name}}));
        world.check_error(&["letters, digits", &host]);
    }
    assert!(!ran.exists());
}

#[test]
fn helpers_that_fail_or_answer_nonsense_are_an_error_without_their_output() {
    let world = World::new();
    let secret = world.sandbox.write("secret", world.canary.secret());
    let answer = |name: &str, changes: Value| {
        let (user, secret) = (world.canary.user(), world.canary.secret());
        let mut answer = json!({"Username": user, "Secret": secret});
        for (key, value) in changes.as_object().unwrap() {
            answer[key] = value.clone();
        }
        let path = world.sandbox.write(name, answer.to_string());
        format!("cat '{}'", path.display())
    };
    let check = |script: &str, expected: &str| {
        world.sandbox.helper("vault", script);
        world.sandbox.docker_config(&json!({"credsStore": "vault"}));
        world.check_error(&["docker-credential-vault", &world.registry.host(), expected]);
    };
    let secret = secret.display();
    check("exit 0", "not one JSON object");
    check("exit 1", "failed with exit status 1");
    check("kill -9 $$", "ended by signal 9");
    check(&format!("cat '{secret}'"), "not one JSON object");
    check(&format!("cat '{secret}'; exit 1"), "failed with exit status 1");
    check(&format!("cat '{secret}'; cat '{secret}' >&2; exit 1"), "failed with exit status 1");
    check("printf 'vault is locked \\033[31m\\n' >&2; exit 1", "vault is locked \u{fffd}[31m");
    check("head -c 5000000 /dev/zero", "printed more than 1 MiB");
    let complete = answer("complete", json!({}));
    check(&format!("{complete}; {complete}"), "not one JSON object");
    check(&format!("{complete}; exit 3"), "failed with exit status 3");
    check(&answer("a", json!({"Secret": null})), "not one JSON object");
    check(&answer("b", json!({"Secret": ""})), "the password or token is empty");
    check(&answer("c", json!({"Secret": "a\r\nb"})), "line break");
    check(&answer("d", json!({"ServerURL": "other.example"})), "for another registry");
    world.sandbox.helper("vault", &answer("e", json!({"Extra": 1, "ServerURL": ""})));
    world.check_known("an answer with more in it");
}

#[test]
fn a_helper_that_knows_nothing_leaves_the_choice_to_the_file() {
    let world = World::new();
    let host = world.registry.host();
    world.sandbox.helper("empty", "echo credentials not found in native keychain; exit 1");
    let auths = json!({host: world.entry()});
    world.sandbox.docker_config(&json!({"credsStore": "empty", "auths": auths}));
    world.check_known("entry beside a helper");
}

#[test]
fn an_interruption_ends_a_helper_that_hangs_and_its_children() {
    let world = World::new();
    let pipe = world.sandbox.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // The pipe ends for its reader when the last process that holds it has ended.
    let script = format!(
        "trap '' TERM INT\nexec 3>'{}'\nsh -c 'echo ready >&3; while :; do sleep 3600; done' &\nwait",
        pipe.display()
    );
    world.sandbox.helper("slow", &script);
    world.sandbox.docker_config(&json!({"credsStore": "slow"}));
    let running = world.sandbox.spawn(&["inspect", &world.registry.reference("team/app")]);
    let mut reader = File::open(pipe).unwrap();
    let mut ready = [0; 6];
    reader.read_exact(&mut ready).unwrap();
    running.interrupt();
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{output}");
    assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(world.registry.requests().len(), 1);
}
