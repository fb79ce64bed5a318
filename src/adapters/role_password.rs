//! The password of the product's role while it is being changed: the server takes one of two, and only it can say which.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::adapters::postgres::password::{self, Verifier};
use crate::adapters::product_database::{ProductDatabase, fault};
use crate::error::Fault;
use crate::model::conninfo::ConnInfo;
use crate::model::secret::Secret;
use crate::ports::Passwords;

/// How long a server that was just started is waited for: it may have to recover first.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Between two attempts at that.
const PAUSE: Duration = Duration::from_millis(100);

/// The passwords of which the server may take one, the likeliest first. Empty where no password is being changed.
#[derive(Clone, Default)]
pub struct Candidates(Arc<Mutex<Vec<Secret>>>);

impl Candidates {
    /// These, in this order.
    pub fn of(passwords: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(Mutex::new(passwords.into_iter().collect())))
    }

    async fn become_those(&self, passwords: &Passwords) {
        *self.0.lock().await = vec![passwords.wanted.clone(), passwords.other.clone()];
    }

    /// The same way in, with the password that the server takes by now.
    pub(super) async fn fit(&self, info: ConnInfo, application: &str) -> Result<ConnInfo, Fault> {
        for candidate in self.0.lock().await.iter() {
            if password::takes(&info, candidate, application).await.map_err(|error| fault(&error))? {
                return Ok(ConnInfo { password: Some(candidate.clone()), ..info });
            }
        }
        Ok(info)
    }
}

/// What the server says of a role's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleFacts {
    /// Whether it takes the one that the settings have.
    pub taken: bool,
    /// Whether it asks for a password at all, where the product's containers come from.
    pub asks: bool,
    /// How it keeps it.
    pub verifier: Verifier,
}

impl ProductDatabase {
    /// What the server says of the password that the settings have for a role.
    pub async fn role_facts(&self, role: &str, held: &Secret) -> Result<RoleFacts, Fault> {
        let info = self.as_role(role).await?;
        let takes = async |password: &Secret| {
            password::takes(&info, password, &self.application()).await.map_err(|error| fault(&error))
        };
        let verifier = {
            let session = self.maintenance().await?;
            password::verifier_of(&session, role).await.map_err(|error| fault(&error))?
        };
        let wrong = Secret::new(format!("{}-but-wrong", self.operation));
        Ok(RoleFacts { taken: takes(held).await?, asks: !takes(&wrong).await?, verifier })
    }

    /// Makes the server take one of two passwords, and not the other.
    pub(super) async fn change_password(&self, role: &str, passwords: &Passwords) -> Result<String, Fault> {
        if role == self.info.user {
            self.candidates.become_those(passwords).await;
        }
        let was_so = self.once_it_is_up(role, &passwords.wanted).await?;
        if !was_so {
            let session = self.maintenance().await?;
            let changed = password::set_password(&session, role, &passwords.wanted).await;
            changed.map_err(|error| fault(&error))?;
        }
        let info = self.as_role(role).await?;
        let takes = async |password: &Secret| {
            password::takes(&info, password, &self.application()).await.map_err(|error| fault(&error))
        };
        if !takes(&passwords.wanted).await? {
            return Err(Fault::new(format!("the server does not take the password that {role} has now")));
        }
        if takes(&passwords.other).await? {
            return Err(Fault::new(format!("the server still takes the other password of {role}"))
                .hint("does it ask for a password at all? look at its pg_hba.conf"));
        }
        let how = if was_so { "it was so already" } else { "changed" };
        Ok(format!("{how}; the other one is refused"))
    }

    /// Whether the server takes a password, asked when it takes any.
    async fn once_it_is_up(&self, role: &str, password: &Secret) -> Result<bool, Fault> {
        let began = Instant::now();
        loop {
            let ended = match self.as_role(role).await {
                Ok(info) => match password::takes(&info, password, &self.application()).await {
                    Err(error) if !error.is_transient() => return Err(fault(&error)),
                    ended => ended.map_err(|error| fault(&error)),
                },
                Err(fault) => Err(fault),
            };
            match ended {
                Err(_) if began.elapsed() < START_LIMIT => tokio::time::sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    /// The way in of a role, as the product's own containers take it: over the network, where the server asks for a password.
    async fn as_role(&self, role: &str) -> Result<ConnInfo, Fault> {
        Ok(ConnInfo { user: role.to_owned(), ..self.address().await? })
    }
}
