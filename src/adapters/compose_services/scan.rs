//! Letting the product check its own data.

use std::time::Duration;

use super::ComposeServices;
use crate::error::Fault;
use crate::explain::Topic;
use crate::ports::ProgressSink;
use crate::profile::{Scan, ScanMethod, ScanState};
use crate::report::{Progress, Unit};

impl ComposeServices {
    /// Starts the product's scan and waits for its verdict.
    pub(super) async fn scan_data(&self, progress: ProgressSink<'_>) -> Result<Option<String>, Fault> {
        let Some(scan) = &self.profile.scan else { return Ok(None) };
        if scan.token_variable.is_some() && self.platform_key.is_none() {
            return Ok(Some("not scanned: no platform key (set OPSCTL_PLATFORM_KEY)".to_owned()));
        }
        let base = self.api_address().await?;
        let (url, key) = (format!("{base}{}", scan.start), self.platform_key.as_ref());
        let limit = self.profile.health.request_timeout;
        let started = match scan.method {
            ScanMethod::Post => self.http.post(&url, key, &serde_json::json!({}), limit).await,
            ScanMethod::Get => self.http.get(&url, key, limit).await,
        };
        let reply = started.map_err(|error| Fault::caused_by("the scan could not be started", &error))?;
        let answer = json_of(&reply, "the scan could not be started")?;
        let id =
            scan.id_in(&answer).ok_or_else(|| Fault::new("the answer to the scan's start names no job"))?;
        self.await_verdict(scan, &format!("{base}{}", scan.poll.for_id(&id)), progress).await.map(Some)
    }

    async fn await_verdict(
        &self,
        scan: &Scan,
        url: &str,
        progress: ProgressSink<'_>,
    ) -> Result<String, Fault> {
        let began = tokio::time::Instant::now();
        while began.elapsed() < scan.timeout {
            let reply = self
                .http
                .get(url, self.platform_key.as_ref(), self.profile.health.request_timeout)
                .await
                .map_err(|error| Fault::caused_by("the scan could not be followed", &error))?;
            let answer = json_of(&reply, "the scan could not be followed")?;
            match scan.state_in(&answer) {
                ScanState::Sound => return Ok("the product's own scan found nothing broken".to_owned()),
                ScanState::Broken => {
                    let broken =
                        answer.pointer(scan.broken.as_str()).map(ToString::to_string).unwrap_or_default();
                    return Err(Fault::new("the product's own scan found broken data")
                        .evidence([self.redactor.redact(&broken.chars().take(400).collect::<String>())])
                        .hint("does another backup hold sound data? `opsctl backup list` shows them")
                        .explained(Topic::ScanBroken));
                }
                ScanState::Failed => return Err(Fault::new("the product's own scan failed")),
                ScanState::Running => {
                    let (done, total) = (began.elapsed().as_secs(), Some(scan.timeout.as_secs()));
                    progress(Progress { doing: "scanning".into(), done, total, unit: Unit::Seconds });
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
        }
        Err(Fault::new(format!("the product's own scan did not end within {} s", scan.timeout.as_secs())))
    }

    pub(super) async fn api_address(&self) -> Result<String, Fault> {
        let (name, service) = self.profile.api();
        let port = service.http.as_ref().map(|http| http.port.get());
        let replicas = self.replicas(name).await?;
        let address = replicas
            .iter()
            .filter(|container| container.is_running())
            .find_map(|container| container.address(port?));
        address
            .map(|address| format!("http://{address}"))
            .ok_or_else(|| Fault::new(format!("{name} cannot be reached")))
    }
}

pub(super) fn json_of(
    reply: &crate::adapters::http::Reply,
    failing: &str,
) -> Result<serde_json::Value, Fault> {
    if reply.status == 401 || reply.status == 403 {
        return Err(Fault::new(format!("{failing}: the platform key is refused ({})", reply.status))
            .hint("OPSCTL_PLATFORM_KEY must be a key of the platform, not of an enterprise or an agent"));
    }
    if !(200..300).contains(&reply.status) {
        return Err(Fault::new(format!("{failing}: the product answers {}", reply.status)));
    }
    serde_json::from_slice(&reply.body).map_err(|error| Fault::caused_by(failing, &error))
}
