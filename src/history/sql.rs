//! Statements and the values in their rows.

use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};

use super::Head;
use super::link::Link;
use super::news::Target;
use super::record::{Body, EventKind, PointBody, Row};

pub(super) type Statement<'q> = Query<'q, Any, <Any as sqlx::Database>::Arguments>;

pub(super) const POINT: &str = "SELECT seq, target, seen, root, image, compressed, uncompressed, \
                                content, visible, shadowed, layers, snapshot, hash FROM point";
pub(super) const EVENT: &str = "SELECT seq, target, seen, kind, subject, detail, hash FROM event";

/// How many rows one statement inserts; a statement takes at most 32,766 values.
pub(super) const AT_ONCE: usize = 200;

/// A row with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) seq: i64,
    pub(super) hash: Vec<u8>,
    pub(super) row: Row,
}

/// A statement of parts of this program's own.
pub(super) fn statement<'q>(text: String) -> Statement<'q> {
    sqlx::query(AssertSqlSafe(text))
}

/// Takes the lock under which rows are appended, and tells where the chain ends and its schema.
pub(super) async fn lock_head(connection: &mut Link) -> Result<(Head, i64), sqlx::Error> {
    let taken = "UPDATE head SET last_seq = last_seq WHERE id = 1 RETURNING pruned_seq, \
                 pruned_hash, last_seq, last_hash, schema_version";
    let row = sqlx::query(taken).fetch_one(connection).await?;
    Ok((head_of(&row)?, row.try_get(4)?))
}

/// Where the chain begins and ends.
pub(super) async fn head(connection: &mut Link) -> Result<Head, sqlx::Error> {
    let text = "SELECT pruned_seq, pruned_hash, last_seq, last_hash FROM head WHERE id = 1";
    head_of(&sqlx::query(text).fetch_one(connection).await?)
}

fn head_of(row: &AnyRow) -> Result<Head, sqlx::Error> {
    Ok(Head {
        pruned_seq: row.try_get(0)?,
        pruned_hash: row.try_get(1)?,
        last_seq: row.try_get(2)?,
        last_hash: row.try_get(3)?,
    })
}

/// Says where the chain ends now.
pub(super) async fn set_head(connection: &mut Link, head: &Head) -> Result<(), sqlx::Error> {
    let text = "UPDATE head SET pruned_seq = $1, pruned_hash = $2, last_seq = $3, last_hash = $4";
    let change = sqlx::query(text)
        .bind(head.pruned_seq)
        .bind(head.pruned_hash.clone())
        .bind(head.last_seq)
        .bind(head.last_hash.clone());
    change.execute(connection).await.map(|_| ())
}

pub(super) fn point_of(row: &AnyRow) -> Result<Linked, sqlx::Error> {
    let body = Body::Point(PointBody {
        root: row.try_get(3)?,
        image: row.try_get(4)?,
        compressed: row.try_get(5)?,
        uncompressed: row.try_get(6)?,
        content: row.try_get(7)?,
        visible: row.try_get(8)?,
        shadowed: row.try_get(9)?,
        layers: row.try_get(10)?,
        snapshot: row.try_get(11)?,
    });
    let target: i64 = row.try_get(1)?;
    let row_ = Row { target: Some(target), seen: row.try_get(2)?, body };
    Ok(Linked { seq: row.try_get(0)?, hash: row.try_get(12)?, row: row_ })
}

pub(super) fn event_of(row: &AnyRow) -> Result<Linked, sqlx::Error> {
    let kind: String = row.try_get(3)?;
    let unknown = || sqlx::Error::Decode(format!("{kind:?} is no kind of event").into());
    let kind = EventKind::named(&kind).ok_or_else(unknown)?;
    let body = Body::Event { kind, subject: row.try_get(4)?, detail: row.try_get(5)? };
    let row_ = Row { target: row.try_get(1)?, seen: row.try_get(2)?, body };
    Ok(Linked { seq: row.try_get(0)?, hash: row.try_get(6)?, row: row_ })
}

pub(super) fn target_of(row: &AnyRow) -> Result<(i64, Target), sqlx::Error> {
    let target =
        Target { repository: row.try_get(1)?, tag: row.try_get(2)?, platform: row.try_get(3)? };
    Ok((row.try_get(0)?, target))
}

/// Appends rows to their tables, many with one statement.
pub(super) async fn insert(connection: &mut Link, rows: &[Linked]) -> Result<(), sqlx::Error> {
    let (points, events): (Vec<&Linked>, Vec<&Linked>) =
        rows.iter().partition(|linked| matches!(linked.row.body, Body::Point(_)));
    for rows in points.chunks(AT_ONCE) {
        insert_some(connection, "point", 13, rows).await?;
    }
    for rows in events.chunks(AT_ONCE) {
        insert_some(connection, "event", 7, rows).await?;
    }
    Ok(())
}

async fn insert_some(
    connection: &mut Link,
    table: &str,
    columns: usize,
    rows: &[&Linked],
) -> Result<(), sqlx::Error> {
    let row = |row: usize| {
        let values: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    let values: Vec<String> = (0..rows.len()).map(row).collect();
    let mut insert = statement(format!("INSERT INTO {table} VALUES {}", values.join(", ")));
    // Statements of odd lengths would only fill the driver's store of prepared ones.
    insert = insert.persistent(rows.len() == 1 || rows.len() == AT_ONCE);
    for linked in rows {
        insert = bind(insert, linked);
    }
    insert.execute(connection).await.map(|_| ())
}

fn bind<'q>(insert: Statement<'q>, linked: &Linked) -> Statement<'q> {
    let Linked { seq, hash, row } = linked;
    let insert = insert.bind(*seq).bind(row.target).bind(row.seen);
    let insert = match &row.body {
        Body::Point(point) => insert
            .bind(point.root.clone())
            .bind(point.image.clone())
            .bind(point.compressed)
            .bind(point.uncompressed)
            .bind(point.content)
            .bind(point.visible)
            .bind(point.shadowed)
            .bind(point.layers)
            .bind(point.snapshot.clone()),
        Body::Event { kind, subject, detail } => {
            insert.bind(kind.name().to_owned()).bind(subject.clone()).bind(detail.clone())
        }
    };
    insert.bind(hash.clone())
}
