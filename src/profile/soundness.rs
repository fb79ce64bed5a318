//! What shows that an install is sound, beyond that its services are well.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{HttpPath, JsonPointer, VariableName, limit};

/// The request that makes the product follow what files of the install prescribe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// The request, which is a POST with an empty JSON object.
    pub start: HttpPath,
    /// The setting without which the install prescribes nothing; where none is named, the request is made on demand only.
    pub used_with: Option<VariableName>,
    /// The setting that holds the bearer token for the request, if it needs one.
    pub token_variable: Option<VariableName>,
}

/// Requests that go once through what the product is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smoke {
    /// The setting that holds the bearer token for the requests, if they need one.
    pub token_variable: Option<VariableName>,
    /// The requests, in order.
    pub steps: Vec<SmokeStep>,
    /// Requests that take away what the others made, in order; they are made whatever came of those.
    #[serde(default)]
    pub cleanup: Vec<SmokeStep>,
    /// What stays all the same, for the operator.
    pub leaves: Option<String>,
}

/// One request, and what its answer must be. `{name}` in the path and in the texts of the body is replaced by what an
/// earlier answer gave, `{unique}` by a text that is another one each time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmokeStep {
    /// What it does, for people: `create a record`.
    pub name: String,
    /// Its method.
    #[serde(default)]
    pub method: Method,
    /// Its path.
    pub path: HttpPath,
    /// Its body, which is sent as JSON.
    pub body: Option<Value>,
    /// The status that the answer must have.
    #[serde(default = "ok")]
    pub expect: u16,
    /// Values that the answer must have, by their places in it.
    #[serde(default)]
    pub holds: BTreeMap<String, Value>,
    /// Values of the answer that later requests use: the name, and the place in the answer.
    #[serde(default)]
    pub keep: BTreeMap<String, JsonPointer>,
    /// How long to go on asking until the answer is right.
    #[serde(default = "once", deserialize_with = "limit::deserialize")]
    pub within: Duration,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Makes.
    Post,
    /// Puts something in the place of another.
    Put,
    /// Takes away.
    Delete,
}

fn ok() -> u16 {
    200
}

fn once() -> Duration {
    Duration::ZERO
}

impl SmokeStep {
    /// The path with what is known filled in.
    pub fn path_with(&self, known: &BTreeMap<String, String>) -> String {
        filled(self.path.as_str(), known)
    }

    /// The body with what is known filled in.
    pub fn body_with(&self, known: &BTreeMap<String, String>) -> Option<Value> {
        self.body.as_ref().map(|body| filled_value(body, known))
    }

    /// What is wrong with an answer; none if it is right.
    pub fn wrong_with(&self, status: u16, answer: Option<&Value>) -> Option<String> {
        if status != self.expect {
            return Some(format!("it answers {status} instead of {}", self.expect));
        }
        self.holds.iter().find_map(|(place, wanted)| {
            let found = answer.and_then(|answer| answer.pointer(place));
            (found != Some(wanted)).then(|| match found {
                Some(found) => format!("{place} is {found} instead of {wanted}"),
                None => format!("{place} is missing"),
            })
        })
    }

    /// What of an answer later requests use, or the place where it is missing.
    ///
    /// # Errors
    /// The place, where the answer has nothing that can be filled in.
    pub fn kept_of(&self, answer: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
        let of = |(name, place): (&String, &JsonPointer)| {
            let text = match answer.and_then(|answer| answer.pointer(place.as_str())) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return Err(place.to_string()),
            };
            Ok((name.clone(), text))
        };
        self.keep.iter().map(of).collect()
    }
}

fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn filled_value(value: &Value, known: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, known)),
        Value::Array(values) => values.iter().map(|value| filled_value(value, known)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled_value(value, known))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step() -> SmokeStep {
        toml::from_str(
            "name = \"read it\"\npath = \"/records/{id}\"\nbody = { client = \"t-{unique}\", n = 1 }\n\
             holds = { \"/state\" = \"settled\" }\nkeep = { next = \"/next\" }\nwithin = \"5s\"",
        )
        .unwrap()
    }

    #[test]
    fn what_earlier_answers_gave_is_filled_in() {
        let known =
            [("id", "7"), ("unique", "ab")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(step().path_with(&known), "/records/7");
        assert_eq!(step().body_with(&known), Some(json!({"client": "t-ab", "n": 1})));
        let kept = step().kept_of(Some(&json!({"next": 8})));
        assert_eq!(kept, Ok(BTreeMap::from([("next".to_owned(), "8".to_owned())])));
        assert_eq!(step().kept_of(None), Err("/next".to_owned()));
    }

    #[test]
    fn an_answer_is_right_in_its_status_and_in_what_it_says() {
        let wrong = |status, answer: Value| step().wrong_with(status, Some(&answer));
        assert_eq!(wrong(200, json!({"state": "settled"})), None);
        assert_eq!(wrong(404, json!({})).as_deref(), Some("it answers 404 instead of 200"));
        let open = wrong(200, json!({"state": "open"}));
        assert_eq!(open.as_deref(), Some("/state is \"open\" instead of \"settled\""));
        assert_eq!(wrong(200, json!({})).as_deref(), Some("/state is missing"));
    }
}
