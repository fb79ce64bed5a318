//! Requests to the product that change something in it: reloading what files prescribe, and a walk through what it is for.

use serde_json::json;

use super::ComposeServices;
use super::scan::json_of;
use crate::adapters::walk::{SHOWN, Walk};
use crate::error::Fault;
use crate::profile::{Reload, Smoke};

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
        let walk = Walk {
            base: self.api_address().await?,
            http: &self.http,
            key: self.platform_key.as_ref(),
            limit: self.profile.health.request_timeout,
            redactor: &self.redactor,
        };
        walk.through(smoke).await
    }
}
