//! What Connect accepts.
//!
//! Source: Amazon Connect API reference, CreateUser and the data types it names (lengths, patterns, what each identity
//! management type requires).
//!
//! Deliberately absent: whether ids exist; that needs the store.

use std::collections::BTreeMap;

use unicode_normalization::is_nfc;

use super::refusal::Refusal;
use super::user::{
    AfterContactWorkConfig, AfterContactWorkConfigPerChannel, AutoAcceptConfig, ChannelConfigs, IdentityInfo,
    PersistentConnectionConfig, PhoneConfig, PhoneNumberConfig, VoiceEnhancementConfig,
};
use super::{IdentityManagement, MAX_TAGS};

const CHANNELS: [&str; 4] = ["VOICE", "CHAT", "TASK", "EMAIL"];
const PHONE_TYPES: [&str; 2] = ["SOFT_PHONE", "DESK_PHONE"];
const ENHANCEMENTS: [&str; 3] = ["VOICE_ISOLATION", "NOISE_SUPPRESSION", "NONE"];
/// 24 days, the longest time for after-contact work in seconds.
const MAX_WORK_SECONDS: i64 = 2_000_000;

/// A refusal unless `holds`.
pub(super) fn ensure(holds: bool, message: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::parameter(message)) }
}

/// A name of a user.
pub(super) fn username(text: &str, identity: IdentityManagement) -> Result<(), Refusal> {
    let most = if identity == IdentityManagement::Saml { 64 } else { 20 };
    let length = text.chars().count();
    ensure((1..=most).contains(&length), &format!("Username must have 1 to {most} characters"))?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '@');
    ensure(text.chars().all(allowed), "Username contains characters that are not allowed")?;
    ensure(!text.contains('@') || address(text), "Username may contain @ only as an e-mail address")
}

/// Whether a text has the shape of an address with a dotted domain.
fn address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '%' | '+' | '-');
    let host_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    !local.is_empty()
        && local.chars().all(part)
        && !host.is_empty()
        && host.chars().all(host_part)
        && (2..=63).contains(&top.len())
        && top.chars().all(|letter| letter.is_ascii_alphabetic())
}

