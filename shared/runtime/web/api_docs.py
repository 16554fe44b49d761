"""A page for integrators made from the service's own OpenAPI document: no script, nothing loaded from elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.web.look import Look

_METHODS = ("get", "post", "put", "patch", "delete")
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One property of a body, with its path in the object (`customer.email`)."""

    name: str
    kind: str
    required: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, ready to be shown."""

    anchor: str
    method: str
    path: str
    summary: str
    said: str
    headers: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str
    answers: tuple[tuple[str, str], ...]


def operations(document: Schema) -> list[Operation]:
    """Every operation of an OpenAPI 3.1 document, in its order."""
    return [
        _operation(document, path, method, methods[method])
        for path, methods in document.get("paths", {}).items()
        for method in _METHODS
        if method in methods
    ]


def _operation(document: Schema, path: str, method: str, told: Schema) -> Operation:
    content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = _resolve(document, content.get("schema", {}))
    parameters = [_resolve(document, parameter) for parameter in told.get("parameters", ())]
    example = content.get("example") or next(iter(schema.get("examples", ())), None)
    return Operation(
        anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '').replace(':', '-')}",
        method=method.upper(),
        path=path,
        summary=told.get("summary", ""),
        said=told.get("description", ""),
        headers=tuple(
            Field(
                name=f"{parameter['name']} ({parameter['in']})",
                kind=_kind(document, parameter.get("schema", {})),
                required=parameter.get("required", False),
                said=parameter.get("description", ""),
            )
            for parameter in parameters
        ),
        body=tuple(_fields(document, schema)),
        example=json.dumps(example, ensure_ascii=False, indent=2) if example else "",
        answers=tuple((code, answer.get("description", "")) for code, answer in told.get("responses", {}).items()),
    )


def _resolve(document: Schema, schema: Schema) -> Schema:
    """Follow a local `$ref`; take the one real branch of an optional (`anyOf` with null)."""
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return _resolve(document, found)
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        return {**_resolve(document, branches[0]), **{k: v for k, v in schema.items() if k != "anyOf"}}
    return schema


def _fields(document: Schema, schema: Schema, prefix: str = "", depth: int = 0) -> list[Field]:
    needed = set(schema.get("required", ()))
    found: list[Field] = []
    for name, told in schema.get("properties", {}).items():
        inner = _resolve(document, told)
        items = _resolve(document, inner.get("items", {})) if inner.get("type") == "array" else {}
        path = f"{prefix}{name}"
        found.append(
            Field(
                name=path, kind=_kind(document, inner), required=name in needed, said=str(inner.get("description", ""))
            )
        )
        if depth < 3:
            found += _fields(document, inner, f"{path}.", depth + 1)
            found += _fields(document, items, f"{path}[].", depth + 1)
    return found


def _kind(document: Schema, schema: Schema) -> str:
    schema = _resolve(document, schema)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = str(schema.get("type", "object" if "properties" in schema else "any"))
    extent = ""
    if "maxLength" in schema:
        extent = f" ≤ {schema['maxLength']}"
    elif "maxItems" in schema:
        extent = f" ≤ {schema['maxItems']}"
    return f"{kind}{extent}{', ' + schema['format'] if 'format' in schema else ''}"


async def serve_docs(request: Request) -> Response:
    """`/docs`: the contract of this service in the language of the page; the descriptions are English."""
    look: Look = request.app.state.look
    document = request.app.openapi()
    return look.render(
        request, "api_docs.html", info=document["info"], operations=operations(document), base=look.own_url_base
    )
