//! Logins on trial: one that a server refuses is not sent again in the same run.
//!
//! Registries lock an account after a few wrong passwords, and one run may ask for many
//! repositories at once. So until a login has been accepted, one request at a time carries it,
//! and after a refusal none does.

use std::sync::Arc;

use reqwest::StatusCode;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::credentials::Found;

/// What is known about the logins for one registry.
#[derive(Default)]
pub(super) struct Trials(Arc<Mutex<Verdicts>>);

#[derive(Default)]
struct Verdicts {
    accepted: Vec<Found>,
    refused: Vec<Found>,
}

/// A login that nobody has accepted yet. Others wait until this is settled or dropped.
pub(super) struct Trial {
    verdicts: OwnedMutexGuard<Verdicts>,
    login: Found,
}

/// What may be done with a login.
pub(super) enum Standing {
    /// It may be sent.
    Accepted,
    /// It may be sent once, and the answer decides.
    OnTrial(Trial),
    /// It is not sent again.
    Refused,
}

impl Trials {
    /// Whether `login` may be sent, once the trial of another request is over.
    pub(super) async fn standing(&self, login: &Found) -> Standing {
        let verdicts = Arc::clone(&self.0).lock_owned().await;
        if verdicts.refused.contains(login) {
            Standing::Refused
        } else if verdicts.accepted.contains(login) {
            Standing::Accepted
        } else {
            Standing::OnTrial(Trial { verdicts, login: login.clone() })
        }
    }
}

impl Trial {
    /// Ends the trial by the answer's status; one that says neither leaves the login untried.
    pub(super) fn settle(mut self, status: StatusCode) {
        let Self { verdicts, login } = &mut self;
        if status.is_success() {
            verdicts.accepted.push(login.clone());
        } else if status == StatusCode::UNAUTHORIZED {
            verdicts.refused.push(login.clone());
        }
    }
}