/// `\+[1-9]\d{1,14}`.
pub(super) fn e164(text: &str, member: &str) -> Result<(), Refusal> {
    let digits = text.strip_prefix('+').unwrap_or("");
    let shape = (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    ensure(shape, &format!("{member} must be an E.164 number"))
}

/// A password, by identity management type.
pub(super) fn password(text: Option<&str>, identity: IdentityManagement) -> Result<(), Refusal> {
    match (identity, text) {
        (IdentityManagement::ConnectManaged, None) => Err(Refusal::parameter("Password is required")),
        (IdentityManagement::ConnectManaged, Some(text)) => {
            let has = |wanted: fn(char) -> bool| text.chars().any(wanted);
            let shape = (8..=64).contains(&text.chars().count())
                && has(|letter| letter.is_ascii_lowercase())
                && has(|letter| letter.is_ascii_uppercase())
                && has(|letter| letter.is_ascii_digit())
                && !has(char::is_whitespace);
            ensure(shape, "Password does not meet the requirements")
        }
        (_, Some(_)) => Err(Refusal::parameter("Password is only allowed if Connect manages the identities")),
        (_, None) => Ok(()),
    }
}

/// Names and addresses, by identity management type. `update`: of an existing user.
pub(super) fn identity(info: &IdentityInfo, kind: IdentityManagement, update: bool) -> Result<(), Refusal> {
    let IdentityInfo { first_name, last_name, email, secondary_email, mobile } = info;
    let (first, last) = (first_name.as_deref(), last_name.as_deref());
    match kind {
        IdentityManagement::Saml => {
            ensure(email.is_none(), "Email is not allowed on an instance with SAML identities")?;
            name(first, "FirstName", 0, 255)?;
            name(last, "LastName", 0, 300)?;
        }
        IdentityManagement::ConnectManaged => {
            name(first, "FirstName", 1, 255)?;
            name(last, "LastName", 1, 256)?;
            ensure(email.as_deref().is_some_and(address), "Email is required and must be an address")?;
        }
        IdentityManagement::ExistingDirectory => {
            let given = first.is_some() || last.is_some() || email.is_some();
            ensure(!update || !given, "FirstName, LastName and Email are managed by the directory")?;
        }
    }
    if let Some(text) = secondary_email {
        ensure(text.len() <= 265 && address(text), "SecondaryEmail must be an address of at most 265 characters")?;
    }
    mobile.as_deref().map_or(Ok(()), |text| e164(text, "Mobile"))
}

fn name(text: Option<&str>, member: &str, least: usize, most: usize) -> Result<(), Refusal> {
    let text = text.ok_or_else(|| Refusal::parameter(format!("{member} is required")))?;
    let length = text.chars().count();
    ensure((least..=most).contains(&length), &format!("{member} must have {least} to {most} characters"))?;
    ensure(is_nfc(text), &format!("{member} must be in Unicode normalisation form C"))
}

/// Telephone settings.
pub(super) fn phone(config: &PhoneConfig) -> Result<(), Refusal> {
    let PhoneConfig {
        phone_type,
        auto_accept: _,
        after_contact_work_time_limit,
        desk_phone_number,
        persistent_connection: _,
    } = config;
    if let Some(kind) = phone_type {
        one_of(kind, &PHONE_TYPES, "PhoneType")?;
    }
    if let Some(seconds) = after_contact_work_time_limit {
        work_seconds(*seconds)?;
    }
    match desk_phone_number.as_deref() {
        None | Some("") => Ok(()),
        Some(number) => e164(number, "DeskPhoneNumber"),
    }
}

fn work_seconds(seconds: i64) -> Result<(), Refusal> {
    ensure((0..=MAX_WORK_SECONDS).contains(&seconds), "AfterContactWorkTimeLimit must be between 0 and 2000000")
}

fn one_of(text: &str, allowed: &[&str], member: &str) -> Result<(), Refusal> {
    ensure(allowed.contains(&text), &format!("{member} must be one of {}", allowed.join(", ")))
}

fn voice(channel: &str, member: &str) -> Result<(), Refusal> {
    ensure(channel == "VOICE", &format!("{member} is only allowed for VOICE"))
}

/// The lists per channel.
pub(super) fn channels(configs: &ChannelConfigs) -> Result<(), Refusal> {
    let ChannelConfigs {
        auto_accept_configs,
        after_contact_work_configs,
        phone_number_configs,
        persistent_connection_configs,
        voice_enhancement_configs,
    } = configs;
    for AutoAcceptConfig { channel, auto_accept: _, agent_first_callback_auto_accept } in
        auto_accept_configs.iter().flatten()
    {
        one_of(channel, &CHANNELS, "Channel")?;
        if agent_first_callback_auto_accept.is_some() {
            voice(channel, "AgentFirstCallbackAutoAccept")?;
        }
    }
    for AfterContactWorkConfigPerChannel {
        channel,
        after_contact_work_config,
        agent_first_callback_after_contact_work_config,
    } in after_contact_work_configs.iter().flatten()
    {
        one_of(channel, &CHANNELS, "Channel")?;
        let AfterContactWorkConfig { after_contact_work_time_limit } = after_contact_work_config;
        work_seconds(*after_contact_work_time_limit)?;
        if let Some(callback) = agent_first_callback_after_contact_work_config {
            voice(channel, "AgentFirstCallbackAfterContactWorkConfig")?;
            work_seconds(callback.after_contact_work_time_limit)?;
        }
    }
    for PhoneNumberConfig { channel, phone_type, phone_number } in phone_number_configs.iter().flatten() {
        voice(channel, "PhoneNumberConfigs")?;
        one_of(phone_type, &PHONE_TYPES, "PhoneType")?;
        phone_number.as_deref().map_or(Ok(()), |number| e164(number, "PhoneNumber"))?;
    }
    for PersistentConnectionConfig { channel, persistent_connection: _ } in
        persistent_connection_configs.iter().flatten()
    {
        voice(channel, "PersistentConnectionConfigs")?;
    }
    for VoiceEnhancementConfig { channel, voice_enhancement_mode } in voice_enhancement_configs.iter().flatten() {
        voice(channel, "VoiceEnhancementConfigs")?;
        one_of(voice_enhancement_mode, &ENHANCEMENTS, "VoiceEnhancementMode")?;
    }
    Ok(())
}

/// A member of `PhoneConfig` and the list that takes its place exclude each other.
pub(super) fn no_conflict(phone: &PhoneConfig, lists: &ChannelConfigs) -> Result<(), Refusal> {
    let conflict = (phone.auto_accept.is_some() && lists.auto_accept_configs.is_some())
        || (phone.after_contact_work_time_limit.is_some() && lists.after_contact_work_configs.is_some())
        || ((phone.phone_type.is_some() || phone.desk_phone_number.is_some()) && lists.phone_number_configs.is_some())
        || (phone.persistent_connection.is_some() && lists.persistent_connection_configs.is_some());
    ensure(!conflict, "A member of PhoneConfig is set together with its list per channel")
}

/// 1 to 10 ids, none twice.
pub(super) fn security_profiles(ids: &[String]) -> Result<(), Refusal> {
    ensure((1..=10).contains(&ids.len()), "SecurityProfileIds must have 1 to 10 entries")
}

/// A set of tags in a request: 1 to 50, keys and values within their patterns.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    ensure((1..=MAX_TAGS).contains(&tags.len()), "Tags must have 1 to 50 entries")?;
    for (key, value) in tags {
        tag_key(key)?;
        ensure(value.chars().count() <= 256, "A tag value has at most 256 characters")?;
    }
    Ok(())
}

