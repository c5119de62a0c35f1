//! Unicode folding: when two texts that people typed mean the same.
//!
//! Invariant: `fold(fold(x)) == fold(x)`.
//! Deliberately absent: any comparison that decides what Connect stores; names there are compared exactly.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Case, width, composition and spaces do not matter: NFKC, case folding, runs of white space as one space, trimmed.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return fold_ascii(text);
    }
    // Upper case first: it unfolds what lower case alone keeps apart (ß and SS, the two small sigmas).
    let folded: String = text
        .nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .nfkc()
        .collect::<String>();
    Cow::Owned(collapse(&folded))
}

fn fold_ascii(text: &str) -> Cow<'_, str> {
    let plain = !text.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_whitespace());
    if plain { Cow::Borrowed(text) } else { Cow::Owned(collapse(&text.to_ascii_lowercase())) }
}

fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The closest of `candidates` to a text that is none of them, if any is close enough to be a slip of the pen.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.6;
    let wanted = fold(text);
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = strsim::normalized_damerau_levenshtein(&wanted, &fold(candidate));
        // Strictly better only: among equals the first in order wins, so the hint never flickers.
        if score >= CLOSE_ENOUGH && best.is_none_or(|(best, _)| score > best) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_differently_means_the_same() {
        for (one, other) in [
            ("Customer Care", "  customer   CARE "),
            ("Ｃａｒｅ", "care"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("e\u{301}quipe", "Équipe"),
            ("Care\u{a0}Team", "care team"),
            ("ﾃﾚﾎﾝ", "テレホン"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} and {other:?}");
        }
        assert_ne!(fold("Care"), fold("Cara"));
    }

    #[test]
    fn a_slip_of_the_pen_has_a_nearest_name_and_nonsense_has_none() {
        let names = ["Agent", "RecordingAccess", "Customer Success"];
        assert_eq!(nearest("RecordingAcess", names.into_iter()), Some("RecordingAccess"));
        assert_eq!(nearest("customer sucess", names.into_iter()), Some("Customer Success"));
        assert_eq!(nearest("Zzz", names.into_iter()), None);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,12}") {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once).into_owned(), once.clone());
        }
    }
}
