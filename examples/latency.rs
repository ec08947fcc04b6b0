//! A TCP proxy that adds a round trip's time to what passes, and counts it; for benchmarks.
//!
//! ```text
//! latency PORT MILLISECONDS
//! ```
//!
//! Prints the port that it listens on. Every line that it reads is answered by the connections
//! and HTTP/1.1 requests since the line before. A client's first bytes wait one round trip more,
//! as opening a connection would.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().ok());
    let (Some(Some(port)), Some(Some(milliseconds))) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "usage: latency PORT MILLISECONDS",
        ));
    };
    let round_trip = Duration::from_millis(milliseconds);
    let counts = Arc::new(Counts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    let reported = Arc::clone(&counts);
    let end = tokio::task::spawn_blocking(move || report(&reported));
    tokio::pin!(end);
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut end => return Ok(()),
        };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve(client, format!("127.0.0.1:{port}"), round_trip, Arc::clone(&counts)));
    }
}

/// Answers lines until there are no more.
fn report(counts: &Counts) {
    for _ in io::stdin().lock().lines() {
        let (connections, requests) = (&counts.connections, &counts.requests);
        let line = format!(
            "{} {}",
            connections.swap(0, Ordering::Relaxed),
            requests.swap(0, Ordering::Relaxed)
        );
        if writeln!(io::stdout(), "{line}").is_err() {
            break;
        }
    }
}

async fn serve(
    client: TcpStream,
    target: String,
    round_trip: Duration,
    counts: Arc<Counts>,
) -> io::Result<()> {
    let opened = Instant::now() + round_trip;
    client.set_nodelay(true)?;
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let one_way = round_trip / 2;
    tokio::spawn(pump(from_client, to_server, opened, one_way, Some(counts)));
    pump(from_server, to_client, Instant::now(), one_way, None).await
}

/// Passes bytes on, each `delay` after it came but none before `not_before`.
async fn pump(
    mut from: OwnedReadHalf,
    to: OwnedWriteHalf,
    not_before: Instant,
    delay: Duration,
    counts: Option<Arc<Counts>>,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(deliver(receiver, to));
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        let bytes = buffer[..length].to_vec();
        if let Some(counts) = &counts {
            let lines = bytes.windows(11).filter(|window| window == b" HTTP/1.1\r\n").count();
            counts.requests.fetch_add(lines as u64, Ordering::Relaxed);
        }
        if length == 0 || sender.send((Instant::now().max(not_before) + delay, bytes)).is_err() {
            return Ok(());
        }
    }
}

async fn deliver(
    mut receiver: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    while let Some((due, bytes)) = receiver.recv().await {
        sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}
