//! The releases of a product that runs as a process: folders of the install, brought from another folder or from an archive
//! that is fetched. One has its name only when it is whole.

mod brought;
mod download;
mod folder;
mod genuine;
mod partial;
mod unpack;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::adapters::http::Http;
use crate::adapters::sqlite_database::working;
use crate::error::Fault;
use crate::model::manifest::Digest;
use crate::model::release::Version;
use crate::plan::step::Release;
use crate::ports::ProgressSink;
use crate::profile::{Address, ProcessProfile, Source};

use brought::{Brought, Workplace};
use partial::Partial;

/// The releases of one install.
#[derive(Debug, Clone)]
pub struct Releases {
    /// The install.
    pub install: PathBuf,
    /// Where it is kept which releases were brought, and from what.
    pub records: PathBuf,
    /// What is known of the product.
    pub profile: Arc<ProcessProfile>,
    /// Fetches.
    pub http: Http,
}

/// A release that is here or can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it is known by: the hash of its files, or of the archive that holds them.
    pub digest: String,
    /// The hash of its files, `sha256:...`, as far as they are here or in a folder.
    pub content: Option<String>,
}

impl Releases {
    /// A release that is here or can be had; `None` where there is no such release. `sha256` is that of its archive, from
    /// somebody who knows.
    ///
    /// # Errors
    /// If nothing shows which archive is the right one, or the release here was not made from the one that is named.
    pub async fn offered(&self, version: &Version, sha256: Option<Digest>) -> Result<Option<Offer>, Fault> {
        let runtime = &self.profile.runtime;
        let from = self.folder_of(version);
        match (from, &runtime.source) {
            (Some(folder), _) => {
                if let Some(sha256) = sha256 {
                    self.require_made_from(version, &folder, sha256)?;
                }
                let content = working(move || folder::content_id(&folder)).await?;
                Ok(Some(Offer { digest: content.clone(), content: Some(content) }))
            }
            (None, Some(Source::Archives(address))) => {
                // One that was here before is fetched again as it was.
                let known = || Brought::read(&self.records, version).and_then(|brought| brought.archive);
                let sha256 = match sha256.or_else(known) {
                    Some(sha256) => sha256,
                    None => self.published_checksum(address, version).await?,
                };
                Ok(Some(Offer { digest: format!("sha256:{sha256}"), content: None }))
            }
            (None, _) => Ok(None),
        }
    }

    /// Brings a release into the install, unless it is there, and returns the hash of its files.
    ///
    /// # Errors
    /// If it cannot be had, or is not the one that is meant; nothing is changed then.
    pub async fn bring(&self, release: &Release, progress: ProgressSink<'_>) -> Result<String, Fault> {
        let version = &release.version;
        let folder = self.dir(version);
        if !folder.is_dir() {
            match (self.folder_of(version), &self.profile.runtime.source) {
                (Some(from), _) => self.copy(from, version).await?,
                (None, Some(Source::Archives(address))) => self.fetch(address, release, progress).await?,
                (None, _) => return Err(Fault::new(format!("there is no release {version} to be had"))),
            }
        }
        let content = self.content_id(version).await?;
        let Some(expected) = &release.digest else { return Ok(content) };
        let is_of_archive = || {
            let made = self.made_of(version, &content);
            made.is_some_and(|brought| {
                brought.archive.is_some_and(|archive| *expected == format!("sha256:{archive}"))
            })
        };
        if *expected == content || is_of_archive() {
            return Ok(content);
        }
        Err(Fault::new(format!("the release {version} is not what it was when the operation was planned"))
            .hint("was it replaced meanwhile? nothing was changed"))
    }

    /// Brings a release that an operation counts on, and that somebody removed since.
    ///
    /// # Errors
    /// If it cannot be had any more.
    pub async fn bring_back(&self, release: &Release) -> Result<(), Fault> {
        let folder = self.dir(&release.version);
        if folder.is_dir() {
            return Ok(());
        }
        self.bring(release, &|_| {}).await.map(drop).map_err(|fault| {
            fault
                .within(format!("the release {} was removed, and cannot be brought back", release.version))
                .hint(format!("put its files into {}", folder.display()))
        })
    }

    /// The hash of the files of a release that is here.
    ///
    /// # Errors
    /// If it is not, or cannot be read.
    pub async fn content_id(&self, version: &Version) -> Result<String, Fault> {
        let folder = self.dir(version);
        working(move || folder::content_id(&folder)).await
    }

