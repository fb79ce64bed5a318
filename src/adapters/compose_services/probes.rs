//! Asking a container over its own interface.

use super::ComposeServices;
use crate::adapters::docker::Container;
use crate::ports::{Answer, Question};
use crate::profile::{HttpPath, Role, ServiceName};

impl ComposeServices {
    /// Asks a container of a service. The address is that of the container itself, so that one without published
    /// ports can be asked too.
    pub(super) async fn probe(
        &self,
        service: &ServiceName,
        container: &Container,
        question: Question,
    ) -> Answer {
        let Some(service) = self.profile.services.get(service) else { return Answer::NotAsked };
        let Some(http) = &service.http else { return Answer::NotAsked };
        let Some(address) = container.address(http.port.get()) else {
            return Answer::No("it has no address that this machine can reach".to_owned());
        };
        let base = format!("http://{address}");
        match question {
            Question::Health => self.is_well(&base, http.health.as_ref()).await,
            Question::Ready => self.is_well(&base, http.ready.as_ref()).await,
            Question::Version if service.role == Role::Api => self.version(&base).await,
            Question::Version => Answer::NotAsked,
        }
    }

    async fn is_well(&self, base: &str, path: Option<&HttpPath>) -> Answer {
        let Some(path) = path else { return Answer::NotAsked };
        match self.http.get(&format!("{base}{path}"), None, self.profile.health.request_timeout).await {
            Ok(reply) if self.profile.health.accepts(reply.status, &reply.text()) => {
                Answer::Yes(String::new())
            }
            Ok(reply) => {
                Answer::No(format!("{path} answers {}: {}", reply.status, self.brief(&reply.text())))
            }
            Err(error) => Answer::No(format!("{path}: {error}")),
        }
    }

    /// The version that every endpoint which the release has agrees on.
    async fn version(&self, base: &str) -> Answer {
        let mut said: Vec<(String, String)> = Vec::new();
        for endpoint in &self.profile.version.endpoints {
            let path = endpoint.path.to_string();
            match self.http.get(&format!("{base}{path}"), None, self.profile.health.request_timeout).await {
                Ok(reply) if reply.status == 404 => {}
                Ok(reply) => match endpoint.version_in(&reply.text()) {
                    Some(version) => said.push((path, version)),
                    None => return Answer::No(format!("{path} names no version")),
                },
                Err(error) => return Answer::No(format!("{path}: {error}")),
            }
        }
        let Some((_, version)) = said.first() else {
            return if self.profile.version.endpoints.is_empty() {
                Answer::NotAsked
            } else {
                Answer::No("none of the profile's version endpoints is there".to_owned())
            };
        };
        if said.iter().all(|(_, other)| other == version) {
            return Answer::Yes(version.clone());
        }
        let each: Vec<String> = said.iter().map(|(path, version)| format!("{version} at {path}")).collect();
        Answer::Yes(each.join(", "))
    }

    fn brief(&self, body: &str) -> String {
        let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
        self.redactor.redact(&line)
    }
}
