//! Durations as Go writes them, the way Compose prints `stop_grace_period`.

use std::time::Duration;

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; expected numbers with units, such as 1m30s or 500ms")]
pub struct GoDurationError(String);

/// Reads `1h2m3.5s`, `500ms`, `10s` or `0`: any number of parts, each with a unit from `h m s ms us µs ns`.
///
/// # Errors
/// If a part lacks its number or unit, or the sum is negative or too large.
pub fn parse_go_duration(text: &str) -> Result<Duration, GoDurationError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || GoDurationError(text.to_owned());
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let number_end =
            rest.find(|character: char| !character.is_ascii_digit() && character != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let seconds = number.parse::<f64>().map_err(|_| wrong())? * seconds_per(unit).ok_or_else(wrong)?;
        let part = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

fn seconds_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("0s", 0)]
    #[case("10s", 10_000)]
    #[case("1m30s", 90_000)]
    #[case("1h0m0s", 3_600_000)]
    #[case("500ms", 500)]
    #[case("1.5s", 1_500)]
    #[case("1m0.25s", 60_250)]
    fn go_durations_are_read(#[case] text: &str, #[case] milliseconds: u64) {
        assert_eq!(parse_go_duration(text), Ok(Duration::from_millis(milliseconds)));
    }

    #[rstest]
    #[case("")]
    #[case("10")]
    #[case("s")]
    #[case("-10s")]
    #[case("10 s")]
    #[case("1.2.3s")]
    #[case("10x")]
    #[case("99999999999999999999h")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert_eq!(parse_go_duration(text), Err(GoDurationError(text.to_owned())));
    }
}
