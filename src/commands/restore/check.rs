//! Whether a backup fits the install, its server and its disks, before anything is touched.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::adapters::archive::{DumpHead, Origin, Summary};
use crate::adapters::copy_backups::other_kind;
use crate::adapters::disk::{self, Need};
use crate::adapters::postgres::server::{available_extensions, server_facts};
use crate::adapters::product_database;
use crate::commands::install::Install;
use crate::commands::live::LiveWorld;
use crate::commands::site::Kept;
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabaseName;
use crate::model::manifest::{DUMP_NAME, Database, Manifest};
use crate::model::pg_tools::check_restore;
use crate::model::release::Version;
use crate::ports::Databases;
use crate::profile::DatabaseMode;

/// Refuses a backup of a newer schema, or one that this server cannot hold.
pub(super) async fn backup_fits(
    world: &LiveWorld,
    running: &Version,
    summary: &Summary,
) -> Result<(), Fault> {
    if let Some(manifest) = manifest(summary) {
        not_newer(world, running, manifest).await?;
        extensions_there(world, manifest).await?;
    }
    let session = world.databases.maintenance().await?;
    let server = server_facts(&session).await.map_err(|error| product_database::fault(&error))?;
    let tool = world.backups.tools.tools().major;
    let DumpHead::Postgresql(dump) = &summary.dump else { return Err(other_kind()) };
    check_restore(tool, server.major(), dump.archive_minor(), dump.server_major())
        .map_err(|skew| Fault::caused_by("the backup does not fit this server", &skew).hint(skew.hint()))
}

fn manifest(summary: &Summary) -> Option<&Manifest> {
    match &summary.origin {
        Origin::Opsctl(manifest) => Some(manifest),
        Origin::Scripts { .. } => None,
    }
}

/// Refuses a backup of another product.
pub(in crate::commands) fn same_product(install: &dyn Kept, summary: &Summary) -> Result<(), Fault> {
    let Some(manifest) = manifest(summary) else { return Ok(()) };
    let name = install.product().name.as_str();
    if manifest.product == name {
        return Ok(());
    }
    Err(Fault::new(format!("this is a backup of {}, and the install is of {name}", manifest.product)))
}

/// Refuses to put data back that another release left behind.
pub(super) fn of_before_an_upgrade(replaced: &DatabaseName) -> Failure {
    Failure::refused(
        Fault::new(format!(
            "{replaced} has other migrations than the release that runs: it is from before an upgrade"
        ))
        .hint("`opsctl rollback` goes back to a release together with its data"),
    )
}

/// Migrations only go forward: data of a newer release would meet a release that does not know it.
async fn not_newer(world: &LiveWorld, running: &Version, manifest: &Manifest) -> Result<(), Fault> {
    let live = world.databases.live();
    if !world.databases.exists(&live).await? {
        return Ok(());
    }
    let known = world.databases.schema(&live).await?;
    no_newer(&known.migrations, running, manifest)
}

/// Refuses a backup with migrations that the live data, with these, does not have.
pub(super) fn no_newer(known: &[String], running: &Version, manifest: &Manifest) -> Result<(), Fault> {
    if known.is_empty() {
        return older_release(running, manifest.release.version.as_ref());
    }
    let unknown: Vec<&str> = manifest
        .database
        .migrations()
        .iter()
        .map(|migration| migration.id.as_str())
        .filter(|id| !known.iter().any(|known| known == id))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let release = manifest.release.version.as_ref().map_or("its release".to_owned(), ToString::to_string);
    Err(Fault::new(format!(
        "the backup has migrations that this release does not have: {}",
        unknown.join(", ")
    ))
    .hint(format!("`opsctl upgrade {release}` first, and restore then")))
}

/// Where no table of migrations tells what the live data has, the releases' names do, if they have an order.
fn older_release(running: &Version, backed_up: Option<&Version>) -> Result<(), Fault> {
    match backed_up {
        Some(release) if release.order(running) == Some(Ordering::Greater) => Err(Fault::new(format!(
            "the backup is of release {release}, which is newer than {running}, which runs"
        ))
        .hint(format!("`opsctl upgrade {release}` first, and restore then"))),
        _ => Ok(()),
    }
}

async fn extensions_there(world: &LiveWorld, manifest: &Manifest) -> Result<(), Fault> {
    let Database::Postgresql(postgres) = &manifest.database else { return Err(other_kind()) };
    let session = world.databases.maintenance().await?;
    let available = available_extensions(&session).await.map_err(|error| product_database::fault(&error))?;
    let available: BTreeSet<&str> = available.iter().map(|(name, _)| name.as_str()).collect();
    let missing: Vec<&str> = postgres
        .properties
        .extensions
        .iter()
        .map(|extension| extension.name.as_str())
        .filter(|name| !available.contains(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::new(format!("the server lacks extensions that the backup needs: {}", missing.join(", ")))
        .hint("install them on the database server; which package has them depends on its distribution"))
}

/// A side database needs the right to make one, and room for it beside the live one: how much there is, is returned.
pub(super) async fn side_database_fits(
    install: &Install,
    world: &LiveWorld,
    summary: &Summary,
) -> Result<Vec<String>, Fault> {
    let session = world.databases.maintenance().await?;
    let server = server_facts(&session).await.map_err(|error| product_database::fault(&error))?;
    if !server.can_create_databases {
        return Err(Fault::new(format!("the role {} may not create databases", world.databases.info.user))
            .hint("grant it: ALTER ROLE ... CREATEDB; or connect as one that may (DATABASE_URL_MIGRATE)")
            .hint("`--in-place` restores without a side database: the product does not serve meanwhile"));
    }
    let (unpacked, loaded) = sizes(summary);
    let mut needs = vec![Need {
        what: "the unpacked dump",
        place: install.place.state.root().to_owned(),
        bytes: unpacked,
    }];
    if install.mode == DatabaseMode::Bundled {
        let facts =
            install.engine.facts().await.map_err(|error| crate::adapters::compose_services::fault(&error))?;
        needs.push(Need { what: "the side database", place: facts.root_dir, bytes: loaded });
    }
    disk::check(&needs).map_err(|fault| {
        fault.hint("make room, or restore with `--in-place`: the product does not serve meanwhile")
    })
}

/// How large the dump is when it is unpacked, and how large the database will be: what the manifest says, or a guess
/// from what text compresses to.
pub(in crate::commands) fn sizes(summary: &Summary) -> (u64, u64) {
    match manifest(summary) {
        Some(manifest) => {
            let dump = manifest
                .members
                .iter()
                .find(|member| member.name == DUMP_NAME)
                .map_or(0, |member| member.size);
            (dump, manifest.database.size_bytes())
        }
        None => (summary.file_bytes, summary.file_bytes.saturating_mul(8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_table_of_migrations_the_releases_names_tell_which_is_newer() {
        let version = |text: &str| Version::parse(text).unwrap();
        let refused = |running: &str, backed_up: &str| {
            older_release(&version(running), Some(&version(backed_up))).is_err()
        };
        assert!(refused("1.0.0", "1.1.0"));
        assert!(!refused("1.1.0", "1.0.0"));
        assert!(!refused("1.1.0", "v1.1"));
        assert!(!refused("latest", "1.1.0"));
        assert!(older_release(&version("1.0.0"), None).is_ok());
    }
}
