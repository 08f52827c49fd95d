//! The document that describes the interface (`OpenAPI` 3.1.1), made of the table of routes and of the types that they give.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, one};
use super::routes::{Given, ROUTES, Route};
use super::takes::of_part;

#[expect(clippy::unnecessary_wraps, reason = "like every function of the table")]
pub(super) fn document(_: &Call) -> Answer {
    Ok(one(&whole()))
}

/// The document.
pub(super) fn whole() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    let error = json!({
        "type": "object", "description": "Why there is no answer, and what to do.",
        "required": ["error"], "properties": {"error": {"type": "string"}}
    });
    schemas.insert("Error".to_owned(), error);
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "layersift",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What images leak. Times are milliseconds since 1970. Credentials are named by fingerprints and shown in their redacted form only.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer",
                "description": "A token of the configuration. Without any, programs of the same machine may ask."
            }}
        }
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let in_path = route.path.split(['{', '}']).skip(1).step_by(2);
    let in_path = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": of_part(name).schema()}));
    let in_query = route.parameters.iter().map(|parameter| {
        json!({"name": parameter.name, "in": "query", "description": parameter.about, "schema": parameter.takes.schema()})
    });
    let (status, given) = route.answer;
    let mut answers = Map::new();
    answers.insert(status.to_string(), answer(given, generator));
    if route.method == "GET" {
        answers
            .insert("304".to_owned(), json!({"description": "What `If-None-Match` names is what there is."}));
    }
    let error = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
    answers.insert("default".to_owned(), json!({"description": "Why not.", "content": error}));
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.about,
        "description": format!("Takes the role {}.", route.role.as_str()),
        "x-role": route.role.as_str(),
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": answers,
    });
    if let Some(body) = route.body {
        let schema = body(generator);
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn answer(given: Given, generator: &mut SchemaGenerator) -> Value {
    let schema = match given {
        Given::One(schema) => json!(schema(generator)),
        Given::Page(row) => json!({
            "type": "object",
            "required": ["items", "next"],
            "additionalProperties": false,
            "properties": {
                "items": {"type": "array", "items": row(generator)},
                "next": {"type": ["string", "null"], "description": "What to give as `after`; null: this is the last page."}
            }
        }),
        Given::Done(what) => {
            json!({"type": "object", "required": [what], "properties": {what: {"type": "integer"}}})
        }
        Given::Document => return json!({"description": "The document.", "content": {"*/*": {}}}),
    };
    json!({"description": "The answer.", "content": {"application/json": {"schema": schema}}})
}

/// `get-images-id-report`
fn name(route: &Route) -> String {
    let path = route.path.strip_prefix("/api/v1/").unwrap_or(route.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("-")
}
