//! `opsctl start` and `opsctl stop`: for products that nothing else starts.

use serde_json::json;

use super::Embedded;
use crate::adapters::release_link::{ReleaseLink, selected};
use crate::cli::Start;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Place;
use crate::commands::operate::Turn;
use crate::commands::site::Site as _;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::ports::{Services as _, Settings as _};
use crate::report::{Event, Reporter as _};

/// Starts the release that is selected; where none is yet, the one that is named.
pub(in crate::commands) async fn start(context: &Context, asked: &Start) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let site = Embedded::required(context, &place, "start")?;
    let turn = Turn::take(context, &place, OperationKind::Upgrade)?;
    let services = site.services(&turn.operation)?;
    let version = which(&site, asked.version.as_deref())?;
    let release = site.release(&version, asked.sha256).await.map_err(Failure::refused)?.ok_or_else(|| {
        Failure::refused(Fault::new(format!("there is no release {version}")).hint(format!(
            "put its files into {}, or say as `source` in opsctl.toml where releases come from",
            place.dir.join("releases").join(version.as_str()).display()
        )))
    })?;
    let progress = |progress| context.report(&Event::Progress(progress));
    services.pull(&release, &progress).await?;
    let backup_dir = site.place.backup_dir(None, &site.variables);
    ReleaseLink { install: place.dir.clone(), backup_dir }.select(&release).await?;
    let all = site.all();
    services.start(&all, &release).await?;
    gates::pass(&services, Subject::Services(&all, &release), &site.limits(), &progress).await?;
    let log = services.log_of(site.profile.service.name.as_str());
    let text = format!(
        "{} {release} serves on port {}; its log is {}",
        site.profile.product.title,
        site.profile.service.port,
        log.display()
    );
    Ok(Outcome::new(text, json!({"release": release, "port": site.profile.service.port, "log": log})))
}

/// Which release is meant. Another one than that which is selected is moved to by an upgrade.
fn which(site: &Embedded, named: Option<&str>) -> Result<Version, Failure> {
    let named = named
        .map(Version::parse)
        .transpose()
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    match (named, selected(&site.place.dir)) {
        (Some(named), Some(selected)) if named != selected => Err(Failure::refused(
            Fault::new(format!("{selected} is selected, and not {named}"))
                .hint(format!("`opsctl upgrade {named}` moves to it, with a way back")),
        )),
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(super::nothing_selected()),
    }
}

/// Stops it: it is asked to end and given its time.
pub(in crate::commands) async fn stop(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let site = Embedded::required(context, &place, "stop")?;
    let turn = Turn::take(context, &place, OperationKind::Upgrade)?;
    let title = &site.profile.product.title;
    context.consent(&format!("Stop {title}?"))?;
    let services = site.services(&turn.operation)?;
    if let Some(note) = services.stop(&site.profile.service.name).await? {
        context.warn(note);
    }
    Ok(Outcome::new(format!("{title} is stopped"), json!({"stopped": site.profile.service.name})))
}
