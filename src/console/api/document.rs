//! What the OpenAPI document says besides the addresses: who may ask, and what is told when something cannot be done.
//!
//! Invariant: every operation tells of every problem that the door or the service may answer, in one form.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, ResponseBuilder,
    SecurityRequirement,
};

/// The type of a problem. Source: RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// What may be answered to every question.
const ALWAYS: [(&str, &str); 9] = [
    ("400", "The question cannot be read"),
    ("401", "Nobody is signed in, or that is not the token"),
    ("404", "There is no such thing"),
    ("405", "That cannot be done here"),
    ("413", "That is too much"),
    ("421", "This console goes by another name"),
    ("429", "Too many wrong tokens, or too many runs have been asked for and wait"),
    ("500", "The state file cannot be used"),
    ("503", "The service cannot do it now, or nobody has looked yet"),
];

/// What may be answered besides to whoever wants something done.
const DONE: [(&str, &str); 3] = [
    ("403", "A session of the console only looks here"),
    ("415", "What is sent is not JSON"),
    ("422", "What is sent cannot be meant"),
];

/// What the document says besides the addresses.
pub(super) fn about() -> OpenApi {
    let bearer = SecurityScheme::Http(
        Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of `rollcall token rotate`. It may do everything."))
            .build(),
    );
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        "rollcall",
        "The session of whoever is signed in to the console. It may only look.",
    )));
    let components = utoipa::openapi::Components::builder()
        .security_scheme("token", bearer)
        .security_scheme("session", cookie)
        .build();
    let info = InfoBuilder::new()
        .title("rollcall")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Keeps the users of an Amazon Connect contact centre in agreement with the company directory.",
        ))
        .license(Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let none: [String; 0] = [];
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([utoipa::openapi::Server::new("/")]))
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", none.clone()), SecurityRequirement::new("session", none)]))
        .build()
}

/// With every problem that may be answered.
pub(super) fn finished(mut api: OpenApi) -> OpenApi {
    for item in api.paths.paths.values_mut() {
        let PathItem { get, post, .. } = item;
        get.iter_mut().for_each(|operation| tell(operation, &ALWAYS));
        post.iter_mut().for_each(|operation| tell(operation, &[&ALWAYS[..], &DONE].concat()));
    }
    api
}

fn tell(operation: &mut Operation, problems: &[(&str, &str)]) {
    let responses = &mut operation.responses.responses;
    for (status, what) in problems {
        responses
            .entry((*status).to_owned())
            .or_insert_with(|| ResponseBuilder::new().description(*what).build().into());
    }
    let refused = responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in refused {
        if let RefOr::T(response) = response {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.clear();
            response.content.insert(PROBLEM.to_owned(), RefOr::T(problem));
        }
    }
}
