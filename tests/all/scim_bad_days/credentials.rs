//! Every kind of credential, also when it is refused in the middle of a listing.

use std::collections::{BTreeMap, BTreeSet};

use connectors::SecretSource;
use connectors::Source;
use connectors::http::HttpLimits;
use connectors::scim::ScimCredential;
use rollcall::sandbox::Sandbox;
use rollcall::sandbox::faults::FaultKind;
use rollcall::sandbox::scene::CLIENT_SECRET;
use rollcall::sandbox::scim::{Credential, OAuthClient};
use url::Url;

use crate::contract::kinds::{self, Kind};
use crate::contract::rig::{ALWAYS, Rig};

fn basic(sandbox: &Sandbox, secret: &SecretSource, limits: HttpLimits) -> Source {
    kinds::scim(sandbox, secret, limits, |config| {
        config.credential = ScimCredential::Basic { username: "reader".to_owned(), password: secret.clone() };
    })
}

fn header(sandbox: &Sandbox, secret: &SecretSource, limits: HttpLimits) -> Source {
    kinds::scim(sandbox, secret, limits, |config| {
        config.credential = ScimCredential::Header { name: "X-Api-Key".to_owned(), secret: secret.clone() };
    })
}

fn oauth(sandbox: &Sandbox, secret: &SecretSource, limits: HttpLimits) -> Source {
    kinds::scim(sandbox, secret, limits, |config| {
        config.credential = ScimCredential::OAuth {
            token_url: Url::parse(&sandbox.addresses.scim_url).unwrap().join("/oauth/token").unwrap(),
            client_id: "reader".to_owned(),
            client_secret: secret.clone(),
            scopes: Vec::new(),
            extra: BTreeMap::new(),
            basic: false,
        };
    })
}

fn only(sandbox: &Sandbox, credential: Credential) {
    sandbox.scim.configure(|settings| settings.credentials = vec![credential]);
}

fn refused(times: u32, rig: &Rig) {
    let (code, message) = ("made-up".to_owned(), "made up".to_owned());
    rig.fault(3, times, &FaultKind::Status { status: 401, code, message, retry_after: None });
}

async fn everybody_is_read(kind: Kind) -> Rig {
    let rig = Rig::new(&kind).await;
    rig.small_pages();
    for full in [true, false, true] {
        assert_eq!(rig.round(full).await.unwrap().here, rig.present());
    }
    refused(ALWAYS, &rig);
    let text = rig.round(true).await.unwrap_err();
    assert!(text.contains("401") && !text.contains(CLIENT_SECRET), "{text}");
    rig.sandbox.faults.clear();
    assert_eq!(rig.known().await.gone, BTreeSet::new());
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_and_a_header_of_its_own() {
    everybody_is_read(Kind {
        source: basic,
        prepare: |sandbox| {
            let password = CLIENT_SECRET.to_owned();
            only(sandbox, Credential::Basic { username: "reader".to_owned(), password });
        },
        ..kinds::scim_index()
    })
    .await;
    everybody_is_read(Kind {
        source: header,
        prepare: |sandbox| {
            let value = CLIENT_SECRET.to_owned();
            only(sandbox, Credential::Header { name: "x-api-key".to_owned(), value });
        },
        ..kinds::scim_index()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_dies_in_the_middle_is_replaced() {
    let prepare = |sandbox: &Sandbox| only(sandbox, Credential::OAuth(OAuthClient::new("reader", CLIENT_SECRET)));
    let rig = everybody_is_read(Kind { source: oauth, prepare, ..kinds::scim_index() }).await;
    refused(1, &rig);
    assert_eq!(rig.round(true).await.unwrap().here, rig.present());
    rig.sandbox.scim.revoke_tokens();
    assert_eq!(rig.round(true).await.unwrap().here, rig.present());
}
