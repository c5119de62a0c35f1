//! A number of people against a limit.
//!
//! Invariant: more people never fit where fewer did not.

use super::super::rules::Limit;

/// The numbers, if `people` are too many: their part of `of`, and the bounds. `floor` is the least number of people that a
/// fraction refuses.
pub(super) fn over(limit: &Limit, people: usize, of: u32, floor: u32) -> Option<String> {
    /// `0.29 × 100` is a little less than 29 to a computer; nobody who writes 0.29 means that.
    const ROUNDING: f64 = 1e-6;
    let Limit { count, fraction } = limit;
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let over_count = count.is_some_and(|most| people > most);
    let over_fraction =
        people >= floor && fraction.is_some_and(|part| f64::from(people) > part * f64::from(of) + ROUNDING);
    if !over_count && !over_fraction {
        return None;
    }
    let bounds: Vec<String> = [fraction.map(|part| format!("{} %", percent(part))), count.map(|most| most.to_string())]
        .into_iter()
        .flatten()
        .collect();
    let share = if of == 0 { 1.0 } else { f64::from(people) / f64::from(of) };
    Some(format!("{} %, limit {}", percent(share), bounds.join(" and ")))
}

fn percent(part: f64) -> f64 {
    (part * 1000.0).round() / 10.0
}