/// `^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`, 1 to 128 characters.
pub(super) fn tag_key(key: &str) -> Result<(), Refusal> {
    let allowed = |letter: char| {
        letter.is_alphanumeric()
            || (letter.is_whitespace() && !letter.is_control())
            || matches!(letter, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
    };
    ensure((1..=128).contains(&key.chars().count()), "A tag key has 1 to 128 characters")?;
    ensure(!key.starts_with("aws:") && key.chars().all(allowed), "A tag key is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        use IdentityManagement::{ConnectManaged, Saml};
        let long = "a".repeat(64);
        for (name, kind, fine) in [
            ("anna.meier", Saml, true),
            ("anna.meier@example.com", Saml, true),
            (long.as_str(), Saml, true),
            (&format!("{long}a"), Saml, false),
            ("anna.meier@example.com", ConnectManaged, false),
            ("a@ex.com", ConnectManaged, true),
            ("", Saml, false),
            ("a@example", Saml, false),
            ("a@b@example.com", Saml, false),
            ("anna meier", Saml, false),
            ("anna+1", Saml, false),
            ("anna_example.com#EXT#", Saml, false),
            ("müller", Saml, false),
        ] {
            assert_eq!(username(name, kind).is_ok(), fine, "{name:?} on {kind:?}");
        }
    }

    #[test]
    fn numbers_addresses_and_tag_keys() {
        for (number, fine) in [
            ("+4930123", true),
            ("4930123", false),
            ("+0301", false),
            ("+1", false),
            ("+1234567890123456", false),
            ("", false),
        ] {
            assert_eq!(e164(number, "Mobile").is_ok(), fine, "{number:?}");
        }
        for (text, fine) in
            [("a.b+c@example.co.uk", true), ("a@example", false), ("a b@example.com", false), ("ä@x.de", false)]
        {
            assert_eq!(address(text), fine, "{text:?}");
        }
        for (key, fine) in [("rollcall:key", true), ("aws:x", false), ("", false), ("Größe 1", true), ("a#b", false)]
        {
            assert_eq!(tag_key(key).is_ok(), fine, "{key:?}");
        }
    }

    #[test]
    fn a_decomposed_name_is_refused() {
        let info = |first: &str| IdentityInfo {
            first_name: Some(first.to_owned()),
            last_name: Some(String::new()),
            ..IdentityInfo::default()
        };
        assert!(identity(&info("Zoë"), IdentityManagement::Saml, false).is_ok());
        assert!(identity(&info("Zoe\u{308}"), IdentityManagement::Saml, false).is_err());
    }
}
