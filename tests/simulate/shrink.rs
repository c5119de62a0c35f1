//! The shortest story that still breaks the same law: steps are left out, in ever smaller pieces, as long as it does.

use crate::laws::Violation;
use crate::stage::play;
use crate::story::{Step, Story};

/// Most stories that are played to shorten one.
const MOST_PLAYS: usize = 250;

/// Shortens a story that broke a law after its first `last` steps.
pub(crate) fn shortest(story: &Story, broken: &Violation, last: usize) -> (Story, Violation) {
    let mut best = story.clone();
    let mut violation = broken.clone();
    let still = |steps: &[Step], violation: &mut Violation| {
        let shorter = Story { setting: story.setting.clone(), steps: steps.to_vec() };
        match play(&shorter).0 {
            Err((found, _)) if found.law == broken.law => {
                *violation = found;
                true
            }
            _ => false,
        }
    };
    let cut = (last + 1).min(best.steps.len());
    if still(&best.steps[..cut], &mut violation) {
        best.steps.truncate(cut);
    }
    let mut size = (best.steps.len() / 2).max(1);
    let mut left = MOST_PLAYS;
    loop {
        let mut at = 0;
        let mut shorter = false;
        while at < best.steps.len() && left > 0 {
            let mut steps = best.steps.clone();
            steps.drain(at..(at + size).min(steps.len()));
            left -= 1;
            if still(&steps, &mut violation) {
                best.steps = steps;
                shorter = true;
            } else {
                at += size;
            }
        }
        if left == 0 || (size == 1 && !shorter) {
            return (best, violation);
        }
        size = (size / 2).max(1);
    }
}
