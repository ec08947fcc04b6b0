//! Secrets and identities that were not meant to be published.
//!
//! Findings name what was found and where, never a value; what was found was not tried.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::filesystem::Hidden;
use crate::image::Image;
use crate::layer::{SECRET_MARK, credential};
use crate::ledger::{AtomId, Document};
use crate::owner::OwnerKind;
use crate::rule::quote::unquoted;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Facts, Needs, Phase, Phrase, Risk, Rule, Severity,
};
use crate::secrecy::{Secret, fingerprint, hide, hide_in_words, is_literal, is_secret_name};

/// What the rules of this family have in common.
const SECRET: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Safe,
    bands: Bands::Fixed(Severity::Critical),
    detect: Detect::Layers(|_| Vec::new()),
    links: &["https://docs.docker.com/build/building/secrets/"],
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "secret-private-keys",
        title: "A private key",
        detect: Detect::Layers(private_keys),
        why: "Everybody who can pull the image has the key. It was found, and not tried.",
        fix: "# Replace the key wherever it is trusted, then build without it:\nRUN --mount=type=secret,id=deploy_key \\\n    GIT_SSH_COMMAND=\"ssh -i /run/secrets/deploy_key\" git clone <repository>",
        caution: "Keys of test suites and samples protect nothing.",
        ..SECRET
    },
    Rule {
        id: "secret-credentials",
        title: "A file with credentials",
        detect: Detect::Layers(credentials),
        why: "Everybody who can pull the image has what the file gives access to. It was found, and not tried.",
        fix: "# Revoke the credential, then give it to the step that needs it alone:\nRUN --mount=type=secret,id=credentials,target={{path}} \\\n    {{cmd}}",
        caution: "The value may be a placeholder.",
        ..SECRET
    },
    Rule {
        id: "secret-in-history-or-env",
        title: "A secret in the environment or the history",
        bands: Bands::Fixed(Severity::High),
        needs: Needs::Manifest,
        detect: Detect::Manifest(in_config),
        why: "ENV, ARG and the text of commands are part of the image's config, which everybody who can pull the image can read.",
        fix: "# Revoke it, then pass it as a secret of the build, or to the container when it starts:\nRUN --mount=type=secret,id=token,env={{name}} \\\n    <command that needs {{name}}>",
        caution: "The value may be a placeholder or a setting with a telling name.",
        ..SECRET
    },
    Rule {
        id: "secret-recoverable",
        title: "A secret that was removed and is still in a layer",
        detect: Detect::Layers(recoverable),
        why: "Removing a file hides it and leaves it in the layer below, from where anybody can take it.",
        fix: "# Revoke it, build without it, and delete the published tags that have the layer:\nRUN --mount=type=secret,id=credentials,target={{path}} \\\n    {{cmd}}",
        caution: "The value may be a placeholder.",
        ..SECRET
    },
    Rule {
        id: "secret-shared-identity",
        title: "Identities that all containers of the image share",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Layers(identities),
        why: "Who has the image can pass for each of its containers, or read the cookies that they sign.",
        fix: "# In the RUN that makes it, remove it; have the entry point make one for each container:\nRUN {{cmd}} \\\n && rm -f {{path}}",
        caution: "An entry point that makes new ones at each start replaces them.",
        ..SECRET
    },
];

/// Directories of keys and credentials that protect nothing.
const SAMPLES: &[&str] = &[
    "/tests/",
    "/test/",
    "/testing/",
    "/testdata/",
    "/fixtures/",
    "/examples/",
    "/example/",
    "/samples/",
    "/usr/share/doc/",
    "/demo/",
    "/demos/",
];
/// Findings of one rule.
const MOST: usize = 50;

/// Names of files that hold an identity, and the directory that they have to be in.
const IDENTITIES: &[(&[u8], &str, &str)] = &[
    (b"ssh_host_rsa_key", "/etc/ssh", "the host key of the SSH server"),
    (b"ssh_host_ecdsa_key", "/etc/ssh", "the host key of the SSH server"),
    (b"ssh_host_ed25519_key", "/etc/ssh", "the host key of the SSH server"),
    (b"ssh_host_dsa_key", "/etc/ssh", "the host key of the SSH server"),
    (b"secure-cookie-key", "rstudio-server", "the key of RStudio's cookies"),
    (b"session-rpc-key", "rstudio-server", "the key of RStudio's sessions"),
    (b"jupyter_cookie_secret", "", "the key of Jupyter's cookies"),
    (b".erlang.cookie", "", "the cookie of Erlang's nodes"),
    (b"machine-id", "/etc", "the id of the machine"),
];
/// Digits of a machine's id; other contents say that there is none yet.
const MACHINE_ID: u64 = 32;

