//! How numbers, spans of time and moments are said, wherever people read them: on a terminal, on a page, in a report.
//!
//! Invariant: one way to say a thing; a screen and a page that show the same number show the same text.

use super::Time;

/// A number with thousands separators: `1,204`.
#[must_use]
pub fn number(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 person`, `3 people`.
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n as u64), if n == 1 { one } else { many })
}

/// Milliseconds as people say them: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn millis(ms: u64) -> String {
    let secs = ms / 1_000;
    match secs {
        0..10 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        10..60 => format!("{} s", (ms + 500) / 1_000),
        60..3_600 => pair(secs / 60, "min", secs % 60, "s"),
        3_600..86_400 => pair(secs / 3_600, "h", secs % 3_600 / 60, "min"),
        _ => pair(secs / 86_400, if secs < 172_800 { "day" } else { "days" }, secs % 86_400 / 3_600, "h"),
    }
}

fn pair(first: u64, first_unit: &str, second: u64, second_unit: &str) -> String {
    if second == 0 { format!("{first} {first_unit}") } else { format!("{first} {first_unit} {second} {second_unit}") }
}

/// How far a moment is: `in 40 s`, `3 days ago`, `just now`.
#[must_use]
pub fn relative(at: Time, now: Time) -> String {
    let secs = (at - now).num_seconds();
    let (amount, unit) = match secs.unsigned_abs() {
        0..5 => return "just now".to_owned(),
        s @ 5..90 => (s, "s"),
        s @ 90..5_400 => ((s + 30) / 60, "min"),
        s @ 5_400..129_600 => ((s + 1_800) / 3_600, "hours"),
        s => ((s + 43_200) / 86_400, "days"),
    };
    if secs < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}

/// A moment: `2026-05-04 09:12 UTC`.
#[must_use]
pub fn moment(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let table = [
            (0, "0.0 s"),
            (440, "0.4 s"),
            (9_940, "9.9 s"),
            (12_400, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (86_400_000, "1 day"),
            (180_000_000, "2 days 2 h"),
        ];
        for (ms, text) in table {
            assert_eq!(millis(ms), text);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now: Time = "2026-05-04T09:12:00Z".parse().unwrap();
        let table =
            [(0, "just now"), (40, "in 40 s"), (-120, "2 min ago"), (-259_200, "3 days ago"), (7_200, "in 2 hours")];
        for (secs, text) in table {
            assert_eq!(relative(now + chrono::Duration::seconds(secs), now), text);
        }
    }

    #[test]
    fn numbers_have_separators() {
        assert_eq!(number(1_204_000_u64), "1,204,000");
        assert_eq!(
            (count(1, "person", "people"), count(1_200, "person", "people")),
            ("1 person".into(), "1,200 people".into())
        );
    }
}
