//! Numbers of targets as text, as in `1-9998,10001`: a night in which nothing changed is one short
//! row however many targets it looked at.

use std::fmt::Write as _;

/// More numbers than this in one text are taken for damage.
const MOST: i64 = 100_000_000;

/// The text of `numbers`, in order and each once.
pub(super) fn format(numbers: &mut Vec<i64>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let mut text = String::new();
    for run in numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = match run {
            [] => Ok(()),
            [only] => write!(text, "{comma}{only}"),
            [first, .., last] => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

/// The runs in `text`, first and last number of each; `None` for another text.
pub(super) fn parse(text: &str) -> Option<Vec<(i64, i64)>> {
    let mut runs = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        if first < 1 || last < first || last > MOST {
            return None;
        }
        runs.push((first, last));
    }
    Some(runs)
}

/// Whether `number` is in one of `runs`.
pub(super) fn holds(runs: &[(i64, i64)], number: i64) -> bool {
    runs.iter().any(|(first, last)| (*first..=*last).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_runs_and_come_back() {
        let check = |numbers: &[i64], text: &str| {
            assert_eq!(format(&mut numbers.to_vec()), text);
            let runs = parse(text).unwrap();
            assert!(numbers.iter().all(|number| holds(&runs, *number)), "{text}");
            assert!(!holds(&runs, 99), "{text}");
        };
        check(&[], "");
        check(&[7], "7");
        check(&[3, 1, 2, 2, 9], "1-3,9");
        check(&[1, 3, 5], "1,3,5");
        for text in ["x", "1-", "2-1", "0", "-1", "1-999999999999", "1,x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
