//! Rotation of a secret.
//!
//! Clients see nothing of it: every replica has both values before anything depends on the new one, and the old one goes only
//! when nothing depends on it any more.

mod login;

use crate::error::Fault;
use crate::model::backup_id::BackupId;
use crate::model::fingerprint::Fingerprint;
use crate::model::manifest::Reason;
use crate::model::operation::OperationKind;
use crate::operations::{Product, Wellness};
use crate::plan::Plan;
use crate::plan::rotation::{
    Among, DualSecret, Halt, Held, OnRecord, PausePoint, Replicas, Stays, Which, Window,
};
use crate::plan::step::{OneOff, Release, Step};
use crate::profile::{Derived, HttpPath, ServiceName, VariableName};

pub use login::{LoginFindings, LoginRequest, plan_login, server_in_doubt};

/// What a rotation is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The secret.
    pub secret: DualSecret,
    /// Its value of now.
    pub old: Fingerprint,
    /// The backup that stands behind it.
    pub guard: Guard,
    /// The services that have the secret, in the order in which they are started.
    pub replicas: Vec<Replicas>,
    /// What becomes of what depends on the old value.
    pub way: Way,
    /// What a key is tried on.
    pub canary: Option<HttpPath>,
    /// Whether it can be seen how many requests are refused.
    pub refusals: Refusals,
}

/// Whether it can be seen how many requests are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    /// The API counts them: their rate is compared at every stage with what it was before.
    Counted,
    /// Nothing is known of them.
    Unknown,
}

/// What becomes of what depends on the old value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is moved to the new one, while the product takes both.
    DualWindow {
        /// How.
        rehash: Rehashing,
        /// Where it waits, and how.
        pauses: Vec<(PausePoint, Halt)>,
    },
    /// Nothing does.
    Replaced {
        /// The query for what is on record, and what that is now.
        on_record: Option<(String, Vec<OnRecord>)>,
    },
}

/// How what is stored is moved to a new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehashing {
    /// The service that the command for it runs as.
    pub service: ServiceName,
    /// That command.
    pub program: Vec<String>,
    /// The name of its container.
    pub name: String,
    /// The query that counts what is stored under which value.
    pub count: Option<String>,
}

/// The backup that stands behind a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// It is taken first; retention keeps so many afterwards.
    Taken {
        /// Its identifier.
        id: BackupId,
        /// How many of the newest backups retention keeps.
        keep: u32,
    },
    /// It is there, and verified.
    Present(BackupId),
}

/// What was found before a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The secret.
    pub secret: DualSecret,
    /// The values in the settings.
    pub settings: Held,
    /// How many lines of the settings assign the secret.
    pub assignments: usize,
    /// Settings that refer to the secret, and would change with it.
    pub followers: Vec<String>,
    /// Variables of the secret that are set for opsctl's own process: they would win over the settings.
    pub in_process: Vec<String>,
    /// Settings that name a file with the secret.
    pub in_files: Vec<String>,
    /// The values that each running instance of each service has.
    pub instances: Vec<(ServiceName, Vec<Held>)>,
    /// Settings that are derived from the secret and are not set.
    pub derived: Vec<Derived>,
    /// Under how many values something is stored, where that can be told.
    pub stored_under: Option<usize>,
    /// What was found of a password of the database server.
    pub login: Option<LoginFindings>,
}

/// Something that stands against a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hazard {
    /// What.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// The plan of `opsctl rotate`.
