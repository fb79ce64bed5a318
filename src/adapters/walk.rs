//! A walk through what a product is for: requests that change something in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::adapters::http::{Http, Reply};
use crate::error::Fault;
use crate::model::redaction::Redactor;
use crate::model::secret::Secret;
use crate::profile::{Smoke, SmokeStep};

/// Between two looks at what comes by itself.
const PAUSE: Duration = Duration::from_millis(300);

/// Longest piece of an answer that is shown.
pub const SHOWN: usize = 300;

/// Whom a walk leads to, and how.
pub struct Walk<'a> {
    /// Where the API is: scheme, host and port.
    pub base: String,
    /// Asks over HTTP.
    pub http: &'a Http,
    /// The key that requests are made with.
    pub key: Option<&'a Secret>,
    /// How long one answer may take.
    pub limit: Duration,
    /// Takes secrets out of what is shown.
    pub redactor: &'a Redactor,
}

impl Walk<'_> {
    /// Walks through what the product is for, and cleans up whatever came of it.
    ///
    /// # Errors
    /// The first step that went wrong; else the first that could not be cleaned up.
    pub async fn through(&self, smoke: &Smoke) -> Result<String, Fault> {
        let unique = format!("{:x}", jiff::Timestamp::now().as_nanosecond());
        let mut known = BTreeMap::from([("unique".to_owned(), unique)]);
        let walked = self.take(&smoke.steps, &mut known).await;
        let cleaned = self.take(&smoke.cleanup, &mut known).await;
        walked?;
        cleaned.map_err(|fault| fault.within("the walk succeeded, and what it made is still there"))?;
        let steps: Vec<&str> = smoke.steps.iter().map(|step| step.name.as_str()).collect();
        let left = smoke.leaves.as_ref().map_or(String::new(), |left| format!("; what stays is {left}"));
        Ok(format!("{}{left}", steps.join(", ")))
    }

    async fn take(&self, steps: &[SmokeStep], known: &mut BTreeMap<String, String>) -> Result<(), Fault> {
        for step in steps {
            let began = Instant::now();
            loop {
                match self.step(step, known).await {
                    Ok(kept) => {
                        known.extend(kept);
                        break;
                    }
                    Err(_) if began.elapsed() < step.within => tokio::time::sleep(PAUSE).await,
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(())
    }

    async fn step(
        &self,
        step: &SmokeStep,
        known: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let wrong = |what: String| Fault::new(format!("could not {}: {what}", step.name));
        let url = format!("{}{}", self.base, step.path_with(known));
        let body = step.body_with(known);
        let asked = self.http.send(step.method, &url, self.key, body.as_ref(), self.limit).await;
        let reply = asked.map_err(|error| Fault::caused_by(format!("could not {}", step.name), &error))?;
        let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
        if let Some(what) = step.wrong_with(reply.status, answer.as_ref()) {
            return Err(wrong(what).evidence([self.start_of(&reply)]));
        }
        step.kept_of(answer.as_ref()).map_err(|place| wrong(format!("the answer has nothing at {place}")))
    }

    fn start_of(&self, reply: &Reply) -> String {
        self.redactor.redact(&reply.text().chars().take(SHOWN).collect::<String>())
    }
}
