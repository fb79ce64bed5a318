use std::cell::RefCell;
use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::model::release::Version;
use crate::plan::refusals::Counts;
use crate::plan::rotation::{Among, DualSecret, Held, Replicas, Which};
use crate::profile::HttpPath;

const IMAGE: &str = "sha256:new";

/// One service instance at one look; the last look repeats.
#[derive(Debug, Clone)]
struct Look {
    instance: Instance,
    ready: Answer,
    version: Answer,
}

/// Services whose instances do at each look what a script says.
struct Scripted {
    scripts: BTreeMap<String, Vec<Look>>,
    looks: RefCell<BTreeMap<String, usize>>,
}

fn well() -> Look {
    let instance = Instance {
        id: "one".to_owned(),
        state: InstanceState::Running,
        image_id: IMAGE.to_owned(),
        restarts: 0,
        out_of_memory: false,
        health: Health::Healthy,
        last_run: None,
    };
    Look { instance, ready: Answer::Yes(String::new()), version: Answer::Yes("1.1.0".to_owned()) }
}

fn health(health: Health) -> Look {
    let mut look = well();
    look.instance.health = health;
    look
}

fn state(state: InstanceState) -> Look {
    let mut look = well();
    look.instance.state = state;
    look
}

fn restarted(restarts: u32) -> Look {
    let mut look = well();
    look.instance.restarts = restarts;
    look
}

fn unready() -> Look {
    Look { ready: Answer::No("503".to_owned()), ..well() }
}

fn version(version: Answer) -> Look {
    Look { version, ..well() }
}

fn other_image() -> Look {
    let mut look = well();
    "sha256:old".clone_into(&mut look.instance.image_id);
    look
}

fn replaced() -> Look {
    let mut look = well();
    "two".clone_into(&mut look.instance.id);
    look
}

impl Scripted {
    /// One script for each instance.
    fn new(scripts: impl IntoIterator<Item = Vec<Look>>) -> Self {
        let named = |(index, script)| (format!("replica-{index}"), script);
        Self { scripts: scripts.into_iter().enumerate().map(named).collect(), looks: RefCell::default() }
    }

    fn present(&self, name: &str) -> &Look {
        let script = &self.scripts[name];
        &script[self.looks.borrow().get(name).map_or(0, |look| look - 1).min(script.len() - 1)]
    }
}

impl Services for Scripted {
    async fn instances(&self, _service: &ServiceName) -> Result<Vec<Instance>, Fault> {
        let names: Vec<String> = self.scripts.keys().cloned().collect();
        for name in &names {
            *self.looks.borrow_mut().entry(name.clone()).or_default() += 1;
        }
        let instance = |name: &String| {
            let instance = self.present(name).instance.clone();
            Instance { id: format!("{name}/{}", instance.id), ..instance }
        };
        Ok(names.iter().map(instance).collect())
    }

    async fn one_off(&self, _name: &str) -> Result<Option<Instance>, Fault> {
        Ok(None)
    }

    async fn pull(&self, _release: &Release, _progress: ProgressSink<'_>) -> Result<String, Fault> {
        unreachable!("a gate only looks")
    }

    async fn image_id(&self, _release: &Release) -> Result<String, Fault> {
        Ok(IMAGE.to_owned())
    }

    async fn keep(&self, _release: &Release) -> Result<(), Fault> {
        unreachable!("a gate only looks")
    }

    async fn stop(&self, _service: &ServiceName) -> Result<Option<String>, Fault> {
        unreachable!("a gate only looks")
    }

    async fn start(&self, _services: &[ServiceName], _release: &Release) -> Result<(), Fault> {
        unreachable!("a gate only looks")
    }

    async fn start_one_off(&self, _one_off: &OneOff) -> Result<(), Fault> {
        unreachable!("a gate only looks")
    }

    async fn remove_one_off(&self, _name: &str) -> Result<(), Fault> {
        unreachable!("a gate only looks")
    }

