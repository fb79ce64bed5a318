//! What is of its own in a rollback of a Compose product with PostgreSQL.

use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::postgres::rows::row_counts;
use crate::adapters::postgres::whole::read_mark;
use crate::adapters::product_database;
use crate::commands::context::Context;
use crate::commands::current::{repository, tagged};
use crate::commands::install::Install;
use crate::commands::live::LiveWorld;
use crate::commands::upgrade::target;
use crate::error::Failure;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::TableRows;
use crate::model::release::Version;
use crate::operations::rollback::ImageSource;
use crate::plan::step::Release;

use super::RollsBack;

impl RollsBack for Install {
    async fn release_before(
        &self,
        context: &Context,
        version: &Version,
        recorded: Option<&Release>,
    ) -> Result<(Release, ImageSource), Failure> {
        if let Some(recorded) = recorded
            && let Some(id) = recorded.image_id.as_deref().and_then(|id| id.parse().ok())
            && self.engine.image_by_id(&id).await.map_err(|error| docker_fault(&error))?.is_some()
        {
            return Ok((recorded.clone(), ImageSource::Local));
        }
        let repository = repository(self)?;
        let kept = format!("opsctl-keep-{version}").parse().map(|tag| repository.with_tag(tag));
        let reference = tagged(&repository, version)?;
        for candidate in kept.into_iter().chain([reference.clone()]) {
            let found = self.engine.image(&candidate).await.map_err(|error| docker_fault(&error))?;
            let Some(image) = found else { continue };
            let digest = image.digest_in(&repository).cloned();
            let pin_variable = self.profile.release.pin_variable.as_ref();
            let pins = pin_variable.and_then(|name| self.variable(name)).is_some();
            let pinned = digest.clone().and_then(|digest| reference.with_digest(digest).repo_digest());
            let release = Release {
                version: version.clone(),
                image: reference.to_string(),
                digest: digest.map(|digest| digest.to_string()),
                pin: pins.then(|| pinned.unwrap_or_else(|| image.id.to_string())),
                image_id: Some(image.id.to_string()),
            };
            return Ok((release, ImageSource::Local));
        }
        Ok((target::resolve(context, self, version).await?, ImageSource::Registry))
    }

    async fn tables(&self, world: &LiveWorld, database: &DatabaseName) -> Result<Vec<TableRows>, Failure> {
        let session = world.databases.session(database).await?;
        Ok(row_counts(&session).await.map_err(|error| product_database::fault(&error))?)
    }

    async fn copied_at(
        &self,
        world: &LiveWorld,
        copy: &DatabaseName,
    ) -> Result<Option<jiff::Timestamp>, Failure> {
        let session = world.databases.maintenance().await?;
        let mark = read_mark(&session, copy).await.map_err(|error| product_database::fault(&error))?;
        Ok(mark.and_then(|mark| mark.created.parse().ok()))
    }
}
