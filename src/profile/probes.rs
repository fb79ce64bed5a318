//! How a running product is asked: for its version, its health, its own checks.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{HttpPath, JsonPointer, PollPath, VariableName, limit};

/// How a running API is asked for its version. Endpoints that answer 404 are passed over; one at least must answer, and
/// those that answer must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionSettings {
    /// Where to ask; none where the product does not say its version.
    #[serde(default)]
    pub endpoints: Vec<VersionEndpoint>,
}

/// One place to ask for the version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionEndpoint {
    /// The path.
    pub path: HttpPath,
    /// Where in a JSON answer the version is; without it, the whole answer is the version.
    pub pointer: Option<JsonPointer>,
}

/// When a service counts as healthy, and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthPolicy {
    /// What the answer of a health endpoint must contain, beside a status from 200 to 299.
    pub body: Option<String>,
    /// How long a started service may take to become healthy.
    #[serde(deserialize_with = "limit::deserialize")]
    pub start_timeout: Duration,
    /// How long a canary must stay so before that counts: clients wait meanwhile.
    #[serde(deserialize_with = "limit::deserialize")]
    pub stable_for: Duration,
    /// How long the services are watched after they were started for good: a service that falls over later than this
    /// is not noticed by the operation. Clients are served meanwhile.
    #[serde(deserialize_with = "limit::deserialize")]
    pub watch_for: Duration,
    /// How long a service may take to stop where the runtime's model does not say.
    #[serde(deserialize_with = "limit::deserialize")]
    pub stop_grace: Duration,
    /// How long one answer may take.
    #[serde(deserialize_with = "limit::deserialize")]
    pub request_timeout: Duration,
}

/// Where each instance of the API counts the requests that it answered, by status, in the text format of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestCounter {
    /// The path that answers with it, to everybody.
    pub path: HttpPath,
    /// The counter. Of a histogram it is the one that ends in `_count`.
    #[serde(rename = "counter")]
    pub name: String,
    /// Its label with the status, such as 401.
    pub status_label: String,
}

/// The product's own check, run in the API's container. Exit status 0 is a pass.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Program and arguments, without a shell.
    pub command: Vec<String>,
    /// How long it may take.
    #[serde(default = "default_preflight_timeout", deserialize_with = "limit::deserialize")]
    pub timeout: Duration,
}

/// The product's own proof of its data: started by one request, asked for by others until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The request that starts a scan.
    pub start: HttpPath,
    /// Its method.
    #[serde(default)]
    pub method: ScanMethod,
    /// Where in its answer the identifier of the scan is.
    pub id: JsonPointer,
    /// The request that asks for the state of the scan.
    pub poll: PollPath,
    /// Where in its answer the state is.
    pub status: JsonPointer,
    /// The states in which it goes on.
    pub running: Vec<String>,
    /// The states in which it has come to its end. Any other state is a failure of the scan.
    pub done: Vec<String>,
    /// Where the broken things are: an empty list, `0` or `false` if there are none.
    pub broken: JsonPointer,
    /// The setting that holds the bearer token for these requests, if they need one.
    pub token_variable: Option<VariableName>,
    /// How long a scan may take.
    #[serde(default = "default_scan_timeout", deserialize_with = "limit::deserialize")]
    pub timeout: Duration,
}

/// How a scan is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScanMethod {
    /// With an empty JSON object as its body.
    #[default]
    Post,
    /// Without a body.
    Get,
}

/// What an answer says of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanState {
    /// It goes on.
    Running,
    /// It is done and found nothing broken.
    Sound,
    /// It is done and found something broken.
    Broken,
    /// It failed, or the answer does not say what it found.
    Failed,
}

impl VersionEndpoint {
    /// The version in an answer, if it has one.
    pub fn version_in(&self, body: &str) -> Option<String> {
        let version = match &self.pointer {
            None => body.trim().to_owned(),
            Some(pointer) => match serde_json::from_str::<Value>(body).ok()?.pointer(pointer.as_str())? {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
        };
        Some(version).filter(|version| !version.is_empty())
    }
}

impl HealthPolicy {
    /// Whether an answer of a health endpoint is that of a healthy service.
    pub fn accepts(&self, status: u16, body: &str) -> bool {
        (200..300).contains(&status) && self.body.as_ref().is_none_or(|text| body.contains(text))
    }
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            body: None,
            start_timeout: Duration::from_mins(2),
            stable_for: Duration::from_secs(3),
            watch_for: Duration::from_secs(15),
            stop_grace: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
        }
    }
}

impl Scan {
    /// The identifier in the answer to the request that starts a scan.
    pub fn id_in(&self, answer: &Value) -> Option<String> {
        match answer.pointer(self.id.as_str())? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// What an answer to a poll says.
    pub fn state_in(&self, answer: &Value) -> ScanState {
        let status = answer.pointer(self.status.as_str()).and_then(Value::as_str).unwrap_or_default();
        let is_in = |states: &[String]| states.iter().any(|state| state == status);
        if is_in(&self.running) {
            return ScanState::Running;
        }
        if !is_in(&self.done) {
            return ScanState::Failed;
        }
        match answer.pointer(self.broken.as_str()) {
            Some(Value::Array(broken)) if broken.is_empty() => ScanState::Sound,
            Some(Value::Number(broken)) if broken.as_u64() == Some(0) => ScanState::Sound,
            Some(Value::Bool(false)) => ScanState::Sound,
            Some(Value::Array(_) | Value::Number(_) | Value::Bool(true)) => ScanState::Broken,
            _ => ScanState::Failed,
        }
    }
}

fn default_preflight_timeout() -> Duration {
    Duration::from_mins(1)
}

fn default_scan_timeout() -> Duration {
    Duration::from_mins(30)
}
