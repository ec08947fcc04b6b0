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
    assert_eq!(html.matches("<svg class=\"chart\"").count(), 6);
    assert!(html.contains("<line class=\"limit\""));
    assert!(html.contains(">+42.7 MB</text>"));
    assert!(html.contains("aria-labelledby=\"t1a-name t1a-text\""));
    assert!(html.contains("step 6 adds <code>/models/large.bin</code>: <code>RUN make all</code>"));
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
        assert_eq!(count(&wild, name), count(&tame, name), "{name}");
    }
    assert!(!wild.contains("<script") && !wild.contains("<img"));
    assert!(!wild.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{2028}']));
}

#[test]
fn nothing_is_a_page_too() {
    assert!(html_overview(&Overview::default(), Units::Binary).ends_with("</html>\n"));
}