pub fn plan(product: &Product, request: &Request) -> Plan {
    let parts = Parts::of(product, request);
    let (guard, keep) = match request.guard {
        Guard::Taken { id, keep } => (id, Some(keep)),
        Guard::Present(id) => (id, None),
    };
    let opened = Window::Opened { old: request.old.clone() };
    let closed = Window::Closed { old: request.old.clone(), stays: Stays::New };
    let mut steps = Vec::new();
    steps.extend(keep.map(|_| Step::TakeBackup { id: guard, reason: Reason::PreRotation, of: None }));
    steps.extend(parts.mark());
    steps.extend(parts.through(&opened));
    let commit = match &request.way {
        Way::DualWindow { rehash, pauses } => {
            let pause = |point: PausePoint| {
                let found = pauses.iter().find(|(at, _)| *at == point);
                let pause = found.map(|(at, halt)| Step::Pause { at: *at, halt: *halt });
                // What was refused days ago says nothing of now.
                let mark = pause.as_ref().and_then(|_| parts.mark());
                pause.into_iter().chain(mark)
            };
            steps.extend(pause(PausePoint::Dual));
            let commit = steps.len();
            steps.push(rehashed(product, rehash, guard));
            // What a replica remembers of keys that it has seen goes with it: from here on they are looked up.
            steps.extend(parts.anew(Which::All, &opened));
            steps.extend(pause(PausePoint::Rehash));
            commit
        }
        Way::Replaced { on_record } => {
            let live = product.live.clone();
            steps.extend(on_record.clone().map(|(query, before)| Step::ProveOnRecord {
                live,
                query,
                before,
            }));
            steps.extend(product.check_data());
            steps.len()
        }
    };
    steps.extend(parts.through(&closed));
    if let Some(keep) = keep {
        steps.extend([Step::UnpinBackup { id: guard }, Step::Prune { keep }]);
    }
    Plan { kind: OperationKind::Rotate, steps, commit: Some(commit), before: product.before() }
}

fn rehashed(product: &Product, rehash: &Rehashing, guard: BackupId) -> Step {
    Step::Rehash {
        one_off: OneOff {
            name: rehash.name.clone(),
            service: rehash.service.clone(),
            release: product.release.clone(),
            command: None,
            program: Some(rehash.program.clone()),
        },
        live: product.live.clone(),
        count: rehash.count.clone(),
        guard,
    }
}

/// The steps that come again and again.
struct Parts<'r> {
    secret: &'r DualSecret,
    replicas: &'r [Replicas],
    canary: Option<&'r HttpPath>,
    refusals: Refusals,
    release: Release,
    services: Vec<ServiceName>,
}

impl<'r> Parts<'r> {
    fn of(product: &Product, request: &'r Request) -> Self {
        let canary = request.canary.as_ref();
        Self { refusals: request.refusals, ..Self::new(product, &request.secret, &request.replicas, canary) }
    }

    fn new(
        product: &Product,
        secret: &'r DualSecret,
        replicas: &'r [Replicas],
        canary: Option<&'r HttpPath>,
    ) -> Self {
        let services = replicas.iter().map(|replicas| replicas.service.clone()).collect();
        let release = product.release.clone();
        Self { secret, replicas, canary, refusals: Refusals::Unknown, release, services }
    }

    /// Into a window: what the files say, then what every replica has.
    fn through(&self, window: &Window) -> Vec<Step> {
        let secret = self.secret.clone();
        let mut steps =
            vec![Step::SetWindow { secret, window: window.clone() }, self.prove(window, Among::Files)];
        steps.extend(self.anew(Which::Changed, window));
        steps
    }

    fn anew(&self, which: Which, window: &Window) -> Vec<Step> {
        let (services, release) = (self.services.clone(), self.release.clone());
        let replicas = self.replicas.to_vec();
        let mut steps = vec![
            Step::Recreate { replicas, release: release.clone(), which },
            Step::PassGates { services, release },
            self.prove(window, Among::Replicas),
        ];
        steps.extend(self.canary.map(|path| Step::TryKey { path: path.clone() }));
        steps.extend((self.refusals == Refusals::Counted).then_some(Step::CompareRefusals));
        steps
    }

    /// What the rate of refusals is compared with.
    fn mark(&self) -> Option<Step> {
        (self.refusals == Refusals::Counted).then_some(Step::MarkRefusals)
    }

    fn prove(&self, window: &Window, among: Among) -> Step {
        let (secret, services) = (self.secret.clone(), self.services.clone());
        Step::ProveWindow { secret, window: window.clone(), services, among }
    }
}

/// The backup that stands behind the re-hash of a plan.
pub fn guard_of(plan: &Plan) -> Option<BackupId> {
    plan.steps.iter().find_map(|step| match step {
        Step::Rehash { guard, .. } => Some(*guard),
        _ => None,
    })
}

