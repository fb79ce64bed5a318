//! What the product says of itself, container by container.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::adapters::docker::Container;
use crate::adapters::http::{Http, Reply};
use crate::bundle::contents::{Answer, member};
use crate::error::Fault;
use crate::model::secret::Secret;
use crate::profile::{Http as Spoken, Profile, Role};
use crate::report::quantity;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::{Desk, Scene};

/// Most bytes of one answer.
const MOST: usize = 2 << 20;

/// How long the product may take to make its own bundle.
const BUNDLE_LIMIT: Duration = Duration::from_secs(15);

/// A container that speaks HTTP.
struct Instance<'a> {
    container: &'a Container,
    service: &'a str,
    role: Role,
    spoken: &'a Spoken,
    base: Option<String>,
}

fn instances<'a>(scene: &'a Scene<'_>, profile: &'a Profile) -> Result<Vec<Instance<'a>>, Missing> {
    let speaks = |container: &'a Container| {
        let name = container.service.as_deref()?;
        let (_, service) = profile.services.iter().find(|(known, _)| known.as_str() == name)?;
        let spoken = service.http.as_ref()?;
        let address = container.address(spoken.port.get()).filter(|_| container.is_running());
        let base = address.map(|address| format!("http://{address}"));
        Some(Instance { container, service: name, role: service.role, spoken, base })
    };
    Ok(scene.containers()?.iter().filter_map(speaks).collect())
}

pub(super) async fn answers(desk: &Desk<'_>) -> Outcome {
    let profile = desk.scene.profile()?;
    let instances = instances(desk.scene, profile)?;
    if instances.is_empty() {
        return Err(Missing::Failed("no container of the product speaks HTTP".to_owned()));
    }
    let http = client()?;
    let key = desk.scene.platform_key.as_ref();
    let questions = instances.iter().flat_map(|instance| {
        paths(instance, profile, key).into_iter().map(|(path, key)| ask(&http, profile, instance, path, key))
    });
    let answers = join_all(questions.collect::<Vec<_>>()).await;
    desk.json(member::ANSWERS, &answers).await?;
    Ok(Gathered::Whole)
}

/// What is asked of a container, each with the key that it takes.
fn paths<'k>(
    instance: &Instance<'_>,
    profile: &Profile,
    key: Option<&'k Secret>,
) -> Vec<(String, Option<&'k Secret>)> {
    let (spoken, support) = (instance.spoken, &profile.support);
    let everybody = spoken.health.iter().chain(&spoken.ready).map(ToString::to_string);
    let mut paths: Vec<String> = everybody.collect();
    let mut asked = Vec::new();
    if instance.role == Role::Api {
        paths.extend(profile.version.endpoints.iter().map(|endpoint| endpoint.path.to_string()));
        paths.extend(support.status.iter().map(ToString::to_string));
        if key.is_some() {
            asked.extend(support.admin.iter().map(|path| (path.to_string(), key)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths.into_iter().map(|path| (path, None)).chain(asked).collect()
}

async fn ask(
    http: &Http,
    profile: &Profile,
    instance: &Instance<'_>,
    path: String,
    key: Option<&Secret>,
) -> Answer {
    let answer = Answer {
        service: instance.service.to_owned(),
        instance: instance.container.name.clone(),
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
    let replied = http.get(&format!("{base}{path}"), key, profile.health.request_timeout).await;
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
    let profile = desk.scene.profile()?;
    let Some(path) = &profile.support.metrics else {
        return Err(Missing::Skipped("the product has no metrics that are known here".to_owned()));
    };
    let http = client()?;
    let instances = instances(desk.scene, profile)?;
    let mut missing: Vec<String> = Vec::new();
    let asked = instances.iter().filter_map(|instance| Some((instance, instance.base.as_ref()?)));
    let replies = join_all(asked.map(|(instance, base)| {
        let (http, url, limit) = (&http, format!("{base}{path}"), profile.health.request_timeout);
        async move { (instance, http.get_long(&url, None, limit, MOST).await) }
    }));
    let mut found = 0;
    for (instance, reply) in replies.await {
        match reply {
            Ok(reply) if reply.is_success() => {
                let alone = instances.iter().filter(|other| other.service == instance.service).count() == 1;
                let name = if alone { instance.service } else { &instance.container.name };
                desk.put(&format!("{}{name}.txt", member::METRICS), whole_lines(reply)).await?;
                found += 1;
            }
            Ok(reply) => missing.push(format!("{} answers {}", instance.container.name, reply.status)),
            Err(error) => missing.push(format!("{}: {error}", instance.container.name)),
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
    let profile = desk.scene.profile()?;
    let Some(path) = &profile.support.bundle else {
        return Err(Missing::Skipped("the product makes none of its own that is known here".to_owned()));
    };
    let Some(key) = &desk.scene.platform_key else {
        let why = "there is no platform key: give it in OPSCTL_PLATFORM_KEY, or in a file: `--platform-key-file FILE`";
        return Err(Missing::Skipped(why.to_owned()));
    };
    let instances = instances(desk.scene, profile)?;
    let mut api = instances.iter().filter(|instance| instance.role == Role::Api);
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
