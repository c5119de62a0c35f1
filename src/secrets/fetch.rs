//! One secret by one call, repeated a bounded number of times where that may help.
//!
//! Sources: Secrets Manager API reference, `GetSecretValue`; Systems Manager API reference, `GetParameter`.
//!
//! Invariant: of a JSON object, only the named member is kept; the others are passed over.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_ssm::types::ParameterType;
use connectors::secret::{LONGEST_SECRET, VaultName, tidied};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use super::fault::{Fault, Unfit};
use super::{AWS_PARAMETER, AWS_SECRET};

/// Attempts of one call.
const ATTEMPTS: u32 = 4;
/// Wait before the second attempt; doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

pub(super) async fn fetch(shared: &SdkConfig, name: &VaultName) -> Result<SecretString, Fault> {
    let mut wait = FIRST_WAIT;
    let mut attempt = 1;
    loop {
        let got = match name.store {
            AWS_SECRET => secret(shared, &name.name).await,
            AWS_PARAMETER => parameter(shared, &name.name).await,
            _ => Err(Fault::unfit(Unfit::NoSuchStore)),
        };
        match got {
            Err(fault) if fault.may_pass() && attempt < ATTEMPTS => {
                tracing::debug!(%name, attempt, "the store of a secret did not answer; it is asked again");
                tokio::time::sleep(wait).await;
                (wait, attempt) = (wait * 2, attempt + 1);
            }
            got => return chosen(got?, name.key.as_deref()).map_err(Fault::unfit),
        }
    }
}

async fn secret(shared: &SdkConfig, name: &str) -> Result<Zeroizing<String>, Fault> {
    let client = aws_sdk_secretsmanager::Client::new(shared);
    let answer = client.get_secret_value().secret_id(name).send().await;
    let GetSecretValueOutput { secret_string, secret_binary, .. } =
        answer.map_err(|error| Fault::of("GetSecretValue", &error))?;
    match (secret_string, secret_binary) {
        (Some(text), _) => Ok(Zeroizing::new(text)),
        (None, Some(bytes)) => {
            let text = String::from_utf8(bytes.into_inner());
            text.map(Zeroizing::new).map_err(|error| {
                drop(Zeroizing::new(error.into_bytes()));
                Fault::unfit(Unfit::NotText)
            })
        }
        (None, None) => Err(Fault::unfit(Unfit::Empty)),
    }
}

async fn parameter(shared: &SdkConfig, name: &str) -> Result<Zeroizing<String>, Fault> {
    let client = aws_sdk_ssm::Client::new(shared);
    let answer = client.get_parameter().name(name).with_decryption(true).send().await;
    let parameter = answer.map_err(|error| Fault::of("GetParameter", &error))?.parameter;
    let parameter = parameter.ok_or(Fault::unfit(Unfit::Empty))?;
    let text = Zeroizing::new(parameter.value.unwrap_or_default());
    match parameter.r#type {
        // Whoever may read the parameter sees it in plain text.
        Some(ParameterType::SecureString) => Ok(text),
        _ => Err(Fault::unfit(Unfit::NotSecure)),
    }
}

/// The whole value, or the member of it that is named.
fn chosen(text: Zeroizing<String>, key: Option<&str>) -> Result<SecretString, Unfit> {
    if text.len() > LONGEST_SECRET {
        return Err(Unfit::TooLong);
    }
    let text = match key {
        None => text,
        Some(key) => member(&text, key)?,
    };
    tidied(text).ok_or(Unfit::Empty)
}

fn member(text: &str, key: &str) -> Result<Zeroizing<String>, Unfit> {
    let mut json = serde_json::Deserializer::from_str(text);
    let found = Wanted(key).deserialize(&mut json).map_err(|_| Unfit::NotAnObject)?;
    json.end().map_err(|_| Unfit::NotAnObject)?;
    found.ok_or(Unfit::NoSuchKey)?.ok_or(Unfit::KeyNotText)
}

/// The name of the member that is read.
struct Wanted<'k>(&'k str);

/// `Some(None)`: the member is there and no text.
type Member = Option<Option<Zeroizing<String>>>;

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Member, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                return Err(A::Error::custom("twice"));
            } else {
                found = Some(map.next_value_seed(Text)?);
            }
        }
        Ok(found)
    }
}

/// A text, or `None` for anything else.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Zeroizing<String>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<Zeroizing<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_member_is_a_text_of_an_object() {
        let check = |text: &str, expected: Result<&str, Unfit>| {
            let got = chosen(Zeroizing::new(text.to_owned()), Some("k"));
            assert_eq!(got.as_ref().map(ExposeSecret::expose_secret), expected.as_ref().copied(), "{text}");
        };
        check(r#"{"k":"s3cret"}"#, Ok("s3cret"));
        check(r#" {"a":1,"b":{"k":"inner"},"k":"a\"b\u00e4","c":[null]} "#, Ok("a\"bä"));
        check(r#"{"k":"-----BEGIN X-----\\nAA\n-----END X-----\n"}"#, Ok("-----BEGIN X-----\nAA\n-----END X-----"));
        check(r#"{"K":"s3cret"}"#, Err(Unfit::NoSuchKey));
        check("{}", Err(Unfit::NoSuchKey));
        for other in ["1", "-1", "1.5", "null", "true", "[\"s\"]", "{\"k\":\"s\"}"] {
            check(&format!(r#"{{"k":{other}}}"#), Err(Unfit::KeyNotText));
        }
        check(r#"{"k":" "}"#, Err(Unfit::Empty));
        for other in ["s3cret", "\"s3cret\"", "[]", "", "{\"k\":\"a\"", "{\"k\":\"a\"} x", "{\"k\":\"a\",\"k\":\"b\"}"]
        {
            check(other, Err(Unfit::NotAnObject));
        }
    }

    #[test]
    fn a_whole_value_is_taken_as_it_is() {
        let check = |text: &str, expected: Result<&str, Unfit>| {
            let got = chosen(Zeroizing::new(text.to_owned()), None);
            assert_eq!(got.as_ref().map(ExposeSecret::expose_secret), expected.as_ref().copied());
        };
        check("s3cret\n", Ok("s3cret"));
        check(r#"{"k":"v"}"#, Ok(r#"{"k":"v"}"#));
        check("\n", Err(Unfit::Empty));
        check(&"x".repeat(LONGEST_SECRET + 1), Err(Unfit::TooLong));
    }
}
