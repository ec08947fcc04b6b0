//! Answers a registry's challenge: Basic, or a token from the server it names.
//!
//! One token per repository, asked for once however many requests wait for it, and again when it
//! is about to expire or is refused. Credentials are looked up only when a registry asks for
//! them, and go to a token server only if [`policy::realm`] lets them; otherwise an anonymous
//! token is asked for and the error, if it comes to one, says which line allows more. A password
//! that was refused is not tried again. See distribution's `spec/auth/token.md` and
//! `spec/auth/oauth.md`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};

use tokio::sync::Mutex;
use url::Url;

use super::credentials::{Credential, Found, Sources};
use super::error::{Error, ErrorKind};
use super::policy::{self, Origin, RealmDecision};
use super::secret::Secret;
use super::token::{self, Token};
use super::transport::{Answer, Call, Read, Transport, lock};
use super::trial::{Standing, Trial, Trials};

/// Token answers are small.
const TOKEN_BODY: u64 = 256 << 10;

/// The authorization of one registry's requests.
pub(super) struct Auth {
    /// The registry as references name it; credentials are filed under it.
    pub(super) host: String,
    /// The registry's API.
    pub(super) origin: Origin,
    pub(super) sources: Arc<Sources>,
    /// Pairs of registry and token server that the user allows.
    pub(super) allowed_realms: Vec<(String, String)>,
    pub(super) slots: SyncMutex<HashMap<String, Arc<Mutex<Slot>>>>,
    pub(super) trials: Trials,
}

/// What is known about authorizing requests for one repository.
#[derive(Default)]
pub(super) struct Slot {
    generation: u64,
    header: Option<HeaderValue>,
    expires: Option<Instant>,
    challenge: Option<Challenge>,
    account: Account,
    /// Why a password was kept back from the token server.
    withheld: Option<String>,
}

/// Whose credentials are used.
#[derive(Default)]
enum Account {
    #[default]
    NotLookedUp,
    Anonymous,
    Known(Found),
}

/// The authorization of one request.
pub(super) struct Ticket {
    generation: u64,
    pub(super) header: Option<HeaderValue>,
    /// Whether it is a token that a server has just made.
    pub(super) issued: bool,
    /// The password in it, if this request is the first to carry it.
    pub(super) trial: Option<Trial>,
}

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: Url, service: Option<String>, scope: Option<String> },
}

impl Auth {
    /// The authorization for the next request, renewed if its token is about to expire.
    pub(super) async fn ticket(
        &self,
        repository: &str,
        transport: &Transport,
    ) -> Result<Ticket, Error> {
        let slot = self.slot(repository);
        let mut slot = slot.lock().await;
        if slot.expires.is_some_and(|expires| expires <= transport.timer.now()) {
            self.obtain(&mut slot, repository, transport).await?;
        }
        self.hand_out(&slot).await
    }

    /// Another authorization after a request with `refused` was answered with a challenge.
    pub(super) async fn renew(
        &self,
        repository: &str,
        refused: &Ticket,
        answer: &Answer,
        transport: &Transport,
    ) -> Result<Ticket, Error> {
        let slot = self.slot(repository);
        let mut slot = slot.lock().await;
        if slot.generation == refused.generation {
            // Some registries answer an expired token without a challenge.
            match challenge(&answer.headers, &self.origin) {
                Ok(challenge) => slot.challenge = Some(challenge),
                Err(error) if slot.challenge.is_none() => return Err(error),
                Err(_) => {}
            }
            if matches!((&slot.challenge, &refused.header), (Some(Challenge::Basic), Some(_))) {
                return Err(self.rejected(&slot, &self.origin));
            }
            self.obtain(&mut slot, repository, transport).await?;
        }
        self.hand_out(&slot).await
    }

    /// The ticket of a slot; a password is on trial until the registry has accepted it.
    async fn hand_out(&self, slot: &Slot) -> Result<Ticket, Error> {
        let sends_password = slot.header.is_some() && slot.challenge == Some(Challenge::Basic);
        let trial = if sends_password { self.stand_trial(slot, &self.origin).await? } else { None };
        Ok(Ticket {
            generation: slot.generation,
            header: slot.header.clone(),
            issued: slot.expires.is_some(),
            trial,
        })
    }

