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

/// The drawing with this id.
fn chart<'a>(html: &'a str, id: &str) -> &'a str {
    let start = html.find(&format!(
        "<svg class=\"chart\" viewBox=\"0 0 640 256\" role=\"img\" aria-labelledby=\"{id}-name"
    ));
    let rest = start.map_or("", |start| &html[start..]);
    rest.split("</svg>").next().unwrap_or_default()
}

#[test]
fn sizes_are_drawn_from_zero() {
    let html = html_overview(&month(), Units::Decimal);
    for id in ["t1a", "t1b", "t2a", "t3a", "t4a", "t5a"] {
        let found = chart(&html, id);
        assert!(found.contains("text-anchor=\"end\">0 B</text>"), "{id}: {found}");
        assert!(found.contains("<line class=\"grid zero\""), "{id}: {found}");
    }
    // The first size, 412 of 600 MB, is at 69 % of the height.
    assert!(chart(&html, "t1a").contains("M84 91H"), "{html}");
}

#[test]
fn a_limit_far_above_is_named_at_the_edge() {
    let html = html_overview(&month(), Units::Decimal);
    let (compressed, content) = (chart(&html, "t1a"), chart(&html, "t1b"));
    assert!(compressed.contains("<line class=\"limit\"") && !compressed.contains('↑'));
    assert!(!content.contains("<line class=\"limit\""));
    assert!(content.contains(">↑ max-content 9.00 GB</text>"), "{content}");
    assert!(content.contains(">2.00 GB</text>") && !content.contains(">5.00 GB</text>"));
}

#[test]
fn a_line_breaks_where_a_target_was_gone_and_is_dashed_after_the_last_look() {
    let html = html_overview(&month(), Units::Decimal);
    let lines = |id: &str, class: &str| -> Vec<usize> {
        let start = format!("<path class=\"{class}\" d=\"");
        let parts = chart(&html, id).split(&*start).skip(1);
        let path = parts.filter_map(|rest| rest.split('"').next());
        path.map(|path| path.matches('M').count()).collect()
    };
    let (old, edge, still) = ("t3a", "t5a", "t4a");
    assert_eq!((lines(old, "path"), lines(old, "path old")), (vec![1], vec![]));
    assert_eq!((lines(edge, "path"), lines(edge, "path old")), (vec![2], vec![1]));
    assert_eq!((lines(still, "path"), lines(still, "path old")), (vec![1], vec![1]));
    assert_eq!((lines("t1a", "path"), lines("t1a", "path old")), (vec![1], vec![]));
    assert_eq!(html.matches("Last seen on ").count(), 2);
}

#[test]
fn many_points_are_drawn_without_a_crowd_of_marks() {
    let mut overview = month();
    let series = &mut overview.series[2];
    let first = series.moments[0].clone();
    series.moments = (0..400)
        .map(|at: u64| {
            let seen = first.seen + jiff::SignedDuration::from_hours(i64::try_from(at).unwrap());
            let compressed = 400_000_000 + at % 7 * 10_000_000;
            crate::audit::overview::Moment { seen, compressed, ..first.clone() }
        })
        .collect();
    let html = html_overview(&overview, Units::Decimal);
    let busy = html.split("<svg").find(|svg| svg.matches('V').count() > 400).unwrap_or_default();
    assert_eq!(busy.matches("class=\"dot\"").count(), 0);
    assert_eq!(busy.matches("<circle class=\"jump\"").count(), 12);
    assert!(busy.matches("class=\"jump-name\"").count() <= 12);
}

#[test]
fn what_ended_and_what_was_missed_is_on_the_page() {
    let html = html_overview(&month(), Units::Decimal);
    for heading in ["No longer exceeded", "Not read", "New and gone", "Passes that were not whole"]
    {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    for text in ["compressed 300 MB is more than 295 MB", "1 failed, 1 left for the next pass"] {
        assert!(html.contains(text), "{text}");
    }
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
