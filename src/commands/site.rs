//! An install as commands see it, whatever runs the product and whatever keeps its data.

use std::collections::BTreeMap;
use std::path::Path;

use crate::commands::context::Context;
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::live::SystemClock;
use crate::commands::place::Place;
use crate::error::{Failure, Fault};
use crate::model::redaction::Redactor;
use crate::plan::by_hand::Handbook;
use crate::ports::{Backups, Databases, Limits, Services, Settings, World};
use crate::profile::{Hooks, Product};

pub use crate::preflight::Kind;

/// What is written down of an install.
pub trait Kept {
    /// Where it is.
    fn place(&self) -> &Place;
    /// Which product it is of.
    fn product(&self) -> &Product;
    /// What its environment file and the process environment assign.
    fn variables(&self) -> &BTreeMap<String, String>;
}

/// The world that operations on an install act on.
pub type WorldOf<I> = World<
    <I as Site>::Services,
    <I as Site>::Databases,
    <I as Site>::Backups,
    <I as Site>::Settings,
    SystemClock,
>;

/// What carrying out an operation needs of an install beyond the ports.
#[expect(async_fn_in_trait, reason = "used through generics within this crate")]
pub trait Site: Kept {
    /// What runs the product.
    type Services: Services;
    /// What keeps its data.
    type Databases: Databases;
    /// Its backups.
    type Backups: Backups;
    /// What selects a release.
    type Settings: Settings;

    /// The operator's own commands.
    fn hooks(&self) -> &Hooks;
    /// Takes secrets out of texts.
    fn redactor(&self) -> &Redactor;
    /// How long things may take with this product.
    fn limits(&self) -> Limits;
    /// Where backups are.
    fn backup_dir<'w>(&self, world: &'w WorldOf<Self>) -> &'w Path
    where
        Self: Sized;
    /// How a person does what opsctl could not.
    fn by_hand(&self, world: &WorldOf<Self>) -> Box<dyn Handbook>
    where
        Self: Sized;
    /// Keeps other machines out that may operate the same database.
    async fn lock(&self, world: &WorldOf<Self>, host: &str) -> Result<(), Failure>
    where
        Self: Sized;
    /// Ends what an opsctl that was killed left running.
    async fn clear_tools(&self, world: &WorldOf<Self>) -> Result<(), Fault>
    where
        Self: Sized;
    /// Removes what ran once. What is left over does no harm.
    async fn clear_one_offs(&self, world: &WorldOf<Self>)
    where
        Self: Sized;
    /// Removes releases that nothing needs and that are more than the profile keeps; says which. Images are the engine's.
    async fn drop_old_releases(&self, _: &WorldOf<Self>) -> Result<Vec<String>, Fault>
    where
        Self: Sized,
    {
        Ok(Vec::new())
    }
}

impl Kind {
    /// What runs the product at a place, by its description.
    pub fn at(context: &Context, place: &Place) -> Result<Self, Failure> {
        Ok(if Embedded::at(context, place)?.is_some() { Self::Process } else { Self::Compose })
    }
}

/// An install of either kind.
pub enum Opened {
    /// Of a Compose product with PostgreSQL.
    Compose(Box<Install>),
    /// Of a product that is one process and one SQLite file.
    Embedded(Box<Embedded>),
}

impl Opened {
    /// Reads the install at a place.
    pub async fn open(context: &Context, place: Place) -> Result<Self, Failure> {
        match Embedded::at(context, &place)? {
            Some(embedded) => Ok(Self::Embedded(Box::new(embedded))),
            None => Install::open(context, place).await.map(|install| Self::Compose(Box::new(install))),
        }
    }

    /// What is written down of it.
    pub fn kept(&self) -> &dyn Kept {
        match self {
            Self::Compose(install) => install.as_ref(),
            Self::Embedded(embedded) => embedded.as_ref(),
        }
    }
}
