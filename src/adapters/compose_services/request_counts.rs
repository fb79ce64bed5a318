//! What the API counts of its requests.

use std::collections::BTreeMap;

use super::ComposeServices;
use crate::error::Fault;
use crate::plan::refusals::Counts;

/// Numbers of every route and status are a long page.
const MOST_PAGE: usize = 16 * 1024 * 1024;

impl ComposeServices {
    /// Reads the metrics of each running container of the API. One that does not count yet is without counts.
    pub(super) async fn counted_requests(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault> {
        let Some(counter) = &self.profile.requests else {
            return Err(Fault::new("the description no longer says where requests are counted"));
        };
        let (name, service) = self.profile.api();
        let port = service.http.as_ref().map(|http| http.port.get());
        let mut counts = BTreeMap::new();
        for container in self.replicas(name).await?.iter().filter(|container| container.is_running()) {
            let unreachable = || Fault::new(format!("{} has no address", container.name));
            let address = port.and_then(|port| container.address(port)).ok_or_else(unreachable)?;
            let url = format!("http://{address}{}", counter.path);
            let limit = self.profile.health.request_timeout;
            let page = self.http.get_long(&url, None, limit, MOST_PAGE).await;
            let page = page.map_err(|error| {
                Fault::caused_by(format!("{} does not show its metrics", container.name), &error)
            })?;
            if !page.is_success() || page.truncated {
                let what =
                    if page.truncated { "more than can be read".to_owned() } else { page.status.to_string() };
                return Err(Fault::new(format!("{} answers {what} at {}", container.name, counter.path)));
            }
            counts.insert(container.id.to_string(), Counts::in_metrics(&page.text(), counter));
        }
        Ok(counts)
    }
}
