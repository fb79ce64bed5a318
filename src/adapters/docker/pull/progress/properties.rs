//! What the engine says of a pull, in any order and with any numbers.

use bollard::models::ProgressDetail;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn message() -> impl Strategy<Value = CreateImageInfo> {
    let status = select(vec![
        "Pulling fs layer",
        "Waiting",
        "Downloading",
        "Download complete",
        "Verifying Checksum",
        "Extracting",
        "Pull complete",
        "Already exists",
        "Retrying in 1 second",
        "",
    ]);
    let bytes = || prop::option::of(select(vec![0, 1, 100, -1, i64::MAX, i64::MIN]));
    let detail = prop::option::of((bytes(), bytes()));
    (prop::option::of("[ab]"), prop::option::of(status), detail).prop_map(|(id, status, detail)| {
        CreateImageInfo {
            id,
            status: status.map(str::to_owned),
            progress_detail: detail.map(|(current, total)| ProgressDetail { current, total }),
            ..CreateImageInfo::default()
        }
    })
}

proptest! {
    #[test]
    fn layers_are_never_fewer_than_before(messages in prop::collection::vec(message(), 0..16)) {
        let mut layers = Layers::default();
        let mut before = PullProgress::default();
        for message in messages {
            let Some(now) = layers.take(&message) else { continue };
            prop_assert!(now.layers_total >= before.layers_total && now.layers_total <= 2);
            prop_assert!(now.layers_done <= now.layers_total);
            before = now;
        }
    }
}
