//! `GetSecretValue` and `GetParameter`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Content, Entry, Lock, Refusal, Service, Store, Version};

fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// What is asked for lies in another Region.
pub(super) fn elsewhere(operation: &str) -> Refusal {
    if operation == "GetParameter" { no_parameter() } else { no_secret() }
}

fn no_secret() -> Refusal {
    Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn no_parameter() -> Refusal {
    Refusal::new("ParameterNotFound", "")
}

fn denied(action: &str, arn: &str) -> Refusal {
    let who = "User: arn:aws:sts::123456789012:assumed-role/rollcall/i-0 is not authorized to perform";
    Refusal::new(
        "AccessDeniedException",
        format!("{who}: {action} on resource: {arn} because no identity-based policy allows the {action} action"),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretRequest {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

/// `GetSecretValue`.
pub(super) fn secret(store: &Store, body: &Value) -> Result<Value, Refusal> {
    let SecretRequest { secret_id, version_id, version_stage } = parse(body)?;
    if !(1..=2048).contains(&secret_id.len()) {
        return Err(Refusal::new("ValidationException", "Member must have length between 1 and 2048"));
    }
    let (name, Entry { versions, lock, .. }) = store.find(Service::SecretsManager, &secret_id).ok_or_else(no_secret)?;
    let arn = store.arn(Service::SecretsManager, name);
    match lock {
        None => {}
        Some(Lock::NotAllowed) => return Err(denied("secretsmanager:GetSecretValue", &arn)),
        Some(Lock::KeyNotAllowed) => return Err(Refusal::new("AccessDeniedException", "Access to KMS is not allowed")),
        Some(Lock::KeyBroken) => {
            let message = "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
            return Err(Refusal::new("DecryptionFailure", message));
        }
        Some(Lock::Deleted) => {
            let message = "You can't perform this operation on the secret because it was marked for deletion.";
            return Err(Refusal::new("InvalidRequestException", message));
        }
    }
    let stage = version_stage.as_deref().unwrap_or("AWSCURRENT");
    let at = match (&version_id, stage) {
        (Some(id), _) => versions.iter().position(|version| version.id == *id),
        (None, "AWSCURRENT") => versions.len().checked_sub(1),
        (None, "AWSPREVIOUS") => versions.len().checked_sub(2),
        (None, _) => None,
    };
    let Some(Version { id, created, content }) = at.and_then(|at| versions.get(at)) else {
        let message = format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
        return Err(Refusal::new("ResourceNotFoundException", message));
    };
    let stages = if at == versions.len().checked_sub(1) { json!(["AWSCURRENT"]) } else { json!(["AWSPREVIOUS"]) };
    let mut answer =
        json!({ "ARN": arn, "Name": name, "VersionId": id, "VersionStages": stages, "CreatedDate": created });
    match content {
        Content::Binary(bytes) => answer["SecretBinary"] = json!(STANDARD.encode(bytes)),
        Content::Text(text) | Content::SecureString(text) | Content::PlainString(text) => {
            answer["SecretString"] = json!(text);
        }
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterRequest {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

/// `GetParameter`.
pub(super) fn parameter(store: &Store, body: &Value) -> Result<Value, Refusal> {
    let ParameterRequest { name: wanted, with_decryption } = parse(body)?;
    // In an ARN the colons before the resource are its own.
    let after = if wanted.starts_with("arn:") { wanted.find(":parameter/").map_or(0, |at| at + 1) } else { 0 };
    let (bare, selector) = match wanted[after..].split_once(':') {
        Some((name, selector)) => (&wanted[..after + name.len()], Some(selector)),
        None => (wanted.as_str(), None),
    };
    let (name, Entry { versions, lock, .. }) = store.find(Service::ParameterStore, bare).ok_or_else(no_parameter)?;
    let arn = store.arn(Service::ParameterStore, name);
    match lock {
        None | Some(Lock::Deleted) => {}
        Some(Lock::NotAllowed) => return Err(denied("ssm:GetParameter", &arn)),
        Some(Lock::KeyNotAllowed) => {
            let message = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or \
                           you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)";
            return Err(Refusal::new("AccessDeniedException", message));
        }
        Some(Lock::KeyBroken) => return Err(Refusal::new("InvalidKeyId", "The key is disabled. (Service: AWSKMS)")),
    }
    let number = match selector {
        None => versions.len(),
        Some(text) => text.parse().map_err(|_| Refusal::new("ParameterVersionNotFound", ""))?,
    };
    let version = number.checked_sub(1).and_then(|at| versions.get(at));
    let Some(Version { id: _, created, content }) = version else {
        return Err(Refusal::new(
            "ParameterVersionNotFound",
            format!("Systems Manager could not find version {number}"),
        ));
    };
    let (kind, value) = match content {
        Content::SecureString(text) if with_decryption => ("SecureString", text.clone()),
        Content::SecureString(text) => ("SecureString", STANDARD.encode(format!("encrypted:{}", text.len()))),
        Content::PlainString(text) | Content::Text(text) => ("String", text.clone()),
        Content::Binary(_) => return Err(no_parameter()),
    };
    let mut parameter = json!({
        "Name": name, "Type": kind, "Value": value, "Version": number, "LastModifiedDate": created, "ARN": arn, "DataType": "text",
    });
    if let Some(selector) = selector {
        parameter["Selector"] = json!(format!(":{selector}"));
    }
    Ok(json!({ "Parameter": parameter }))
}