    /// Waits until the slot's login may be sent.
    async fn stand_trial(&self, slot: &Slot, by: &Origin) -> Result<Option<Trial>, Error> {
        let Account::Known(found) = &slot.account else { return Ok(None) };
        match self.trials.standing(found).await {
            Standing::Accepted => Ok(None),
            Standing::OnTrial(trial) => Ok(Some(trial)),
            Standing::Refused => Err(self.rejected(slot, by)),
        }
    }

    /// The error for a request that stays refused although it was authorized.
    pub(super) async fn refused(&self, repository: &str, answer: &Answer) -> Error {
        let slot = self.slot(repository);
        let slot = slot.lock().await;
        let said = answer.excerpt();
        let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
        let by_password = matches!(slot.challenge, Some(Challenge::Basic));
        if by_password && answer.status == StatusCode::UNAUTHORIZED {
            return self.rejected(&slot, &self.origin).during(answer.request.clone());
        }
        let error = match &slot.account {
            Account::Known(found) if slot.withheld.is_none() => Error::new(
                ErrorKind::Auth,
                format!(
                    "the account from {} has no access to this repository, or there is no such repository{said}",
                    found.origin_description
                ),
            ),
            _ => Error::new(
                ErrorKind::Auth,
                format!("there is no such repository, or it is private{said}"),
            )
            .hint(self.log_in_hint()),
        };
        let error = error.during(answer.request.clone());
        match &slot.withheld {
            Some(withheld) => error.hint(withheld.clone()),
            None => error,
        }
    }

    /// Whether the registry was asked without an account.
    pub(super) async fn is_anonymous(&self, repository: &str) -> bool {
        !matches!(self.slot(repository).lock().await.account, Account::Known(_))
    }

    fn slot(&self, repository: &str) -> Arc<Mutex<Slot>> {
        Arc::clone(lock(&self.slots).entry(repository.to_owned()).or_default())
    }

    async fn obtain(
        &self,
        slot: &mut Slot,
        repository: &str,
        transport: &Transport,
    ) -> Result<(), Error> {
        self.look_up(slot, repository).await?;
        let token = match slot.challenge.clone() {
            None => return Ok(()),
            Some(Challenge::Basic) => Token { header: self.basic(slot)?, lifetime: None },
            Some(Challenge::Bearer { realm, service, scope }) => {
                let scopes = scopes(scope.as_deref(), repository);
                self.token(slot, &realm, service.as_deref(), &scopes, transport).await?
            }
        };
        slot.generation += 1;
        slot.header = Some(token.header);
        // Renewed a little early, so that it does not expire on the way.
        slot.expires = token.lifetime.map(|lifetime| transport.timer.now() + lifetime.mul_f64(0.9));
        Ok(())
    }

    async fn look_up(&self, slot: &mut Slot, repository: &str) -> Result<(), Error> {
        if !matches!(slot.account, Account::NotLookedUp) {
            return Ok(());
        }
        let found = self.sources.find(&self.host, repository).await;
        let found = found.map_err(|error| {
            Error::new(ErrorKind::Auth, format!("the credentials for {} cannot be read", self.host))
                .because(error)
        })?;
        slot.account = found.map_or(Account::Anonymous, Account::Known);
        Ok(())
    }

    fn basic(&self, slot: &Slot) -> Result<HeaderValue, Error> {
        match &slot.account {
            Account::Known(Found {
                credential: Credential::Basic { username, password }, ..
            }) => basic_header(username, password),
            Account::Known(found) => Err(Error::new(
                ErrorKind::Auth,
                format!(
                    "{} wants a user name and password, but {} holds a token",
                    self.host, found.origin_description
                ),
            )),
            _ => Err(Error::new(
                ErrorKind::Auth,
                format!("{} wants a user name and password", self.host),
            )
            .hint(self.log_in_hint())),
        }
    }

