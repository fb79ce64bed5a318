//! What is said of releases that are not to be had, or not what they were.

use std::cmp::Ordering;
use std::path::Path;

use super::Embedded;
use crate::commands::context::Context;
use crate::error::{Failure, Fault};
use crate::model::release::Version;
use crate::profile::Source;

impl Embedded {
    /// That a release is not to be had, and what to do.
    pub fn no_release(&self, version: &Version) -> Fault {
        let fault = Fault::new(format!("there is no release {version}"));
        let folder = self.place.dir.join("releases").join(version.as_str());
        let by_hand = format!("put its files into {}", folder.display());
        match &self.profile.runtime.source {
            None => {
                fault.hint(format!("{by_hand}, or say as `source` in opsctl.toml where releases come from"))
            }
            Some(Source::Folder(source)) => {
                let source = self.place.dir.join(source);
                let there = versions_in(&source);
                let offers = match there.as_slice() {
                    [] => "no release is there".to_owned(),
                    there => format!("there are {}", there.join(", ")),
                };
                fault
                    .hint(format!("`source` in opsctl.toml is the folder {}: {offers}", source.display()))
                    .hint(by_hand)
            }
            Some(Source::Archives(address)) => {
                fault.hint(format!("`source` in opsctl.toml leads to {}", address.of(version))).hint(by_hand)
            }
        }
    }

    /// Warns of a release that was changed since it was brought here, and is gone back to, or from, all the same.
    pub async fn warn_of_change(&self, context: &Context, version: &Version) {
        if let Err(Failure { fault, .. }) = self.must_be_as_brought(version).await {
            context.warn(format!("{}; `opsctl explain release-whole` tells what to do", fault.what));
        }
    }

    /// Refuses a release that was changed since it was brought here.
    pub async fn must_be_as_brought(&self, version: &Version) -> Result<(), Failure> {
        self.releases()?.require_as_brought(version).await.map_err(Failure::refused)
    }
}

/// The releases in a folder of releases, in the order of their versions.
fn versions_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| Version::parse(entry.file_name().to_str()?).ok());
    let mut versions: Vec<Version> = names.collect();
    versions.sort_by(|one, other| {
        one.order(other).unwrap_or(Ordering::Equal).then_with(|| one.as_str().cmp(other.as_str()))
    });
    versions.iter().map(ToString::to_string).collect()
}
