//! Lengths of time as texts: `90s`, `1m30s`, `250ms`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer, Error as _};

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format!("`{text}` is not a length of time: write it as in `90s`, `1m30s` or `2h`"))
    })
}

/// Nothing that is zero or negative makes a limit.
fn parse(text: &str) -> Option<Duration> {
    let length = text.parse::<SignedDuration>().ok()?;
    Duration::try_from(length).ok().filter(|length| !length.is_zero())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Some(90_000))]
    #[case("1m30s", Some(90_000))]
    #[case("250ms", Some(250))]
    #[case("2h", Some(7_200_000))]
    #[case("0s", None)]
    #[case("-5s", None)]
    #[case("30", None)]
    #[case("soon", None)]
    fn lengths_need_a_unit(#[case] text: &str, #[case] milliseconds: Option<u64>) {
        assert_eq!(parse(text), milliseconds.map(Duration::from_millis));
    }
}
