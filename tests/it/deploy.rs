//! The files under `examples/deploy` say what they are to say, as far as that shows without the
//! engines they are for.

use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

use crate::support::Sandbox;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/deploy");
const PROGRAM: &str = "/usr/local/bin/regsize";
const SYSTEMD: [&str; 2] = ["systemd/regsize-audit.service", "systemd/regsize-audit.timer"];
const KUBERNETES: [&str; 2] = ["kubernetes/cronjob.yaml", "kubernetes/deployment.yaml"];
const COMPOSE: &str = "compose/compose.yaml";
const WORKFLOW: &str = "github/audit.yml";

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(DIRECTORY).join(name)).unwrap()
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(is)) => (*is).into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::String(text)) => text.to_string().into(),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let name = |key: &Yaml<'_>| value(key).as_str().unwrap_or_default().to_owned();
            entries.iter().map(|(key, found)| (name(key), value(found))).collect()
        }
        _ => Value::Null,
    }
}

/// The documents of a file.
fn documents(name: &str) -> Vec<Value> {
    let text = text(name);
    let found = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    found.iter().map(value).collect()
}

/// Every value under this key, wherever it is.
fn under(value: &Value, key: &str) -> Vec<Value> {
    let inside: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(entries) => entries.values().collect(),
        _ => Vec::new(),
    };
    let deeper = inside.into_iter().flat_map(|value| under(value, key));
    value.get(key).cloned().into_iter().chain(deeper).collect()
}

fn words(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten();
    words.map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// The arguments of every command line of this program.
fn command_lines() -> Vec<(&'static str, Vec<String>)> {
    let split = |line: &str| -> Vec<String> {
        let line = line.split(" >").next().unwrap_or(line);
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    let unit = text(SYSTEMD[0]);
    let executed = unit.lines().filter_map(|line| line.split_once('='));
    let executed = executed.filter(|(key, _)| key.starts_with("Exec"));
    let mut lines: Vec<_> = executed.map(|(_, line)| (SYSTEMD[0], split(line))).collect();
    for name in KUBERNETES {
        let args =
            documents(name).iter().flat_map(|found| under(found, "args")).collect::<Vec<_>>();
        lines.extend(args.iter().map(|args| (name, words(args))));
    }
    let watch = &documents(COMPOSE)[0]["services"]["watch"]["command"];
    lines.push((COMPOSE, words(watch)));
    for script in under(&documents(WORKFLOW)[0], "run") {
        let script = script.as_str().unwrap_or_default().to_owned();
        let own = script.lines().filter(|line| line.starts_with("regsize "));
        lines.extend(own.map(|line| (WORKFLOW, split(line))));
    }
    lines
}

#[test]
fn every_command_line_is_understood() {
    let sandbox = Sandbox::new();
    let lines = command_lines();
    assert_eq!(lines.len(), 7, "{lines:?}");
    for (name, mut line) in lines {
        // Help is given only if everything before it is understood.
        line.push("--help".to_owned());
        let arguments: Vec<&str> = line.iter().map(String::as_str).collect();
        let output = sandbox.run(&arguments);
        assert_eq!(output.code, Some(0), "{name}: {arguments:?}: {output}");
        assert!(!line.iter().any(|word| word.contains("://")), "{name}: an address in the open");
    }
}

#[test]
fn the_settings_are_understood() {
    let file = Path::new(DIRECTORY).join("regsize.toml").display().to_string();
    let output = Sandbox::new().run(&["audit", "check-config", "--config", &file]);
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn images_have_versions() {
    for name in KUBERNETES.into_iter().chain([COMPOSE]) {
        for found in documents(name) {
            for image in under(&found, "image") {
                let image = image.as_str().unwrap().to_owned();
                let (_, tag) = image.rsplit_once(':').expect("a tag");
                assert!(
                    tag != "latest" && tag.starts_with(|c: char| c.is_ascii_digit()),
                    "{image}"
                );
                image.parse::<regsize::reference::Reference>().unwrap();
            }
        }
    }
    let workflow = &documents(WORKFLOW)[0];
    for action in under(workflow, "uses") {
        let action = action.as_str().unwrap().to_owned();
        assert!(action.split_once('@').is_some_and(|(_, at)| at.starts_with('v')), "{action}");
    }
    assert_eq!(under(workflow, "runs-on"), ["ubuntu-24.04"]);
}

#[test]
fn containers_of_kubernetes_may_do_nothing_else() {
    for name in KUBERNETES {
        let documents = documents(name);
        let pods: Vec<Value> =
            documents.iter().flat_map(|found| under(found, "template")).collect();
        assert_eq!(pods.len(), 1, "{name}");
        let pod = &pods[0]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        let containers = pod["containers"].as_array().unwrap();
        let volumes: Vec<&Value> =
            pod["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
        for container in containers {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
            assert!(!container["resources"]["limits"]["memory"].is_null(), "{name}");
            let mounts = container["volumeMounts"].as_array().unwrap();
            assert!(mounts.iter().all(|mount| volumes.contains(&&mount["name"])), "{name}");
            assert_eq!(mounts.len(), volumes.len(), "{name}");
        }
    }
}

#[test]
fn containers_of_compose_may_do_nothing_else() {
    let compose = &documents(COMPOSE)[0];
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert!(service["user"].as_str().is_some_and(|user| !user.starts_with('0')), "{name}");
        for secret in words(&service["secrets"]) {
            assert!(!compose["secrets"][&secret]["file"].is_null(), "{secret}");
        }
        let variables = service["environment"].as_object().into_iter().flatten();
        for (variable, value) in variables {
            let is_secret = variable.contains("PASSWORD") || variable.contains("STORE");
            let is_file = value.as_str().is_some_and(|path| path.starts_with("/run/secrets/"));
            assert!(!is_secret || is_file, "{variable}");
        }
    }
}

/// Units as they are here, with a program that is there.
fn units(directory: &Path) -> Vec<PathBuf> {
    let copy = |name: &&str| {
        let unit = text(name).replace(PROGRAM, env!("CARGO_BIN_EXE_regsize"));
        let path = directory.join(Path::new(name).file_name().unwrap());
        std::fs::write(&path, unit).unwrap();
        path
    };
    SYSTEMD.iter().map(copy).collect()
}

#[test]
fn units_are_sound() {
    let service = text(SYSTEMD[0]);
    for wanted in
        ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "PrivateTmp=yes"]
    {
        assert!(service.lines().any(|line| line == wanted), "{wanted}");
    }
    let sandbox = Sandbox::new();
    let units = units(&sandbox.path("home"));
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output();
    // Machines without systemd cannot tell more.
    if let Ok(output) = verified {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("regsize-audit"), "{said}");
    }
}
