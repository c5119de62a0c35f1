//! One change, one call.
//!
//! Invariant: exactly one operation is called for a change, the one the plan says; nothing is chosen here.
//! Invariant: Connect may clear what a call leaves out (its documentation does not say), so identity and phone settings
//! are sent complete or not at all.
//! Invariant: a generated password is sent once and then forgotten; it reaches no log, no error and no memory.
//!
//! Source: Amazon Connect API reference, `CreateUser`, `UpdateUser*`, `TagResource`, `UntagResource`, `Delete*`.

use aws_sdk_connect::operation::RequestId;
use aws_sdk_connect::types::{QuickConnectConfig, QuickConnectType, UserPhoneConfig, UserQuickConnectConfig};
use uuid::Uuid;

use super::call::{Answer, Caller};
use super::codec::{WireUser, WrongShape, default_phone};
use crate::model::{
    Action, Attribute, AttributeSet, CallError, Change, ConnectUserId, DesiredUser, Disposition, Done, Facet,
    FacetUpdate, IdentityManagement, OWNER_TAG, Operation, QuickConnectMove, Reason, Stop, Value,
};

/// Characters of a generated password; Connect takes 8 to 64.
const PASSWORD_CHARS: usize = 24;

/// One change on its way.
pub(super) struct Performing<'a> {
    pub(super) caller: &'a Caller,
    pub(super) identity_management: IdentityManagement,
    pub(super) change: &'a Change,
    stop: &'a Stop,
    operation: Operation,
    personal: Vec<String>,
}

impl<'a> Performing<'a> {
    pub(super) fn new(
        caller: &'a Caller,
        identity_management: IdentityManagement,
        change: &'a Change,
        stop: &'a Stop,
    ) -> Self {
        let operation = change.action.operation();
        Self { caller, identity_management, change, stop, operation, personal: personal_values(change) }
    }

    /// Makes the change.
    pub(super) async fn run(&self) -> Result<Done, CallError> {
        match &self.change.action {
            Action::Create(desired) => self.create(desired).await,
            Action::Adopt { .. } => {
                let request = self.caller.client.tag_resource().resource_arn(self.arn()?);
                let request = request.tags(OWNER_TAG, self.change.person.to_string());
                self.call(|| request.clone().send()).await
            }
            Action::Update(update) => self.update(update).await,
            Action::DeleteQuickConnect(named) => {
                let request = self.caller.client.delete_quick_connect().instance_id(&self.caller.instance_id);
                let request = request.quick_connect_id(named.id.as_str());
                self.call(|| request.clone().send()).await
            }
            Action::MoveQuickConnect(step) => self.move_quick_connect(step).await,
            Action::Delete { .. } => {
                let request = self.caller.client.delete_user().instance_id(&self.caller.instance_id);
                let request = request.user_id(self.user()?.as_str());
                self.call(|| request.clone().send()).await
            }
        }
    }

    async fn create(&self, desired: &DesiredUser) -> Result<Done, CallError> {
        let DesiredUser { person, username, attributes, stage: _, wished: _ } = desired;
        let wire = self.draft(attributes)?;
        let phone = wire.phone.clone().unwrap_or_else(default_phone);
        let profiles = self.profiles(&wire)?;
        let password = (self.identity_management == IdentityManagement::ConnectManaged).then(password);
        let request = (self.caller.client.create_user())
            .instance_id(&self.caller.instance_id)
            .username(username)
            .set_password(password)
            .identity_info(wire.identity_for(self.identity_management))
            .phone_config(phone)
            .set_security_profile_ids(Some(profiles))
            .set_routing_profile_id(wire.routing_profile)
            .set_hierarchy_group_id(wire.hierarchy_group)
            .set_tags(Some(wire.tags.into_iter().collect()))
            .tags(OWNER_TAG, person.to_string());
        let answer = self.answer(|| request.clone().send()).await?;
        let Some(id) = answer.reply.user_id.as_deref().filter(|id| !id.is_empty()) else {
            let mut error = self.refuse("no_id", "the user was created, and the reply holds no id");
            error.disposition = Disposition::InDoubt;
            "the next run looks at Connect before it plans".clone_into(&mut error.hint);
            return Err(error);
        };
        let arn = answer.reply.user_arn.clone().unwrap_or_else(|| self.arn_of(id));
        let created = Some((ConnectUserId::from(id), arn));
        Ok(Done { created, ..done(&answer) })
    }

