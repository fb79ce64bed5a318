//! What the product says of itself, container by container, or its process.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::adapters::docker::Container;
use crate::adapters::http::{Http, Reply};
use crate::bundle::contents::{Answer, member};
use crate::error::Fault;
use crate::model::secret::Secret;
use crate::profile::{HttpPath, ProcessProfile, Role, Support};
use crate::report::quantity;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::{Desk, Examined, Project, Scene};

/// Most bytes of one answer.
const MOST: usize = 2 << 20;

/// How long the product may take to make its own bundle.
const BUNDLE_LIMIT: Duration = Duration::from_secs(15);

/// A container, or the process, that speaks HTTP.
struct Instance {
    name: String,
    service: String,
    is_api: bool,
    /// What it answers to everybody.
    paths: Vec<String>,
    base: Option<String>,
}

/// What is asked of whom.
struct Audience<'a> {
    instances: Vec<Instance>,
    support: &'a Support,
    /// How long one answer may take.
    limit: Duration,
}

impl<'a> Audience<'a> {
    fn of(scene: &'a Scene<'_>) -> Result<Self, Missing> {
        match &scene.examined {
            Examined::Compose(project) => Self::of_project(project),
            Examined::Process(survey) => Ok(Self::of_process(&survey.profile)),
        }
    }

    fn of_project(project: &'a Project<'_>) -> Result<Self, Missing> {
        let profile = project.profile()?;
        let speaks = |container: &Container| {
            let name = container.service.as_deref()?;
            let (_, service) = profile.services.iter().find(|(known, _)| known.as_str() == name)?;
            let spoken = service.http.as_ref()?;
            let address = container.address(spoken.port.get()).filter(|_| container.is_running());
            let is_api = service.role == Role::Api;
            let endpoints = profile.version.endpoints.iter().map(|endpoint| &endpoint.path);
            Some(Instance {
                name: container.name.clone(),
                service: name.to_owned(),
                is_api,
                paths: paths(
                    spoken.health.as_ref(),
                    spoken.ready.as_ref(),
                    is_api.then_some((endpoints, &profile.support)),
                ),
                base: address.map(|address| format!("http://{address}")),
            })
        };
        let instances = project.containers()?.iter().filter_map(speaks).collect();
        Ok(Self { instances, support: &profile.support, limit: profile.health.request_timeout })
    }

    fn of_process(profile: &'a ProcessProfile) -> Self {
        let service = &profile.service;
        let instance = Instance {
            name: service.name.to_string(),
            service: service.name.to_string(),
            is_api: true,
            paths: paths(
                service.health.as_ref(),
                service.ready.as_ref(),
                Some((std::iter::empty(), &profile.support)),
            ),
            base: Some(format!("http://127.0.0.1:{}", service.port)),
        };
        Self { instances: vec![instance], support: &profile.support, limit: profile.health.request_timeout }
    }
}

/// The paths that everybody may ask for, each once; of an API more than of others.
fn paths<'p>(
    health: Option<&'p HttpPath>,
    ready: Option<&'p HttpPath>,
    api: Option<(impl Iterator<Item = &'p HttpPath>, &'p Support)>,
) -> Vec<String> {
    let api = api.into_iter().flat_map(|(endpoints, support)| endpoints.chain(&support.status));
    let mut seen = BTreeSet::new();
    let paths = health.into_iter().chain(ready).chain(api).map(ToString::to_string);
    paths.filter(|path| seen.insert(path.clone())).collect()
}

pub(super) async fn answers(desk: &Desk<'_>) -> Outcome {
    let audience = Audience::of(desk.scene)?;
    if audience.instances.is_empty() {
        return Err(Missing::Failed("no container of the product speaks HTTP".to_owned()));
    }
    let http = client()?;
    let key = desk.scene.platform_key.as_ref();
    let questions = audience.instances.iter().flat_map(|instance| {
        let admin = audience.support.admin.iter().filter(|_| instance.is_api && key.is_some());
        let asked = instance.paths.iter().map(|path| (path.clone(), None));
        asked
            .chain(admin.map(|path| (path.to_string(), key)))
            .map(|(path, key)| ask(&http, audience.limit, instance, path, key))
    });
    let answers = join_all(questions.collect::<Vec<_>>()).await;
    desk.json(member::ANSWERS, &answers).await?;
    Ok(Gathered::Whole)
}

