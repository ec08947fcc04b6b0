use super::*;

fn subject(tag: &str) -> Target {
    Target { repository: "r.example/app".into(), tag: tag.into(), platform: "linux/amd64".into() }
}

fn standing(tag: &str, exceeded: &[&str], unknown: &[&str]) -> Standing {
    Standing {
        subject: subject(tag),
        exceeded: exceeded.iter().map(|rule| ((*rule).into(), format!("{rule} is over"))).collect(),
        unknown: unknown.iter().map(|rule| (*rule).into()).collect(),
        is_gone: false,
    }
}

/// What a history holds after a pass, whose messages were delivered or not.
fn apply(known: &mut Vec<Known>, planned: &[Planned], delivered: bool) {
    for step in planned {
        let is_it = |breach: &Known| breach.subject == step.subject && breach.rule == step.rule;
        match step.step {
            Step::Open => known.push(Known {
                subject: step.subject.clone(),
                rule: step.rule.clone(),
                message: step.message.clone(),
                notified: delivered,
            }),
            Step::Remind => {
                known.iter_mut().filter(|k| is_it(k)).for_each(|k| k.notified |= delivered);
            }
            // That it is over is told of again until it is delivered.
            Step::Clear | Step::End if !delivered => {}
            Step::Clear | Step::End | Step::Forget => known.retain(|breach| !is_it(breach)),
        }
    }
}

/// What a pass finds, whether messages are delivered, and the steps.
type Passed<'a> = (&'a [Standing], bool, &'a [(&'a str, Step)]);

/// Passes one after another.
fn check(passes: &[Passed<'_>]) {
    let mut known = Vec::new();
    for (number, (found, delivered, expected)) in passes.iter().enumerate() {
        let planned = plan(&known, found);
        let steps: Vec<(&str, Step)> =
            planned.iter().map(|step| (step.rule.as_str(), step.step)).collect();
        assert_eq!(steps, *expected, "pass {number}");
        apply(&mut known, &planned, *delivered);
    }
}

#[test]
fn a_breach_is_told_of_once_until_it_is_over() {
    let over = [standing("1", &["max"], &[])];
    let fine = [standing("1", &[], &[])];
    check(&[
        (&over, true, &[("max", Step::Open)]),
        (&over, true, &[]),
        (&over, true, &[]),
        (&fine, true, &[("max", Step::Clear)]),
        (&fine, true, &[]),
        (&over, true, &[("max", Step::Open)]),
    ]);
}

#[test]
fn what_was_not_delivered_is_told_again() {
    let over = [standing("1", &["max"], &[])];
    let fine = [standing("1", &[], &[])];
    check(&[
        (&over, false, &[("max", Step::Open)]),
        (&over, false, &[("max", Step::Remind)]),
        (&over, true, &[("max", Step::Remind)]),
        (&over, true, &[]),
        (&fine, false, &[("max", Step::Clear)]),
        (&fine, true, &[("max", Step::Clear)]),
    ]);
    check(&[
        (&over, false, &[("max", Step::Open)]),
        (&fine, true, &[("max", Step::Forget)]),
        (&fine, true, &[]),
    ]);
}

#[test]
fn what_was_not_looked_at_stays() {
    let over = [standing("1", &["a", "b"], &[]), standing("2", &["a"], &[])];
    let only_two = [standing("2", &[], &[])];
    let unknown = [standing("1", &["b"], &["a"])];
    let fine = [standing("1", &["b"], &[])];
    check(&[
        (&over, true, &[("a", Step::Open), ("b", Step::Open), ("a", Step::Open)]),
        (&only_two, true, &[("a", Step::Clear)]),
        (&unknown, true, &[]),
        (&[], true, &[]),
        (&fine, true, &[("a", Step::Clear)]),
    ]);
}

#[test]
fn what_is_gone_kept_no_limit() {
    let over = [standing("1", &["max"], &[])];
    let gone = [Standing { is_gone: true, ..standing("1", &[], &[]) }];
    check(&[(&over, true, &[("max", Step::Open)]), (&gone, true, &[("max", Step::End)])]);
    let known =
        Known { subject: subject("1"), rule: "max".into(), message: String::new(), notified: true };
    let message = Message::new(&plan(&[known], &gone)).expect("a message");
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
        notified: true,
    }];
    let found = [standing("1", &["growth"], &[])];
    let message = Message::new(&plan(&known, &found)).expect("a message");
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
    };
    let many = vec![planned; 25];
    let message = Message::new(&many).expect("a message");
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
    let check = |passes: &[(Became, bool, &[Step], bool)]| {
        let mut known = Vec::new();
        for (number, (became, delivered, expected, told)) in passes.iter().enumerate() {
            let planned = plan_readings(&known, &[reading("1", became.clone())]);
            let steps: Vec<Step> = planned.iter().map(|planned| planned.step).collect();
            assert_eq!(steps, *expected, "pass {number}");
            assert_eq!(Message::new(&planned).is_some(), *told, "pass {number}");
            // No limit is kept or exceeded by it.
            assert_eq!(plan(&known, &[standing("1", &[], &[])]), []);
            apply(&mut known, &planned, *delivered && *told);
        }
    };
    check(&[
        (failed(), true, &[Step::Open], false),
        (Became::Read, true, &[Step::Forget], false),
        (Became::Read, true, &[], false),
        (failed(), true, &[Step::Open], false),
        (failed(), false, &[Step::Remind], true),
        (failed(), true, &[Step::Remind], true),
        (failed(), true, &[], false),
        (Became::Read, true, &[Step::Clear], true),
        (Became::Read, true, &[], false),
    ]);
    check(&[
        (failed(), true, &[Step::Open], false),
        (failed(), true, &[Step::Remind], true),
        (Became::Gone, true, &[Step::End], true),
        (Became::Gone, true, &[], false),
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
    apply(&mut known, &plan_readings(&[], &first), false);
    let planned = plan_readings(&known, &first);
    let message = Message::new(&planned).expect("a message");
    assert_eq!(
        message.text(),
        "regsize: 2 repositories cannot be read, 12 tags cannot be read\n\
         - r.example/app: 1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09 and 2 more: \
         cannot be read, the first because: &lt;no&gt; answer\n\
         - r.example/app: cannot be read: away\n\
         - r.example/app (other): cannot be read: away"
    );
    let json: serde_json::Value = serde_json::from_str(&message.json()).expect("a document");
    assert_eq!(json["failures"].as_array().map(Vec::len), Some(14));
    assert_eq!(json["failures"][0]["tag"], "1.00");
    assert_eq!(json["failures"][13]["tag"], serde_json::Value::Null);
    apply(&mut known, &planned, true);
    let message = Message::new(&plan_readings(&known, &[reading("1.00", Became::Read)]));
    let text = message.expect("a message").text().to_owned();
    assert_eq!(text, "regsize: 1 tag can be read again\n- r.example/app: 1.00: read again");
}