    async fn move_quick_connect(&self, step: &QuickConnectMove) -> Result<Done, CallError> {
        let QuickConnectMove { named, flow, to } = step;
        let Some(to) = to else {
            return Err(self.refuse("no_target", "the user that the quick connect shall point to is not known"));
        };
        let user = UserQuickConnectConfig::builder().user_id(to.as_str()).contact_flow_id(flow.as_str()).build();
        let config = QuickConnectConfig::builder().quick_connect_type(QuickConnectType::User);
        let config = user.and_then(|user| config.user_config(user).build());
        let config = config.map_err(|_| self.refuse("not_built", "the request could not be built"))?;
        let request = self.caller.client.update_quick_connect_config().instance_id(&self.caller.instance_id);
        let request = request.quick_connect_id(named.id.as_str()).quick_connect_config(config);
        self.call(|| request.clone().send()).await
    }

    async fn update(&self, update: &FacetUpdate) -> Result<Done, CallError> {
        let FacetUpdate { facet, after, untag, before: _, wished: _, stage: _ } = update;
        let (client, instance) = (&self.caller.client, &self.caller.instance_id);
        let wire = self.draft(after)?;
        match facet {
            Facet::Identity => {
                self.complete(after, *facet)?;
                let request = client.update_user_identity_info().instance_id(instance).user_id(self.user()?.as_str());
                let request = request.identity_info(wire.identity_for(self.identity_management));
                self.call(|| request.clone().send()).await
            }
            Facet::Phone => {
                self.complete(after, *facet)?;
                let phone: UserPhoneConfig = wire.phone.unwrap_or_else(default_phone);
                let request = client.update_user_phone_config().instance_id(instance).user_id(self.user()?.as_str());
                let request = request.phone_config(phone);
                self.call(|| request.clone().send()).await
            }
            Facet::Routing => {
                self.complete(after, *facet)?;
                let request = client.update_user_routing_profile().instance_id(instance).user_id(self.user()?.as_str());
                let request = request.set_routing_profile_id(wire.routing_profile);
                self.call(|| request.clone().send()).await
            }
            Facet::Security => {
                let profiles = self.profiles(&wire)?;
                let request =
                    client.update_user_security_profiles().instance_id(instance).user_id(self.user()?.as_str());
                let request = request.set_security_profile_ids(Some(profiles));
                self.call(|| request.clone().send()).await
            }
            Facet::Hierarchy => {
                self.complete(after, *facet)?;
                // Without an id the user is taken out of the hierarchy.
                let request = client.update_user_hierarchy().instance_id(instance).user_id(self.user()?.as_str());
                let request = request.set_hierarchy_group_id(wire.hierarchy_group);
                self.call(|| request.clone().send()).await
            }
            Facet::Tags if untag.is_empty() => {
                if wire.tags.is_empty() {
                    return Err(self.refuse("no_tags", "there is no tag to set and none to remove"));
                }
                let request = client.tag_resource().resource_arn(self.arn()?);
                let request = request.set_tags(Some(wire.tags.into_iter().collect()));
                self.call(|| request.clone().send()).await
            }
            Facet::Tags => {
                if untag.contains(OWNER_TAG) {
                    return Err(self.refuse("owner_tag", "the owner tag is never removed from a user that stays"));
                }
                let request = client.untag_resource().resource_arn(self.arn()?);
                let request = request.set_tag_keys(Some(untag.iter().cloned().collect()));
                self.call(|| request.clone().send()).await
            }
        }
    }

    async fn call<O, E, F, S>(&self, send: F) -> Result<Done, CallError>
    where
        O: RequestId,
        E: aws_sdk_connect::error::ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn() -> S,
        S: Future<Output = Result<O, aws_sdk_connect::error::SdkError<E>>>,
    {
        Ok(done(&self.answer(send).await?))
    }

    async fn answer<O, E, F, S>(&self, send: F) -> Result<Answer<O>, CallError>
    where
        O: RequestId,
        E: aws_sdk_connect::error::ProvideErrorMetadata + std::error::Error + 'static,
        F: Fn() -> S,
        S: Future<Output = Result<O, aws_sdk_connect::error::SdkError<E>>>,
    {
        self.caller.call_unless(Some(self.stop), self.operation, &self.personal, send).await
    }

    fn draft(&self, attributes: &AttributeSet) -> Result<WireUser, CallError> {
        WireUser::draft(attributes).map_err(|WrongShape(attribute)| {
            self.refuse("wrong_shape", &format!("`{}` has a value of another kind", attribute.name()))
        })
    }

    fn complete(&self, after: &AttributeSet, facet: Facet) -> Result<(), CallError> {
        match facet.attributes().find(|attribute| after.get(*attribute).is_none() && self.is_sent(*attribute)) {
            None => Ok(()),
            Some(missing) => {
                Err(self.refuse("incomplete", &format!("`{}` is not known, and Connect may clear it", missing.name())))
            }
        }
    }

