//! Conditions of requirements (PEP 508 markers), as far as an image tells what they ask for.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::name::normalize_python_name;

/// Parentheses in parentheses.
const MAX_DEPTH: usize = 16;

/// What conditions ask for. The operating system is Linux, the interpreter `CPython`.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// The version of Python, as `(3, 12)`.
    pub(super) python: Option<(u64, u64)>,
    /// The machine, as `x86_64`.
    pub(super) machine: Option<&'static str>,
}

/// Whether a condition holds where some extras are asked for; `None` if that is not known.
pub(super) fn holds(
    marker: &str,
    environment: &Environment,
    extras: &BTreeSet<String>,
) -> Option<bool> {
    if marker.is_empty() {
        return Some(true);
    }
    let mut parser = Parser { rest: marker, environment, extras };
    let value = parser.any(0)?;
    if parser.rest.trim().is_empty() { value.told() } else { None }
}

struct Parser<'a> {
    rest: &'a str,
    environment: &'a Environment,
    extras: &'a BTreeSet<String>,
}

/// One side of a comparison.
enum Side<'a> {
    Text(&'a str),
    Python,
    FullPython,
    Extra,
    Unknown,
}

/// Whether a condition holds; in this order, the least of some is their conjunction, and the
/// greatest their disjunction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    No,
    Unknown,
    Yes,
}

impl Truth {
    fn of(told: Option<bool>) -> Self {
        told.map_or(Self::Unknown, |holds| if holds { Self::Yes } else { Self::No })
    }

    fn told(self) -> Option<bool> {
        (self != Self::Unknown).then_some(self == Self::Yes)
    }
}

impl<'a> Parser<'a> {
    /// `None` where the text is not a condition.
    fn any(&mut self, depth: usize) -> Option<Truth> {
        let mut value = self.all(depth)?;
        while self.word("or") {
            let other = self.all(depth)?;
            value = value.max(other);
        }
        Some(value)
    }

    fn all(&mut self, depth: usize) -> Option<Truth> {
        let mut value = self.one(depth)?;
        while self.word("and") {
            let other = self.one(depth)?;
            value = value.min(other);
        }
        Some(value)
    }

    fn one(&mut self, depth: usize) -> Option<Truth> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('(') {
            if depth == MAX_DEPTH {
                return None;
            }
            self.rest = rest;
            let value = self.any(depth + 1)?;
            self.rest = self.rest.trim_start().strip_prefix(')')?;
            return Some(value);
        }
        let (left, operator, right) = (self.side()?, self.operator()?, self.side()?);
        Some(Truth::of(self.compare(&left, operator, &right)))
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let after = rest.strip_prefix(word).filter(|after| !after.starts_with(is_of_word));
        self.rest = after.unwrap_or(rest);
        after.is_some()
    }

    fn operator(&mut self) -> Option<&'static str> {
        if self.word("in") {
            return Some("in");
        }
        if self.word("not") {
            return self.word("in").then_some("not in");
        }
        let operators = ["===", "<=", ">=", "==", "!=", "~=", "<", ">"];
        let operator = operators.into_iter().find(|operator| self.rest.starts_with(operator))?;
        self.rest = &self.rest[operator.len()..];
        Some(operator)
    }

    fn side(&mut self) -> Option<Side<'a>> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next()?;
        if matches!(quote, '\'' | '"') {
            let (text, rest) = rest[1..].split_once(quote)?;
            self.rest = rest;
            return Some(Side::Text(text));
        }
        let end = rest.find(|each| !is_of_word(each)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.rest = rest;
        Some(match name {
            "" => return None,
            "os_name" | "os.name" => Side::Text("posix"),
            "sys_platform" | "sys.platform" => Side::Text("linux"),
            "platform_system" => Side::Text("Linux"),
            "implementation_name" => Side::Text("cpython"),
            "platform_python_implementation" => Side::Text("CPython"),
            "platform_machine" | "platform.machine" => {
                self.environment.machine.map_or(Side::Unknown, Side::Text)
            }
            "python_version" => Side::Python,
            "python_full_version" => Side::FullPython,
            "extra" => Side::Extra,
            _ => Side::Unknown,
        })
    }

    fn compare(&self, left: &Side<'_>, operator: &str, right: &Side<'_>) -> Option<bool> {
        match (left, right) {
            (Side::Text(left), Side::Text(right)) => compare_texts(left, operator, right),
            (Side::Extra, Side::Text(extra)) | (Side::Text(extra), Side::Extra) => {
                let has = self.extras.contains(&normalize_python_name(extra));
                match operator {
                    "==" | "===" => Some(has),
                    "!=" => Some(!has),
                    _ => None,
                }
            }
            (Side::Python, Side::Text(text)) => self.compare_python(operator, text, false),
            (Side::FullPython, Side::Text(text)) => self.compare_python(operator, text, true),
            (Side::Text(text), Side::Python) => self.compare_python(flip(operator)?, text, false),
            (Side::Text(text), Side::FullPython) => {
                self.compare_python(flip(operator)?, text, true)
            }
            _ => None,
        }
    }

    fn compare_python(&self, operator: &str, text: &str, full: bool) -> Option<bool> {
        let python = self.environment.python?;
        if matches!(operator, "in" | "not in") {
            return (!full).then(|| {
                let version = format!("{}.{}", python.0, python.1);
                let mut versions = text.split([',', ' ']);
                versions.any(|each| each == version) == (operator == "in")
            });
        }
        let wildcard = text.trim().strip_suffix(".*");
        let (minor, patch) = version(wildcard.unwrap_or(text.trim()))?;
        if wildcard.is_some() {
            let same = python.0 == minor.0 && minor.1.is_none_or(|minor| minor == python.1);
            return match operator {
                "==" if patch == 0 => Some(same),
                "!=" if patch == 0 => Some(!same),
                _ => None,
            };
        }
        let minor = (minor.0, minor.1.unwrap_or(0));
        match python.cmp(&minor) {
            Ordering::Equal if full => match (operator, patch) {
                (">=" | "~=", 0) => Some(true),
                ("<", 0) => Some(false),
                _ => None,
            },
            Ordering::Equal => by_order(operator, 0.cmp(&patch)),
            // `~= 3.8` is any later one of 3.
            Ordering::Greater if operator == "~=" => Some(python.0 == minor.0 && patch == 0),
            order => by_order(operator, order),
        }
    }
}