    /// Removes the oldest of the releases that were brought here, beyond as many as the profile keeps, and what was left
    /// of bringing others. `needed` stay, and those that `failed` go first. Says which were removed.
    ///
    /// # Errors
    /// If the records cannot be read or a folder cannot be removed.
    pub async fn drop_old(&self, needed: Vec<Version>, failed: Vec<Version>) -> Result<Vec<Version>, Fault> {
        let (install, records) = (self.install.clone(), self.records.clone());
        let keep = self.profile.runtime.keep.get() as usize;
        working(move || brought::drop_old(&install, &records, keep, (&needed, &failed))).await
    }

    /// What is on record of the files of a release that was brought: their hash, and when that was.
    pub fn as_brought(&self, version: &Version) -> Option<(String, jiff::Timestamp)> {
        Brought::read(&self.records, version).map(|brought| (brought.content, brought.at))
    }

    /// Refuses a release that is here and was changed since it was brought.
    ///
    /// # Errors
    /// If it was, or cannot be read.
    pub async fn require_as_brought(&self, version: &Version) -> Result<(), Fault> {
        let folder = self.dir(version);
        let Some((content, at)) = self.as_brought(version).filter(|_| folder.is_dir()) else { return Ok(()) };
        if self.content_id(version).await? == content {
            return Ok(());
        }
        let folder = folder.display();
        let fault = Fault::new(format!(
            "the files of {version} are not what they were when it was brought, at {}: {folder}",
            at.strftime("%Y-%m-%d %H:%M:%S UTC")
        ));
        let aside = format!("`mv {folder} {folder}.changed`");
        let fault = match self.profile.runtime.source {
            Some(_) => fault.hint(format!("who changed them? {aside}: then it is brought again")),
            None => fault.hint("who changed them? put the files of that release back"),
        };
        let record = Brought::path(&self.records, version);
        Err(fault
            .hint(format!("where the change is meant: `rm {}` lets it count as yours", record.display())))
    }

    /// Where the release of a version is kept.
    pub fn dir(&self, version: &Version) -> PathBuf {
        ProcessProfile::release_dir(&self.install, version)
    }

    /// The folder of a release: in the install, else where folders of releases are.
    fn folder_of(&self, version: &Version) -> Option<PathBuf> {
        let there = match &self.profile.runtime.source {
            Some(Source::Folder(source)) => Some(self.install.join(source).join(version.as_str())),
            Some(Source::Archives(_)) | None => None,
        };
        std::iter::once(self.dir(version)).chain(there).find(|folder| folder.is_dir())
    }

    fn made_of(&self, version: &Version, content: &str) -> Option<Brought> {
        Brought::read(&self.records, version).filter(|brought| brought.content == content)
    }

    fn require_made_from(&self, version: &Version, folder: &Path, sha256: Digest) -> Result<(), Fault> {
        let known = Brought::read(&self.records, version).and_then(|brought| brought.archive);
        match known {
            Some(known) if known == sha256 => Ok(()),
            Some(known) => Err(Fault::new(format!(
                "the release {version} is here already, from an archive with another SHA-256: {known}"
            ))
            .hint(self.put_aside(version))),
            None => {
                let fault = Fault::new(format!(
                    "the release {version} is a folder, and a SHA-256 is that of an archive: they cannot be compared"
                ));
                let fault = fault.hint(format!("leave --sha256 out: the folder is {}", folder.display()));
                Err(match self.profile.runtime.source {
                    Some(Source::Archives(_)) => fault.hint(self.put_aside(version)),
                    Some(Source::Folder(_)) | None => fault,
                })
            }
        }
    }

    fn put_aside(&self, version: &Version) -> String {
        let folder = self.dir(version);
        format!("to have it fetched anew, move the folder away: `mv {0} {0}.old`", folder.display())
    }

    async fn copy(&self, from: PathBuf, version: &Version) -> Result<(), Fault> {
        let place = Workplace::of(&self.install, version);
        let (records, version) = (self.records.clone(), version.clone());
        working(move || {
            let failed = |error: &dyn std::error::Error| {
                Fault::caused_by(format!("the release {version} cannot be brought here"), error)
            };
            place
                .begin()
                .and_then(|()| folder::copy(&from, &place.content()))
                .map_err(|error| failed(&error))?;
            place.publish(&records, &version, None, &from.display().to_string())
        })
        .await
    }

