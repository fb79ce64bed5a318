//! What checks have in common, found out once and when the first of them asks.

use std::ops::{Deref, DerefMut};

use tokio::sync::OnceCell;

use super::outlook::{ALONE, Known, Outlook, without};
use crate::adapters::compose_services::ComposeServices;
use crate::adapters::docker::{Container, ContainerFilter, ContainerKind, Engine, EngineFacts};
use crate::adapters::postgres::condition::condition;
use crate::adapters::postgres::session::Session;
use crate::adapters::product_database;
use crate::commands::context::Context;
use crate::commands::current::{self, Found};
use crate::commands::database::{self, Reached};
use crate::commands::install::{Install, engine_settings};
use crate::commands::live;
use crate::commands::place::Place;
use crate::error::Fault;
use crate::preflight::Judgement;
use crate::preflight::database::Condition;

/// An install under examination.
pub(in crate::commands) struct Survey<'a> {
    outlook: Outlook<'a>,
    /// The install, where somebody read it already.
    given: Option<&'a Install>,
    install: OnceCell<Result<Install, Fault>>,
    engine: OnceCell<Result<(Engine, EngineFacts), Fault>>,
    containers: OnceCell<Result<Vec<Container>, Fault>>,
    found: OnceCell<Result<Found, Fault>>,
    reached: OnceCell<Result<Reached, Fault>>,
    server: OnceCell<Result<(Session, Condition), Fault>>,
}

impl<'a> Survey<'a> {
    fn new(outlook: Outlook<'a>) -> Self {
        Self {
            outlook,
            given: None,
            install: OnceCell::new(),
            engine: OnceCell::new(),
            containers: OnceCell::new(),
            found: OnceCell::new(),
            reached: OnceCell::new(),
            server: OnceCell::new(),
        }
    }

    /// As one finds it: an operation that runs on it is somebody else's.
    pub(in crate::commands) fn beside(context: &'a Context, place: Place) -> Self {
        Self::new(Outlook::beside(context, place))
    }

    /// An install that was read already.
    pub(in crate::commands) fn of(context: &'a Context, install: &'a Install) -> Self {
        Self { given: Some(install), ..Self::new(Outlook::new(context, install.place.clone())) }
    }

    /// Why the install cannot be read, if it cannot.
    pub(in crate::commands) async fn unreadable(&self) -> Option<&Fault> {
        match self.given {
            Some(_) => None,
            None => self.opened().await.as_ref().err(),
        }
    }

    async fn opened(&self) -> &Result<Install, Fault> {
        self.install
            .get_or_init(|| async {
                Install::open(self.context, self.place.clone()).await.map_err(|failure| failure.fault)
            })
            .await
    }

    pub(in crate::commands) async fn install(&self) -> Known<'_, Install> {
        if let Some(install) = self.given {
            return Ok(install);
        }
        self.opened().await.as_ref().map_err(|fault| without("the install cannot be read", fault))
    }

    /// The install, if it was read already and could be.
    pub(in crate::commands) fn opened_already(&self) -> Option<&Install> {
        self.given.or_else(|| self.install.get()?.as_ref().ok())
    }

    /// The engine, which answers, and what it says of itself.
    pub(in crate::commands) async fn engine(&self) -> &Result<(Engine, EngineFacts), Fault> {
        self.engine
            .get_or_init(|| async {
                let fault = |error: crate::adapters::docker::DockerError| {
                    let fault = Fault::caused_by("docker cannot be used", &error);
                    error.hint().into_iter().fold(fault, Fault::hint)
                };
                let engine = Engine::connect(&engine_settings(self.context)).await.map_err(fault)?;
                let facts = engine.facts().await.map_err(fault)?;
                Ok((engine, facts))
            })
            .await
    }

    pub(in crate::commands) async fn engine_facts(&self) -> Known<'_, EngineFacts> {
        self.engine().await.as_ref().map(|(_, facts)| facts).map_err(|fault| without("no engine", fault))
    }

    /// The containers that Compose keeps for the project.
    pub(in crate::commands) async fn containers(&self) -> Known<'_, Vec<Container>> {
        let install = self.install().await?;
        self.containers
            .get_or_init(|| async {
                let filter = ContainerFilter::Project(&install.model.project);
                let all = install.engine.containers(filter).await;
                let all = all.map_err(|error| crate::adapters::compose_services::fault(&error))?;
                let kept = |container: &Container| matches!(container.kind, ContainerKind::Replica(_));
                Ok(all.into_iter().filter(kept).collect())
            })
            .await
            .as_ref()
            .map_err(|fault| without("the containers cannot be listed", fault))
    }

    pub(in crate::commands) fn services(&self, install: &Install) -> Result<ComposeServices, Judgement> {
        live::services(self.context, install, &self.operation)
            .map_err(|fault| without("the services cannot be asked", &fault))
    }

    pub(in crate::commands) async fn found(&self) -> Known<'_, Found> {
        let install = self.install().await?;
        let services = self.services(install)?;
        self.found
            .get_or_init(|| async {
                current::look(install, &services).await.map_err(|failure| failure.fault)
            })
            .await
            .as_ref()
            .map_err(|fault| without("it cannot be told what runs", fault))
    }

    /// The database as opsctl reaches it, or why it does not.
    pub(in crate::commands) async fn try_reached(&self) -> Result<&Result<Reached, Fault>, Judgement> {
        let install = self.install().await?;
        Ok(self.reached.get_or_init(|| database::reach(install, &self.operation)).await)
    }

    pub(in crate::commands) async fn reached(&self) -> Known<'_, Reached> {
        self.try_reached().await?.as_ref().map_err(|fault| without("the database cannot be reached", fault))
    }

    /// A session of the product's database, and the server's condition.
    pub(in crate::commands) async fn server(
        &self,
    ) -> Result<&Result<(Session, Condition), Fault>, Judgement> {
        if self.beside_operation {
            return Err(Judgement::skipped(ALONE));
        }
        let database = &self.reached().await?.database;
        Ok(self
            .server
            .get_or_init(|| async {
                let session = database.session(&database.live()).await?;
                let found = condition(&session).await.map_err(|error| product_database::fault(&error))?;
                Ok((session, found))
            })
            .await)
    }

    pub(in crate::commands) async fn condition(&self) -> Known<'_, Condition> {
        Ok(&self.asked_server().await?.1)
    }

    pub(in crate::commands) async fn session(&self) -> Known<'_, Session> {
        Ok(&self.asked_server().await?.0)
    }

    async fn asked_server(&self) -> Known<'_, (Session, Condition)> {
        self.server().await?.as_ref().map_err(|fault| without("the database cannot be asked", fault))
    }
}

impl<'a> Deref for Survey<'a> {
    type Target = Outlook<'a>;

    fn deref(&self) -> &Outlook<'a> {
        &self.outlook
    }
}

impl DerefMut for Survey<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.outlook
    }
}
