//! Whether an approval lets a plan through, and what to say if it does not.
//!
//! Invariant: an approval names one digest and holds for a time; one from the future (a clock that was put back) holds no
//! longer than any other.

use chrono::TimeDelta;

use super::super::rules::Approval;
use crate::model::Time;

/// How an approval stands to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is none.
    None,
    /// It lets the plan through.
    Holds,
    /// It was of this plan, too long ago.
    Expired(Time),
    /// It is of this plan, and later than a clock can be wrong by.
    Ahead(Time),
    /// It is of another plan.
    Other(String),
}

impl Standing {
    pub(super) fn of(approval: Option<&Approval>, digest: &str, holds_secs: u64, now: Time) -> Self {
        let Some(Approval { digest: approved, at }) = approval else { return Self::None };
        if approved != digest {
            return Self::Other(approved.clone());
        }
        let holds = i64::try_from(holds_secs).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
        match now.signed_duration_since(*at) {
            age if age > holds => Self::Expired(*at),
            age if age < -holds => Self::Ahead(*at),
            _ => Self::Holds,
        }
    }

    /// What to say, if the plan is refused all the same.
    pub(super) fn told(&self, digest: &str, holds_secs: u64) -> Option<String> {
        let moment = |at: &Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
        match self {
            Self::None | Self::Holds => None,
            Self::Expired(at) => {
                let holds = period(holds_secs);
                Some(format!("the approval of {} has expired: an approval holds {holds}; approve again", moment(at)))
            }
            Self::Ahead(at) => {
                Some(format!("the approval is of {}, in the future; correct the clock and approve again", moment(at)))
            }
            Self::Other(approved) => Some(format!("{approved} was approved, this plan is {digest}")),
        }
    }
}

/// `24 h`, `90 min`, `45 s`.
fn period(secs: u64) -> String {
    match secs {
        s if s > 172_800 && s.is_multiple_of(86_400) => format!("{} days", s / 86_400),
        s if s >= 3_600 && s.is_multiple_of(3_600) => format!("{} h", s / 3_600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
