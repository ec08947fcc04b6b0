//! A token server: the other half of Bearer authentication.
//!
//! ```ignore
//! let tokens = TokenServer::new().user("robot", "secret").uses_per_token(2).start();
//! let registry = content.auth_bearer(&tokens).start();
//! tokens.script("GET", "/token", vec![Reply::status(502), Reply::ok("<html>")]);
//! assert_eq!(tokens.grants()[0].scopes, ["repository:team/app:pull"]);
//! ```

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http::{Origin, Request, Server, lock};
use super::reply::Reply;

/// The service for challenges.
pub(super) const SERVICE: &str = "test.service";

/// The tokens of one server, shared with the registries that accept them.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    uses_per_token: Option<usize>,
    uses_of_first: Option<usize>,
    issued: BTreeMap<String, Issued>,
    grants: Vec<Grant>,
}

struct Issued {
    scopes: Vec<String>,
    uses_left: Option<usize>,
}

/// A token that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How it was asked for: `GET`, `password` or `refresh_token`.
    pub kind: String,
    /// For whom; `None` for anyone.
    pub user: Option<String>,
    /// For what.
    pub scopes: Vec<String>,
    /// The token.
    pub token: String,
}

/// What a token server knows and how it answers.
#[derive(Clone)]
pub struct TokenServer {
    users: BTreeMap<String, String>,
    refresh_tokens: BTreeMap<String, String>,
    anonymous: bool,
    uses_per_token: Option<usize>,
    uses_of_first: Option<usize>,
    changes: Value,
}

/// A token server that runs.
pub struct RunningTokenServer {
    server: Server,
    tokens: Tokens,
}

impl Tokens {
    /// Whether `token` is good for pulling from `repository` (for anything, if empty); uses it once.
    pub(super) fn accept(&self, token: &str, repository: &str) -> bool {
        let mut ledger = lock(&self.0);
        let Some(issued) = ledger.issued.get_mut(token) else { return false };
        let wanted = format!("repository:{repository}:");
        if !repository.is_empty() && !issued.scopes.iter().any(|s| s.starts_with(&wanted)) {
            return false;
        }
        match &mut issued.uses_left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn grant(&self, kind: &str, user: Option<&str>, scopes: Vec<String>) -> String {
        let mut ledger = lock(&self.0);
        let token = format!("token-{}", ledger.grants.len() + 1);
        let uses_left = ledger.uses_of_first.take().or(ledger.uses_per_token);
        let issued = Issued { scopes: scopes.clone(), uses_left };
        ledger.issued.insert(token.clone(), issued);
        let user = user.map(str::to_owned);
        ledger.grants.push(Grant { kind: kind.to_owned(), user, scopes, token: token.clone() });
        token
    }
}

impl TokenServer {
    /// A server that knows no user and hands tokens to anyone who sends no credentials.
    pub fn new() -> Self {
        Self {
            users: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            anonymous: true,
            uses_per_token: None,
            uses_of_first: None,
            changes: json!({}),
        }
    }

    /// Knows a user.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.insert(name.to_owned(), password.to_owned());
        self
    }

    /// Knows a user by an identity token.
    pub fn refresh_token(mut self, user: &str, token: &str) -> Self {
        self.refresh_tokens.insert(token.to_owned(), user.to_owned());
        self
    }

    /// Refuses those who send no credentials.
    pub fn no_anonymous(self) -> Self {
        Self { anonymous: false, ..self }
    }

    /// Hands out tokens that are good for this many requests.
    pub fn uses_per_token(self, uses: usize) -> Self {
        Self { uses_per_token: Some(uses), ..self }
    }

    /// Hands out a first token that is good for this many requests, whatever the others are.
    pub fn uses_of_first_token(self, uses: usize) -> Self {
        Self { uses_of_first: Some(uses), ..self }
    }

    /// Changes answers: sets these fields, and leaves out those that are null. Fields `token` and
    /// `access_token` with the text `$token` hold the token.
    pub fn change_answer(self, changes: Value) -> Self {
        Self { changes, ..self }
    }

    /// Starts the server on 127.0.0.1.
    pub fn start(self) -> RunningTokenServer {
        self.start_on(Origin::default())
    }

    /// Starts the server.
    pub fn start_on(self, origin: Origin) -> RunningTokenServer {
        let tokens = Tokens::default();
        lock(&tokens.0).uses_per_token = self.uses_per_token;
        lock(&tokens.0).uses_of_first = self.uses_of_first;
        let shared = tokens.clone();
        let server = Server::start(origin, move |request| self.answer(request, &shared));
        RunningTokenServer { server, tokens }
    }

    fn answer(&self, request: &Request, tokens: &Tokens) -> Reply {
        let (kind, user) = match request.method.as_str() {
            _ if request.path() != "/token" => return Reply::status(404),
            "GET" => ("GET".to_owned(), self.basic_user(request)),
            "POST" => (request.form("grant_type").concat(), self.form_user(request)),
            _ => return Reply::status(404),
        };
        let anyone = kind == "GET" && request.header("authorization").is_none() && self.anonymous;
        if user.is_none() && !anyone {
            return Reply::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let scopes = match kind.as_str() {
            "GET" => request.query("scope"),
            _ => request.form("scope"),
        };
        let scopes = scopes.iter().flat_map(|s| s.split(' ')).map(str::to_owned).collect();
        let token = tokens.grant(&kind, user.as_deref(), scopes);
        Reply::json(200, &self.token_document(&kind, &token))
    }

    fn basic_user(&self, request: &Request) -> Option<String> {
        let header = request.header("authorization")?;
        let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        self.check(user, password)
    }

    fn form_user(&self, request: &Request) -> Option<String> {
        match request.form("grant_type").concat().as_str() {
            "refresh_token" => {
                self.refresh_tokens.get(&request.form("refresh_token").concat()).cloned()
            }
            "password" => {
                self.check(&request.form("username").concat(), &request.form("password").concat())
            }
            _ => None,
        }
    }

    fn check(&self, user: &str, password: &str) -> Option<String> {
        self.users.get(user).filter(|known| *known == password).map(|_| user.to_owned())
    }

    fn token_document(&self, kind: &str, token: &str) -> Value {
        let mut answer = match kind {
            "GET" => json!({"token": token, "expires_in": 300}),
            _ => json!({"access_token": token, "expires_in": 300}),
        };
        for (name, value) in self.changes.as_object().expect("changes by name") {
            answer[name] = if value == "$token" { token.into() } else { value.clone() };
        }
        answer.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        answer
    }
}

impl RunningTokenServer {
    /// The URL for challenges.
    pub fn realm(&self) -> String {
        format!("{}/token", self.server.url())
    }

    /// The tokens that registries accept.
    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// The tokens handed out, in order.
    pub fn grants(&self) -> Vec<Grant> {
        lock(&self.tokens.0).grants.clone()
    }
}

impl Deref for RunningTokenServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
