//! The one place where the SDK's users become ours and back: two arms for each row of the attribute table.
//!
//! Invariant: what is written and read again is the same value (a test walks [`ATTRIBUTES`]).
//! Invariant: the owner tag is not among the tags of a user; it is its [`owner`](ConnectUser::owner).
//! Deliberately absent: calls.
//!
//! Units: Connect speaks of after-contact work in seconds, but for `SearchUsers`, which returns milliseconds
//! (API reference, `UserPhoneConfig`).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_connect::primitives::DateTime;
use aws_sdk_connect::types::{Channel, PhoneType, User, UserIdentityInfo, UserPhoneConfig, UserSearchSummary};

use super::names::Names;
use crate::model::{
    ATTRIBUTES, Attribute, AttributeSet, ConnectUser, ConnectUserId, IdentityManagement, OWNER_TAG, Seen, Time, Value,
};

/// A user in the shapes of the API. Missing parts have not been read (reading) or are not sent (writing).
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WireUser {
    /// First and last name, and the details if `details` says so.
    pub(super) identity: Option<UserIdentityInfo>,
    /// Whether `identity` has e-mail, secondary e-mail and mobile number.
    pub(super) details: bool,
    /// With after-contact work in seconds.
    pub(super) phone: Option<UserPhoneConfig>,
    pub(super) routing_profile: Option<String>,
    pub(super) security_profiles: Vec<String>,
    pub(super) hierarchy_group: Option<String>,
    /// Without the owner tag.
    pub(super) tags: BTreeMap<String, String>,
}

/// A value that does not fit its attribute: the plan was made wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongShape(pub(super) Attribute);

impl WireUser {
    /// The parts that carry these attributes.
    pub(super) fn draft(attributes: &AttributeSet) -> Result<Self, WrongShape> {
        let mut draft = Self { details: true, ..Self::default() };
        for (attribute, value) in attributes.iter() {
            draft.write(attribute, value)?;
        }
        Ok(draft)
    }

    fn write(&mut self, attribute: Attribute, value: &Value) -> Result<(), WrongShape> {
        let wrong = WrongShape(attribute);
        match attribute {
            Attribute::FirstName => self.identity().first_name = text(value).ok_or(wrong)?,
            Attribute::LastName => self.identity().last_name = text(value).ok_or(wrong)?,
            Attribute::Email => self.identity().email = text(value).ok_or(wrong)?,
            Attribute::SecondaryEmail => self.identity().secondary_email = text(value).ok_or(wrong)?,
            Attribute::Mobile => self.identity().mobile = text(value).ok_or(wrong)?,
            Attribute::PhoneType => {
                let phone_type = text(value).ok_or(wrong)?;
                self.phone().phone_type = phone_type.as_deref().map_or(PhoneType::SoftPhone, PhoneType::from);
            }
            Attribute::DeskPhoneNumber => self.phone().desk_phone_number = text(value).ok_or(wrong)?,
            Attribute::AutoAccept => self.phone().auto_accept = flag(value).ok_or(wrong)?,
            Attribute::AfterContactWorkSecs => {
                self.phone().after_contact_work_time_limit = seconds(value).ok_or(wrong)?;
            }
            Attribute::PersistentConnection => {
                self.phone().persistent_connection = Some(flag(value).ok_or(wrong)?);
            }
            Attribute::RoutingProfile => self.routing_profile = id(value).ok_or(wrong)?,
            Attribute::SecurityProfiles => {
                let Value::NamedSet(set) = value else { return Err(wrong) };
                self.security_profiles = set.iter().map(|named| named.id.as_str().to_owned()).collect();
            }
            Attribute::HierarchyGroup => self.hierarchy_group = id(value).ok_or(wrong)?,
            Attribute::Tags => {
                let Value::Tags(tags) = value else { return Err(wrong) };
                self.tags.clone_from(tags);
            }
        }
        Ok(())
    }

