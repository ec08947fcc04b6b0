//! How a loop is asked to end.

use tokio::sync::watch;

/// Asks a loop to end, and is asked by it. Clones are of one request.
#[derive(Clone, Debug)]
pub struct Stop {
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Going,
    Stopping,
    Now,
}

impl Default for Stop {
    fn default() -> Self {
        Self { phase: watch::Sender::new(Phase::Going) }
    }
}

impl Stop {
    /// Asks to begin nothing new; asked again, to end at once.
    pub fn ask(&self) {
        let next = |phase: &mut Phase| {
            *phase = if *phase == Phase::Going { Phase::Stopping } else { Phase::Now };
        };
        self.phase.send_modify(next);
    }

    /// Waits until something asks to stop.
    pub async fn asked(&self) {
        self.reached(Phase::Stopping).await;
    }

    /// Waits until something asks to end at once.
    pub async fn asked_again(&self) {
        self.reached(Phase::Now).await;
    }

    async fn reached(&self, phase: Phase) {
        let mut changes = self.phase.subscribe();
        // The sender is at hand, so the channel cannot end.
        let _ = changes.wait_for(|current| *current >= phase).await;
    }
}
