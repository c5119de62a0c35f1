//! The services, driven by the clients AWS publishes.

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

use super::{Content, Lock};
use crate::sandbox::faults::{Fault, FaultKind};
use crate::sandbox::{QuotaSettings, Sandbox, Settings, tests as raw};

const HERE: &str = "eu-central-1";

async fn start() -> Sandbox {
    Sandbox::start(Settings::new(raw::start_of_story(), crate::sandbox::company::Company::plain(3))).await.unwrap()
}

fn secrets(sandbox: &Sandbox, region: &str) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(&sandbox.addresses.secrets_url)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

fn parameters(sandbox: &Sandbox, region: &str) -> aws_sdk_ssm::Client {
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(&sandbox.addresses.secrets_url)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_ssm::Client::from_conf(config)
}

#[tokio::test]
async fn secrets_are_found_by_name_and_arn_in_their_region() {
    let sandbox = start().await;
    sandbox.secrets.put("rollcall/okta", Content::Text("one".to_owned()));
    sandbox.secrets.put("rollcall/okta", Content::Text("two".to_owned()));
    sandbox.secrets.put("bytes", Content::Binary(b"three".to_vec()));
    let client = secrets(&sandbox, HERE);
    let arn = sandbox.secrets.secret_arn("rollcall/okta");
    for id in ["rollcall/okta", &arn, arn.strip_suffix("-Ab12Cd").unwrap()] {
        let got = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(
            (got.secret_string(), got.name(), got.arn()),
            (Some("two"), Some("rollcall/okta"), Some(arn.as_str()))
        );
        assert_eq!(got.version_stages(), ["AWSCURRENT"]);
    }
    let before =
        client.get_secret_value().secret_id("rollcall/okta").version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(before.secret_string(), Some("one"));
    let by_id = client.get_secret_value().secret_id("rollcall/okta").version_id(before.version_id().unwrap());
    assert_eq!(by_id.send().await.unwrap().secret_string(), Some("one"));
    let bytes = client.get_secret_value().secret_id("bytes").send().await.unwrap();
    assert_eq!(bytes.secret_binary().map(AsRef::as_ref), Some(b"three".as_slice()));
    let elsewhere = secrets(&sandbox, "eu-west-2").get_secret_value().secret_id("rollcall/okta").send().await;
    assert_eq!(elsewhere.unwrap_err().code(), Some("ResourceNotFoundException"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn secrets_are_refused_as_the_service_does() {
    let sandbox = start().await;
    sandbox.secrets.put("s", Content::Text("x".to_owned()));
    let client = secrets(&sandbox, HERE);
    let code = async |id: &str| {
        client.get_secret_value().secret_id(id).send().await.unwrap_err().code().map(str::to_owned).unwrap()
    };
    assert_eq!(code("none").await, "ResourceNotFoundException");
    for (lock, expected) in [
        (Lock::NotAllowed, "AccessDeniedException"),
        (Lock::KeyNotAllowed, "AccessDeniedException"),
        (Lock::KeyBroken, "DecryptionFailure"),
        (Lock::Deleted, "InvalidRequestException"),
    ] {
        sandbox.secrets.lock("s", Some(lock));
        assert_eq!(code("s").await, expected, "{lock:?}");
    }
    sandbox.secrets.lock("s", None);
    let kind = FaultKind::Status {
        status: 500,
        code: "InternalServiceError".to_owned(),
        message: String::new(),
        retry_after: None,
    };
    let operation = Some("GetSecretValue".to_owned());
    sandbox.faults.add(Fault { service: "secrets".to_owned(), operation, skip: 0, times: 1, kind });
    assert_eq!(code("s").await, "InternalServiceError");
    sandbox.secrets.quota().set(QuotaSettings {
        default: Some(crate::sandbox::Bucket { per_second: 0.000_1, burst: 1.0 }),
        operations: Default::default(),
    });
    client.get_secret_value().secret_id("s").send().await.unwrap();
    assert_eq!(code("s").await, "ThrottlingException");
    let calls = sandbox.secrets.quota().calls()["GetSecretValue"];
    assert_eq!((calls.calls, calls.throttled), (8, 1));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn parameters_have_versions_and_are_decrypted_on_demand() {
    let sandbox = start().await;
    sandbox.secrets.put("/rollcall/okta", Content::SecureString("one".to_owned()));
    sandbox.secrets.put("/rollcall/okta", Content::SecureString("two".to_owned()));
    sandbox.secrets.put("plain", Content::PlainString("seen".to_owned()));
    let client = parameters(&sandbox, HERE);
    let get = async |name: &str| {
        let got = client.get_parameter().name(name).with_decryption(true).send().await;
        got.map(|got| got.parameter.unwrap()).map_err(|error| error.code().unwrap().to_owned())
    };
    let arn = sandbox.secrets.parameter_arn("/rollcall/okta");
    for (name, value, version) in [
        ("/rollcall/okta", "two", 2),
        ("/rollcall/okta:1", "one", 1),
        (arn.as_str(), "two", 2),
        (&format!("{arn}:1"), "one", 1),
    ] {
        let got = get(name).await.unwrap();
        assert_eq!((got.value(), got.version), (Some(value), version), "{name}");
        assert_eq!(got.r#type.unwrap().as_str(), "SecureString");
    }
    let sealed = client.get_parameter().name("/rollcall/okta").send().await.unwrap().parameter.unwrap();
    assert_ne!(sealed.value(), Some("two"));
    assert_eq!(get("plain").await.unwrap().r#type.unwrap().as_str(), "String");
    assert_eq!(get("none").await.unwrap_err(), "ParameterNotFound");
    assert_eq!(get("/rollcall/okta:9").await.unwrap_err(), "ParameterVersionNotFound");
    for (lock, expected) in [
        (Lock::NotAllowed, "AccessDeniedException"),
        (Lock::KeyNotAllowed, "AccessDeniedException"),
        (Lock::KeyBroken, "InvalidKeyId"),
    ] {
        sandbox.secrets.lock("/rollcall/okta", Some(lock));
        assert_eq!(get("/rollcall/okta").await.unwrap_err(), expected, "{lock:?}");
    }
    let elsewhere = parameters(&sandbox, "eu-west-2").get_parameter().name("plain").send().await;
    assert_eq!(elsewhere.unwrap_err().code(), Some("ParameterNotFound"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_no_client_sends_is_refused() {
    let sandbox = start().await;
    let url = &sandbox.addresses.secrets_url;
    let target = ("x-amz-target", "secretsmanager.GetSecretValue");
    let kind = ("content-type", "application/x-amz-json-1.1");
    let code = |answer: raw::Answer| answer.json()["__type"].as_str().unwrap().to_owned();
    let unsigned = raw::send(url, "POST", "/", &[target, kind], "{\"SecretId\":\"s\"}").await;
    assert_eq!(code(unsigned), "MissingAuthenticationTokenException");
    assert_eq!(code(raw::signed(url, "ssm", "POST", "/", &[target, kind], "{}").await), "UnrecognizedClientException");
    let other = ("x-amz-target", "secretsmanager.PutSecretValue");
    let other = raw::signed(url, "secretsmanager", "POST", "/", &[other, kind], "{}").await;
    assert_eq!(code(other), "UnknownOperationException");
    let text = ("content-type", "text/plain");
    let wrong = raw::signed(url, "secretsmanager", "POST", "/", &[target, text], "{}").await;
    assert_eq!(code(wrong), "SerializationException");
    sandbox.shutdown().await;
}