    async fn ask(&self, _service: &ServiceName, instance: &Instance, question: Question) -> Answer {
        let look = self.present(instance.id.split('/').next().unwrap_or_default());
        match question {
            Question::Health => Answer::Yes(String::new()),
            Question::Ready => look.ready.clone(),
            Question::Version => look.version.clone(),
        }
    }

    async fn preflight(&self, _instance: &Instance) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn log_tail(&self, instance: &Instance, _lines: usize) -> Vec<String> {
        vec![format!("log of {}", instance.id)]
    }

    async fn recreate(&self, _replicas: &[Replicas], _release: &Release, _which: Which) -> Result<(), Fault> {
        unreachable!("a gate only looks")
    }

    async fn held(
        &self,
        _service: &ServiceName,
        _secret: &DualSecret,
        _among: Among,
    ) -> Result<Vec<Held>, Fault> {
        unreachable!("a gate asks for no secret")
    }

    async fn try_key(&self, _path: &HttpPath) -> Result<String, Fault> {
        unreachable!("a gate tries no key")
    }

    async fn request_counts(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault> {
        unreachable!("a gate counts no requests")
    }

    async fn scan(&self, _progress: ProgressSink<'_>) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}

async fn passed(scripts: impl IntoIterator<Item = Vec<Look>>) -> Result<(), Fault> {
    let services = Scripted::new(scripts);
    let release = release();
    let limits = Limits {
        start: Duration::from_secs(10),
        stable: Duration::from_secs(2),
        canary_stable: Duration::from_secs(1),
        migrate: Duration::from_secs(1),
    };
    let names = [service()];
    pass(&services, Subject::Services(&names, &release), &limits, &|_| {}).await
}

fn release() -> Release {
    Release {
        version: Version::parse("1.1.0").unwrap(),
        image: "ledger:1.1.0".to_owned(),
        digest: None,
        image_id: None,
        pin: None,
    }
}

fn service() -> ServiceName {
    serde_json::from_value("api".into()).unwrap()
}

fn out_of_memory(mut look: Look) -> Look {
    look.instance.out_of_memory = true;
    look
}

fn exited() -> InstanceState {
    InstanceState::Exited { status: 137 }
}

#[tokio::test(start_paused = true)]
async fn what_comes_up_slowly_and_stays_passes() {
    let began = Instant::now();
    let slow = vec![
        state(InstanceState::Created),
        health(Health::Starting),
        health(Health::Unhealthy),
        unready(),
        well(),
    ];
    passed([slow]).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3), "passed before it was stable for long enough");
}

#[rstest]
#[case::being_stopped(vec![state(InstanceState::Ending)], "still api being stopped after 10 s")]
#[case::crash_loop(vec![state(InstanceState::Restarting)], "api falls over and is started again and again")]
#[case::restarted_while_watched(vec![well(), restarted(1)], "api ended by itself and was restarted")]
#[case::restarted_before_it_was_ready(vec![unready(), restarted(1)], "api ended by itself and was restarted")]
#[case::well_and_then_dead(vec![well(), well(), state(exited())], "api ended with status 137")]
#[case::out_of_memory(
    vec![well(), out_of_memory(state(exited()))],
    "api ran out of memory: the kernel ended it"
)]
#[case::out_of_memory_and_to_be_restarted(
    vec![well(), out_of_memory(state(InstanceState::Restarting))],
    "api ran out of memory: the kernel ended it"
)]
#[case::out_of_memory_and_restarted(
    vec![well(), out_of_memory(restarted(1))],
    "api ran out of memory: the kernel ended it"
)]
#[case::wrong_image(vec![other_image()], "api runs something other than 1.1.0")]
#[case::wrong_version(
    vec![version(Answer::Yes("1.0.0".to_owned()))],
    "api reports version 1.0.0 instead of 1.1.0"
)]
#[case::flapping(
    vec![well(), unready(), well(), well(), unready(), well()],
    "well at first, and then api not ready (503)"
)]
#[case::well_and_then_unready(vec![well(), unready()], "well at first, and then api not ready (503)")]
#[case::replaced_while_watched(vec![well(), replaced()], "an instance was replaced")]
#[case::unhealthy_until_the_limit(vec![health(Health::Unhealthy)], "still api unhealthy after 10 s")]
#[case::never_ready(vec![unready()], "still api not ready (503) after 10 s")]
#[case::silent_about_its_version(
    vec![version(Answer::No("404".to_owned()))],
    "still api does not tell its version (404) after 10 s"
)]
#[tokio::test(start_paused = true)]
async fn what_is_not_well_is_named_with_its_log(#[case] script: Vec<Look>, #[case] why: &str) {
    let fault = passed([script]).await.unwrap_err();
    assert_eq!(fault.what, why);
    assert!(fault.evidence[0].starts_with("log of replica-0"), "{:?}", fault.evidence);
}

