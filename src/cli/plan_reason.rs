//! Why something is planned, as the last column of a plan says it.

use super::style;
use crate::model::{Reason, Time};

/// What a change is because of.
pub(super) fn reason(because: &Reason, now: Time) -> String {
    let rules = |rules: &[String]| match rules {
        [] => String::new(),
        [one] => format!(" (rule {one})"),
        several => format!(" (rules {})", several.join(", ")),
    };
    match because {
        Reason::Joined { rules } => match &rules[..] {
            [] => "joined".to_owned(),
            names => names.join(", "),
        },
        Reason::Mapped { what, rules: names } if what.is_empty() => format!("the directory differs{}", rules(names)),
        Reason::Mapped { what, rules: names } => format!("{what}{}", rules(names)),
        Reason::ConfigChanged { rules: names } => format!("the configuration changed{}", rules(names)),
        Reason::Drift => "drift: changed in Connect, put back".to_owned(),
        Reason::Left { why, since } => format!("{why}, seen {}", style::relative(*since, now)),
        Reason::Returned => "is back".to_owned(),
        Reason::Adopted { by } => format!("same {}", by.replace('_', " ")),
        Reason::Rebound { from } => format!("re-hired: was {from}"),
        Reason::HandedOver { from } => format!("handed over: was {from}"),
        Reason::Renamed { from, to, .. } => format!("{from} is {to} now"),
        Reason::Undone { .. } => "taken back".to_owned(),
    }
}
