//! Reading how many requests the API refuses, and comparing that with an earlier reading.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Earlier, Note};
use crate::error::Fault;
use crate::explain::Topic;
use crate::plan::refusals::{Counts, Stretch};
use crate::ports::Services;

/// How long is looked. Clients are served meanwhile.
const STRETCH: Duration = Duration::from_secs(5);

/// How often is looked until a rise is believed: a burst is over by then, and keys that do not work are still refused.
const LOOKS: u32 = 3;

/// Reads the rate of refusals. That it cannot be read is said, and is no failure.
pub(super) async fn mark_refusals<S: Services>(services: &S) -> Note {
    Some(match stretch(services).await {
        Ok(stretch) => stretch.to_note(),
        Err(fault) => format!("not compared: {fault}"),
    })
}

/// Fails if the rate of refusals rose since the earlier reading, and stays so.
pub(super) async fn compare_refusals<S: Services>(services: &S, earlier: &Earlier) -> Result<Note, Fault> {
    // Why there is none was said when it was read.
    let Some(before) = earlier.reading.as_deref().and_then(Stretch::from_note) else { return Ok(None) };
    let mut risen = None;
    for _ in 0..LOOKS {
        let now = match stretch(services).await {
            Ok(now) => now,
            Err(fault) => return Ok(Some(format!("not compared: {fault}"))),
        };
        let Some(rise) = now.risen_since(&before) else {
            return Ok(Some(format!("{}; before: {}", now.in_words(), before.in_words())));
        };
        risen = Some(Fault::new(format!("the API {rise}")).evidence(now.each_in_words()));
    }
    let hint = "whose keys are those? the API's log tells, or that of a proxy before it";
    risen.map_or(Ok(None), |fault| Err(fault.hint(hint).explained(Topic::RefusalsRisen)))
}

/// What is counted from now on, for a short time.
async fn stretch<S: Services>(services: &S) -> Result<Stretch, Fault> {
    let earlier = services.request_counts().await?;
    let began = Instant::now();
    sleep(STRETCH).await;
    let later = services.request_counts().await?;
    let seconds = began.elapsed().as_secs_f64();
    if later.values().all(Option::is_none) {
        return Err(Fault::new("the API counts no requests where the description says"));
    }
    let since = |(id, counts): (&String, &Option<Counts>)| {
        let before = earlier.get(id).copied().flatten().unwrap_or_default();
        counts.unwrap_or_default().since(before)
    };
    Ok(Stretch { seconds, instances: later.iter().map(since).collect() })
}