fn is_of_word(each: char) -> bool {
    each.is_alphanumeric() || matches!(each, '_' | '.')
}

fn flip(operator: &str) -> Option<&str> {
    Some(match operator {
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        "==" | "===" | "!=" => operator,
        _ => return None,
    })
}

fn compare_texts(left: &str, operator: &str, right: &str) -> Option<bool> {
    match operator {
        "==" | "===" => Some(left == right),
        "!=" => Some(left != right),
        "in" => Some(right.contains(left)),
        "not in" => Some(!right.contains(left)),
        _ => None,
    }
}

fn by_order(operator: &str, order: Ordering) -> Option<bool> {
    Some(match operator {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" | "~=" => order.is_ge(),
        "==" | "===" => order.is_eq(),
        "!=" => order.is_ne(),
        _ => return None,
    })
}

/// Major and perhaps minor version, and the number after them.
fn version(text: &str) -> Option<((u64, Option<u64>), u64)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let major = numbers.next()??;
    let mut next = || match numbers.next() {
        None => Some(None),
        Some(number) => number.map(Some),
    };
    let (minor, patch) = (next()?, next()?);
    Some(((major, minor), patch.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(marker: &str, expected: Option<bool>) {
        let environment = Environment { python: Some((3, 11)), machine: Some("x86_64") };
        let extras = BTreeSet::from(["standard".to_owned()]);
        assert_eq!(holds(marker, &environment, &extras), expected, "{marker}");
    }

    #[test]
    fn markers_are_evaluated_as_far_as_the_image_tells() {
        let (yes, no) = (Some(true), Some(false));
        check("", yes);
        check("extra == 'standard'", yes);
        check("extra=='test'", no);
        check("'Standard' == extra", yes);
        check("sys_platform == 'win32'", no);
        check("sys_platform != \"win32\" and extra == 'standard'", yes);
        check("(sys_platform == 'darwin' or os_name == 'posix') and extra == 'x'", no);
        check("platform_machine in 'x86_64 aarch64'", yes);
        check("platform_machine not in 'arm64'", yes);
        check("platform_python_implementation == 'PyPy'", no);
        check("platform_release == '6'", None);
        check("platform_release == '6' or extra == 'standard'", yes);
        check("platform_release == '6' and extra == 'x'", no);
        check("not a marker", None);
        check("extra == 'standard' junk", None);
        check(&"(".repeat(100_000), None);
    }

    #[test]
    fn versions_of_python_are_compared_by_number() {
        let (yes, no) = (Some(true), Some(false));
        check("python_version >= '3.8'", yes);
        check("python_version<'3.8'", no);
        check("python_version < '3.11'", no);
        check("python_version < '3.11.4'", yes);
        check("'3.9' <= python_version", yes);
        check("python_version == '3.*'", yes);
        check("python_version != '3.11.*'", no);
        check("python_version ~= '3.8'", yes);
        check("python_version in '3.10, 3.11'", yes);
        check("python_version in '2.7 3.1'", no);
        check("python_version == '2'", no);
        check("python_version > 'x'", None);
        check("python_full_version < '3.11.4'", None);
        check("python_full_version < '3.10.4'", no);
        check("python_full_version >= '3.11'", yes);
    }
}
