//! What is of its own in a rollback of a process with a SQLite file.

use crate::commands::context::Context;
use crate::commands::current;
use crate::commands::embedded::{Embedded, EmbeddedWorld};
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabaseName;
use crate::model::manifest::TableRows;
use crate::model::release::Version;
use crate::operations::rollback::ImageSource;
use crate::plan::step::{Release, RestorePoint};

use super::RollsBack;

impl RollsBack for Embedded {
    async fn release_before(
        &self,
        _: &Context,
        version: &Version,
        _: Option<&Release>,
    ) -> Result<(Release, ImageSource), Failure> {
        let release = self.release(version, None).await?.ok_or_else(|| {
            let folder = self.place.dir.join("releases").join(version.as_str());
            Failure::refused(
                Fault::new(format!("the release {version} is no longer here"))
                    .hint(format!("put its files into {}", folder.display())),
            )
        })?;
        let image = if self.is_here(version)? { ImageSource::Local } else { ImageSource::Registry };
        Ok((release, image))
    }

    async fn tables(
        &self,
        world: &EmbeddedWorld,
        database: &DatabaseName,
    ) -> Result<Vec<TableRows>, Failure> {
        Ok(world.databases.facts(database).await?.tables)
    }

    /// A file bears no mark: the upgrade that made the copy tells.
    async fn copied_at(
        &self,
        _: &EmbeddedWorld,
        copy: &DatabaseName,
    ) -> Result<Option<jiff::Timestamp>, Failure> {
        let last = current::last_upgrade(&self.place.state)?;
        let made_it =
            |point: &RestorePoint| matches!(point, RestorePoint::Clone { database } if database == copy);
        Ok(last.filter(|last| made_it(&last.restore_point)).map(|last| last.at))
    }
}
