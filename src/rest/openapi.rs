//! The OpenAPI document (3.1), made from the table of routes and the types of their bodies, so that it says what the code does.
//!
//! Knows what all answers have in common. The one rule: every status that a route may answer with stands in it.

use std::collections::BTreeMap;

use scrible_store::MAX_ASSET_NAME;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, InfoBuilder, KnownFormat, ObjectBuilder, OpenApi, PathItem, Ref,
    Required, Response, ResponseBuilder, SchemaFormat, Type,
};
use warp::http::Method;

use super::api::previews::{LEAST_WIDTH, MOST_WIDTH};
use super::api::routes::{Gives, Kind, Parameter, ROUTES, Route, Takes, Who};
use super::api::schemas::Schemas;
use super::api::{LIMIT, MAX_LIMIT};
use crate::media::MEDIA_TYPES;

const ABOUT: &str = "Rooms of a Scrible server: made, found, shared, read and written. Times are RFC 3339 in UTC with \
    milliseconds. A room is named in one percent-encoded segment, `/` as `%2F`; a link (`room~g…`) may stand for it. Lists \
    come in pages: `next` is the `cursor` of the following one. Refusals are `application/problem+json` (RFC 9457) with \
    a stable `code`. Making or copying a room, an invite, a version or an export with an `Idempotency-Key` may be repeated for 24 hours. A page may send the session \
    cookie instead of a token, where its origin is one that the operator has named; bodies must then be JSON, or a file for the board.";

/// The document.
pub fn document() -> OpenApi {
    let mut document = Schemas::openapi();
    let mut info = InfoBuilder::new();
    info = info.title("Scrible").version(env!("CARGO_PKG_VERSION"));
    document.info = info.description(Some(ABOUT)).build();
    for route in ROUTES {
        let operation = operation(route);
        let method = http_method(&route.method);
        let paths = &mut document.paths.paths;
        match paths.get_mut(template(route.path)) {
            Some(item) => item.merge_operations(PathItem::new(method, operation)),
            None => {
                paths.insert(
                    template(route.path).to_owned(),
                    PathItem::new(method, operation),
                );
            }
        }
    }
    if let Some(components) = &mut document.components {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.bearer_format("JWT").build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let cookie = ApiKeyValue::with_description(
            "scrible",
            "The session that joining gave; called `__Host-scrible` over https.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
    document
}

/// How a path is called in the document. There, paths that differ in the names of their placeholders alone are the same path twice.
fn template(path: &str) -> &str {
    match path {
        "/api/exports/{room}" => "/api/exports/{export}",
        path => path,
    }
}

const EVENTS: &str = "An event `rooms` at once, and another with every change, at most one a second; a comment every 15 seconds without. The \
    stream ends with the token. Where the server is open, it is also for whoever sits at its machine.";

fn operation(route: &Route) -> utoipa::openapi::path::Operation {
    let who = match route.who {
        Who::Anyone => "For everybody.".to_owned(),
        Who::Creator => "For whoever may make rooms.".to_owned(),
        Who::Has(role) => format!("For the role {}, or a higher one.", role.as_str()),
        Who::Admin => "For admins.".to_owned(),
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.name))
        .summary(Some(route.summary))
        .description(Some(who))
        .tag(tag(route.path))
        .security(SecurityRequirement::new::<_, [&str; 0], &str>("token", []))
        .security(SecurityRequirement::new::<_, [&str; 0], &str>(
            "session",
            [],
        ))
        .security(SecurityRequirement::default());
    let shown = placeholders(template(route.path));
    for (name, shown) in placeholders(route.path).zip(shown) {
        operation = operation.parameter(placeholder(name).name(shown));
    }
    for parameter in route.query {
        operation = operation.parameter(query(parameter));
    }
    if ["orderExport", "getExport"].contains(&route.name) {
        let prefer = ParameterBuilder::new()
            .name("Prefer")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "`wait=N`: answer once the export has ended, or after N seconds (60 at most).",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation = operation.parameter(prefer);
    }
    let keyed = [
        "createRoom",
        "duplicateRoom",
        "createInvite",
        "createSnapshot",
        "orderExport",
    ];
    if keyed.contains(&route.name) {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes repeating the request harmless for 24 hours; 1 to 255 characters.",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation = operation.parameter(key);
    }
    operation = operation.request_body(match route.takes {
        Takes::Nothing => None,
        Takes::Json(schema) => Some(json_body(schema, Required::True)),
        Takes::MaybeJson(schema) => Some(json_body(schema, Required::False)),
        Takes::Bytes | Takes::Picture => {
            let content = ContentBuilder::new().build();
            let body = RequestBodyBuilder::new().required(Some(Required::True));
            Some(body.content("application/octet-stream", content).build())
        }
    });
    let (status, response) = success(route);
    operation = operation.response(status.to_string(), response);
    if matches!(route.gives, Gives::Picture(_)) {
        let same = ResponseBuilder::new()
            .description("`If-None-Match` names the picture that there is.")
            .header("ETag", text_header("Changes with the room."))
            .header(
                "X-Request-Id",
                text_header("The id under which the server logs it."),
            );
        operation = operation.response("304", same);
    }
    if route.name == "orderExport" {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Export")));
        let ended = ResponseBuilder::new()
            .description("It has ended while the client waited.")
            .header("Location", text_header("Where the export is."))
            .header("Preference-Applied", text_header("`wait=N`."))
            .header(
                "X-Request-Id",
                text_header("The id under which the server logs it."),
            )
            .content("application/json", content.build());
        operation = operation.response("200", ended);
    }
    for (status, about) in besides(route) {
        let response = ResponseBuilder::new().description(*about);
        operation = operation.response(status.to_string(), response.build());
    }
    for (status, about) in refusals(route) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
        let mut response = ResponseBuilder::new()
            .description(about)
            .header(
                "X-Request-Id",
                text_header("The id under which the server logs it."),
            )
            .content("application/problem+json", content.build());
        match status {
            401 => {
                let about = "Always `Bearer`.";
                response = response.header("WWW-Authenticate", text_header(about));
            }
            429 | 503 => {
                let about = "Seconds to wait.";
                response = response.header("Retry-After", text_header(about));
            }
            _ => {}
        }
        operation = operation.response(status.to_string(), response);
    }
    operation.build()
}

