//! Gates: what must hold of the services before an operation goes on.
//!
//! That a container runs says little: it may be about to fall over, or be the wrong image. An instance passes when it runs
//! on the expected image, is healthy by the runtime's check and by its own answers, reports the expected version, and stays
//! so for a while without being restarted. How often it was restarted in the past says nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Fault;
use crate::explain::Topic;
use crate::model::release::Version;
use crate::plan::step::{OneOff, Release};
use crate::ports::{Answer, Health, Instance, InstanceState, Limits, ProgressSink, Question, Services};
use crate::profile::ServiceName;
use crate::report::{Progress, Unit};

/// How often instances are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long an instance that was well may be unwell once: a single answer that came too late proves nothing.
const DIP: Duration = Duration::from_secs(10);

/// How many of the last log lines are shown when a gate does not open.
const LOG_LINES: usize = 12;

/// What became of an instance that the kernel has ended.
const OUT_OF_MEMORY: &str = "ran out of memory: the kernel ended it";

/// What to do about that.
const MORE_MEMORY: &str = "does its description allow it enough memory, and does the machine have as much?";

/// What a program says whose port somebody else has.
const PORT_TAKEN: &str = "address already in use";

/// What to do about that.
const WHO_HAS_IT: &str = "its port is taken: `opsctl preflight --only host-ports` shows by whom";

/// What is looked at, and what it must be.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// All instances of services.
    Services(&'a [ServiceName], &'a Release),
    /// A container that runs once.
    Canary(&'a OneOff),
}

/// What one look at an instance found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// Everything holds.
    Well,
    /// It may still come.
    NotYet(String),
    /// It will not come by waiting.
    Broken(String),
}

/// Waits until the subject holds for `limits.stable` without a break, or says why it does not. One short break begins the
/// wait anew; a second one, or a long one, fails.
pub async fn pass<S: Services>(
    services: &S,
    subject: Subject<'_>,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<(), Fault> {
    let release = subject.release();
    let stable = subject.stable(limits);
    let expected = Expected {
        image_id: services.image_id(release).await?,
        version: &release.version,
        health: subject.trust(),
    };
    let began = Instant::now();
    let mut well_since: Option<(Instant, Restarts)> = None;
    let mut dips: Vec<Instant> = Vec::new();
    let mut at_first: Option<Restarts> = None;
    loop {
        let mut seen = look(services, subject, &expected).await?;
        let restarts = restarts(&seen);
        judge_restarts(&mut seen, at_first.get_or_insert_with(|| restarts.clone()));
        match worst(&seen) {
            Finding::Broken(why) => return Err(failed(services, &seen, why).await),
            Finding::Well => {
                let (since, before) = well_since.get_or_insert_with(|| (Instant::now(), restarts.clone()));
                if *before != restarts {
                    return Err(failed(services, &seen, "an instance was replaced".to_owned()).await);
                }
                if since.elapsed() >= stable {
                    return Ok(());
                }
            }
            Finding::NotYet(why) => {
                if well_since.take().is_some() {
                    dips.push(Instant::now());
                }
                if dips.len() > 1 || dips.first().is_some_and(|dip| dip.elapsed() >= DIP) {
                    // One that was just about to end tells more a moment later.
                    sleep(INTERVAL).await;
                    let seen = look(services, subject, &expected).await?;
                    let why = match worst(&seen) {
                        Finding::Broken(why) => why,
                        Finding::Well | Finding::NotYet(_) => format!("well at first, and then {why}"),
                    };
                    return Err(failed(services, &seen, why).await);
                }
                if dips.is_empty() && began.elapsed() >= limits.start {
                    let waited = format!("still {why} after {} s", limits.start.as_secs());
                    return Err(failed(services, &seen, waited).await);
                }
            }
        }
        say_how_far(began, well_since.as_ref().map(|(since, _)| (*since, stable)), limits.start, progress);
        sleep(INTERVAL).await;
    }
}

