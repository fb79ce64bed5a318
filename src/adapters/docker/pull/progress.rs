//! A pull's messages, one layer at a time, summed up.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// Bytes downloaded, compressed, over all layers.
    pub bytes_done: u64,
    /// Bytes to download; grows while layers are announced, since the engine tells a layer's size only when it begins.
    pub bytes_total: u64,
    /// Layers downloaded and unpacked, or there before.
    pub layers_done: usize,
    /// Layers of the image that were announced so far.
    pub layers_total: usize,
}

#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, Layer>);

#[derive(Default)]
struct Layer {
    done: u64,
    total: u64,
    complete: bool,
}

impl Layers {
    /// Takes in a message; gives the new sum if it concerns a layer.
    pub(super) fn take(&mut self, message: &CreateImageInfo) -> Option<PullProgress> {
        let (id, status) = (message.id.as_ref()?, message.status.as_deref()?);
        let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        let detail = message.progress_detail.as_ref();
        let known = self.0.contains_key(id);
        match status {
            "Pulling fs layer" | "Waiting" => {
                self.0.entry(id.clone()).or_default();
            }
            "Downloading" => {
                let layer = self.0.entry(id.clone()).or_default();
                layer.done = detail.and_then(|detail| bytes(detail.current)).unwrap_or(layer.done);
                layer.total = detail.and_then(|detail| bytes(detail.total)).unwrap_or(layer.total);
            }
            "Download complete" | "Verifying Checksum" | "Extracting" if known => {
                let layer = self.0.entry(id.clone()).or_default();
                layer.done = layer.total;
            }
            "Pull complete" | "Already exists" => {
                let layer = self.0.entry(id.clone()).or_default();
                layer.done = layer.total;
                layer.complete = true;
            }
            _ => return None,
        }
        Some(self.sum())
    }

    fn sum(&self) -> PullProgress {
        let mut sum = PullProgress { layers_total: self.0.len(), ..PullProgress::default() };
        for layer in self.0.values() {
            sum.bytes_done = sum.bytes_done.saturating_add(layer.done);
            sum.bytes_total = sum.bytes_total.saturating_add(layer.total);
            sum.layers_done += usize::from(layer.complete);
        }
        sum
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn message(id: &str, status: &str, bytes: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: bytes
                .map(|(current, total)| ProgressDetail { current: Some(current), total: Some(total) }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn layers_are_summed_up() {
        let mut layers = Layers::default();
        layers.take(&message("aa", "Pulling fs layer", None));
        layers.take(&message("bb", "Already exists", None));
        let halfway = layers.take(&message("aa", "Downloading", Some((50, 100)))).expect("progress");
        let expected = PullProgress { bytes_done: 50, bytes_total: 100, layers_done: 1, layers_total: 2 };
        assert_eq!(halfway, expected);
        layers.take(&message("aa", "Download complete", None));
        // Unpacking counts its own bytes from the start again, and they are no download.
        let unpacking = layers.take(&message("aa", "Extracting", Some((1, 100)))).expect("progress");
        assert_eq!((unpacking.bytes_done, unpacking.layers_done), (100, 1));
        let end = layers.take(&message("aa", "Pull complete", None)).expect("progress");
        assert_eq!((end.bytes_done, end.bytes_total, end.layers_done), (100, 100, 2));
    }

    #[test]
    fn more_bytes_than_can_be_counted_do_not_end_a_pull() {
        let mut layers = Layers::default();
        let whole = Some((i64::MAX, i64::MAX));
        let progress = ["aa", "bb", "cc"].map(|id| layers.take(&message(id, "Downloading", whole)));
        assert_eq!(progress[2].map(|progress| progress.bytes_total), Some(u64::MAX));
    }

    #[test]
    fn messages_about_the_image_itself_are_no_layers() {
        let mut layers = Layers::default();
        assert_eq!(layers.take(&message("sha256:12", "Pulling from team/product", None)), None);
        assert_eq!(layers.take(&CreateImageInfo::default()), None);
    }
}
