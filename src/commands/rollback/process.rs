//! What is of its own in a rollback of a process with a SQLite file.

use crate::commands::context::Context;
use crate::commands::embedded::{Embedded, EmbeddedWorld};
use crate::commands::ways_back;
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
        context: &Context,
        version: &Version,
        recorded: Option<&Release>,
    ) -> Result<(Release, ImageSource), Failure> {
        let by_hand = || {
            let folder = self.place.dir.join("releases").join(version.as_str());
            format!("put its files into {}; nothing was changed", folder.display())
        };
        if self.is_here(version)? {
            // In need, a way back that somebody changed is better than none.
            self.warn_of_change(context, version).await;
            let release = self.release(version, None).await.map_err(Failure::refused)?;
            return release
                .map(|release| (release, ImageSource::Local))
                .ok_or_else(|| gone(version, by_hand()));
        }
        let offered = self.release(version, None).await.map_err(|fault| {
            let fault = Fault { hints: vec![by_hand()], ..fault };
            Failure::refused(fault.within(format!("the release {version} is no longer here, nor to be had")))
        })?;
        let release = offered.ok_or_else(|| gone(version, by_hand()))?;
        let was = recorded.and_then(|recorded| recorded.image_id.as_ref());
        if release.image_id.as_ref().zip(was).is_some_and(|(is, was)| is != was) {
            return Err(Failure::refused(
                Fault::new(format!(
                    "the release {version} is no longer here, and what `source` has under its name is another one"
                ))
                .hint(by_hand()),
            ));
        }
        Ok((release, ImageSource::Registry))
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
        let last = ways_back::ways_back(&self.place.state)?.last;
        let made_it =
            |point: &RestorePoint| matches!(point, RestorePoint::Clone { database } if database == copy);
        Ok(last.filter(|last| made_it(&last.restore_point)).map(|last| last.at))
    }
}

fn gone(version: &Version, by_hand: String) -> Failure {
    Failure::refused(Fault::new(format!("the release {version} is no longer here")).hint(by_hand))
}