    async fn token(
        &self,
        slot: &mut Slot,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
        transport: &Transport,
    ) -> Result<Token, Error> {
        transport.guard.check_literal(realm)?;
        let realm_origin = Origin::of(realm).map_err(|refused| self.not_contacted(&refused))?;
        let decision = policy::realm(&self.origin, realm, &self.allowed_realms);
        let credential = match (decision, &slot.account) {
            (RealmDecision::Refuse(reason), _) => {
                return Err(self.not_contacted(&reason).hint(self.allow_hint(&realm_origin)));
            }
            (RealmDecision::SendCredentials, Account::Known(found)) => Some(&found.credential),
            (RealmDecision::AnonymousOnly, Account::Known(_)) => {
                slot.withheld = Some(format!(
                    "the password for {} was not sent to {realm_origin}, which has another owner; {}",
                    self.host,
                    self.allow_hint(&realm_origin),
                ));
                None
            }
            (_, _) => None,
        };
        if let Some(Credential::Bearer(token)) = credential {
            return Token::given(token);
        }
        let trial = match credential {
            Some(_) => self.stand_trial(slot, &realm_origin).await?,
            None => None,
        };
        let request = token::Request { realm, service, scopes, credential };
        let answer = request_token(&request, transport).await?;
        if let Some(trial) = trial {
            trial.settle(answer.status);
        }
        match answer.status.as_u16() {
            200..=299 => Token::parse(&answer.body).map_err(|error| error.during(answer.request)),
            401 | 403 => Err(self.rejected(slot, &realm_origin).during(answer.request)),
            status => Err(Error::new(
                ErrorKind::Auth,
                format!("the token server {realm_origin} answered {status}: {}", answer.excerpt()),
            )
            .during(answer.request)),
        }
    }

    fn rejected(&self, slot: &Slot, by: &Origin) -> Error {
        match &slot.account {
            Account::Known(found) if slot.withheld.is_none() => Error::new(
                ErrorKind::Auth,
                format!("{by} rejects the credentials from {}", found.origin_description),
            )
            .hint(format!("log in again: docker login {}", self.host)),
            _ => Error::new(ErrorKind::Auth, format!("{by} gives nothing to anonymous users"))
                .hint(slot.withheld.clone().unwrap_or_else(|| self.log_in_hint())),
        }
    }

    fn not_contacted(&self, reason: &policy::Refused) -> Error {
        Error::new(
            ErrorKind::Auth,
            format!("{} names a token server that is not contacted: {reason}", self.host),
        )
    }

    fn allow_hint(&self, realm: &Origin) -> String {
        format!("if it is right, allow it: --allow-realm {}={}", self.host, realm.authority())
    }

    fn log_in_hint(&self) -> String {
        format!("if it is private, log in: docker login {}", self.host)
    }
}

async fn request_token(
    request: &token::Request<'_>,
    transport: &Transport,
) -> Result<Answer, Error> {
    let read = Read::Whole { ceiling: TOKEN_BODY, what: "the token server's answer" };
    match request.credential {
        Some(Credential::IdentityToken(refresh)) => {
            let call = Call {
                method: Method::POST,
                form: request.form(refresh),
                ..Call::get(request.realm.clone(), read)
            };
            transport.exchange(&call, None).await
        }
        Some(Credential::Basic { username, password }) => {
            let header = basic_header(username, password)?;
            transport.exchange(&Call::get(request.url(Some(username)), read), Some(&header)).await
        }
        _ => transport.exchange(&Call::get(request.url(None), read), None).await,
    }
}

fn basic_header(username: &str, password: &Secret) -> Result<HeaderValue, Error> {
    let pair = Secret::new(format!("{username}:{}", password.expose()));
    let encoded = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
    token::sensitive(encoded.expose())
}

/// The scopes to ask for: the registry's own first, as some servers read only that one.
fn scopes(asked: Option<&str>, repository: &str) -> Vec<String> {
    let own = format!("repository:{repository}:pull");
    let mut scopes: Vec<String> =
        asked.unwrap_or_default().split_ascii_whitespace().take(8).map(str::to_owned).collect();
    let prefix = format!("repository:{repository}:");
    if !scopes.iter().any(|scope| scope.starts_with(&prefix)) {
        scopes.push(own);
    }
    scopes
}