/// What a file's capture says was found in it.
struct Verdict {
    what: String,
    fingerprint: Option<String>,
}

fn verdicts(path: &[u8], document: &Document<'_>) -> Vec<Verdict> {
    if credential(path).is_none() || !document.head.starts_with(SECRET_MARK.as_bytes()) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(document.head);
    let lines = text.lines().filter_map(|line| line.strip_prefix(SECRET_MARK)?.split_once('\t'));
    lines
        .map(|(what, digits)| Verdict {
            what: what.to_owned(),
            fingerprint: Some(digits.to_owned()).filter(|digits| !digits.is_empty()),
        })
        .collect()
}

/// The files in which something was found, with their paths: visible or hidden ones.
fn found<'a>(facts: &Facts<'a>, hidden: bool) -> Vec<(Vec<u8>, &'a Document<'a>, Vec<Verdict>)> {
    let documents = facts.documents.all().filter(|document| document.hidden.is_some() == hidden);
    let documents = documents.filter(|document| document.head.starts_with(SECRET_MARK.as_bytes()));
    let with_verdicts = documents.map(|document| {
        let path = facts.ledger.filesystem().path(document.node);
        let verdicts = verdicts(&path, document);
        (path, document, verdicts)
    });
    with_verdicts
        .filter(|(path, _, found)| !found.is_empty() && !is_sample(path))
        .take(MOST)
        .collect()
}

fn is_sample(path: &[u8]) -> bool {
    let path = format!("/{}", String::from_utf8_lossy(path));
    SAMPLES.iter().any(|directory| path.contains(directory))
}

fn is_key(verdict: &Verdict) -> bool {
    matches!(verdict.what.as_str(), "private key" | "encrypted private key" | "key store")
}

fn private_keys(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (path, document, verdicts) in found(facts, false) {
        let Some(verdict) = verdicts.into_iter().find(is_key) else { continue };
        let severity = match verdict.what.as_str() {
            "private key" if !is_packaged(facts, document.atom) => Severity::Critical,
            "encrypted private key" => Severity::High,
            "key store" => Severity::Medium,
            _ => Severity::Low,
        };
        let what =
            Phrase::words("There is a key: ").name(verdict.what.clone()).and(", ").path(&path);
        candidates.push(candidate(&path, document.atom, what, &[verdict]).severity(severity));
    }
    candidates
}

/// Whether a package brings it, as distributions do with samples.
fn is_packaged(facts: &Facts<'_>, atom: AtomId) -> bool {
    matches!(facts.owners.owner(facts.owners.of(atom)).kind, OwnerKind::Package(_))
        || facts.ledger.path(atom).ends_with(b"snakeoil.key")
}

fn credentials(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (path, document, mut verdicts) in found(facts, false) {
        verdicts.retain(|verdict| !is_key(verdict));
        if !verdicts.is_empty() {
            let what = Phrase::words("Credentials at ").path(&path);
            let what = listed(what.and(": "), &verdicts);
            candidates.push(candidate(&path, document.atom, what, &verdicts));
        }
    }
    candidates
}

fn listed(mut phrase: Phrase, verdicts: &[Verdict]) -> Phrase {
    for (at, verdict) in verdicts.iter().enumerate() {
        phrase = if at > 0 { phrase.and(", ") } else { phrase };
        phrase = phrase.name(verdict.what.clone());
    }
    phrase
}

fn candidate(path: &[u8], atom: AtomId, what: Phrase, verdicts: &[Verdict]) -> Candidate {
    let anchor = String::from_utf8_lossy(path).into_owned();
    let mut candidate = Candidate::new(anchor, what, Claim::View(vec![atom]))
        .fill("path", unquoted(path))
        .severity(Severity::Critical);
    for digits in verdicts.iter().filter_map(|verdict| verdict.fingerprint.clone()) {
        candidate = candidate.note(Phrase::words("Its SHA-256 digest begins with ").name(digits));
    }
    candidate
}

