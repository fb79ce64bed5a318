//! Lengths of time as texts: `90s`, `1m30s`, `250ms`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer, Error as _};

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|unfit| D::Error::custom(format!("`{text}` is {unfit}")))
}

/// Less is over before anything can be seen.
const SHORTEST: Duration = Duration::from_millis(100);

/// More is not waited for, and a clock cannot count much more.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// Why a text makes no limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    #[error("not a length of time: write it as in `90s`, `1m30s` or `2h`")]
    NoLength,
    #[error("too short a time for anything: 100ms is the least, and a key that is left out has its default")]
    TooShort,
    #[error("too long a time: 720h, which is 30 days, is the most")]
    TooLong,
}

fn parse(text: &str) -> Result<Duration, Unfit> {
    let length = text.parse::<SignedDuration>().map_err(|_| Unfit::NoLength)?;
    match Duration::try_from(length) {
        Ok(length) if length > LONGEST => Err(Unfit::TooLong),
        Ok(length) if length >= SHORTEST => Ok(length),
        _ => Err(Unfit::TooShort),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Ok(90_000))]
    #[case("1m30s", Ok(90_000))]
    #[case("250ms", Ok(250))]
    #[case("2h", Ok(7_200_000))]
    #[case("0s", Err(Unfit::TooShort))]
    #[case("-5s", Err(Unfit::TooShort))]
    #[case("30", Err(Unfit::NoLength))]
    #[case("soon", Err(Unfit::NoLength))]
    #[case("", Err(Unfit::NoLength))]
    #[case("99ms", Err(Unfit::TooShort))]
    #[case("720h", Ok(2_592_000_000))]
    #[case("721h", Err(Unfit::TooLong))]
    #[case("9223372036854775807s", Err(Unfit::TooLong))]
    fn lengths_need_a_unit(#[case] text: &str, #[case] milliseconds: Result<u64, Unfit>) {
        assert_eq!(parse(text), milliseconds.map(Duration::from_millis));
    }
}
