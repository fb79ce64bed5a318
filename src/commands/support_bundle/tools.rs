//! Containers in which tools run for a bundle: they are removed by whoever started them, or by the next one if that was killed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::adapters::docker::{Container, ContainerFilter, Engine, LABEL_OPERATION, LABEL_PROJECT, Removal};
use crate::commands::context::Context;
use crate::commands::install::engine_settings;
use crate::commands::preflight::survey::Survey;
use crate::model::operation::{OperationId, OperationKind};

/// How the labels of such containers end. No operation has an identifier like that.
const MARK: &str = "-bundle";

/// Longer than any of them is needed.
const OLD: SignedDuration = SignedDuration::from_mins(3);

/// How long an interrupted one may take to clean up.
const LIMIT: Duration = Duration::from_secs(5);

/// What the tools of a bundle are labelled with.
pub(super) fn operation(now: Timestamp) -> OperationId {
    let stamp = now.strftime("%Y%m%d-%H%M%S");
    let marked = OperationId::parse(&format!("{stamp}-{}{MARK}", std::process::id()));
    marked.unwrap_or_else(|| OperationId::new(now, OperationKind::Backup))
}

/// Removes those that a killed process left. What cannot be removed now is tried again at the next start.
pub(super) async fn sweep(survey: &Survey<'_>) {
    let Some(install) = survey.opened_already() else { return };
    let filter = ContainerFilter::Label(LABEL_PROJECT, &install.model.project);
    let old = |container: &Container| {
        let made = container.created_at.unwrap_or(Timestamp::MAX);
        Timestamp::now().duration_since(made) > OLD
    };
    let marked = |container: &Container| {
        container.labels.get(LABEL_OPERATION).is_some_and(|operation| operation.ends_with(MARK))
    };
    remove(&install.engine, filter, |container| marked(container) && old(container)).await;
}

/// Removes those of an interrupted bundle: nobody waits for them any more.
pub(super) async fn clear(context: &Context, operation: &OperationId) {
    let cleared = async {
        if let Ok(engine) = Engine::connect(&engine_settings(context)).await {
            remove(&engine, ContainerFilter::Operation(operation.as_str()), |_| true).await;
        }
    };
    let _swept_later = tokio::time::timeout(LIMIT, cleared).await;
}

async fn remove(engine: &Engine, filter: ContainerFilter<'_>, which: impl Fn(&Container) -> bool) {
    for container in engine.containers(filter).await.unwrap_or_default().iter().filter(|one| which(one)) {
        let _gone_already = engine.remove(&container.id, Removal::KilledWithAnonymousVolumes).await;
    }
}
