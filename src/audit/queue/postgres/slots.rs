//! The places in which runs of a registry go on: advisory locks of the session.

use apalis_postgres::PgConnection;
use twox_hash::XxHash3_64;

use super::link::Fault;

/// A place, by the number of its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(i64);

impl Slot {
    fn new(registry: &str, number: u32) -> Self {
        let name = format!("regsize {registry}#{number}");
        Self(XxHash3_64::oneshot(name.as_bytes()).cast_signed())
    }
}

/// Locks a place of a registry that nobody has; a session would get its own ones again.
pub(super) async fn free(
    connection: &mut PgConnection,
    registry: &str,
    count: u32,
    own: &[Slot],
) -> Result<Option<Slot>, Fault> {
    let slots = (0..count.max(1)).map(|number| Slot::new(registry, number));
    for slot in slots.filter(|slot| !own.contains(slot)) {
        if lock(connection, slot).await? {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

/// Locks a place, if nobody else has it.
pub(super) async fn lock(connection: &mut PgConnection, slot: Slot) -> Result<bool, Fault> {
    let locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(slot.0);
    Ok(locked.fetch_one(connection).await?)
}

/// Gives a place back.
pub(super) async fn unlock(connection: &mut PgConnection, slot: Slot) -> Result<(), Fault> {
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(slot.0).execute(connection).await?;
    Ok(())
}