/// Looks once: `None` if everything holds at this moment, else what does not.
pub async fn glance<S: Services>(services: &S, subject: Subject<'_>) -> Result<Option<String>, Fault> {
    let release = subject.release();
    let expected = Expected {
        image_id: services.image_id(release).await?,
        version: &release.version,
        health: subject.trust(),
    };
    Ok(match worst(&look(services, subject, &expected).await?) {
        Finding::Well => None,
        Finding::NotYet(why) | Finding::Broken(why) => Some(why),
    })
}

/// That what was to end well, by a name for a person, ended with this status.
pub(crate) fn ended_badly(what: &str, instance: &Instance, status: i64) -> Fault {
    if instance.out_of_memory {
        return Fault::new(format!("{what} {OUT_OF_MEMORY}")).hint(MORE_MEMORY);
    }
    Fault::new(format!("{what} ended with status {status}"))
}

fn say_how_far(
    began: Instant,
    well: Option<(Instant, Duration)>,
    start: Duration,
    progress: ProgressSink<'_>,
) {
    let (doing, since, limit) = match well {
        Some((since, stable)) => ("well, watching that it stays so", since, stable),
        None => ("waiting until it is well", began, start),
    };
    // A limit below a second is one second to see, and not none.
    let total = Some(limit.as_secs() + u64::from(limit.subsec_nanos() > 0));
    progress(Progress { doing: doing.into(), done: since.elapsed().as_secs(), total, unit: Unit::Seconds });
}

impl Subject<'_> {
    fn release(&self) -> &Release {
        match self {
            Self::Services(_, release) => release,
            Self::Canary(one_off) => &one_off.release,
        }
    }

    fn trust(&self) -> Trust {
        match self {
            Self::Services(..) => Trust::Runtime,
            Self::Canary(_) => Trust::Answers,
        }
    }

    fn stable(&self, limits: &Limits) -> Duration {
        match self {
            Self::Services(..) => limits.stable,
            Self::Canary(_) => limits.canary_stable,
        }
    }
}

/// What every instance must be.
struct Expected<'a> {
    image_id: String,
    version: &'a Version,
    /// The first run of a runtime's health check can take as long as its interval: while clients wait for a canary,
    /// its own answers are enough.
    health: Trust,
}

/// Whose word is taken for an instance's health while the runtime's own check has not run yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Runtime,
    Answers,
}

/// An instance at the moment it was looked at.
struct Seen {
    service: ServiceName,
    instance: Option<Instance>,
    finding: Finding,
}

/// Which instances there are, and how often each was restarted.
type Restarts = BTreeMap<String, u32>;

fn restarts(seen: &[Seen]) -> Restarts {
    seen.iter()
        .filter_map(|seen| seen.instance.as_ref())
        .map(|instance| (instance.id.clone(), instance.restarts))
        .collect()
}

/// An instance that its runtime has started again since it was first looked at is broken, however well it is now.
fn judge_restarts(seen: &mut [Seen], at_first: &Restarts) {
    for Seen { instance, finding, .. } in seen {
        let Some(instance) = instance else { continue };
        if at_first.get(&instance.id).is_some_and(|at_first| instance.restarts > *at_first) {
            let why =
                if instance.out_of_memory { OUT_OF_MEMORY } else { "ended by itself and was restarted" };
            *finding = Finding::Broken(why.to_owned());
        }
    }
}

fn worst(seen: &[Seen]) -> Finding {
    let broken = seen.iter().find(|seen| matches!(seen.finding, Finding::Broken(_)));
    let not_yet = seen.iter().find(|seen| matches!(seen.finding, Finding::NotYet(_)));
    match broken.or(not_yet) {
        Some(Seen { service, finding: Finding::Broken(why), .. }) => {
            Finding::Broken(format!("{service} {why}"))
        }
        Some(Seen { service, finding: Finding::NotYet(why), .. }) => {
            Finding::NotYet(format!("{service} {why}"))
        }
        _ => Finding::Well,
    }
}