    fn read(&self, attribute: Attribute, names: &Names) -> Seen<Value> {
        let name =
            |pick: fn(&UserIdentityInfo) -> &Option<String>| self.identity.as_ref().map(|info| optional(pick(info)));
        let detail = |pick: fn(&UserIdentityInfo) -> &Option<String>| if self.details { name(pick) } else { None };
        let phone = self.phone.as_ref();
        let value = match attribute {
            Attribute::FirstName => name(|info| &info.first_name),
            Attribute::LastName => name(|info| &info.last_name),
            Attribute::Email => detail(|info| &info.email),
            Attribute::SecondaryEmail => detail(|info| &info.secondary_email),
            Attribute::Mobile => detail(|info| &info.mobile),
            Attribute::PhoneType => phone.map(|phone| Value::text(phone.phone_type.as_str())),
            Attribute::DeskPhoneNumber => phone.map(|phone| optional(&phone.desk_phone_number)),
            Attribute::AutoAccept => phone.map(|phone| Value::Flag(phone.auto_accept)),
            Attribute::AfterContactWorkSecs => {
                phone.map(|phone| Value::Seconds(u32::try_from(phone.after_contact_work_time_limit).unwrap_or(0)))
            }
            Attribute::PersistentConnection => {
                phone.map(|phone| Value::Flag(phone.persistent_connection.unwrap_or(false)))
            }
            // Connect knows no user without these two, so missing means that they were not told.
            Attribute::RoutingProfile => {
                self.routing_profile.as_deref().map(|id| Value::Named(names.routing_profile(id)))
            }
            Attribute::SecurityProfiles if self.security_profiles.is_empty() => None,
            Attribute::SecurityProfiles => {
                Some(Value::NamedSet(self.security_profiles.iter().map(|id| names.security_profile(id)).collect()))
            }
            Attribute::HierarchyGroup => Some(match self.hierarchy_group.as_deref() {
                Some(id) if !id.is_empty() => Value::Named(names.hierarchy_group(id)),
                _ => Value::None,
            }),
            Attribute::Tags => Some(Value::Tags(self.tags.clone())),
        };
        value.map_or(Seen::Unread, Seen::Known)
    }

    fn identity(&mut self) -> &mut UserIdentityInfo {
        self.identity.get_or_insert_with(|| UserIdentityInfo::builder().build())
    }

    fn phone(&mut self) -> &mut UserPhoneConfig {
        self.phone.get_or_insert_with(default_phone)
    }

    /// The identity as this kind of instance takes it.
    ///
    /// SAML instances refuse `Email`; a directory's instances take names and e-mail from the directory.
    pub(super) fn identity_for(&self, management: IdentityManagement) -> UserIdentityInfo {
        let mut info = self.identity.clone().unwrap_or_else(|| UserIdentityInfo::builder().build());
        match management {
            IdentityManagement::ConnectManaged => {}
            IdentityManagement::Saml => info.email = None,
            IdentityManagement::ExistingDirectory => {
                info.first_name = None;
                info.last_name = None;
                info.email = None;
            }
        }
        info
    }
}

/// What Connect gives a user whose phone settings nobody chose. Always sent, because the API reference does not say what
/// happens without them.
pub(super) fn default_phone() -> UserPhoneConfig {
    UserPhoneConfig::builder()
        .phone_type(PhoneType::SoftPhone)
        .auto_accept(false)
        .after_contact_work_time_limit(0)
        .build()
}

fn text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::None => Some(None),
        Value::Text(text) => Some(Some(text.clone())),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn seconds(value: &Value) -> Option<i32> {
    match value {
        Value::Seconds(secs) => i32::try_from(*secs).ok(),
        _ => None,
    }
}

fn id(value: &Value) -> Option<Option<String>> {
    match value {
        Value::None => Some(None),
        Value::Named(named) => Some(Some(named.id.as_str().to_owned())),
        _ => None,
    }
}

fn optional(text: &Option<String>) -> Value {
    text.as_deref().map_or(Value::None, Value::text)
}

/// A user from a page of `SearchUsers`; `None` if it has no id. E-mail, secondary e-mail and mobile number stay unread, and
/// so do the phone settings if the page has none.
pub(super) fn from_search(user: UserSearchSummary, modified_at: Option<Time>, names: &Names) -> Option<ConnectUser> {
    let (owner, tags) = split_owner(user.tags);
    let wire = WireUser {
        identity: user.identity_info.map(|lite| {
            UserIdentityInfo::builder().set_first_name(lite.first_name).set_last_name(lite.last_name).build()
        }),
        details: false,
        phone: user.phone_config.map(|mut phone| {
            phone.after_contact_work_time_limit /= 1_000;
            phone
        }),
        routing_profile: user.routing_profile_id,
        security_profiles: user.security_profile_ids.unwrap_or_default(),
        hierarchy_group: user.hierarchy_group_id,
        tags,
    };
    assemble(Head { id: user.id, arn: user.arn, username: user.username, owner, modified_at }, &wire, names)
}

