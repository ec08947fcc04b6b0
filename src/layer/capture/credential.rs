//! Files that hold credentials, of which only a verdict is kept.
//!
//! What they hold is looked at while the layer passes and forgotten: the capture has the kinds and
//! names of what was found, and fingerprints of what cannot be guessed. A file in which nothing was
//! found leaves no capture.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::pattern::Patterns;
use crate::secrecy::{fingerprint, hide, is_literal, is_secret_name};

/// Bytes of a file that are looked at; a larger file counts as dropped.
pub(super) const LOOKED_AT: u64 = 1 << 20;
/// What each line of a verdict begins with.
pub(crate) const MARK: &str = "secret:";
/// Findings of one file that are kept.
const MOST: usize = 8;
const LONGEST_NAME: usize = 48;
/// Components of a path that patterns look at.
const DEPTH: usize = 3;

/// How a file holds credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A key in one of the formats that say so.
    Key,
    /// A store of keys that cannot be looked into; that it is there is all there is to tell.
    Store,
    /// Names with values.
    Settings,
    /// The words of `.netrc`.
    Netrc,
    /// Nothing but the credential.
    Bare,
    /// Fields with colons, the password last.
    Pgpass,
}

const ROWS: &[(&str, Credential)] = &[
    ("**/.ssh/id_*", Credential::Key),
    ("**/*.pem", Credential::Key),
    ("**/*.key", Credential::Key),
    ("**/*.ppk", Credential::Key),
    ("**/.gnupg/secring.gpg", Credential::Key),
    ("**/*.p12", Credential::Store),
    ("**/*.pfx", Credential::Store),
    ("**/*.jks", Credential::Store),
    ("**/.aws/credentials", Credential::Settings),
    ("**/.config/gcloud/*.json", Credential::Settings),
    ("**/.azure/accessTokens.json", Credential::Settings),
    ("**/.azure/msal_token_cache.json", Credential::Settings),
    ("**/.netrc", Credential::Netrc),
    ("**/_netrc", Credential::Netrc),
    ("**/.docker/config.json", Credential::Settings),
    ("**/.dockercfg", Credential::Settings),
    ("**/.git-credentials", Credential::Settings),
    ("**/.pypirc", Credential::Settings),
    ("**/pip.conf", Credential::Settings),
    ("**/.npmrc", Credential::Settings),
    ("**/.yarnrc.yml", Credential::Settings),
    ("**/.condarc", Credential::Settings),
    ("**/.cargo/credentials", Credential::Settings),
    ("**/.cargo/credentials.toml", Credential::Settings),
    ("**/.m2/settings.xml", Credential::Settings),
    ("**/.m2/settings-security.xml", Credential::Settings),
    ("**/.gem/credentials", Credential::Settings),
    ("**/.kube/config", Credential::Settings),
    ("**/kubeconfig", Credential::Settings),
    ("**/.env", Credential::Settings),
    ("**/.env.*", Credential::Settings),
    ("**/*.env", Credential::Settings),
    ("**/terraform.tfstate", Credential::Settings),
    ("**/gh/hosts.yml", Credential::Settings),
    ("**/rclone/rclone.conf", Credential::Settings),
    ("**/.kaggle/kaggle.json", Credential::Settings),
    ("**/.my.cnf", Credential::Settings),
    ("**/.s3cfg", Credential::Settings),
    ("**/.pgpass", Credential::Pgpass),
    ("**/.vault-token", Credential::Bare),
    ("**/huggingface/token", Credential::Bare),
];

/// Ends of names that are public, or that show what to write.
const HARMLESS: &[&str] = &[".pub", ".example", ".sample", ".template", ".dist", ".tmpl"];

static PATTERNS: LazyLock<Patterns<Credential>> = LazyLock::new(|| {
    let mut patterns = Patterns::default();
    for (row, credential) in ROWS {
        patterns.add(row.as_bytes(), *credential);
    }
    patterns
});

/// How a file holds credentials, by its name as an archive has it.
pub(crate) fn credential(name: &[u8]) -> Option<Credential> {
    if HARMLESS.iter().any(|end| name.ends_with(end.as_bytes())) {
        return None;
    }
    let mut path: [&[u8]; DEPTH] = [b""; DEPTH];
    let mut at = DEPTH;
    let components = name.rsplit(|byte| *byte == b'/');
    for component in components.filter(|component| !matches!(*component, b"" | b".")).take(DEPTH) {
        at -= 1;
        path[at] = component;
    }
    PATTERNS.fitting(&path[at..], false).next().copied()
}