    fn is_sent(&self, attribute: Attribute) -> bool {
        match self.identity_management {
            IdentityManagement::ConnectManaged => true,
            IdentityManagement::Saml => attribute != Attribute::Email,
            IdentityManagement::ExistingDirectory => {
                !matches!(attribute, Attribute::FirstName | Attribute::LastName | Attribute::Email)
            }
        }
    }

    /// An empty list is never sent: a user keeps at least one security profile.
    fn profiles(&self, wire: &WireUser) -> Result<Vec<String>, CallError> {
        if wire.security_profiles.is_empty() {
            return Err(self.refuse("no_security_profile", "a user needs at least one security profile"));
        }
        Ok(wire.security_profiles.clone())
    }

    fn user(&self) -> Result<&ConnectUserId, CallError> {
        self.change.connect.as_ref().ok_or_else(|| self.refuse("no_user", "the change names no Connect user"))
    }

    fn arn(&self) -> Result<String, CallError> {
        match self.change.arn.as_deref().filter(|arn| !arn.is_empty()) {
            Some(arn) => Ok(arn.to_owned()),
            None => Ok(self.arn_of(self.user()?.as_str())),
        }
    }

    fn arn_of(&self, user: &str) -> String {
        format!("{}/agent/{user}", self.caller.instance_arn)
    }

    /// A change that is not sent because its result could not be right.
    fn refuse(&self, code: &str, message: &str) -> CallError {
        CallError {
            operation: self.operation,
            disposition: Disposition::SkipPerson,
            code: code.to_owned(),
            message: message.to_owned(),
            hint: "the next run looks and plans again; report it if it stays".to_owned(),
            request_id: None,
        }
    }
}

fn done<O>(answer: &Answer<O>) -> Done {
    let Answer { reply: _, request_id, attempts, latency } = answer;
    Done { created: None, request_id: request_id.clone(), attempts: *attempts, latency: *latency }
}

/// Every value of the change that Connect could quote in an error.
fn personal_values(change: &Change) -> Vec<String> {
    let mut values = vec![change.label.clone()];
    let mut take = |set: &AttributeSet| {
        for (attribute, value) in set.iter() {
            match value {
                // SOFT_PHONE and DESK_PHONE are nobody's.
                Value::Text(text) if attribute != Attribute::PhoneType => values.push(text.clone()),
                Value::Tags(tags) => values.extend(tags.values().cloned()),
                _ => {}
            }
        }
    };
    match &change.action {
        Action::Create(desired) => {
            take(&desired.attributes);
            values.push(desired.username.clone());
        }
        Action::Update(update) => {
            take(&update.before);
            take(&update.after);
        }
        Action::Delete { username, before } => {
            take(before);
            values.push(username.clone());
        }
        Action::Adopt { username } => values.push(username.clone()),
        // The name of a user's quick connect is usually the user's name.
        Action::DeleteQuickConnect(named) => values.push(named.name.to_string()),
        Action::MoveQuickConnect(step) => values.push(step.named.name.to_string()),
    }
    if let Reason::Renamed { user: _, from, to } = &change.because {
        values.extend([from.clone(), to.clone()]);
    }
    values
}

/// A password nobody knows, for instances that demand one: 24 characters from the operating system's random source, with
/// a lower-case letter, an upper-case letter and a digit. The user sets the own one by "forgot password".
fn password() -> String {
    const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGIT: &[u8] = b"0123456789";
    // 64 characters, so that six random bits choose one without bias.
    const ANY: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    random_bytes(PASSWORD_CHARS)
        .into_iter()
        .enumerate()
        .map(|(at, random)| {
            let alphabet = match at {
                0 => LOWER,
                1 => UPPER,
                2 => DIGIT,
                _ => ANY,
            };
            char::from(alphabet[usize::from(random) % alphabet.len()])
        })
        .collect()
}

/// From the operating system, through random UUIDs; the two bytes of each that are not random are left out.
fn random_bytes(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + 14);
    while bytes.len() < count {
        let uuid = Uuid::new_v4().into_bytes();
        bytes.extend(uuid.iter().enumerate().filter(|(at, _)| *at != 6 && *at != 8).map(|(_, byte)| *byte));
    }
    bytes.truncate(count);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_what_connect_demands_and_never_the_same() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let password = password();
            assert_eq!(password.len(), PASSWORD_CHARS);
            assert!(password.chars().any(|c| c.is_ascii_lowercase()));
            assert!(password.chars().any(|c| c.is_ascii_uppercase()));
            assert!(password.chars().any(|c| c.is_ascii_digit()));
            assert!(seen.insert(password));
        }
    }
}
