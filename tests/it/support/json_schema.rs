//! Checks a JSON document against a JSON schema: what the schemas here use of draft 7, and no more.
//!
//! ```ignore
//! assert_eq!(violations(&schema, &document), Vec::<String>::new());
//! ```

use serde_json::Value;

/// What a document breaks of a schema, each with its place.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Checker { root: schema }.check(schema, document, "", &mut found);
    found
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            self.keyword(schema, keyword, rule, value, at, found);
        }
    }

    fn keyword(
        &self,
        schema: &Value,
        keyword: &str,
        rule: &Value,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let mut expect = |kept: bool| {
            if !kept {
                found.push(format!("{at}: {keyword} {rule}: {value}"));
            }
        };
        match keyword {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                self.check(self.root.pointer(pointer).expect("a definition"), value, at, found);
            }
            "type" => expect(is_of(value, rule.as_str().expect("one type"))),
            "enum" => expect(rule.as_array().unwrap().contains(value)),
            "minimum" => expect(value.as_f64().is_none_or(|v| v >= rule.as_f64().unwrap())),
            "maximum" => expect(value.as_f64().is_none_or(|v| v <= rule.as_f64().unwrap())),
            "minItems" => expect(length(value) >= rule.as_u64().unwrap()),
            "uniqueItems" => expect(is_unique(value)),
            "required" => {
                for name in rule.as_array().unwrap() {
                    expect(
                        value.as_object().is_none_or(|o| o.contains_key(name.as_str().unwrap())),
                    );
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        self.check(rule, value, &format!("{at}/{name}"), found);
                    }
                }
            }
            "additionalProperties" => self.additional(schema, rule, value, at, found),
            "items" => {
                for (index, each) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(rule, each, &format!("{at}/{index}"), found);
                }
            }
            "anyOf" | "oneOf" => {
                let kept = |rule: &&Value| {
                    let mut found = Vec::new();
                    self.check(rule, value, at, &mut found);
                    found.is_empty()
                };
                let count = rule.as_array().unwrap().iter().filter(kept).count();
                expect(count == 1 || (keyword == "anyOf" && count > 1));
            }
            "pattern" | "format" | "$schema" | "$id" | "title" | "description" | "default"
            | "definitions" => {}
            other => panic!("the keyword {other} is not known here"),
        }
    }

    fn additional(
        &self,
        schema: &Value,
        rule: &Value,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) {
        for (name, each) in value.as_object().into_iter().flatten() {
            if schema["properties"].get(name).is_some() {
                continue;
            }
            if rule.is_object() {
                self.check(rule, each, &format!("{at}/{name}"), found);
            } else if rule == false {
                found.push(format!("{at}: no property {name} is known"));
            }
        }
    }
}

/// How many items there are; what is no list has as many as are wanted.
fn length(value: &Value) -> u64 {
    value.as_array().map_or(u64::MAX, |all| all.len() as u64)
}

fn is_unique(value: &Value) -> bool {
    let all = value.as_array().map_or(&[][..], Vec::as_slice);
    all.iter().enumerate().all(|(at, each)| !all[..at].contains(each))
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("the type {other} is not known here"),
    }
}
