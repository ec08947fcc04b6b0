//! A way to a server on which connections end, or fall silent, when a test says so.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The way to a server, which is closed after so many messages of clients.
#[derive(Clone)]
pub struct Relay(Arc<State>);

struct State {
    address: SocketAddr,
    server: SocketAddr,
    /// Messages that are let through.
    left: AtomicUsize,
    /// Whether the server hears the last message, too.
    is_heard: AtomicBool,
    /// Whether all is swallowed in both directions, and nothing closed.
    is_mute: AtomicBool,
    /// Clients that found it closed.
    refused: AtomicUsize,
}

impl Relay {
    /// The way to a server.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (left, is_heard) = (AtomicUsize::new(usize::MAX), AtomicBool::new(false));
        let (is_mute, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
        let relay = Self(Arc::new(State { address, server, left, is_heard, is_mute, refused }));
        let this = relay.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let relay = this.clone();
                if relay.0.left.load(Ordering::SeqCst) > 0 {
                    std::thread::spawn(move || relay.relay(client));
                } else {
                    relay.0.refused.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        relay
    }

    /// Closes after so many messages; of the last, the server may hear.
    pub fn set(&self, left: usize, is_heard: bool) {
        self.0.is_heard.store(is_heard, Ordering::SeqCst);
        self.0.left.store(left, Ordering::SeqCst);
    }

    /// Lets all through from now on.
    pub fn open(&self) {
        self.set(usize::MAX, false);
    }

    /// Lets nothing through any more, or something again, without a word.
    pub fn mute(&self, is_mute: bool) {
        self.0.is_mute.store(is_mute, Ordering::SeqCst);
    }

    fn is_mute(&self) -> bool {
        self.0.is_mute.load(Ordering::SeqCst)
    }

    /// Closes what there is, and what comes.
    pub fn close(&self) {
        self.set(0, false);
    }

    /// How many clients found it closed.
    pub fn refused(&self) -> usize {
        self.0.refused.load(Ordering::SeqCst)
    }

    /// How many messages were let through since so many were left.
    pub fn passed(&self, of: usize) -> usize {
        of - self.0.left.load(Ordering::SeqCst)
    }

    /// The address of a database through the relay.
    pub fn url(&self, direct: &str) -> String {
        direct.replace(&self.0.server.to_string(), &self.0.address.to_string())
    }

    fn relay(&self, mut client: TcpStream) {
        let mut server = TcpStream::connect(self.0.server).unwrap();
        let (mut answers, mut to_client) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        let relay = self.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length @ 1..) = answers.read(&mut buffer) {
                if relay.is_mute() {
                    continue;
                }
                let is_closed = relay.0.left.load(Ordering::SeqCst) == 0;
                if is_closed || to_client.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            if self.is_mute() {
                continue;
            }
            let less = |left: usize| left.checked_sub(1);
            let left = self.0.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
            let is_last = left.is_ok_and(|left| left == 1);
            let is_heard = left.is_ok() && (!is_last || self.0.is_heard.load(Ordering::SeqCst));
            if !is_heard || server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}
