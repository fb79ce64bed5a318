//! Rotation of a password of the bundled database server.
//!
//! The server takes one password at a time, so that there is no window. Its own container is made anew first, while it still
//! takes the old password; then it is told the new one, and at once the services are made anew. In between only a connection
//! that is opened in that moment is refused; those that are open stay.

use super::{Among, Fingerprint, Hazard, Parts, Plan, Product, Replicas, Step, Which, Window};
use crate::model::operation::OperationKind;
use crate::plan::rotation::{DualSecret, Stays};
use crate::profile::{HttpPath, ServiceName};

/// What the rotation of a password is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRequest {
    /// The secret.
    pub secret: DualSecret,
    /// Its value of now.
    pub old: Fingerprint,
    /// The service of the server, where its container is made with the password.
    pub server: Option<ServiceName>,
    /// The services that log in with it, in the order in which they are started.
    pub replicas: Vec<Replicas>,
    /// What a key is tried on.
    pub canary: Option<HttpPath>,
}

/// What was found of a password of the database server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginFindings {
    /// The role.
    pub role: String,
    /// Whether the server takes what the settings have.
    pub taken: bool,
    /// Whether the server asks for a password at all.
    pub asks: bool,
    /// Whether the server keeps it as an MD5 hash.
    pub kept_as_md5: bool,
    /// Addresses in the settings that have another password of the role.
    pub differing: Vec<String>,
    /// Addresses in the settings in which the password cannot be replaced as they are written.
    pub unwieldy: Vec<String>,
    /// In what the server's container would be made anew as another one than now.
    pub changed_server: Option<String>,
}

/// The plan of `opsctl rotate` for a password of the bundled database server.
pub fn plan_login(product: &Product, request: &LoginRequest) -> Plan {
    let LoginRequest { secret, old, server, replicas, canary } = request;
    let parts = Parts::new(product, secret, replicas, canary.as_ref());
    let opened = Window::Opened { old: old.clone() };
    let closed = Window::Closed { old: old.clone(), stays: Stays::New };
    let set = |window: &Window| Step::SetWindow { secret: secret.clone(), window: window.clone() };
    let prove = |services: Vec<ServiceName>, among| Step::ProveWindow {
        secret: secret.clone(),
        window: opened.clone(),
        services,
        among,
    };
    let given: Vec<ServiceName> = server.iter().chain(&parts.services).cloned().collect();
    let mut steps = vec![set(&opened), prove(given, Among::Files)];
    if let Some(server) = server {
        let replicas = vec![Replicas { service: server.clone(), count: 1 }];
        let release = product.release.clone();
        steps.push(Step::Recreate { replicas, release, which: Which::Changed });
        steps.push(prove(vec![server.clone()], Among::Replicas));
    }
    steps.push(Step::SetPassword { secret: secret.clone() });
    steps.extend(parts.anew(Which::Changed, &opened));
    let commit = steps.len();
    steps.push(set(&closed));
    Plan { kind: OperationKind::Rotate, steps, commit: Some(commit), before: product.before() }
}

/// The server's container that a rotation makes anew, if it began to.
pub fn server_in_doubt(plan: &Plan, touched: usize) -> Option<&[Replicas]> {
    let begun = &plan.steps[..touched];
    let at = begun.iter().position(|step| matches!(step, Step::Recreate { .. }))?;
    let told = plan.steps.iter().position(|step| matches!(step, Step::SetPassword { .. }))?;
    match &plan.steps[at] {
        Step::Recreate { replicas, .. } if at < told => Some(replicas),
        _ => None,
    }
}

impl LoginFindings {
    /// What stands against changing the password.
    pub(super) fn hazards(&self, secret: &DualSecret) -> Vec<Hazard> {
        let (role, name) = (&self.role, &secret.name);
        let mut hazards = Vec::new();
        let mut stands = |what: String, hint: String| hazards.push(Hazard { what, hint });
        if !self.asks {
            stands(
                format!("the database server lets {role} in with any password"),
                "another one would change nothing, and nothing could be proven: make its pg_hba.conf ask for one first"
                    .to_owned(),
            );
        } else if !self.taken {
            stands(
                format!(
                    "the database server does not take the {name} of the settings as the password of {role}"
                ),
                format!(
                    "put the right one into the settings, or give {role} that one: `\\password {role}` in psql"
                ),
            );
        }
        if self.kept_as_md5 {
            stands(
                format!(
                    "the server keeps the password of {role} as an MD5 hash, and would keep a new one as SCRAM has it"
                ),
                format!(
                    "whoever logs in with it has to know SCRAM: see that with `\\password {role}` in psql, with password_encryption = 'scram-sha-256', first"
                ),
            );
        }
        for address in &self.differing {
            stands(
                format!("{address} has another password of {role} than {name}"),
                "both must be the one that the server takes".to_owned(),
            );
        }
        for address in &self.unwieldy {
            stands(
                format!("the password in {address} cannot be replaced as it is written there"),
                "write postgresql://ROLE:PASSWORD@HOST/DATABASE, with %40 for @ and %2F for / in the password".to_owned(),
            );
        }
        if let Some(change) = &self.changed_server {
            stands(
                format!("the database server's container would be made anew as another one than now: {change}"),
                "make it anew first, at a time of your choosing (`docker compose up -d`), and see that it is well"
                    .to_owned(),
            );
        }
        hazards
    }
}

#[cfg(test)]
mod tests;
