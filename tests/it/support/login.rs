//! The places where a user can keep credentials, each with the same canary in it.
//!
//! ```ignore
//! let canary = Canary::new("robot");
//! let output = Login::Helper.run(Sandbox::new(), &registry.host(), &canary, &["inspect", &reference]);
//! assert!(registry.saw(canary.secret()) && !output.holds(&canary));
//! ```

use std::fs::File;

use serde_json::json;

use super::canary::Canary;
use super::sandbox::{Output, Running, Sandbox, auths};

/// A place for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// docker's `config.json`.
    DockerConfig,
    /// The file that `REGISTRY_AUTH_FILE` names.
    AuthFile,
    /// The text of `DOCKER_AUTH_CONFIG`.
    Variable,
    /// A credential helper for one registry.
    Helper,
    /// A credential helper for all registries.
    Store,
    /// `--username` and `--password-stdin`.
    Stdin,
    /// An identity token in docker's `config.json`.
    IdentityToken,
    /// An identity token from a credential helper.
    HelperToken,
}

/// The places for a user name and password.
pub const PASSWORDS: [Login; 6] = [
    Login::DockerConfig,
    Login::AuthFile,
    Login::Variable,
    Login::Helper,
    Login::Store,
    Login::Stdin,
];
/// The places for an identity token.
pub const IDENTITY_TOKENS: [Login; 2] = [Login::IdentityToken, Login::HelperToken];

impl Login {
    /// Keeps the canary here for `host`.
    pub fn store(self, sandbox: &mut Sandbox, host: &str, canary: &Canary) {
        let (user, secret) = (canary.user(), canary.secret());
        let config = auths(&[(host, user, secret)]);
        match self {
            Self::DockerConfig => drop(sandbox.docker_config(&config)),
            Self::AuthFile => drop(sandbox.auth_file(&config)),
            Self::Variable => sandbox.set("DOCKER_AUTH_CONFIG", &config.to_string()),
            Self::Helper => {
                sandbox.helper_answering("canary", user, secret);
                sandbox.docker_config(&json!({"credHelpers": {host: "canary"}}));
            }
            Self::Store => {
                sandbox.helper_answering("canary", user, secret);
                sandbox.docker_config(&json!({"credsStore": "canary"}));
            }
            Self::Stdin => drop(sandbox.write("password", format!("{secret}\n"))),
            Self::IdentityToken => {
                let entry = json!({"auth": "", "identitytoken": secret});
                sandbox.docker_config(&json!({"auths": {host: entry}}));
            }
            Self::HelperToken => {
                sandbox.helper_answering("canary", "<token>", secret);
                sandbox.docker_config(&json!({"credHelpers": {host: "canary"}}));
            }
        }
    }

    /// Runs `regsize` with the canary for `host` kept here.
    pub fn run(
        self,
        sandbox: &mut Sandbox,
        host: &str,
        canary: &Canary,
        arguments: &[&str],
    ) -> Output {
        self.store(sandbox, host, canary);
        if self != Self::Stdin {
            return sandbox.run(arguments);
        }
        let login = ["--username", canary.user(), "--password-stdin"];
        let mut command = sandbox.command(&[arguments, &login[..]].concat());
        command.stdin(File::open(sandbox.path("password")).expect("the file written before"));
        Running::start(&mut command).finish()
    }
}