async fn look<S: Services>(
    services: &S,
    subject: Subject<'_>,
    expected: &Expected<'_>,
) -> Result<Vec<Seen>, Fault> {
    let mut seen = Vec::new();
    match subject {
        Subject::Canary(one_off) => {
            let instance = services.one_off(&one_off.name).await?;
            seen.push(judge(services, &one_off.service, instance, expected).await);
        }
        Subject::Services(names, _) => {
            for name in names {
                let instances = services.instances(name).await?;
                if instances.is_empty() {
                    seen.push(judge(services, name, None, expected).await);
                }
                for instance in instances {
                    seen.push(judge(services, name, Some(instance), expected).await);
                }
            }
        }
    }
    Ok(seen)
}

async fn judge<S: Services>(
    services: &S,
    service: &ServiceName,
    instance: Option<Instance>,
    expected: &Expected<'_>,
) -> Seen {
    let finding = match &instance {
        None => Finding::NotYet("has no instance".to_owned()),
        Some(instance) => match judge_state(instance, expected) {
            Finding::Well => ask(services, service, instance, expected).await,
            other => other,
        },
    };
    Seen { service: service.clone(), instance, finding }
}

fn judge_state(instance: &Instance, expected: &Expected<'_>) -> Finding {
    if instance.image_id != expected.image_id {
        return Finding::Broken(format!("runs something other than {}", expected.version));
    }
    match instance.state {
        InstanceState::Exited { .. } | InstanceState::Restarting if instance.out_of_memory => {
            Finding::Broken(OUT_OF_MEMORY.to_owned())
        }
        InstanceState::Exited { status } => Finding::Broken(format!("ended with status {status}")),
        InstanceState::Restarting => Finding::Broken("falls over and is started again and again".to_owned()),
        InstanceState::Ending => Finding::NotYet("being stopped".to_owned()),
        InstanceState::Created => Finding::NotYet("not started".to_owned()),
        InstanceState::Running => match instance.health {
            Health::Healthy | Health::Unchecked => Finding::Well,
            Health::Starting if expected.health == Trust::Answers => Finding::Well,
            Health::Starting => Finding::NotYet("not healthy yet".to_owned()),
            Health::Unhealthy => Finding::NotYet("unhealthy".to_owned()),
        },
    }
}

async fn ask<S: Services>(
    services: &S,
    service: &ServiceName,
    instance: &Instance,
    expected: &Expected<'_>,
) -> Finding {
    for (question, state) in [(Question::Health, "not healthy"), (Question::Ready, "not ready")] {
        if let Answer::No(why) = services.ask(service, instance, question).await {
            return Finding::NotYet(format!("{state} ({why})"));
        }
    }
    match services.ask(service, instance, Question::Version).await {
        Answer::Yes(version) if !is_version(&version, expected.version) => {
            Finding::Broken(format!("reports version {version} instead of {}", expected.version))
        }
        Answer::Yes(_) | Answer::NotAsked => Finding::Well,
        Answer::No(why) => Finding::NotYet(format!("does not tell its version ({why})")),
    }
}

/// Releases and their images need not be named alike to the letter: `v1.2` is `1.2.0`.
fn is_version(said: &str, expected: &Version) -> bool {
    said == expected.as_str()
        || Version::parse(said).is_ok_and(|said| said.order(expected) == Some(std::cmp::Ordering::Equal))
}

async fn failed<S: Services>(services: &S, seen: &[Seen], why: String) -> Fault {
    // One that only was not there yet is not what it failed for, if another is broken.
    let broken = seen.iter().find(|seen| matches!(seen.finding, Finding::Broken(_)));
    let culprit = broken.or_else(|| seen.iter().find(|seen| seen.finding != Finding::Well)).or(seen.first());
    let mut fault = Fault::new(why);
    if let Some(instance) = culprit.and_then(|seen| seen.instance.as_ref()) {
        let log = services.log_tail(instance, LOG_LINES).await;
        if log.iter().any(|line| line.to_ascii_lowercase().contains(PORT_TAKEN)) {
            fault = fault.hint(WHO_HAS_IT);
        }
        fault = fault.evidence(log);
        if instance.out_of_memory {
            fault = fault.hint(MORE_MEMORY);
        }
    }
    fault.explained(Topic::GateFailed)
}

#[cfg(test)]
mod tests;
