//! What the engine has recorded of a project.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::{StreamExt, pin_mut};
use jiff::Timestamp;

use super::{DockerError, Engine};

const READ_LIMIT: Duration = Duration::from_secs(10);

/// Events that tell of the life of a container. Those of commands run inside one quote the command, and are many.
const ACTIONS: [&str; 16] = [
    "create",
    "start",
    "restart",
    "die",
    "oom",
    "kill",
    "stop",
    "pause",
    "unpause",
    "destroy",
    "health_status",
    "pull",
    "tag",
    "untag",
    "connect",
    "disconnect",
];

/// Which events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// None older than this.
    pub since: Timestamp,
    /// None newer than this: the engine would wait for them.
    pub until: Timestamp,
    /// At most this many, the last ones.
    pub most: usize,
}

/// Something that the engine recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Option<Timestamp>,
    /// What it happened to: `container`, `network`.
    pub kind: String,
    /// What happened: `die`, `health_status: unhealthy`.
    pub action: String,
    /// The name of what it happened to.
    pub name: String,
    /// The Compose service that that is of.
    pub service: Option<String>,
    /// The exit code, of what ended.
    pub exit_code: Option<i64>,
}

impl Engine {
    /// What happened to the containers of a Compose project, oldest first, and whether older ones were left out. The engine
    /// itself remembers only the last few hundred events.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn events(
        &self,
        project: &str,
        limits: EventLimits,
    ) -> Result<(Vec<Event>, bool), DockerError> {
        let label = vec![format!("com.docker.compose.project={project}")];
        let actions = ACTIONS.map(str::to_owned).to_vec();
        let options = EventsOptionsBuilder::default()
            .since(&moment(limits.since))
            .until(&moment(limits.until))
            .filters(&HashMap::from([("label", label), ("event", actions)]))
            .build();
        let stream = self.docker.events(Some(options));
        let read = async {
            pin_mut!(stream);
            let (mut events, mut left_out) = (std::collections::VecDeque::new(), false);
            while let Some(message) = stream.next().await {
                events.push_back(event(message?));
                if events.len() > limits.most {
                    events.pop_front();
                    left_out = true;
                }
            }
            Ok((events.into(), left_out))
        };
        self.ask_within(READ_LIMIT, "read the events", read).await
    }
}

/// As the engine reads it: seconds, and nanoseconds behind the point.
fn moment(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond().max(0))
}

fn event(message: EventMessage) -> Event {
    let attributes = message.actor.and_then(|actor| actor.attributes).unwrap_or_default();
    let attribute = |name: &str| attributes.get(name).cloned();
    let at = message.time_nano.map(i128::from).or(message.time.map(|time| i128::from(time) * 1_000_000_000));
    Event {
        at: at.and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).ok()),
        kind: message.typ.map(|kind| kind.to_string()).unwrap_or_default(),
        action: message.action.unwrap_or_default(),
        name: attribute("name").unwrap_or_default(),
        service: attribute("com.docker.compose.service"),
        exit_code: attribute("exitCode").and_then(|code| code.parse().ok()),
    }
}