/// Everything that stands against a rotation; what was accepted by name does not.
pub fn hazards(
    product: &Product,
    trouble: Option<&str>,
    found: &Findings,
    accepted: &[VariableName],
) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let mut stands = |what: String, hint: &str| hazards.push(Hazard { what, hint: hint.to_owned() });
    let (name, previous) = (&found.secret.name, found.secret.place_before());
    if product.well == Wellness::Unwell {
        stands(
            format!("the product is not well: {}", trouble.unwrap_or("it is not running")),
            "every replica has to prove which values it has: mend that first",
        );
    }
    for variable in &found.in_process {
        stands(
            format!("{variable} is set in the environment of this command, and would win over the settings"),
            "unset it there",
        );
    }
    for variable in &found.in_files {
        stands(
            format!("{variable} is set: the secret is in a file, or in two places"),
            "keep the secret in the settings alone, or rotate the file by hand",
        );
    }
    if found.settings.current.is_none() {
        stands(
            format!("{name} is not set"),
            "was it given to the services in another way than by the settings?",
        );
    }
    if found.assignments > 1 {
        stands(
            format!("{name} is assigned {} times", found.assignments),
            "leave the line that counts, which is the last one, and remove the others: they would keep an old value",
        );
    }
    for follower in &found.followers {
        stands(
            format!("{follower} refers to {name}, and would change with it"),
            "give it a value of its own first",
        );
    }
    if found.settings.previous.is_some() {
        stands(
            format!("{previous} is set: a rotation is under way, or was never ended"),
            "`opsctl rotate --status` shows who has which value; end that by hand first: what is stored must be under the present value before it is removed and the services are recreated",
        );
    }
    hazards.extend(on_instances(found));
    hazards.extend(found.login.iter().flat_map(|login| login.hazards(&found.secret)));
    if let Some(several) = found.stored_under.filter(|values| *values > 1) {
        hazards.push(Hazard {
            what: format!("keys are stored under {several} different values of {name}"),
            hint: "a rotation was never ended: re-hash first, so that all are under the present value"
                .to_owned(),
        });
    }
    for derived in found.derived.iter().filter(|derived| !accepted.contains(&derived.name)) {
        let Derived { name: derived, loses } = derived;
        hazards.push(Hazard {
            what: format!("{derived} is not set, and so it is derived from {name}: {loses} would be lost"),
            hint: format!(
                "pin {derived} to the value that is derived now, or give up what is lost: `--accept {derived}`"
            ),
        });
    }
    hazards
}

/// Replicas that do not have what the settings say.
fn on_instances(found: &Findings) -> Vec<Hazard> {
    let (name, previous) = (&found.secret.name, found.secret.place_before());
    let mut hazards = Vec::new();
    for (service, instances) in &found.instances {
        for (index, held) in instances.iter().enumerate() {
            let replica = index + 1;
            if held.current != found.settings.current {
                hazards.push(Hazard {
                    what: format!("replica {replica} of {service} has another value of {name} than the settings"),
                    hint: "were the settings edited since it was made? recreate the services, or put the value back"
                        .to_owned(),
                });
            } else if held.previous.is_some() && found.settings.previous.is_none() {
                hazards.push(Hazard {
                    what: format!("replica {replica} of {service} still has {previous}"),
                    hint: "a rotation was ended without recreating the services: do that first".to_owned(),
                });
            }
        }
    }
    hazards
}

/// All hazards as one refusal.
pub fn refusal(secret: &VariableName, hazards: Vec<Hazard>) -> Result<(), Fault> {
    let mut fault = match hazards.as_slice() {
        [] => return Ok(()),
        [one] => Fault::new(one.what.clone()),
        several => Fault::new(format!("{} things stand against rotating {secret}", several.len()))
            .evidence(several.iter().map(|hazard| hazard.what.clone())),
    };
    for hazard in hazards {
        if !fault.hints.contains(&hazard.hint) {
            fault = fault.hint(hazard.hint);
        }
    }
    Err(fault.within(format!("{secret} is not rotated")))
}

#[cfg(test)]
mod tests;