/// Reads the challenges of an answer and takes the best one that can be met.
fn challenge(headers: &HeaderMap, registry: &Origin) -> Result<Challenge, Error> {
    let error = |text: String| Error::new(ErrorKind::Auth, text);
    let mut schemes = Vec::new();
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let value = value.to_str().unwrap_or_default();
        for found in http_auth::parser::ChallengeParser::new(value).map_while(Result::ok) {
            match found.scheme.to_ascii_lowercase().as_str() {
                "bearer" => return bearer(&found, registry),
                "basic" => basic = true,
                other => schemes.push(other.chars().take(40).collect::<String>()),
            }
        }
    }
    match (basic, schemes.as_slice()) {
        (true, _) => Ok(Challenge::Basic),
        (false, []) => Err(error(format!("{registry} wants authentication but does not say how"))),
        (false, schemes) => Err(error(format!(
            "{registry} wants {} authentication, which is not supported",
            schemes.join(" or ")
        ))),
    }
}

fn bearer(found: &http_auth::ChallengeRef<'_>, registry: &Origin) -> Result<Challenge, Error> {
    let parameter = |name: &str| {
        let value = found.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        value.map(|(_, value)| value.to_unescaped()).filter(|value| !value.is_empty())
    };
    let realm = parameter("realm").and_then(|realm| Url::parse(&realm).ok());
    let realm = realm.ok_or_else(|| {
        Error::new(
            ErrorKind::Auth,
            format!("{registry} wants a token but does not name a token server by its URL"),
        )
    })?;
    Ok(Challenge::Bearer { realm, service: parameter("service"), scope: parameter("scope") })
}

/// Whether an answer means that the token is missing, wrong or expired.
pub(super) fn wants_authorization(answer: &Answer, ticket: &Ticket) -> bool {
    match answer.status.as_u16() {
        401 => true,
        // Public ECR answers an expired token with 400.
        400 => ticket.header.is_some() && answer.excerpt().to_ascii_lowercase().contains("expired"),
        _ => false,
    }
}

/// How long to wait before a token that was just issued is tried a second time: registries whose
/// clock is a little behind refuse it as not yet valid.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Result<Challenge, &str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        let registry = Origin::of(&Url::parse("https://r.example").unwrap()).unwrap();
        match (challenge(&headers, &registry), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{values:?}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{values:?}: {error}");
            }
            (found, expected) => panic!("{values:?}: got {found:?}, expected {expected:?}"),
        }
    }

    fn bearer_of(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: Url::parse(realm).unwrap(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn challenges_of_any_form_are_met_or_refused() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull""#;
        let expected = bearer_of(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:library/x:pull"),
        );
        check(&[docker], Ok(expected.clone()));
        check(&[&format!("Basic realm=\"x\", {docker}")], Ok(expected.clone()));
        check(&["Negotiate", docker], Ok(expected));
        check(
            &["bEaReR realm=\"https://t.example/\""],
            Ok(bearer_of("https://t.example/", None, None)),
        );
        check(&["Basic realm=\"a \\\"quoted\\\" one\""], Ok(Challenge::Basic));
        check(&["Negotiate"], Err("wants negotiate authentication, which is not supported"));
        check(&[], Err("does not say how"));
        check(&[""], Err("does not say how"));
        check(&["Bearer service=\"x\""], Err("does not name a token server"));
        check(&["Bearer realm=\"/token\""], Err("does not name a token server"));
        check(&["Bearer realm=\"https://t.example"], Err("does not say how"));
        check(
            &[&format!("Bearer realm=\"{}\"", "x".repeat(60_000))],
            Err("does not name a token server"),
        );
    }

    #[test]
    fn the_registrys_scope_comes_first_and_ours_is_always_there() {
        let check =
            |asked: Option<&str>, expected: &[&str]| assert_eq!(scopes(asked, "a/b"), expected);
        check(None, &["repository:a/b:pull"]);
        check(Some("repository:a/b:pull"), &["repository:a/b:pull"]);
        check(Some("repository:a/b:pull,push aws"), &["repository:a/b:pull,push", "aws"]);
        check(Some("registry:catalog:*"), &["registry:catalog:*", "repository:a/b:pull"]);
    }
}
