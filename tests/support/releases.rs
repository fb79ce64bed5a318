//! The releases of the product in memory: good ones, and one for each way of being broken.

use opsctl::model::release::Version;
use opsctl::plan::step::Release;

/// What is the matter with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quality {
    /// Nothing.
    Good,
    /// Its last migration fails after its first statement was committed.
    MigrationFails,
    /// Its API runs and never becomes ready.
    NeverReady,
    /// It reports another version than its tag.
    WrongVersion,
    /// Its worker dies while the API is well.
    WorkerDies,
}

/// An image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its tag.
    pub version: &'static str,
    /// The migrations that its code needs, all of them and no other.
    pub migrations: &'static [&'static str],
    /// What is the matter with it.
    pub quality: Quality,
}

const IMAGES: [Image; 6] = [
    Image { version: "1.0.0", migrations: &["0001"], quality: Quality::Good },
    Image { version: "1.1.0", migrations: &["0001", "0002", "0003"], quality: Quality::Good },
    Image {
        version: "1.1.1-fails-migrating",
        migrations: &["0001", "0002", "0003"],
        quality: Quality::MigrationFails,
    },
    Image {
        version: "1.1.2-never-ready",
        migrations: &["0001", "0002", "0003"],
        quality: Quality::NeverReady,
    },
    Image {
        version: "1.1.3-wrong-version",
        migrations: &["0001", "0002", "0003"],
        quality: Quality::WrongVersion,
    },
    Image {
        version: "1.1.4-worker-dies",
        migrations: &["0001", "0002", "0003"],
        quality: Quality::WorkerDies,
    },
];

impl Image {
    /// The image of a version.
    pub(crate) fn of(version: &str) -> &'static Self {
        IMAGES.iter().find(|image| image.version == version).expect("a release of this table")
    }

    /// The image that an identifier or a digest names.
    pub(crate) fn by_reference(reference: &str) -> Option<&'static Self> {
        IMAGES.iter().find(|image| reference == image.id() || reference == image.digest())
    }

    /// The engine's identifier of it.
    pub(crate) fn id(&self) -> String {
        format!("sha256:id-of-{}", self.version)
    }

    /// The registry's digest of it.
    pub(crate) fn digest(&self) -> String {
        format!("sha256:digest-of-{}", self.version)
    }

    /// As plans name it.
    pub(crate) fn release(&self) -> Release {
        Release {
            version: Version::parse(self.version).expect("tags are versions"),
            image: format!("ledger:{}", self.version),
            digest: Some(self.digest()),
            image_id: Some(self.id()),
            pin: Some(self.digest()),
        }
    }
}

/// The release of a version.
pub(crate) fn release(version: &str) -> Release {
    Image::of(version).release()
}
