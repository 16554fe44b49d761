"""OpenAPI documents that generators can work with: named schemas, every refusal, servers, how one signs in.

FastAPI writes what the routes declare; this adds what holds for all of them and mends what stock generators cannot read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from shared.problems import MEDIA_TYPE, PREFIX, PROBLEMS, STATES, status_of

_BODY: Final = ("too-large", "unsupported-media-type", "invalid")
_ALL: Final = (
    "malformed",
    "address-too-long",
    "too-slow",
    "headers-too-large",
    "too-many",
    "unexpected",
    "unavailable",
)
_REFERENCE: Final = {"$ref": "#/components/schemas/ProblemDetails"}
_UUID: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_METHODS: Final = ("get", "put", "post", "delete", "patch")
_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": "the scheme: Bearer"},
    415: {"Accept": "the types that are taken", "Accept-Encoding": "the codings that are taken"},
    429: {"Retry-After": "seconds to wait"},
    503: {"Retry-After": "seconds to wait"},
}
_RATES: Final[Mapping[str, str]] = {
    "RateLimit-Policy": "what a channel client may spend at once (q) and in how many seconds that fills (w)",
    "RateLimit": "what is left of it (r), and in how many seconds all is there again (t)",
}
_REPLAYED: Final[Mapping[str, str]] = {"Idempotent-Replayed": "`true`: the answer of an earlier request with this key"}
_MADE: Final[Mapping[str, str]] = {"Location": "where what was made can be read"}
SCHEMES: Final[Mapping[str, Mapping[str, str]]] = {
    "channelKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A channel client's key: `redress channels key --client NAME --channel web`",
    },
    "staffToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A member of staff's token for eight hours: `POST /v1/sign-in` of the router",
    },
    "staffSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "redress_session",
        "description": "The cookie of a browser that signed in at the router's `/sign-in`",
    },
}
"""What a request may be signed in with, by the name that operations use."""


class FieldProblem(BaseModel):
    """One field that is wrong, and why."""

    field: str = Field(description="dotted path, such as customer.phone; empty: the whole body")
    pointer: str = Field(description="the same as a JSON Pointer (RFC 6901)")
    code: str = Field(description="a name of ours for what is wrong, such as `required`", examples=["required"])
    detail: str = Field(description="why, in the caller's language")


class ProblemDetails(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(
        description="which kind; programs decide by this",
        examples=["urn:redress:problem:invalid"],
        json_schema_extra={"pattern": f"^{PREFIX}[a-z-]+$"},
    )
    title: str = Field(description="the kind in words, in the caller's language")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str | None = Field(default=None, description="what happened and how to mend it, in the caller's language")
    instance: str | None = Field(default=None, description="the path that was asked for")
    request_id: str | None = Field(default=None, description="`X-Request-Id` of the request; it is in our log too")
    errors: list[FieldProblem] | None = Field(default=None, description="the fields that are wrong")


def refusals(*names: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse so, by the names of `shared/problems.py`."""
    found: dict[int | str, dict[str, Any]] = {}
    for name in names:
        status, means = status_of(name), f"`{name}`" if name in STATES else f"`{name}`: {PROBLEMS[name].means}"
        if status in found:
            found[status]["description"] += f"; {means}"
        else:
            found[status] = _refusal(status, means)
    return found


def _refusal(status: int, means: str) -> dict[str, Any]:
    told: dict[str, Any] = {"description": means, "content": {MEDIA_TYPE: {"schema": _REFERENCE}}}
    _say_headers(told, _HEADERS.get(status, {}))
    return told


def _say_headers(answer: dict[str, Any], headers: Mapping[str, str]) -> None:
    if headers:
        told = {name: {"description": said, "schema": {"type": "string"}} for name, said in headers.items()}
        answer["headers"] = answer.get("headers", {}) | told


def install_openapi(app: FastAPI, own_url: str) -> None:
    """Let `app.openapi()` answer the whole document; made once, at the first request for it."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = whole(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    openapi_version="3.1.0",
                    servers=[{"url": own_url, "description": "this service"}],
                )
            )
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]  # FastAPI's own way to change its document


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """The document that FastAPI wrote, with what holds for every operation, readable for generators."""
    used: set[str] = set()
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            if method in _METHODS:
                _complete(operation, path)
                _plain_headers(operation)
                _name(operation, document.setdefault("components", {}).setdefault("schemas", {}))
                used |= {name for wish in operation.get("security", ()) for name in wish}
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (FieldProblem, ProblemDetails):
        schemas[model.__name__] = _hoisted(model)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {name: dict(SCHEMES[name]) for name in sorted(used)}
    mended: dict[str, Any] = _mended(document)
    return mended


def _complete(operation: dict[str, Any], path: str) -> None:
    """Add the refusals that any request of this shape may meet."""
    names: list[str] = list(_ALL)
    if "requestBody" in operation:
        names += _BODY
    elif operation.get("parameters"):
        names.append("invalid")
    if operation.get("security"):
        names += ["not-authorised", "not-allowed"]
    if "{" in path:
        names.append("not-found")
    answers = operation["responses"]
    for status, told in refusals(*names).items():
        declared = answers.get(str(status))
        if declared is None or MEDIA_TYPE not in declared.get("content", {}):
            answers[str(status)] = told
    operation["responses"] = dict(sorted(answers.items()))
    keyed = any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", ()))
    for status, answer in answers.items():
        done = status.startswith("2")
        if {"channelKey": []} in operation.get("security", ()) and (done or status == "429"):
            _say_headers(answer, _RATES)
        if done and keyed:
            _say_headers(answer, _REPLAYED)
        if status == "201":
            _say_headers(answer, _MADE)


def _name(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move a body that was written in place to the schemas of the document, under its title."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        title = content["schema"].get("title")
        if title and "$ref" not in content["schema"]:
            schemas[title] = content["schema"]
            content["schema"] = {"$ref": f"#/components/schemas/{title}"}


def _hoisted(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return schema


def _plain_headers(operation: dict[str, Any]) -> None:
    """UUIDs in headers as text with a pattern: openapi-python-client hands its UUID objects to the HTTP library."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header" and parameter["schema"].get("format") == "uuid":
            del parameter["schema"]["format"]
            parameter["schema"] |= {"pattern": _UUID, "examples": ["018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11"]}


def _mended(node: Any) -> Any:
    """Without what stock generators stumble over, and meaning the same.

    * a `default` that is an object: openapi-generator writes it into Java and Go source as text;
    * `title`s of properties: they only repeat the name, and make openapi-python-client name classes after them;
    """
    if isinstance(node, list):
        return [_mended(value) for value in node]
    if not isinstance(node, dict):
        return node
    found = {name: _mended(value) for name, value in node.items()}
    if isinstance(found.get("default"), dict):
        del found["default"]
    if isinstance(found.get("properties"), dict):
        for told in found["properties"].values():
            if isinstance(told, dict) and isinstance(told.get("title"), str):
                del told["title"]
    return found


def security(*names: str) -> dict[str, Iterable[Mapping[str, list[str]]]]:
    """The `openapi_extra` of a route that takes one of these schemes."""
    return {"security": [{name: []} for name in names]}
