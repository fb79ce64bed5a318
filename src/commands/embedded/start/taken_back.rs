//! What a start that failed had begun, taken back: what it started is stopped, what was selected before is selected again, and a
//! store that it made is put aside.

use crate::adapters::process_services::ProcessServices;
use crate::adapters::release_link::{ReleaseLink, selected};
use crate::adapters::sqlite_database::SqliteDatabase;
use crate::commands::context::Context;
use crate::commands::embedded::Embedded;
use crate::commands::operate;
use crate::error::{Exit, Failure, Fault};
use crate::interrupt::Interrupt;
use crate::model::database_name::DatabaseName;
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationId;
use crate::model::release::Version;
use crate::plan::step::Release;
use crate::ports::{Instance, InstanceState, Services as _};
use crate::profile::ServiceName;

/// Where a start began.
pub(super) struct WayBack<'a> {
    pub(super) services: &'a ProcessServices,
    link: &'a ReleaseLink,
    service: ServiceName,
    database: SqliteDatabase,
    /// The name that a store which the start made is kept under.
    aside: DatabaseName,
    selected: Option<Version>,
    ran: Option<Instance>,
    had_store: bool,
}

impl<'a> WayBack<'a> {
    /// Looks at what there is before anything is begun.
    pub(super) async fn from_here(
        site: &Embedded,
        services: &'a ProcessServices,
        link: &'a ReleaseLink,
        operation: &OperationId,
    ) -> Result<Self, Fault> {
        let service = site.profile.service.name.clone();
        let ran = found(services, &service).await?.filter(is_up);
        let database = site.database();
        Ok(Self {
            services,
            link,
            service,
            aside: database.live().made(DatabasePurpose::Failed, &operate::stamp(operation)),
            selected: selected(&link.install),
            ran,
            had_store: database.file.exists(),
            database,
        })
    }

    /// Refuses to replace what runs: what its program was may be overwritten by now, and then nothing could start it again.
    pub(super) async fn must_run_nothing_else(&self, release: &Release) -> Result<(), Failure> {
        let (Some(ran), Ok(content)) = (&self.ran, self.services.image_id(release).await) else {
            return Ok(());
        };
        if ran.image_id == content {
            return Ok(());
        }
        let service = &self.service;
        Err(Failure::refused(
            Fault::new(format!(
                "{service} runs with another content than what is in the folder of {release} now"
            ))
            .hint("restart it: `opsctl stop`, then `opsctl start`"),
        ))
    }

    /// Goes back, unless somebody insists on leaving, and says what the start came to.
    pub(super) async fn taken(&self, context: &Context, interrupt: &Interrupt, failure: Failure) -> Failure {
        let went = tokio::select! {
            biased;
            () = interrupt.insisted() => Err(Fault::new("left in the middle of it")),
            went = self.go() => went,
        };
        match went {
            Ok(done) => {
                for done in &done {
                    context.note(done);
                }
                failure
            }
            Err(fault) => {
                let what = format!("the start failed ({}), and could not be taken back", failure.fault.what);
                let fault =
                    fault.within(what).hint("`opsctl status` shows what runs, and `opsctl stop` stops it");
                Failure::new(Exit::Inconsistent, fault)
            }
        }
    }

    async fn go(&self) -> Result<Vec<String>, Fault> {
        let mut done = Vec::new();
        if let Some(instance) = found(self.services, &self.service).await?
            && self.ran.as_ref().is_none_or(|ran| ran.last_run != instance.last_run)
        {
            // Also one that has just ended: whatever watches over it may be about to start it again.
            done.extend(self.services.stop(&self.service).await?);
            if is_up(&instance) {
                done.push(format!("taken back: {} is stopped", self.service));
            }
        }
        if selected(&self.link.install) != self.selected {
            self.link.put_back(self.selected.as_ref())?;
            done.push(match &self.selected {
                Some(version) => format!("taken back: {version} is selected"),
                None => "taken back: no release is selected".to_owned(),
            });
        }
        if !self.had_store && self.database.put_aside(&self.aside).await? {
            let kept = self.database.path_of(&self.aside);
            done.push(format!("taken back: the store that it made is put aside, as {}", kept.display()));
        }
        Ok(done)
    }
}

async fn found(services: &ProcessServices, service: &ServiceName) -> Result<Option<Instance>, Fault> {
    Ok(services.instances(service).await?.into_iter().next())
}

fn is_up(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Running | InstanceState::Restarting)
}
