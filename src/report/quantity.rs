//! Sizes and durations as people read them.

use std::time::Duration;

/// A size in binary units with three significant digits: `512 B`, `1.46 MiB`, `23.4 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS[unit];
    match value {
        _ if unit == 0 => format!("{count} {name}"),
        value if value < 10.0 => format!("{value:.2} {name}"),
        value if value < 100.0 => format!("{value:.1} {name}"),
        _ => format!("{value:.0} {name}"),
    }
}

/// A duration to the precision that matters at its size: `0.4 s`, `12.3 s`, `2 min 05 s`, `1 h 07 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A count with its digits in groups of three: `1 234 567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with what is counted, in the right number: `1 file`, `1 234 files`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let sizes = [0, 1023, 1024, 1_530_000, 25_125_558_681, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.00 KiB", "1.46 MiB", "23.4 GiB", "16777216 TiB"]);
    }

    #[test]
    fn durations_keep_what_matters() {
        let durations =
            [0.04, 12.34, 125.0, 4020.0].map(|seconds| duration(Duration::from_secs_f64(seconds)));
        assert_eq!(durations, ["0.0 s", "12.3 s", "2 min 05 s", "1 h 07 min"]);
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([7, 1234, 1_234_567].map(count), ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]);
    }
}