impl Credential {
    /// What is found in a file's first bytes; nothing if it holds no credential.
    pub(crate) fn verdict(self, content: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(content);
        let found = match self {
            Self::Key => key(content, &text),
            Self::Store => vec![("key store".to_owned(), fingerprint(content))],
            Self::Settings => settings(&text),
            Self::Netrc => netrc(&text),
            Self::Bare => bare(&text),
            Self::Pgpass => pgpass(&text),
        };
        let found: BTreeSet<(String, Option<String>)> = found.into_iter().collect();
        let mut verdict = String::new();
        for (what, fingerprint) in found.into_iter().take(MOST) {
            let what: String = what.chars().filter(|c| !c.is_control()).collect();
            let fingerprint = fingerprint.unwrap_or_default();
            // Writing to a string does not fail.
            let _ = writeln!(verdict, "{MARK}{what}\t{fingerprint}");
        }
        verdict.into_bytes()
    }
}

/// What was found, and its fingerprint.
type Found = (String, Option<String>);

fn key(content: &[u8], text: &str) -> Vec<Found> {
    let begins = text.contains("-----BEGIN ");
    let is_key = (begins
        && (text.contains("PRIVATE KEY-----") || text.contains("PRIVATE KEY BLOCK")))
        || text.contains("PuTTY-User-Key-File")
        || text.contains("(11:private-key")
        || text.contains("protected-private-key")
        || is_openpgp_secret(content);
    let is_locked = text.contains("ENCRYPTED PRIVATE KEY")
        || text.contains("Proc-Type: 4,ENCRYPTED")
        || text.contains("protected-private-key");
    let what = if is_locked { "encrypted private key" } else { "private key" };
    if is_key { vec![(what.to_owned(), fingerprint(content))] } else { Vec::new() }
}

/// Whether it begins with a packet of a secret key, in the old format or the new one.
fn is_openpgp_secret(content: &[u8]) -> bool {
    matches!(content.first(), Some(0x94..=0x97 | 0xC5)) && content.len() > 64
}