/// Hidden files with secrets, unless the image shows the same file at the same path.
fn recoverable(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (path, document, verdicts) in found(facts, true) {
        let shown = facts.ledger.atom_at(document.node);
        let same = shown.is_some_and(|shown| {
            facts.ledger.identity(shown).is_some()
                && facts.ledger.identity(shown) == facts.ledger.identity(document.atom)
        });
        if same {
            continue;
        }
        let by = document.hidden.map_or(document.layer, |Hidden { layer, .. }| layer);
        let what = listed(Phrase::default(), &verdicts)
            .and(" at ")
            .path(&path)
            .and(" is hidden by layer ")
            .count(by)
            .and(" and still in layer ")
            .count(document.layer)
            .and(" of every published tag");
        candidates.push(candidate(&path, document.atom, what, &verdicts));
    }
    candidates
}

/// Secrets in the environment, labels, annotations, commands that start a container, and the texts of steps.
fn in_config(image: &Image) -> Vec<Candidate> {
    let mut candidates = in_environment(image);
    let mut told = BTreeSet::new();
    let labels = image.label_secrets.iter().map(|label| ("The label ", label));
    let annotations = image.annotation_secrets.iter().map(|label| ("The annotation ", label));
    for (words, (label, secret)) in labels.chain(annotations) {
        let message = Phrase::words(words).name(label);
        let message = if *label == secret.name {
            message.and(" has a value")
        } else {
            told.insert(secret.name.clone());
            called(message.and(" has "), secret)
        };
        candidates.push(named(secret, message));
    }
    let (_, entrypoint) = hide_in_words(&image.runtime.entrypoint);
    let (_, command) = hide_in_words(&image.runtime.cmd);
    for secret in entrypoint.iter().chain(&command) {
        if told.insert(secret.name.clone()) {
            let message = Phrase::words("The command that starts a container has ");
            candidates.push(named(secret, called(message, secret)));
        }
    }
    for step in &image.steps {
        for secret in &step.secrets {
            let is_variable = image.runtime.env.contains_key(&secret.name);
            if is_variable || !told.insert(secret.name.clone()) {
                continue;
            }
            let message = called(Phrase::words("The history has "), secret);
            let message = match step.number {
                Some(number) => message.and(" in step ").count(number),
                None => message,
            };
            candidates.push(named(secret, message));
        }
    }
    candidates
}

fn in_environment(image: &Image) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (name, value) in &image.runtime.env {
        if is_secret_name(name) && is_literal(value) {
            let fingerprint = fingerprint(value.as_bytes());
            let secret = Secret { name: name.clone(), fingerprint };
            candidates.push(named(&secret, Phrase::words("The environment sets ").name(name)));
        } else {
            let (_, secrets) = hide(value);
            candidates.extend(secrets.iter().map(|secret| {
                let message = called(Phrase::words("The environment has "), secret);
                named(secret, message.and(" in ").name(name))
            }));
        }
    }
    candidates
}

/// Adds a secret's name, which needs an article where it says what it is.
fn called(message: Phrase, secret: &Secret) -> Phrase {
    let message = if secret.is_described() { message.and("a ") } else { message };
    message.name(&secret.name)
}

/// What cannot be guessed is hardly a placeholder.
fn named(secret: &Secret, message: Phrase) -> Candidate {
    let severity = if secret.fingerprint.is_some() { Severity::Critical } else { Severity::High };
    let name = secret.name.split(' ').next().unwrap_or_default().to_ascii_uppercase();
    let mut candidate = Candidate::new(secret.name.clone(), message, Claim::View(Vec::new()))
        .severity(severity)
        .fill("name", name.replace(['-', '.'], "_"));
    if let Some(digits) = secret.fingerprint.clone() {
        candidate = candidate.note(Phrase::words("Its SHA-256 digest begins with ").name(digits));
    }
    candidate
}

fn identities(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for atom in facts.ledger.live() {
        let name = facts.ledger.name(*atom);
        let Some((_, directory, what)) = IDENTITIES.iter().find(|(known, ..)| *known == name)
        else {
            continue;
        };
        let bytes = facts.ledger.atom(*atom).bytes;
        let path = facts.ledger.path(*atom);
        let above = format!("/{}", String::from_utf8_lossy(&path[..path.len() - name.len()]));
        let is_id = name != b"machine-id" || (MACHINE_ID..=MACHINE_ID + 1).contains(&bytes);
        if bytes == 0 || !is_id || !above.trim_end_matches('/').ends_with(directory) {
            continue;
        }
        let message = Phrase::words("All containers share ").and(what).and(", ").path(&path);
        let anchor = String::from_utf8_lossy(&path).into_owned();
        candidates.push(
            Candidate::new(anchor, message, Claim::View(vec![*atom])).severity(Severity::Medium),
        );
    }
    candidates.truncate(MOST);
    candidates
}
