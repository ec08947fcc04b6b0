use super::*;

fn subject(tag: &str) -> Target {
    Target { repository: "r.example/app".into(), tag: tag.into(), platform: "linux/amd64".into() }
}

fn standing(tag: &str, exceeded: &[&str], unknown: &[&str]) -> Standing {
    Standing {
        subject: subject(tag),
        name: "r.example/app".into(),
        exceeded: exceeded.iter().map(|rule| ((*rule).into(), format!("{rule} is over"))).collect(),
        unknown: unknown.iter().map(|rule| (*rule).into()).collect(),
        is_gone: false,
    }
}

const CHANNELS: [&str; 2] = ["a", "b"];

/// What a history holds after a pass, whose messages reached some channels.
fn apply(known: &mut Vec<Known>, planned: &[Planned], reached: &[&str]) {
    for planned in planned {
        let Planned { subject, rule, message, .. } = planned.clone();
        let is_it = |known: &Known| known.subject == planned.subject && known.rule == planned.rule;
        if !known.iter().any(is_it) {
            let told = BTreeSet::new();
            known.push(Known { subject, rule, message, is_open: false, told });
        }
        let it = known.iter_mut().find(|known| is_it(known)).expect("a breach");
        let reached = reached.iter().copied().collect();
        for state in planned.state().into_iter().chain(planned.after(&CHANNELS.into(), &reached)) {
            match state {
                BreachState::Notified(told) => it.told = told,
                state => it.is_open = matches!(state, BreachState::Opened(_)),
            }
        }
    }
    known.retain(|known| known.is_open || !known.told.is_empty());
}

/// The channels that are to be told, one after the other.
fn due(planned: &Planned) -> String {
    CHANNELS.into_iter().filter(|channel| planned.is_due(channel)).collect()
}

fn message(planned: &[Planned]) -> Option<Message> {
    Message::new(&planned.iter().filter(|planned| planned.is_due("a")).collect::<Vec<_>>())
}

/// What a pass finds, whom messages reach, and the steps with those to be told.
type Passed<'a> = (&'a [Standing], &'a [&'a str], &'a [(&'a str, Step, &'a str)]);

