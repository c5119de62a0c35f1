//! A user, as plain structs with the service's own member names.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A user as the instance keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct User {
    /// Given by the service.
    pub id: String,
    /// `arn:aws:connect:<region>:<account>:instance/<instance>/agent/<id>`.
    pub arn: String,
    /// Never changes.
    pub username: String,
    /// Names and addresses.
    pub identity_info: IdentityInfo,
    /// Telephone settings.
    pub phone_config: PhoneConfig,
    /// Only with an existing directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_user_id: Option<String>,
    /// 1 to 10 ids.
    pub security_profile_ids: Vec<String>,
    /// An id.
    pub routing_profile_id: String,
    /// An id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchy_group_id: Option<String>,
    /// At most 50.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Settings per channel.
    #[serde(flatten)]
    pub channels: ChannelConfigs,
    /// Epoch seconds on the wire.
    #[serde(skip)]
    pub last_modified: DateTime<Utc>,
}

/// Names and addresses of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct IdentityInfo {
    /// Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Up to 300 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Not on SAML instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Receives notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_email: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
}

/// Telephone settings of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct PhoneConfig {
    /// `SOFT_PHONE` or `DESK_PHONE`; stored users always have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_type: Option<String>,
    /// Stored users always have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_accept: Option<bool>,
    /// Seconds, 0 to 2,000,000 with 0 = unlimited; stored users always have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_contact_work_time_limit: Option<i64>,
    /// E.164. The service shows an empty text where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desk_phone_number: Option<String>,
    /// Keeps the media connection between contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_connection: Option<bool>,
}

/// The lists of settings per channel (`VOICE`, `CHAT`, `TASK`, `EMAIL`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChannelConfigs {
    /// Takes the place of `AutoAccept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_accept_configs: Option<Vec<AutoAcceptConfig>>,
    /// Takes the place of `AfterContactWorkTimeLimit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_contact_work_configs: Option<Vec<AfterContactWorkConfigPerChannel>>,
    /// Takes the place of `PhoneType` and `DeskPhoneNumber`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_configs: Option<Vec<PhoneNumberConfig>>,
    /// Takes the place of `PersistentConnection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_connection_configs: Option<Vec<PersistentConnectionConfig>>,
    /// Voice only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_enhancement_configs: Option<Vec<VoiceEnhancementConfig>>,
}

/// Whether contacts of a channel are accepted at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoAcceptConfig {
    /// `VOICE`, `CHAT`, `TASK` or `EMAIL`.
    pub channel: String,
    /// On or off.
    pub auto_accept: bool,
    /// Voice only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_first_callback_auto_accept: Option<bool>,
}

/// Time for work after a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
pub struct AfterContactWorkConfig {
    /// Seconds; 0 = unlimited.
    #[serde(default)]
    pub after_contact_work_time_limit: i64,
}

/// The same for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AfterContactWorkConfigPerChannel {
    /// `VOICE`, `CHAT`, `TASK` or `EMAIL`.
    pub channel: String,
    /// The time.
    pub after_contact_work_config: AfterContactWorkConfig,
    /// Voice only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_first_callback_after_contact_work_config: Option<AfterContactWorkConfig>,
}

/// Where voice contacts ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PhoneNumberConfig {
    /// `VOICE`.
    pub channel: String,
    /// `SOFT_PHONE` or `DESK_PHONE`.
    pub phone_type: String,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// Whether the media connection stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PersistentConnectionConfig {
    /// `VOICE`.
    pub channel: String,
    /// On or off.
    pub persistent_connection: bool,
}

/// Cleaning of the audio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VoiceEnhancementConfig {
    /// `VOICE`.
    pub channel: String,
    /// `VOICE_ISOLATION`, `NOISE_SUPPRESSION` or `NONE`.
    pub voice_enhancement_mode: String,
}

impl User {
    /// The answer of `DescribeUser`.
    pub(super) fn described(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["PhoneConfig"] = self.phone_config.shown(1);
        value["LastModifiedTime"] = epoch_seconds(self.last_modified);
        value
    }

    /// The entry of `ListUsers`.
    pub(super) fn listed(&self) -> Value {
        json!({
            "Id": self.id, "Arn": self.arn, "Username": self.username,
            "LastModifiedTime": epoch_seconds(self.last_modified),
        })
    }

    /// The entry of `SearchUsers`: only the names of the identity, and milliseconds for after-contact work.
    pub(super) fn found(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let IdentityInfo { first_name, last_name, email: _, secondary_email: _, mobile: _ } = &self.identity_info;
        value["IdentityInfo"] = json!({ "FirstName": first_name, "LastName": last_name });
        value["PhoneConfig"] = self.phone_config.shown(1000);
        value
    }
}

impl PhoneConfig {
    /// With what the service fills in for absent members.
    pub(super) fn completed(self) -> Self {
        Self {
            phone_type: self.phone_type.or_else(|| Some("SOFT_PHONE".to_owned())),
            auto_accept: self.auto_accept.or(Some(false)),
            after_contact_work_time_limit: self.after_contact_work_time_limit.or(Some(0)),
            desk_phone_number: self.desk_phone_number.filter(|number| !number.is_empty()),
            persistent_connection: self.persistent_connection,
        }
    }

    fn shown(&self, work_factor: i64) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["AfterContactWorkTimeLimit"] = json!(self.after_contact_work_time_limit.unwrap_or(0) * work_factor);
        value["DeskPhoneNumber"] = json!(self.desk_phone_number.as_deref().unwrap_or(""));
        value
    }
}

/// A timestamp as REST-JSON writes it.
pub(super) fn epoch_seconds(at: DateTime<Utc>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit into 53 bits")]
    let seconds = at.timestamp_millis() as f64 / 1000.0;
    json!(seconds)
}