/// How a route answers where all is well.
fn success(route: &Route) -> (u16, Response) {
    let described = |about: &str| {
        ResponseBuilder::new().description(about).header(
            "X-Request-Id",
            text_header("The id under which the server logs it."),
        )
    };
    let (status, mut response) = match route.gives {
        Gives::Status(status) => (status, described("Done.")),
        Gives::Json(status, schema) => {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
            let response = described("Done.").content("application/json", content.build());
            (status, response)
        }
        Gives::AnyJson => {
            let content = ContentBuilder::new().schema(Some(ObjectBuilder::new()));
            (
                200,
                described("The document.").content("application/json", content.build()),
            )
        }
        Gives::Bytes => {
            let content = ContentBuilder::new().build();
            let response = described("A Yjs update (v1).");
            (200, response.content("application/octet-stream", content))
        }
        Gives::Picture(kind) => {
            let content = ContentBuilder::new().build();
            let response = described("The picture.")
                .header("ETag", text_header("Changes with the room."))
                .content(kind, content);
            (200, response)
        }
        Gives::File => {
            let etag = text_header("Changes with the content.");
            let response = described("The file.").header("ETag", etag);
            let with_type = |response: ResponseBuilder, kind: &&str| {
                response.content(*kind, ContentBuilder::new().build())
            };
            (200, MEDIA_TYPES.iter().fold(response, with_type))
        }
        Gives::Events(schema) => {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
            let response = described(EVENTS);
            let response = response.content("text/event-stream", content.build());
            (200, response)
        }
    };
    if matches!(route.gives, Gives::Json(201, "Room")) {
        response = response.header("Location", text_header("Where the room is."));
    }
    if route.name == "orderExport" {
        response = response.header("Location", text_header("Where the export is."));
    }
    if route.name == "joinRoom" {
        response = response.header("Set-Cookie", text_header("The session."));
    }
    (status, response.build())
}

/// How else a route answers where all is well.
fn besides(route: &Route) -> &'static [(u16, &'static str)] {
    match route.gives {
        Gives::File => &[
            (206, "The part that `Range` asks for."),
            (304, "It is still what `If-None-Match` says."),
            (416, "There is nothing in that `Range`."),
        ],
        _ if route.name == "putAsset" => &[(200, "It was there already.")],
        _ => &[],
    }
}

