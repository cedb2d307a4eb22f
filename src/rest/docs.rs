//! `GET /docs`: the OpenAPI document as a page for people. It needs no script and nothing from anywhere else.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use warp::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use warp::reply::{Reply, Response};

const STYLE: &str = include_str!("docs.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page.
pub fn page(document: &Value) -> Response {
    let mut response = warp::reply::html(render(document).into_string()).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let policy = HeaderValue::from_static(policy);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn render(document: &Value) -> Markup {
    let operations = operations(document);
    let schemas = object(&document["components"]["schemas"]);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Scrible API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Addresses" {
                    a href="#top" { "Scrible API" }
                    @for operation in &operations {
                        a href={ "#" (operation.id()) } { span class={ "method " (operation.method) } { (operation.method) } " " (operation.path.trim_start_matches("/api")) }
                    }
                    @for name in schemas.keys() { a href={ "#" (name) } { (name) } }
                }
                main id="top" {
                    h1 { "Scrible API" }
                    p { (code(text(&document["info"]["description"]))) }
                    p { "For programs: " a href="/openapi.json" { "openapi.json" } ", version " (text(&document["info"]["version"])) "." }
                    @for operation in &operations { (operation.render()) }
                    h2 { "Bodies" }
                    @for (name, schema) in schemas { (schema_section(name, schema)) }
                }
            }
        }
    }
}

/// One method of one address.
struct Operation<'a> {
    path: &'a str,
    method: &'static str,
    what: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text(&self.what["operationId"])
    }

    fn render(&self) -> Markup {
        let what = self.what;
        let body = &what["requestBody"];
        html! {
            section id=(self.id()) {
                h3 { span class={ "method " (self.method) } { (self.method) } " " code { (self.path) } }
                p { strong { (text(&what["summary"])) "." } " " (text(&what["description"])) }
                @if let Some(parameters) = what["parameters"].as_array() {
                    table {
                        thead { tr { th { "Parameter" } th { "In" } th { "Type" } th { "What for" } } }
                        tbody { @for parameter in parameters {
                            tr {
                                td { code { (text(&parameter["name"])) } }
                                td { (text(&parameter["in"])) }
                                td { (kind(&parameter["schema"])) }
                                td { (code(text(&parameter["description"]))) }
                            }
                        } }
                    }
                }
                @for (media, content) in object(&body["content"]) {
                    p { "Takes " @if body["required"] != true { "nothing, or " } code { (media) } " " (kind(&content["schema"])) }
                }
                table {
                    thead { tr { th { "Answer" } th { "What" } } }
                    tbody { @for (status, answer) in object(&what["responses"]) {
                        tr {
                            td { (status) }
                            td {
                                (code(text(&answer["description"])))
                                @for (_, content) in object(&answer["content"]) { " " (kind(&content["schema"])) }
                            }
                        }
                    } }
                }
            }
        }
    }
}

fn schema_section(name: &str, schema: &Value) -> Markup {
    html! {
        section id=(name) {
            h3 { (name) }
            p { (code(text(&schema["description"]))) }
            @if !object(&schema["properties"]).is_empty() {
                table {
                    thead { tr { th { "Field" } th { "Type" } th { "What" } } }
                    tbody { @for (field, what) in object(&schema["properties"]) {
                        tr {
                            td { code { (field) } }
                            td { (kind(what)) }
                            td { (code(text(&what["description"]))) }
                        }
                    } }
                }
            } @else { p { (kind(schema)) } }
        }
    }
}

/// What a value may be, in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return html! { a href={ "#" (name) } { (name) } };
    }
    for any in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[any].as_array() {
            return html! { @for (at, one) in all.iter().enumerate() { @if at > 0 { " or " } (kind(one)) } };
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { @for (at, value) in values.iter().enumerate() { @if at > 0 { ", " } code { (text(value)) } } };
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        one => vec![text(one)],
    };
    html! {
        (types.join(" or "))
        @if schema["items"].is_object() { " of " (kind(&schema["items"])) }
        @if let Some(format) = schema["format"].as_str() { " (" (format) ")" }
    }
}

/// A sentence in which what stands between backquotes is code.
fn code(sentence: &str) -> Markup {
    html! {
        @for (at, part) in sentence.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = object(&document["paths"]);
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = METHODS
            .into_iter()
            .filter(|method| item[*method].is_object());
        methods.map(move |method| Operation {
            path,
            method,
            what: &item[method],
        })
    });
    all.collect()
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::openapi;

    #[test]
    fn h3_the_page_shows_every_route_and_needs_nothing_from_elsewhere() {
        let document = serde_json::to_value(openapi::document()).unwrap();
        let page = render(&document).into_string();
        for route in crate::rest::api::routes::ROUTES {
            assert!(
                page.contains(&format!("<section id=\"{}\">", route.name)),
                "{}",
                route.name
            );
        }
        for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let bodies = document["components"]["schemas"].as_object().unwrap();
        for link in page.split("href=\"#").skip(1) {
            let name = link.split('"').next().unwrap();
            assert!(
                page.contains(&format!("id=\"{name}\"")),
                "{name} leads nowhere"
            );
        }
        assert!(bodies.len() > 20);
    }
}
