//! The OpenAPI document: paths and types from the handlers, decisions and records from the published schemas.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use crate::decision::Decision;
use crate::event::{Erase, Event, Verdict};

use super::{ROUTES, admin, decide, editions, live, reads, reviewing, saved, search, trends, tryout};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "Messages in, decisions out, and everything that was decided. Errors are RFC 9457 problems with a `code` that never changes; lists give a cursor in `next`; every answer carries `x-request-id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        admin::index,
        admin::openapi,
        admin::healthz,
        admin::readyz,
        admin::metrics,
        admin::audit,
        admin::tokens,
        decide::decide,
        reads::decisions,
        reads::decision,
        reads::event,
        reads::author,
        reads::room,
        reads::rejects,
        editions::editions,
        editions::rules,
        editions::rule,
        editions::check,
        editions::lists,
        editions::terms,
        editions::claims,
        tryout::try_out,
        search::search,
        search::histogram,
        search::top,
        search::cluster,
        live::live,
        trends::trends,
        saved::searches,
        saved::save,
        saved::remove,
        reviewing::reviews,
        reviewing::review,
        reviewing::claim,
        reviewing::release,
        reviewing::verdict,
    ),
    components(schemas(decide::Outcome, decide::Outcomes))
)]
struct Document;

/// The document, as it is served and as `docs/openapi.json` holds it.
#[must_use]
pub fn openapi() -> String {
    let mut document = serde_json::to_value(Document::openapi()).expect("the document is plain data");
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator: SchemaGenerator = settings.into_generator();
    let published = [
        ("Decision", generator.root_schema_for::<Decision>()),
        ("Event", generator.root_schema_for::<Event<'static>>()),
        ("Verdict", generator.root_schema_for::<Verdict>()),
        ("Erase", generator.root_schema_for::<Erase>()),
    ];
    let schemas = &mut document["components"]["schemas"];
    for (name, schema) in published {
        let mut schema = schema.to_value();
        if let Some(Value::Object(definitions)) = schema.as_object_mut().and_then(|schema| {
            schema.get_mut("components").and_then(|components| components.get_mut("schemas")).map(Value::take)
        }) {
            definitions.into_iter().for_each(|(name, definition)| schemas[name] = definition);
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("components");
        }
        schemas[name] = schema;
    }
    schemas["Record"] = serde_json::json!({
        "description": "A message, a reviewer's word on an earlier decision, or a request to forget an author.",
        "anyOf": [
            {"$ref": "#/components/schemas/Event"}, {"$ref": "#/components/schemas/Verdict"}, {"$ref": "#/components/schemas/Erase"},
            {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
        ],
    });
    schemas["Answer"] = serde_json::json!({
        "description": "In the form of the body: of one record, or of each of an array.",
        "anyOf": [{"$ref": "#/components/schemas/Decided"}, {"$ref": "#/components/schemas/DecidedEach"}],
    });
    document["components"]["securitySchemes"] = serde_json::json!({
        "token": {"type": "http", "scheme": "bearer", "description": "A token of `tidegate token add`."},
    });
    document["security"] = serde_json::json!([{"token": []}]);
    add_elastic(&mut document["paths"]);
    add_refusals(&mut document["paths"]);
    let mut text = serde_json::to_string_pretty(&document).expect("the document is plain data");
    text.push('\n');
    text
}

/// The routes that speak as Elasticsearch does: their bodies are described where that is.
fn add_elastic(paths: &mut Value) {
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/es")) {
        let object = serde_json::json!({"schema": {"type": "object"}});
        let problem = serde_json::json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        let refusal = |about: &str| {
            serde_json::json!({
                "description": about,
                "content": {"application/json": object, "application/problem+json": problem},
            })
        };
        let mut operation = serde_json::json!({
            "tags": ["elasticsearch"],
            "summary": route.about,
            "operationId": format!("es{}", route.path.trim_start_matches("/es").replace(['/', '{', '}'], "_")),
            "responses": {
                "200": {"description": "As Elasticsearch answers", "content": {"application/json": object}},
                "400": refusal("As Elasticsearch refuses, or a problem"),
                "404": refusal("There is no such index, or none yet"),
            },
        });
        let parameter = |name: &str, place: &str, kind: &str| {
            serde_json::json!({
                "name": name, "in": place, "required": place == "path", "schema": {"type": kind},
            })
        };
        let parameters = [
            ("index", "path", "string", route.path.contains("{index}")),
            ("fields", "query", "string", route.path.ends_with("_field_caps")),
            ("raw", "query", "boolean", route.path.ends_with("search")),
        ];
        let parameters = parameters.into_iter().filter(|(.., is_there)| *is_there);
        operation["parameters"] = parameters.map(|(name, place, kind, _)| parameter(name, place, kind)).collect();
        if route.method == "POST" {
            let kind = if route.path.ends_with("_msearch") { "application/x-ndjson" } else { "application/json" };
            operation["requestBody"] = serde_json::json!({"content": {kind: object}});
            operation["responses"]["413"] = refusal("The body is too large");
        }
        paths[route.path][route.method.to_lowercase()] = operation;
    }
}

/// What the door may say to any call: described once, not at every handler.
fn add_refusals(paths: &mut Value) {
    let refusals = [
        ("400", "The path or a parameter is wrong"),
        ("401", "There is no token, or it is not known here"),
        ("403", "The token's role may not do this"),
        ("429", "The token makes too many calls"),
        ("503", "Not now: see `retry_after`"),
    ];
    let operations = paths.as_object_mut().into_iter().flatten().filter_map(|(_, path)| path.as_object_mut()).flatten();
    for (_, operation) in operations.filter(|(_, operation)| operation["security"].is_null()) {
        for (status, about) in refusals {
            if operation["responses"][status].is_null() {
                operation["responses"][status] = serde_json::json!({
                    "description": about,
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                });
            }
        }
    }
}

/// `#/components/schemas/Decision`, or null.
pub(super) fn decision_ref() -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    Schema::OneOf(OneOfBuilder::new().item(Ref::from_schema_name("Decision")).item(null).build()).into()
}

/// A list of decisions.
pub(super) fn decisions_ref() -> RefOr<Schema> {
    ArrayBuilder::new().items(Ref::from_schema_name("Decision")).build().into()
}

macro_rules! by_name {
    ($(#[$about:meta])* $name:ident, $schema:literal) => {
        $(#[$about])*
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Ref::from_schema_name($schema).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }
    };
}

by_name!(
    /// A decision, as an answer.
    DecisionRef,
    "Decision"
);
by_name!(
    /// What became of one record or of many, as an answer.
    Answer,
    "Answer"
);
by_name!(
    /// A record, as a body.
    Record,
    "Record"
);
