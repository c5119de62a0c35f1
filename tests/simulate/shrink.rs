//! The shortest story that still breaks the same law: steps are left out, in ever smaller pieces, as long as it does.

use crate::laws::Violation;
use crate::stage::play;
use crate::story::Story;

/// Most stories that are played to shorten one.
const MOST_PLAYS: usize = 250;

/// Shortens a story that broke a law after its step number `last`: the places of the steps that are left, and how they break
/// the law.
pub(crate) fn shortest(story: &Story, broken: &Violation, last: usize) -> (Vec<usize>, Violation) {
    let mut violation = broken.clone();
    let mut plays = 0;
    let mut still = |places: &[usize]| {
        plays += 1;
        let found = play(&story.only(places)).0.err().filter(|(found, _)| found.law == broken.law);
        (plays <= MOST_PLAYS).then_some(found.map(|(found, _)| found))
    };
    let mut best: Vec<usize> = (0..story.steps.len()).collect();
    // What comes after the broken law has nothing to do with it, unless it was broken in the end only.
    best.truncate(last + 1);
    let mut size = (best.len() / 2).max(1);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < best.len() {
            let mut places = best.clone();
            places.drain(at..(at + size).min(places.len()));
            match still(&places) {
                None => return (best, violation),
                Some(Some(found)) => (best, violation, shorter) = (places, found, true),
                Some(None) => at += size,
            }
        }
        if size == 1 && !shorter {
            return (best, violation);
        }
        size = (size / 2).max(1);
    }
}