/// A user from `DescribeUser`, everything known; `None` if it has no id.
pub(super) fn from_describe(user: User, names: &Names) -> Option<ConnectUser> {
    let modified_at = user.last_modified_time.as_ref().and_then(time);
    let phone = Some(described_phone(&user));
    let (owner, tags) = split_owner(user.tags);
    let wire = WireUser {
        identity: Some(user.identity_info.unwrap_or_else(|| UserIdentityInfo::builder().build())),
        details: true,
        phone,
        routing_profile: user.routing_profile_id,
        security_profiles: user.security_profile_ids.unwrap_or_default(),
        hierarchy_group: user.hierarchy_group_id,
        tags,
    };
    assemble(Head { id: user.id, arn: user.arn, username: user.username, owner, modified_at }, &wire, names)
}

/// The flat phone settings; of a user that only has settings per channel, those of the voice channel.
fn described_phone(user: &User) -> UserPhoneConfig {
    if let Some(phone) = &user.phone_config {
        return phone.clone();
    }
    let mut phone = default_phone();
    if let Some(config) = user.auto_accept_configs().iter().find(|config| config.channel == Channel::Voice) {
        phone.auto_accept = config.auto_accept;
    }
    if let Some(config) = user.after_contact_work_configs().iter().find(|config| config.channel == Channel::Voice) {
        phone.after_contact_work_time_limit =
            config.after_contact_work_config.as_ref().map_or(0, |work| work.after_contact_work_time_limit);
    }
    if let Some(config) = user.phone_number_configs().iter().find(|config| config.channel == Channel::Voice) {
        phone.phone_type = config.phone_type.clone();
        phone.desk_phone_number = config.phone_number.clone();
    }
    if let Some(config) = user.persistent_connection_configs().iter().find(|config| config.channel == Channel::Voice) {
        phone.persistent_connection = Some(config.persistent_connection);
    }
    phone
}

struct Head {
    id: Option<String>,
    arn: Option<String>,
    username: Option<String>,
    owner: Option<connectors::PersonKey>,
    modified_at: Option<Time>,
}

fn assemble(head: Head, wire: &WireUser, names: &Names) -> Option<ConnectUser> {
    let Head { id, arn, username, owner, modified_at } = head;
    Some(ConnectUser {
        id: ConnectUserId::from(id.filter(|id| !id.is_empty())?.as_str()),
        arn: arn.unwrap_or_default(),
        username: username?,
        owner,
        attributes: ATTRIBUTES.iter().map(|row| (row.attribute, wire.read(row.attribute, names))).collect(),
        modified_at,
    })
}

/// Takes the owner tag out. One that is not a person's key is not ours: it stays an ordinary tag.
fn split_owner(tags: Option<HashMap<String, String>>) -> (Option<connectors::PersonKey>, BTreeMap<String, String>) {
    let mut tags: BTreeMap<String, String> = tags.unwrap_or_default().into_iter().collect();
    let owner = tags.get(OWNER_TAG).and_then(|value| value.parse().ok());
    if owner.is_some() {
        tags.remove(OWNER_TAG);
    }
    (owner, tags)
}

