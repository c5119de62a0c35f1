//! Entries for the control socket, in both directions.

use super::control::{Ask, Line};

fn require_private(error: &std::io::Error) {
    let text = format!("{error} {error:?}");
    assert!(text.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '@'), "an error quotes a line: {text}");
}

/// What another process asks.
pub(crate) fn question(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Ask::read(text) {
        Ok(ask) => {
            let written = serde_json::to_string(&ask).expect("a question is JSON");
            let again = Ask::read(&written).expect("what was written can be read");
            assert_eq!(format!("{ask:?}"), format!("{again:?}"));
            let order = ask.order();
            assert_eq!((order.user, order.approve), (ask.user, ask.approve));
        }
        Err(error) => require_private(&error),
    }
}

/// What a service answers.
pub(crate) fn answer(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Line::read(text) {
        Ok(line) => {
            let written = serde_json::to_string(&line).expect("an answer is JSON");
            let again = Line::read(&written).expect("what was written can be read");
            assert_eq!(serde_json::to_string(&again).expect("an answer is JSON"), written);
        }
        Err(error) => require_private(&error),
    }
}
