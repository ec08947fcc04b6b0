//! The page of an audit in a browser: drawn, without a complaint, and without a request.

use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use crate::audit_report::{hostile, month};
use crate::support::Sandbox;

/// The width and height of the window.
const WIDTH: usize = 1000;
const HEIGHT: usize = 2400;

/// The colour of a chart's line in the style.
const LINE: [u8; 3] = [0x1f, 0x62, 0xc4];

/// What a browser made of a page.
struct Browsed {
    document: String,
    complaints: Vec<String>,
    requests: Vec<String>,
}

/// What the browser asks its maker by itself, whatever page it shows.
const OWN: [&str; 2] = [".google.com", ".googleapis.com"];

/// Runs a browser whose every request to the network goes to a proxy, and tells them.
fn browse(profile: &Path, page: &Path, action: &str) -> (Output, Vec<String>) {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in proxy.incoming().flatten() {
            let mut start = [0; 256];
            let length = stream.read(&mut start).unwrap_or(0);
            let start = String::from_utf8_lossy(&start[..length]).into_owned();
            kept.lock().unwrap().push(start.lines().next().unwrap_or_default().to_owned());
        }
    });
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--v=0", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--disable-dev-shm-usage", "--force-color-profile=srgb"])
        .arg(format!("--window-size={WIDTH},{HEIGHT}"))
        .arg(format!("--proxy-server=http://{address}"))
        .arg("--proxy-bypass-list=<-loopback>")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(action)
        .arg(format!("file://{}", page.display()))
        .output();
    match output {
        Ok(output) => {
            let asked = asked.lock().unwrap().clone();
            let is_own = |request: &String| OWN.iter().any(|host| request.contains(host));
            (output, asked.into_iter().filter(|request| !is_own(request)).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("this test needs the program `chromium`: scripts/prepare installs it")
        }
        Err(error) => panic!("chromium: {error}"),
    }
}

fn document(sandbox: &Sandbox, page: &Path) -> Browsed {
    let (output, requests) = browse(&sandbox.path("profile"), page, "--dump-dom");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(document.contains("</html>"), "{said}");
    let complaints = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    Browsed { document, complaints: complaints.collect(), requests }
}

/// The pixels of a picture, three or four bytes each, by rows.
fn pixels(png: &[u8]) -> Vec<[u8; 3]> {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
    let (width, kind) = (number(16), png[25]);
    assert_eq!((png[24], png[28]), (8, 0), "eight bits, not interlaced");
    let size = if kind == 6 { 4 } else { 3 };
    let (mut at, mut packed) = (8, Vec::new());
    while at + 8 < png.len() {
        let length = number(at);
        if &png[at + 4..at + 8] == b"IDAT" {
            packed.extend_from_slice(&png[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    let mut lines = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut lines).unwrap();
    let mut before = vec![0; width * size];
    let mut found = Vec::new();
    for line in lines.chunks_exact(width * size + 1) {
        let mut row = line[1..].to_vec();
        unfilter(line[0], &mut row, &before, size);
        found.extend(row.chunks_exact(size).map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        before = row;
    }
    found
}

/// Undoes what PNG does to a row before it is packed.
fn unfilter(filter: u8, row: &mut [u8], above: &[u8], size: usize) {
    for at in 0..row.len() {
        let (left, corner) = match at.checked_sub(size) {
            Some(left) => (i32::from(row[left]), i32::from(above[left])),
            None => (0, 0),
        };
        let up = i32::from(above[at]);
        let predicted = match filter {
            1 => left,
            2 => up,
            3 => i32::midpoint(left, up),
            4 => {
                let guess = left + up - corner;
                *[left, up, corner].iter().min_by_key(|near| (guess - **near).abs()).unwrap()
            }
            _ => 0,
        };
        row[at] = row[at].wrapping_add(u8::try_from(predicted).unwrap());
    }
}

fn page_of(sandbox: &Sandbox) -> std::path::PathBuf {
    let page = sandbox.path("page.html");
    let store = sandbox.path("history.sqlite").display().to_string();
    let name = page.display().to_string();
    let options = ["audit", "report", "--since", "2023-11-01", "--store", &store, "--html", &name];
    let output = sandbox.run(&options);
    assert_eq!(output.code, Some(0), "{output}");
    page
}

/// The names of elements that a page may be made of, and how many there are.
fn count(text: &str, element: &str) -> usize {
    let starts = text.split('<').skip(1);
    starts.filter(|rest| rest.split([' ', '>', '/', '\n']).next() == Some(element)).count()
}

#[test]
fn a_browser_shows_the_page_and_asks_nobody() {
    for sandbox in [month(), hostile()] {
        let page = page_of(&sandbox);
        let written = std::fs::read_to_string(&page).unwrap();
        let seen = document(&sandbox, &page);
        assert_eq!(seen.complaints, Vec::<String>::new());
        assert_eq!(seen.requests, Vec::<String>::new());
        assert_eq!(count(&seen.document, "script") + count(&seen.document, "img"), 0);
        assert!(count(&written, "svg") > 4);
        for element in ["svg", "path", "circle", "td", "li", "article"] {
            assert_eq!(count(&seen.document, element), count(&written, element), "{element}");
        }
    }
}

#[test]
fn the_chart_is_drawn() {
    let sandbox = month();
    let page = page_of(&sandbox);
    let picture = sandbox.path("page.png");
    let action = format!("--screenshot={}", picture.display());
    let (output, requests) = browse(&sandbox.path("profile"), &page, &action);
    let png = std::fs::read(&picture).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let found = pixels(&png);
    assert_eq!((found.len(), requests), (WIDTH * HEIGHT, Vec::new()));
    let drawn = found.iter().filter(|pixel| **pixel == LINE).count();
    assert!(drawn > 500, "{drawn} pixels of the line's colour");
}

/// What the tests above look for would be seen.
#[test]
fn a_browser_tells_of_requests_and_complaints() {
    let sandbox = Sandbox::new();
    let careless = "<!doctype html><html><meta http-equiv=\"Content-Security-Policy\" \
                    content=\"default-src 'none'; img-src *\"><p style=\"color: red\">a</p>\
                    <img src=\"http://registry.example/x.png\"></html>";
    let page = sandbox.write("careless.html", careless);
    let seen = document(&sandbox, &page);
    assert!(seen.requests[0].contains("registry.example"), "{:?}", seen.requests);
    assert!(!seen.complaints.is_empty());
}