async fn ask(
    http: &Http,
    limit: Duration,
    instance: &Instance,
    path: String,
    key: Option<&Secret>,
) -> Answer {
    let answer = Answer {
        service: instance.service.clone(),
        instance: instance.name.clone(),
        path: path.clone(),
        ..Answer::default()
    };
    let Some(base) = &instance.base else {
        return Answer {
            error: Some("it does not run, or has no address that this machine can reach".to_owned()),
            ..answer
        };
    };
    let began = Instant::now();
    let replied = http.get(&format!("{base}{path}"), key, limit).await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match replied {
        Ok(reply) => Answer { status: Some(reply.status), took_ms, body: Some(body(&reply)), ..answer },
        Err(error) => {
            Answer { took_ms, error: Some(Fault::caused_by("no answer", &error).to_string()), ..answer }
        }
    }
}

fn body(reply: &Reply) -> Value {
    reply.json().unwrap_or_else(|_| Value::String(reply.text()))
}

fn client() -> Result<Http, Fault> {
    Http::new().map_err(|error| Fault::caused_by("cannot ask over HTTP", &error))
}

/// The metrics of each service: with several replicas, of each of them.
pub(super) async fn metrics(desk: &Desk<'_>) -> Outcome {
    let audience = Audience::of(desk.scene)?;
    let Some(path) = &audience.support.metrics else {
        return Err(Missing::Skipped("the product has no metrics that are known here".to_owned()));
    };
    let http = client()?;
    let instances = &audience.instances;
    let mut missing: Vec<String> = Vec::new();
    let asked = instances.iter().filter_map(|instance| Some((instance, instance.base.as_ref()?)));
    let replies = join_all(asked.map(|(instance, base)| {
        let (http, url, limit) = (&http, format!("{base}{path}"), audience.limit);
        async move { (instance, http.get_long(&url, None, limit, MOST).await) }
    }));
    let mut found = 0;
    for (instance, reply) in replies.await {
        match reply {
            Ok(reply) if reply.is_success() => {
                let alone = instances.iter().filter(|other| other.service == instance.service).count() == 1;
                let name = if alone { &instance.service } else { &instance.name };
                desk.put(&format!("{}{name}.txt", member::METRICS), whole_lines(reply)).await?;
                found += 1;
            }
            Ok(reply) => missing.push(format!("{} answers {}", instance.name, reply.status)),
            Err(error) => missing.push(format!("{}: {error}", instance.name)),
        }
    }
    match (found, missing.is_empty()) {
        (0, true) => Err(Missing::Failed("no container of the product runs".to_owned())),
        (0, false) => Err(Missing::Failed(missing.join("; "))),
        (_, true) => Ok(Gathered::Whole),
        (_, false) => Ok(Gathered::Cut(missing.join("; "))),
    }
}

fn whole_lines(mut reply: Reply) -> Vec<u8> {
    if reply.truncated {
        let end = reply.body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        reply.body.truncate(end);
    }
    reply.body
}

/// The product's own bundle.
pub(super) async fn bundle(desk: &Desk<'_>) -> Outcome {
    let audience = Audience::of(desk.scene)?;
    let Some(path) = &audience.support.bundle else {
        return Err(Missing::Skipped("the product makes none of its own that is known here".to_owned()));
    };
    let Some(key) = &desk.scene.platform_key else {
        let why = "there is no platform key: give it in OPSCTL_PLATFORM_KEY, or in a file: `--platform-key-file FILE`";
        return Err(Missing::Skipped(why.to_owned()));
    };
    let mut api = audience.instances.iter().filter(|instance| instance.is_api);
    let Some(base) = api.find_map(|instance| instance.base.as_ref()) else {
        return Err(Missing::Failed("the API does not run".to_owned()));
    };
    let reply = client()?.get_long(&format!("{base}{path}"), Some(key), BUNDLE_LIMIT, MOST).await;
    let reply = reply.map_err(|error| Fault::caused_by("the product did not answer", &error))?;
    if !reply.is_success() {
        let refused = if matches!(reply.status, 401 | 403) { ": the platform key is refused" } else { "" };
        return Err(Missing::Failed(format!("the product answers {}{refused}", reply.status)));
    }
    if reply.truncated {
        return Err(Missing::Failed(format!("it is larger than {}", quantity::bytes(MOST as u64))));
    }
    let said: Value = reply.json().map_err(|error| Fault::caused_by("the product's own bundle", &error))?;
    desk.json(member::PRODUCT_BUNDLE, &said).await?;
    Ok(Gathered::Whole)
}