#[tokio::test(start_paused = true)]
async fn restarts_of_long_ago_do_not_matter() {
    passed([vec![restarted(3)]]).await.unwrap();
    let names = [service()];
    let release = release();
    let subject = Subject::Services(&names, &release);
    assert_eq!(glance(&Scripted::new([vec![restarted(3)]]), subject).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_came_too_late_begins_the_wait_anew() {
    let began = Instant::now();
    passed([vec![well(), well(), well(), unready(), well()]]).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3), "passed before it was stable for long enough");
}

#[rstest]
#[case::crash_loop(state(InstanceState::Restarting))]
#[case::wrong_version(version(Answer::Yes("1.0.0".to_owned())))]
#[tokio::test(start_paused = true)]
async fn what_waiting_cannot_mend_is_not_waited_for(#[case] look: Look) {
    let began = Instant::now();
    passed([vec![look]]).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_shown_before_what_is_not_there_yet() {
    let fault = passed([vec![unready()], vec![out_of_memory(state(exited()))]]).await.unwrap_err();
    assert_eq!(fault.evidence, ["log of replica-1/one"]);
    assert!(fault.hints.iter().any(|hint| hint.contains("enough memory")), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn one_bad_replica_of_two_is_enough_and_is_the_one_whose_log_is_shown() {
    let fault = passed([vec![well()], vec![well(), state(exited())]]).await.unwrap_err();
    assert_eq!(fault.what, "api ended with status 137");
    assert_eq!(fault.evidence, ["log of replica-1/one"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_an_instance_does_not_pass() {
    let fault = passed([]).await.unwrap_err();
    assert_eq!(fault.what, "still api has no instance after 10 s");
    assert_eq!(fault.evidence, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_the_profile_cannot_ask_is_left_out() {
    let mute = Look { ready: Answer::NotAsked, version: Answer::NotAsked, ..health(Health::Unchecked) };
    passed([vec![mute]]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_glance_says_what_does_not_hold_at_this_moment() {
    let names = [service()];
    let release = release();
    let subject = Subject::Services(&names, &release);
    assert_eq!(glance(&Scripted::new([vec![well()]]), subject).await.unwrap(), None);
    let unready = glance(&Scripted::new([vec![unready()]]), subject).await.unwrap();
    assert_eq!(unready.as_deref(), Some("api not ready (503)"));
}

#[tokio::test(start_paused = true)]
async fn progress_never_counts_to_none() {
    let said = std::sync::Mutex::new(Vec::new());
    let sink = |progress: Progress| said.lock().unwrap().push((progress.done, progress.total));
    let now = Instant::now();
    say_how_far(now, Some((now, Duration::from_millis(400))), Duration::from_secs(5), &sink);
    say_how_far(now, None, Duration::from_secs(5), &sink);
    assert_eq!(said.into_inner().unwrap(), [(0, Some(1)), (0, Some(5))]);
}
