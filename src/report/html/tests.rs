use super::*;
use crate::audit::overview::Overview;
use crate::report::audit::sample::{hostile, month};

/// The names of elements in their order.
fn elements(html: &str) -> Vec<&str> {
    let starts = html.split('<').skip(1);
    starts.filter_map(|rest| rest.split([' ', '>', '/']).find(|name| !name.is_empty())).collect()
}

#[test]
fn a_month_is_a_page() {
    let html = html_overview(&month(), Units::Decimal);
    assert_eq!(html.matches("<svg class=\"chart\"").count(), 5);
    assert!(html.contains("<line class=\"limit\""));
    assert!(html.contains(">+42.7 MB</text>"));
    assert!(html.contains("aria-labelledby=\"t1a-name t1a-text\""));
    assert!(html.contains("step 6 `COPY models /models`: +65.1 MB, new /models/large.bin"));
}

#[test]
fn a_page_asks_nobody_and_runs_nothing() {
    let html = html_overview(&month(), Units::Decimal);
    for word in ["<script", "http://", "https://", "src=", "@import", "url(", "style=", "onload="] {
        let page = html.replace(STYLE, "");
        let found = page.find(word).map(|at| &page[at..(at + 40).min(page.len())]);
        assert_eq!(found, None, "{word}");
    }
    assert!(html.contains("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn names_of_others_add_no_element() {
    let (tame, wild) =
        (html_overview(&month(), Units::Decimal), html_overview(&hostile(), Units::Decimal));
    let count = |html: &str, name: &str| elements(html).iter().filter(|e| **e == name).count();
    for name in ["svg", "table", "tr", "td", "li", "code", "path", "style", "article", "h3"] {
        // Names of limits go into drawings, others into tables; none makes anything new.
        let more = if name == "li" { count(&wild, name) - count(&tame, name) } else { 0 };
        assert_eq!(count(&wild, name) - more, count(&tame, name), "{name}");
    }
    assert!(!wild.contains("<script") && !wild.contains("<img"));
    assert!(!wild.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{2028}']));
}

#[test]
fn nothing_is_a_page_too() {
    assert!(html_overview(&Overview::default(), Units::Binary).ends_with("</html>\n"));
}

/// The page as a browser has it, and what the browser complains about. A machine without a browser
/// has nothing to say; `scripts/prepare` installs one.
fn browse(html: &str) -> Option<(String, String)> {
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    std::fs::write(&page, html).expect("a file");
    let output = std::process::Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_browser_draws_the_page_without_a_complaint() {
    for overview in [month(), hostile()] {
        let html = html_overview(&overview, Units::Decimal);
        let Some((drawn, said)) = browse(&html) else { return };
        // A style or request that the page's policy refuses is a complaint, too.
        assert!(!said.contains("CONSOLE"), "{said}");
        assert_eq!(drawn.matches("<svg class=\"chart\"").count(), 5, "{drawn}");
        let count = |text: &str| elements(text).iter().filter(|name| **name == "td").count();
        assert_eq!(count(&drawn), count(&html));
    }
}