/// Names with values, in any of the usual notations, and URLs with passwords.
fn settings(text: &str) -> Vec<Found> {
    let (_, secrets) = hide(text);
    let mut found: Vec<Found> =
        secrets.into_iter().map(|secret| (named(&secret.name), secret.fingerprint)).collect();
    for part in text.split(['\n', '{', '}', ',']) {
        let Some((name, value)) = part.split_once(": ").or_else(|| part.split_once(':')) else {
            let pair = part.split_once('=').filter(|(name, _)| is_name(name));
            found.extend(pair.and_then(|(name, value)| setting(name, value)));
            continue;
        };
        match part.split_once('=').filter(|(other, _)| other.len() < name.len() || !is_name(name)) {
            Some((name, value)) => found.extend(setting(name, value)),
            None => found.extend(setting(name, value)),
        }
    }
    for (at, _) in text.match_indices("assword>") {
        let value = text[at + 8..].split('<').next().unwrap_or_default();
        let closes = text[..at].ends_with("/p") || text[..at].ends_with("/P");
        if !closes {
            found.extend(setting("password", value));
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    let text = text.trim().trim_start_matches("export ").trim_matches(['"', '\'', '-', ' ']);
    !text.is_empty() && text.len() < 256 && !text.contains(char::is_whitespace)
}

fn setting(name: &str, value: &str) -> Option<Found> {
    let name = name.rsplit(':').next().unwrap_or(name).trim();
    let name = name.trim_start_matches("export ").trim_matches(['"', '\'', '-', ' ']);
    let value = value.trim().trim_end_matches(';').trim_matches(['"', '\'']);
    let is_secret = is_secret_name(name) || (name == "key" && value.len() >= 32);
    (is_secret && is_name(name) && is_literal(value))
        .then(|| (named(name), fingerprint(value.as_bytes())))
}

fn named(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

fn netrc(text: &str) -> Vec<Found> {
    let mut words = text.split_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if word == "password"
            && let Some(value) = words.next().filter(|value| is_literal(value))
        {
            found.push(("password".to_owned(), fingerprint(value.as_bytes())));
        }
    }
    found
}

fn bare(text: &str) -> Vec<Found> {
    let value = text.trim();
    if is_literal(value) {
        vec![("token".to_owned(), fingerprint(value.as_bytes()))]
    } else {
        Vec::new()
    }
}

fn pgpass(text: &str) -> Vec<Found> {
    let lines =
        text.lines().filter(|line| !line.starts_with('#') && line.matches(':').count() >= 4);
    let values = lines.filter_map(|line| line.rsplit(':').next()).filter(|value| is_literal(value));
    values.map(|value| ("password".to_owned(), fingerprint(value.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_into_by_their_names() {
        let check = |name: &str, expected: Option<Credential>| {
            assert_eq!(credential(name.as_bytes()), expected, "{name}");
        };
        check("root/.ssh/id_rsa", Some(Credential::Key));
        check("./root//.ssh/./id_ed25519", Some(Credential::Key));
        check("/etc/ssl/private/a.key", Some(Credential::Key));
        check(".env", Some(Credential::Settings));
        check("app/.env.production", Some(Credential::Settings));
        check(
            "root/.config/gcloud/application_default_credentials.json",
            Some(Credential::Settings),
        );
        check("root/.cache/huggingface/token", Some(Credential::Bare));
        check("root/.ssh/id_rsa.pub", None);
        check("app/.env.example", None);
        check("root/.ssh/known_hosts", None);
        check("docker/config.json", None);
        check("", None);
    }

    #[test]
    fn verdicts_name_what_was_found_and_never_its_value() {
        const RANDOM: &str = "9fQ2xLr8Vb1TzK6mWc3HsY7d";
        let check = |name: &str, content: &str, expected: &[&str]| {
            let content = content.replace("RANDOM", RANDOM);
            let verdict = credential(name.as_bytes()).unwrap().verdict(content.as_bytes());
            let verdict = String::from_utf8(verdict).unwrap();
            assert!(!verdict.contains(RANDOM) && !verdict.contains("hunter2"), "{verdict}");
            let digits = fingerprint(RANDOM.as_bytes()).unwrap();
            let found: Vec<String> = verdict
                .lines()
                .map(|line| line.strip_prefix(MARK).unwrap().replace(&digits, "#"))
                .map(|line| line.trim_end().to_owned())
                .collect();
            assert_eq!(found, expected, "{name} {content}");
        };
        check(
            ".aws/credentials",
            "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = RANDOM\n",
            &["aws_secret_access_key\t#"],
        );
        check(".npmrc", "//registry.npmjs.org/:_authToken=RANDOM\n", &["_authToken\t#"]);
        check(".npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n", &[]);
        check(
            ".docker/config.json",
            "{\"auths\":{\"r.example\":{\"auth\":\"RANDOM\"}}}",
            &["auth\t#"],
        );
        check(".docker/config.json", "{\"credsStore\": \"desktop\"}", &[]);
        check(".netrc", "machine h login u password hunter2\n", &["password"]);
        check(".git-credentials", "https://me:hunter2@github.com\n", &["password for github.com"]);
        check(".env", "export DB_PASSWORD='hunter2'\nDEBUG=true\nAPI_KEY=\n", &["DB_PASSWORD"]);
        check(".pypirc", "[pypi]\nusername = me\npassword = hunter2\n", &["password"]);
        check(
            ".kube/config",
            "users:\n- user:\n    client-key-data: RANDOM\n    token: hunter2\n",
            &["client-key-data\t#", "token"],
        );
        check(".m2/settings.xml", "<server><password>hunter2</password></server>", &["password"]);
        check(
            ".kaggle/kaggle.json",
            "{\"username\":\"me\",\"key\":\"RANDOMRANDOM\"}",
            &[&format!("key\t{}", fingerprint(format!("{RANDOM}{RANDOM}").as_bytes()).unwrap())],
        );
        check(".pgpass", "h:5432:db:me:hunter2\n", &["password"]);
        check("huggingface/token", "RANDOM\n", &["token\t#"]);
        check("a.pem", "-----BEGIN CERTIFICATE-----\nMII\n", &[]);
        check(
            "a.key",
            "-----BEGIN RSA PRIVATE KEY-----\nMII\n",
            &[&format!(
                "private key\t{}",
                fingerprint(b"-----BEGIN RSA PRIVATE KEY-----\nMII\n").unwrap()
            )],
        );
    }
}