/// How a route refuses.
fn refusals(route: &Route) -> BTreeMap<u16, String> {
    let mut all = BTreeMap::new();
    let mut may = |status: u16, about: &str| {
        all.insert(status, about.to_owned());
    };
    may(400, "`invalid-request` or `bad-room-name`.");
    may(401, "`no-credentials`, `bad-token` or `dead-grant`.");
    may(
        403,
        "`forbidden`, `blocked`, `foreign-page` or `foreign-host`.",
    );
    may(429, "`too-many-attempts`.");
    may(
        500,
        "`unreadable`: what is stored is damaged; the log says how.",
    );
    may(503, "`unavailable` or `undecided`: not at the moment.");
    if route.path.contains("{room}") {
        may(
            404,
            "`room-not-found`, or what else the address names is not there. For whoever could come in.",
        );
        may(410, "`room-deleted`. For whoever could come in.");
    }
    if route.path.contains("{export}") {
        may(
            404,
            "`export-not-found`: it is not there, or not for whoever asks.",
        );
    }
    if route.method != Method::GET {
        may(408, "`too-slow`: the body did not come in time.");
        may(413, "`too-large`.");
        may(415, "`unsupported-media-type`.");
    }
    if route.name == "joinRoom" {
        may(
            403,
            "`wrong-password`, `invite-invalid`, `forbidden`, `blocked`, `foreign-page` or `foreign-host`.",
        );
        may(410, "`invite-used-up` or `room-deleted`.");
    }
    for (status, about) in route.refuses {
        may(*status, &format!("{about}."));
    }
    all
}

fn json_body(schema: &str, required: Required) -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
    let body = RequestBodyBuilder::new().required(Some(required));
    body.content("application/json", content.build()).build()
}

fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn placeholder(name: &str) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name);
    let parameter = parameter
        .parameter_in(ParameterIn::Path)
        .required(Required::True);
    if name == "room" {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let about = "The name of a room, `/` as `%2F`; or a link.";
        return parameter
            .description(Some(about))
            .schema(Some(schema.min_length(Some(1))));
    }
    if name == "export" {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let schema = schema.pattern(Some("^[0-9a-f]{32}$"));
        return parameter
            .description(Some("The id of an export."))
            .schema(Some(schema));
    }
    if name == "name" {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let about = "What the board calls the file, percent-encoded; without slashes.";
        return parameter.description(Some(about)).schema(Some(
            schema.min_length(Some(1)).max_length(Some(MAX_ASSET_NAME)),
        ));
    }
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0));
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    parameter.schema(Some(schema.format(Some(format))))
}

fn query(parameter: &Parameter) -> ParameterBuilder {
    let schema = match parameter.kind {
        Kind::Text => ObjectBuilder::new().schema_type(Type::String),
        Kind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        Kind::Limit => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT as usize))
            .default(Some(LIMIT.into())),
        Kind::Width => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(LEAST_WIDTH))
            .maximum(Some(MOST_WIDTH)),
        Kind::Version => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0)),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(parameter.about))
        .schema(Some(schema))
}

fn text_header(about: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(about))
        .build()
}

/// What belongs together.
fn tag(path: &str) -> &str {
    match path.starts_with("/api/exports/") {
        true => "exports",
        false => path.split('/').nth(4).unwrap_or("rooms"),
    }
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PATCH => HttpMethod::Patch,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn h2_every_route_is_documented_with_every_schema_that_it_names() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut named = BTreeSet::new();
        names(&document, &mut named);
        for name in &named {
            assert!(schemas.contains_key(name), "{name} is named and not there");
        }
        for name in schemas.keys() {
            assert!(named.contains(name), "{name} is there and not named");
        }
        let mut ids = BTreeSet::new();
        for route in ROUTES {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][template(route.path)][method];
            assert_eq!(operation["operationId"], route.name);
            assert!(ids.insert(route.name), "{} twice", route.name);
            for status in ["400", "401", "403", "429", "500", "503"] {
                let body = &operation["responses"][status]["content"];
                assert!(
                    body["application/problem+json"].is_object(),
                    "{} {status}",
                    route.name
                );
            }
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for name in placeholders(template(route.path)) {
                assert!(
                    parameters.iter().any(|given| given["name"] == name),
                    "{name}"
                );
            }
        }
        let paths = document["paths"].as_object().unwrap();
        let nameless = |path: &String| {
            let segments = path.split('/');
            let segments = segments.map(|segment| {
                if segment.starts_with('{') {
                    "{}"
                } else {
                    segment
                }
            });
            segments.collect::<Vec<_>>().join("/")
        };
        let different: BTreeSet<_> = paths.keys().map(nameless).collect();
        assert_eq!(different.len(), paths.len(), "two paths are the same");
        let operations = paths.values();
        let operations: usize = operations.map(|item| item.as_object().unwrap().len()).sum();
        assert_eq!(operations, ROUTES.len());
    }

    fn names(value: &Value, named: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                    named.insert(name.rsplit('/').next().unwrap().to_owned());
                }
                object.values().for_each(|value| names(value, named));
            }
            Value::Array(array) => array.iter().for_each(|value| names(value, named)),
            _ => {}
        }
    }
}
