//! `[report.*]`: where the events of a run go.
//!
//! Source of the limits: CloudWatch Logs API reference, `CreateLogGroup` (name) and `PutRetentionPolicy` (days).

use connectors::http::Tls;

use super::aws;
use super::section::{Item, Section};
use crate::connect::ConnectConfig;
use crate::report::{CloudwatchConfig, Privacy, RETENTION_DAYS, SinkConfig, SinkKind};

const DAY_SECS: u64 = 24 * 60 * 60;
const DEFAULT_RETENTION_DAYS: u32 = 90;

#[derive(Clone, Copy)]
enum Kind {
    Cloudwatch,
    JsonLines,
}

/// Reads every `[report.*]`. Log groups are beside the instance unless something else is said.
pub(super) fn read(
    section: &Section<'_>,
    centre: Option<&str>,
    connect: Option<&ConnectConfig>,
    tls: &Tls,
) -> Vec<SinkConfig> {
    let entries = section.entries().into_iter();
    entries.filter_map(|(name, item)| sink(name, &item.section()?, centre, connect, tls)).collect()
}

fn sink(
    name: String,
    section: &Section<'_>,
    centre: Option<&str>,
    connect: Option<&ConnectConfig>,
    tls: &Tls,
) -> Option<SinkConfig> {
    let words = [("cloudwatch_logs", Kind::Cloudwatch), ("json_lines", Kind::JsonLines)];
    let Some(kind) = section.required("kind", "\"cloudwatch_logs\"", |item| item.one_of(&words)) else {
        section.ignore_rest();
        return None;
    };
    let levels = [("keys", Privacy::Keys), ("usernames", Privacy::Usernames), ("full", Privacy::Full)];
    let privacy = section.optional("privacy", |item| item.one_of(&levels)).unwrap_or(Privacy::Usernames);
    let kind = match kind {
        Kind::Cloudwatch => cloudwatch(section, centre, connect, tls).map(SinkKind::CloudwatchLogs),
        Kind::JsonLines => section.required("path", "\"events.jsonl\"", Item::text).map(|path| {
            let path = if path == "-" { path.into() } else { section.context.beside(&path) };
            SinkKind::JsonLines { path }
        }),
    };
    Some(SinkConfig { name, privacy, kind: kind? })
}

fn cloudwatch(
    section: &Section<'_>,
    centre: Option<&str>,
    connect: Option<&ConnectConfig>,
    tls: &Tls,
) -> Option<CloudwatchConfig> {
    let group = section.optional("group", |item| item.parsed("letters, digits and _ - / . # (at most 512)", log_group));
    let retention = section.optional("retention", retention);
    let region = section.optional("region", |item| item.parsed(aws::REGION, aws::region));
    let profile = section.optional("profile", Item::text);
    let endpoint_url = section.optional("endpoint_url", Item::url);
    let metrics = section.optional("metrics", Item::flag).unwrap_or(true);
    Some(CloudwatchConfig {
        // Without a name or an instance the file is refused anyway.
        group: group.or_else(|| Some(format!("/rollcall/{}", centre?)))?,
        retention_days: retention.unwrap_or(Some(DEFAULT_RETENTION_DAYS)),
        region: region.or_else(|| Some(connect?.region.clone()))?,
        profile: profile.or_else(|| connect?.profile.clone()),
        endpoint_url,
        tls: tls.clone(),
        metrics,
    })
}

fn log_group(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '#');
    (!name.is_empty() && name.len() <= 512 && name.chars().all(allowed)).then(|| name.to_owned())
}

/// Days, or `None` for "leave the log group as it is".
fn retention(item: &Item<'_>) -> Option<Option<u32>> {
    if item.value().as_str() == Some("keep") {
        return Some(None);
    }
    let secs = item.duration()?;
    let days = u32::try_from(secs / DAY_SECS).ok().filter(|_| secs % DAY_SECS == 0);
    match days.filter(|days| RETENTION_DAYS.contains(days)) {
        Some(days) => Some(Some(days)),
        None => {
            let nearest = RETENTION_DAYS.iter().min_by_key(|days| (u64::from(**days) * DAY_SECS).abs_diff(secs));
            let hint = nearest.map(|days| format!("the nearest is \"{days}d\"; \"keep\" leaves the group as it is"));
            item.unexpected("a period that CloudWatch Logs knows", hint);
            None
        }
    }
}
