//! Requests to the product that change something in it: reloading what files prescribe, and a walk through what it is for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ComposeServices;
use super::scan::json_of;
use crate::adapters::http::Reply;
use crate::error::Fault;
use crate::profile::{Reload, Smoke, SmokeStep};

/// Between two looks at what comes by itself.
const PAUSE: Duration = Duration::from_millis(300);

/// Longest piece of an answer that is shown.
const SHOWN: usize = 300;

impl ComposeServices {
    /// Makes the product follow what files of the install prescribe; says what it answered.
    ///
    /// # Errors
    /// When it cannot be asked, or refuses.
    pub async fn reload(&self, reload: &Reload) -> Result<String, Fault> {
        let failing = "the product could not be made to follow the files";
        let url = format!("{}{}", self.api_address().await?, reload.start);
        let key = self.platform_key.as_ref();
        let reply = self.http.post(&url, key, &json!({}), self.profile.health.request_timeout).await;
        let answer = json_of(&reply.map_err(|error| Fault::caused_by(failing, &error))?, failing)?;
        Ok(self.redactor.redact(&answer.to_string().chars().take(SHOWN).collect::<String>()))
    }

    /// Walks through what the product is for, and cleans up whatever came of it.
    ///
    /// # Errors
    /// The first step that went wrong; else the first that could not be cleaned up.
    pub async fn walk(&self, smoke: &Smoke) -> Result<String, Fault> {
        let base = self.api_address().await?;
        let unique = format!("{:x}", jiff::Timestamp::now().as_nanosecond());
        let mut known = BTreeMap::from([("unique".to_owned(), unique)]);
        let walked = self.take(&base, &smoke.steps, &mut known).await;
        let cleaned = self.take(&base, &smoke.cleanup, &mut known).await;
        walked?;
        cleaned.map_err(|fault| fault.within("the walk succeeded, and what it made is still there"))?;
        let steps: Vec<&str> = smoke.steps.iter().map(|step| step.name.as_str()).collect();
        let left = smoke.leaves.as_ref().map_or(String::new(), |left| format!("; what stays is {left}"));
        Ok(format!("{}{left}", steps.join(", ")))
    }

    async fn take(
        &self,
        base: &str,
        steps: &[SmokeStep],
        known: &mut BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        for step in steps {
            let began = Instant::now();
            loop {
                match self.step(base, step, known).await {
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
        base: &str,
        step: &SmokeStep,
        known: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let wrong = |what: String| Fault::new(format!("could not {}: {what}", step.name));
        let url = format!("{base}{}", step.path_with(known));
        let body = step.body_with(known);
        let limit = self.profile.health.request_timeout;
        let asked = self.http.send(step.method, &url, self.platform_key.as_ref(), body.as_ref(), limit).await;
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
