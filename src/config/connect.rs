//! `[connect]` and `[connect.quota]`: the instance and the part of its API quota that rollcall may use.

use connectors::http::Tls;

use super::aws;
use super::problem::{UNKNOWN_KEY, nearest};
use super::section::{Item, Section};
use crate::connect::{ConnectConfig, QuotaConfig, Rate};
use crate::model::Operation;

/// What `[connect]` says; the user limit is a matter of the rules.
pub(super) struct Connect {
    pub(super) config: Option<ConnectConfig>,
    pub(super) user_limit: Option<u32>,
}

pub(super) fn read(section: &Section<'_>, tls: &Tls) -> Connect {
    let instance = section.required("instance", EXAMPLE, |item| item.parsed(INSTANCE, instance));
    let region = section.optional("region", |item| item.parsed(aws::REGION, aws::region));
    let profile = section.optional("profile", Item::text);
    let assume_role = section.optional("assume_role", |item| item.parsed(ROLE, role));
    let endpoint_url = section.optional("endpoint_url", Item::url);
    let quota = quota(&section.section("quota"));
    let user_limit = section.optional("user_limit", |item| item.count(1));
    let config = instance.map(|instance| ConnectConfig {
        instance_arn: instance.arn,
        instance_id: instance.id,
        account: instance.account,
        region: region.unwrap_or(instance.region),
        profile,
        assume_role,
        endpoint_url,
        tls: tls.clone(),
        quota,
    });
    Connect { config, user_limit }
}

const EXAMPLE: &str = "\"arn:aws:connect:eu-west-2:111122223333:instance/12345678-1234-1234-1234-123456789012\"";
const INSTANCE: &str = "the ARN of an instance, arn:aws:connect:<region>:<account>:instance/<id>";
const ROLE: &str = "the ARN of a role, arn:aws:iam::<account>:role/<name>";

struct Instance {
    arn: String,
    id: String,
    account: String,
    region: String,
}

fn instance(text: &str) -> Option<Instance> {
    let arn = aws::arn(text)?;
    let id = arn.resource.strip_prefix("instance/")?;
    let fits = arn.service == "connect" && id.len() == 36 && uuid::Uuid::try_parse(id).is_ok();
    let region = aws::region(arn.region).filter(|_| fits)?;
    Some(Instance { arn: text.to_owned(), id: id.to_owned(), account: arn.account.to_owned(), region })
}

fn role(text: &str) -> Option<String> {
    let arn = aws::arn(text)?;
    let fits = arn.service == "iam" && arn.region.is_empty() && arn.resource.len() > "role/".len();
    (fits && arn.resource.starts_with("role/")).then(|| text.to_owned())
}

fn quota(section: &Section<'_>) -> QuotaConfig {
    let documented = QuotaConfig::default();
    let share = |item: &Item<'_>| item.number("a share above 0, up to 1", |share| share > 0.0 && share <= 1.0);
    let mut quota = QuotaConfig {
        share: section.optional("share", share).unwrap_or(documented.share),
        default: rate(section, documented.default),
        ..documented
    };
    for (key, item) in section.entries() {
        if QUOTA_KEYS.contains(&&*key) {
            continue;
        }
        match Operation::ALL.iter().find(|operation| operation.name() == key) {
            Some(operation) => {
                if let Some(section) = item.section() {
                    quota.operations.insert(*operation, rate(&section, quota.default));
                }
            }
            None => {
                let known = QUOTA_KEYS.iter().copied().chain(Operation::ALL.iter().map(|operation| operation.name()));
                let hint = match nearest(&key, known) {
                    Some(known) => format!("did you mean {known}?"),
                    None => "use share, rate_per_second, burst or an operation that rollcall calls".to_owned(),
                };
                item.problem(UNKNOWN_KEY, hint);
            }
        }
    }
    quota
}

const QUOTA_KEYS: &[&str] = &["share", "rate_per_second", "burst"];

fn rate(section: &Section<'_>, default: Rate) -> Rate {
    let per_second = |item: &Item<'_>| item.number("a number above 0", |number| number > 0.0);
    Rate {
        per_second: section.optional("rate_per_second", per_second).unwrap_or(default.per_second),
        burst: section.optional("burst", |item| item.count(1)).unwrap_or(default.burst),
    }
}