    /// Fetches an archive, shows that it is the right one, and only then unpacks it.
    async fn fetch(
        &self,
        address: &Address,
        release: &Release,
        progress: ProgressSink<'_>,
    ) -> Result<(), Fault> {
        let version = &release.version;
        let wanted = self.archive_of(release).ok_or_else(|| {
            Fault::new(format!("nothing says which archive is that of the release {version}"))
        })?;
        let fetched = async {
            // What takes no time first.
            let signature = self.signature(address, version).await?;
            let url = address.of(version);
            let partial = self.fetched(&url, wanted, progress).await?;
            let unpacked = self.unpacked(&partial, version, wanted, &url, signature).await;
            partial.remove();
            unpacked
        };
        fetched.await.map_err(|fault| fault.within(format!("the release {version} cannot be fetched")))
    }

    /// The SHA-256 of the archive of a release, which may be known by that or by the files that were in it.
    fn archive_of(&self, release: &Release) -> Option<Digest> {
        let known = release.digest.as_deref()?;
        let made = self.made_of(&release.version, known);
        let named = || Digest::try_from(known.strip_prefix("sha256:")?.to_owned()).ok();
        made.and_then(|brought| brought.archive).or_else(named)
    }

    /// An archive with the SHA-256 that it is to have.
    async fn fetched(&self, url: &str, wanted: Digest, progress: ProgressSink<'_>) -> Result<Partial, Fault> {
        let partial = Partial::of(&self.records);
        let mut was_begun = partial.rest(url, wanted).is_some();
        loop {
            download::to_file(&self.http, url, wanted, &partial, progress).await?;
            let found = self.digest_of(&partial).await?;
            let is_wanted = genuine::require(url, wanted, found);
            if is_wanted.is_ok() {
                return Ok(partial);
            }
            partial.remove();
            // Where an earlier run had begun it, the two halves may be of different files.
            if !std::mem::take(&mut was_begun) {
                is_wanted?;
            }
        }
    }

    async fn digest_of(&self, partial: &Partial) -> Result<Digest, Fault> {
        let partial = partial.clone();
        working(move || {
            partial.digest().map_err(|error| {
                Fault::caused_by(format!("{} cannot be read", partial.archive().display()), &error)
            })
        })
        .await
    }

    async fn unpacked(
        &self,
        partial: &Partial,
        version: &Version,
        wanted: Digest,
        url: &str,
        signature: Option<minisign_verify::Signature>,
    ) -> Result<(), Fault> {
        let place = Workplace::of(&self.install, version);
        place.begin().map_err(|error| {
            Fault::caused_by(format!("{} cannot be written", place.root().display()), &error)
                .hint("may this user write there, and is there room?")
        })?;
        let (key, archive, url) =
            (self.profile.runtime.public_key.clone(), partial.archive(), url.to_owned());
        let (workplace, records, version) = (place.clone(), self.records.clone(), version.clone());
        let unpacked = working(move || {
            if let (Some(key), Some(signature)) = (key, signature) {
                genuine::require_signed(&key, &signature, &archive, &url)?;
            }
            unpack::unpack(&archive, &workplace.content(), &unpack::Limits::default())
                .map_err(|error| error.fault(&url))?;
            workplace.publish(&records, &version, Some(wanted), &url)
        });
        unpacked.await.inspect_err(|_| place.clear())
    }

    /// The signature of an archive, where the profile has a key: then there must be one.
    async fn signature(
        &self,
        address: &Address,
        version: &Version,
    ) -> Result<Option<minisign_verify::Signature>, Fault> {
        if self.profile.runtime.public_key.is_none() {
            return Ok(None);
        }
        genuine::signature(&self.http, address, version).await.map(Some)
    }

    async fn published_checksum(&self, address: &Address, version: &Version) -> Result<Digest, Fault> {
        let runtime = &self.profile.runtime;
        let list = runtime.checksums.clone().unwrap_or_else(|| address.sibling("SHA256SUMS"));
        genuine::published(&self.http, &list, address, version, runtime.public_key.is_some()).await
    }
}

/// The folder of releases of an install.
fn releases_of(install: &Path) -> PathBuf {
    install.join("releases")
}
