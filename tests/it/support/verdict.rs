//! What `regsize` says of an input, checked for people and for programs at once.
//!
//! ```ignore
//! let error = refused(&sandbox, &["inspect", &reference], "bad_data");
//! error.says(&["layers[0].size"]);                 // in the terminal and in the JSON message
//! let report = accepted(&sandbox, &["inspect", &reference]);
//! assert_eq!(report["warnings"], json!([]));
//! ```

use serde_json::Value;

use super::sandbox::{Output, Sandbox};

/// An error as it was printed in the terminal and as JSON.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The run with the default format.
    pub terminal: Output,
    /// The `error` of the run with `--format json`.
    pub error: Value,
}

impl Refusal {
    /// Checks that each of `parts` is in the terminal's text and in the JSON message or hint.
    pub fn says(&self, parts: &[&str]) -> &Self {
        let json = format!("{} {}", self.error["message"], self.error["hint"]);
        let json = json.replace("\\\"", "\"").replace("\\\\", "\\");
        for part in parts {
            assert!(self.terminal.stderr.contains(part), "{part:?} is not in {}", self.terminal);
            assert!(json.contains(part), "{part:?} is not in {json}");
        }
        self
    }
}

/// Runs a command twice, for a terminal and for programs, with the cache between them, and checks
/// that both say the same: exit code 2, nothing but text on stderr, an error of this kind.
pub fn refused(sandbox: &Sandbox, arguments: &[&str], kind: &str) -> Refusal {
    let terminal = sandbox.run(arguments);
    assert_eq!(terminal.code, Some(2), "{arguments:?}: {terminal}");
    assert_eq!(terminal.stdout, "", "{arguments:?}: {terminal}");
    check_text(&terminal.stderr);
    let programs = sandbox.run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(programs.code, Some(2), "{arguments:?}: {programs}");
    check_text(&programs.stdout);
    let error = programs.json()["error"].clone();
    assert_eq!(error["kind"], kind, "{arguments:?}: {programs}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    Refusal { terminal, error }
}

/// Runs a command with `--format json` and gives its report.
pub fn accepted(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let output = sandbox.run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.code, Some(0), "{arguments:?}: {output}");
    assert_eq!(output.stderr, "", "{arguments:?}");
    check_text(&output.stdout);
    output.json()
}

/// The commands of CI systems that no line may begin with or hold.
const COMMANDS: [&str; 4] = ["##[", "##vso[", "##teamcity[", "\n::"];

/// Checks that text neither moves a cursor nor hides, nor commands a CI system.
pub fn check_text(text: &str) {
    let unseen = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    assert!(!text.contains(unseen), "{:?} in {text}", text.chars().find(|c| unseen(*c)));
    let from_start =
        format!("\n{text}").replace("\n ", "\n").replace('|', "\n").replace("\n ", "\n");
    for command in COMMANDS {
        assert!(!from_start.contains(command), "{command:?} in {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}