/// The SDK's time as ours.
pub(super) fn time(at: &DateTime) -> Option<Time> {
    chrono::DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use aws_sdk_connect::types::{PhoneNumberConfig, UserIdentityInfoLite};

    use super::*;
    use crate::model::Named;
    use crate::model::attribute::Shape;

    fn samples(shape: Shape) -> Vec<Value> {
        let named = |id: &str| Named::new(id, id);
        match shape {
            Shape::Text { .. } => vec![Value::Text("Ada".into()), Value::Text("Größe".into())],
            Shape::EmailAddress => vec![Value::Text("ada@example.com".into()), Value::None],
            Shape::E164 => vec![Value::Text("+442079460000".into()), Value::None],
            Shape::PhoneType => vec![Value::Text("SOFT_PHONE".into()), Value::Text("DESK_PHONE".into())],
            Shape::Flag => vec![Value::Flag(true), Value::Flag(false)],
            Shape::Seconds { max } => vec![Value::Seconds(0), Value::Seconds(max)],
            Shape::Named => vec![Value::Named(named("x-1"))],
            Shape::NamedSet => vec![Value::NamedSet([named("x-1"), named("x-2")].into())],
            Shape::TagMap => {
                vec![Value::Tags([("tier".to_owned(), "2".to_owned())].into()), Value::Tags(BTreeMap::new())]
            }
        }
    }

    #[test]
    fn every_attribute_is_read_as_it_was_written() {
        for row in ATTRIBUTES {
            for value in samples(row.shape) {
                let draft = WireUser::draft(&[(row.attribute, value.clone())].into_iter().collect()).unwrap();
                assert_eq!(draft.read(row.attribute, &Names::default()), Seen::Known(value), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_value_of_the_wrong_shape_is_refused() {
        for row in ATTRIBUTES {
            let wrong = match row.shape {
                Shape::Flag => Value::Seconds(1),
                _ => Value::Flag(true),
            };
            let set = [(row.attribute, wrong)].into_iter().collect();
            assert_eq!(WireUser::draft(&set), Err(WrongShape(row.attribute)), "{}", row.name);
        }
    }

    #[test]
    fn a_search_knows_what_the_table_says_it_knows() {
        let summary = UserSearchSummary::builder()
            .id("u-1")
            .username("ada")
            .identity_info(UserIdentityInfoLite::builder().first_name("Ada").build())
            .phone_config(UserPhoneConfig::builder().after_contact_work_time_limit(120_000).build())
            .routing_profile_id("r-1")
            .security_profile_ids("s-1")
            .tags(OWNER_TAG, "entra/1")
            .tags("tier", "2")
            .build();
        let user = from_search(summary.clone(), None, &Names::default()).unwrap();
        for row in ATTRIBUTES {
            assert_eq!(user.seen(row.attribute).known().is_some(), row.in_search, "{}", row.name);
        }
        assert_eq!(user.seen(Attribute::AfterContactWorkSecs), &Seen::Known(Value::Seconds(120)), "milliseconds");
        assert_eq!(user.owner, Some("entra/1".parse().unwrap()));
        assert_eq!(user.seen(Attribute::Tags), &Seen::Known(Value::Tags([("tier".into(), "2".into())].into())));

        let mut bare = summary;
        bare.phone_config = None;
        bare.tags = Some([(OWNER_TAG.to_owned(), "nobody".to_owned())].into());
        let user = from_search(bare, None, &Names::default()).unwrap();
        assert_eq!(user.seen(Attribute::PhoneType), &Seen::Unread);
        assert_eq!(user.owner, None, "a malformed owner tag is an ordinary tag");
        assert_eq!(user.seen(Attribute::Tags), &Seen::Known(Value::Tags([(OWNER_TAG.into(), "nobody".into())].into())));
    }

    #[test]
    fn describe_knows_everything_and_falls_back_to_the_voice_channel() {
        let user = User::builder()
            .id("u-1")
            .username("ada")
            .routing_profile_id("r-1")
            .security_profile_ids("s-1")
            .phone_number_configs(
                PhoneNumberConfig::builder()
                    .channel(Channel::Voice)
                    .phone_type(PhoneType::DeskPhone)
                    .phone_number("+442079460000")
                    .build()
                    .unwrap(),
            )
            .last_modified_time(DateTime::from_secs(1_700_000_000))
            .build();
        let user = from_describe(user, &Names::default()).unwrap();
        for row in ATTRIBUTES {
            assert!(user.seen(row.attribute).known().is_some(), "{}", row.name);
        }
        assert_eq!(user.seen(Attribute::PhoneType), &Seen::Known(Value::Text("DESK_PHONE".into())));
        assert_eq!(user.modified_at.map(|at| at.timestamp()), Some(1_700_000_000));
        assert_eq!(from_describe(User::builder().username("x").build(), &Names::default()), None, "no id");
    }

    #[test]
    fn saml_instances_are_sent_no_email() {
        let set = [(Attribute::Email, Value::text("a@b.c")), (Attribute::FirstName, Value::text("Ada"))];
        let draft = WireUser::draft(&set.into_iter().collect()).unwrap();
        let check = |management, email: Option<&str>, first: Option<&str>| {
            let info = draft.identity_for(management);
            assert_eq!((info.email(), info.first_name()), (email, first), "{management:?}");
        };
        check(IdentityManagement::Saml, None, Some("Ada"));
        check(IdentityManagement::ConnectManaged, Some("a@b.c"), Some("Ada"));
        check(IdentityManagement::ExistingDirectory, None, None);
    }
}