/// Passes one after another.
fn check(passes: &[Passed<'_>]) {
    let mut known = Vec::new();
    for (number, (found, reached, expected)) in passes.iter().enumerate() {
        let planned = plan(&known, found);
        let steps: Vec<(&str, Step, String)> =
            planned.iter().map(|it| (it.rule.as_str(), it.step, due(it))).collect();
        let expected: Vec<(&str, Step, String)> =
            expected.iter().map(|(rule, step, due)| (*rule, *step, (*due).to_owned())).collect();
        assert_eq!(steps, expected, "pass {number}");
        apply(&mut known, &planned, reached);
    }
}

#[test]
fn a_breach_is_told_of_once_until_it_is_over() {
    let over = [standing("1", &["max"], &[])];
    let fine = [standing("1", &[], &[])];
    check(&[
        (&over, &["a", "b"], &[("max", Step::Open, "ab")]),
        (&over, &["a", "b"], &[("max", Step::Stay, "")]),
        (&over, &["a", "b"], &[("max", Step::Stay, "")]),
        (&fine, &["a", "b"], &[("max", Step::Clear, "ab")]),
        (&fine, &["a", "b"], &[]),
        (&over, &["a", "b"], &[("max", Step::Open, "ab")]),
    ]);
}

#[test]
fn whom_a_message_did_not_reach_is_told_again_and_the_others_are_not() {
    let over = [standing("1", &["max"], &[])];
    let fine = [standing("1", &[], &[])];
    check(&[
        (&over, &[], &[("max", Step::Open, "ab")]),
        (&over, &["a"], &[("max", Step::Stay, "ab")]),
        (&over, &["a"], &[("max", Step::Stay, "b")]),
        (&over, &["a", "b"], &[("max", Step::Stay, "b")]),
        (&over, &[], &[("max", Step::Stay, "")]),
        (&fine, &["b"], &[("max", Step::Clear, "ab")]),
        (&fine, &["b"], &[("max", Step::Clear, "a")]),
        // Who heard of the end hears of it when it begins again.
        (&over, &["a", "b"], &[("max", Step::Open, "b")]),
        (&fine, &["a", "b"], &[("max", Step::Clear, "ab")]),
        (&fine, &[], &[]),
    ]);
    // Only who heard of it hears of its end.
    check(&[
        (&over, &["a"], &[("max", Step::Open, "ab")]),
        (&fine, &["a"], &[("max", Step::Clear, "a")]),
        (&fine, &[], &[]),
    ]);
    check(&[
        (&over, &[], &[("max", Step::Open, "ab")]),
        (&fine, &[], &[("max", Step::Clear, "")]),
        (&fine, &[], &[]),
    ]);
}

#[test]
fn a_channel_that_is_no_more_holds_up_no_end() {
    let told = ["a", "gone"].map(str::to_owned).into();
    let (rule, message) = ("max".to_owned(), "too much".to_owned());
    let known = Known { subject: subject("1"), rule, message, is_open: true, told };
    let planned = plan(&[known], &[standing("1", &[], &[])]);
    let after =
        |reached: &[&str]| planned[0].after(&CHANNELS.into(), &reached.iter().copied().collect());
    // It is over, whoever knows.
    assert_eq!(planned[0].state(), Some(BreachState::Cleared("too much".to_owned())));
    assert_eq!(after(&["a"]), Some(BreachState::Notified(BTreeSet::new())));
    assert_eq!(after(&[]), Some(BreachState::Notified(["a".to_owned()].into())));
}

#[test]
fn a_target_ends_no_breach_of_another() {
    let of = |name: &str, exceeded: &[&str]| {
        [Standing { name: name.into(), ..standing("1", exceeded, &[]) }]
    };
    check(&[
        (&of("r.example/app", &["max"]), &["a"], &[("max", Step::Open, "ab")]),
        (&of("other", &["max"]), &["a"], &[("max for other", Step::Open, "ab")]),
        (&of("other", &["max"]), &["a"], &[("max for other", Step::Stay, "b")]),
        (&of("other", &[]), &["a"], &[("max for other", Step::Clear, "a")]),
        (&of("r.example/app", &["max"]), &["b"], &[("max", Step::Stay, "b")]),
        (&of("r.example/app", &[]), &["a", "b"], &[("max", Step::Clear, "ab")]),
    ]);
}

#[test]
fn what_was_not_looked_at_stays() {
    let over = [standing("1", &["a", "b"], &[]), standing("2", &["a"], &[])];
    let only_two = [standing("2", &[], &[])];
    let unknown = [standing("1", &["b"], &["a"])];
    let fine = [standing("1", &["b"], &[])];
    check(&[
        (
            &over,
            &["a"],
            &[("a", Step::Open, "ab"), ("b", Step::Open, "ab"), ("a", Step::Open, "ab")],
        ),
        (&only_two, &[], &[("a", Step::Clear, "a")]),
        (&unknown, &[], &[("b", Step::Stay, "b")]),
        (&[], &[], &[]),
        (&fine, &["a"], &[("a", Step::Clear, "a"), ("b", Step::Stay, "b")]),
    ]);
}

#[test]
fn what_is_gone_kept_no_limit() {
    let over = [standing("1", &["max"], &[])];
    let gone = [Standing { is_gone: true, ..standing("1", &[], &[]) }];
    check(&[
        (&over, &["a"], &[("max", Step::Open, "ab")]),
        (&gone, &["a"], &[("max", Step::End, "a")]),
    ]);
    let told = ["a".to_owned()].into();
    let known = Known {
        subject: subject("1"),
        rule: "max".into(),
        message: String::new(),
        is_open: true,
        told,
    };
    let message = message(&plan(&[known], &gone)).expect("a message");
    assert_eq!(
        message.text(),
        "regsize: 1 budget of images that are gone\n\
         - r.example/app:1 linux/amd64: gone, and exceeded until then: max"
    );
}

#[test]
fn messages_name_what_happened() {
    let known = [Known {
        subject: subject("1"),
        rule: "max".into(),
        message: "was over".into(),
        is_open: true,
        told: ["a".to_owned()].into(),
    }];
    let found = [standing("1", &["growth"], &[])];
    let message = message(&plan(&known, &found)).expect("a message");
    assert_eq!(
        message.text(),
        "regsize: 1 budget exceeded, 1 budget kept again\n\
         - r.example/app:1 linux/amd64: growth is over\n\
         - r.example/app:1 linux/amd64: kept again: max"
    );
    let json: serde_json::Value = serde_json::from_str(&message.json()).expect("a document");
    assert_eq!(json["text"], message.text());
    assert_eq!(json["breaches"][0]["state"], "exceeded");
    assert_eq!(json["breaches"][1]["state"], "cleared");
    assert_eq!(Message::new(&[]), None);
}

#[test]
fn messages_have_no_commands_of_others() {
    let hostile = "<!channel> @here <http://evil|x>\n- faked\u{202e}\u{1b}[31m &amp;";
    let planned = Planned {
        subject: subject(hostile),
        rule: hostile.into(),
        message: hostile.into(),
        step: Step::Open,
        told: BTreeSet::new(),
    };
    let many = vec![planned; 25];
    let message = message(&many).expect("a message");
    let text = message.text();
    assert_eq!(text.lines().count(), 22);
    assert!(text.ends_with("and 5 more"));
    assert!(!text.contains(['<', '>', '\u{202e}', '\u{1b}']) && !text.contains("@here"), "{text}");
}

fn reading(tag: &str, became: Became) -> Reading {
    Reading::of_tag("r.example/app".into(), tag.into(), became)
}

#[test]
fn what_cannot_be_read_is_told_of_when_it_failed_twice() {
    let failed = || Became::Failed("no answer".into());
    let check = |passes: &[(Became, &[&str], &[Step], &str)]| {
        let mut known = Vec::new();
        for (number, (became, reached, expected, told)) in passes.iter().enumerate() {
            let planned = plan_readings(&known, &[reading("1", became.clone())]);
            let steps: Vec<Step> = planned.iter().map(|planned| planned.step).collect();
            assert_eq!(steps, *expected, "pass {number}");
            assert_eq!(planned.iter().map(due).collect::<String>(), *told, "pass {number}");
            // No limit is kept or exceeded by it.
            assert_eq!(plan(&known, &[standing("1", &[], &[])]), []);
            apply(&mut known, &planned, reached);
        }
    };
    check(&[
        (failed(), &["a", "b"], &[Step::Open], ""),
        (Became::Read, &["a", "b"], &[Step::Clear], ""),
        (Became::Read, &["a", "b"], &[], ""),
        (failed(), &["a", "b"], &[Step::Open], ""),
        (failed(), &["a"], &[Step::Stay], "ab"),
        (failed(), &["a", "b"], &[Step::Stay], "b"),
        (failed(), &["a", "b"], &[Step::Stay], ""),
        (Became::Read, &["b"], &[Step::Clear], "ab"),
        (Became::Read, &["a"], &[Step::Clear], "a"),
        (Became::Read, &[], &[], ""),
    ]);
    check(&[
        (failed(), &["a"], &[Step::Open], ""),
        (failed(), &["a"], &[Step::Stay], "ab"),
        (Became::Gone, &["a"], &[Step::End], "a"),
        (Became::Gone, &["a"], &[], ""),
    ]);
}

#[test]
fn failures_of_a_repository_are_one_line() {
    let failed = |tag: &str| reading(tag, Became::Failed("<no> answer".into()));
    let named = |name: &str, became| Reading::of_whole(name, "r.example/app".into(), became);
    let first: Vec<Reading> = (0..12).map(|at| failed(&format!("1.{at:02}"))).collect();
    let mut first = first;
    first.push(named("other", Became::Failed("away".into())));
    first.push(named("r.example/app", Became::Failed("away".into())));
    let mut known = Vec::new();
    apply(&mut known, &plan_readings(&[], &first), &[]);
    let planned = plan_readings(&known, &first);
    let message_of_all = message(&planned).expect("a message");
    assert_eq!(
        message_of_all.text(),
        "regsize: 2 repositories cannot be read, 12 tags cannot be read\n\
         - r.example/app: 1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09 and 2 more: \
         cannot be read, the first because: &lt;no&gt; answer\n\
         - r.example/app: cannot be read: away\n\
         - r.example/app (other): cannot be read: away"
    );
    let json: serde_json::Value = serde_json::from_str(&message_of_all.json()).expect("a document");
    assert_eq!(json["failures"].as_array().map(Vec::len), Some(14));
    assert_eq!(json["failures"][0]["tag"], "1.00");
    assert_eq!(json["failures"][13]["tag"], serde_json::Value::Null);
    apply(&mut known, &planned, &CHANNELS);
    let message = message(&plan_readings(&known, &[reading("1.00", Became::Read)]));
    let text = message.expect("a message").text().to_owned();
    assert_eq!(text, "regsize: 1 tag can be read again\n- r.example/app: 1.00: read again");
}
