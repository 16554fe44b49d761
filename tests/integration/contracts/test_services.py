"""All four services answer as their documents say, whatever is sent to them by whomever: schemathesis, signed in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.docs.write import openapi
from shared.problems import PROBLEMS, STATES, status_of
from shared.runtime.bootstrap import SERVICES
from tests.support.stack import Servers
from tests.support.world import World, wait_for, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = 30
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, ignored_auth,
]  # fmt: skip
_METHODS = ("get", "put", "post", "delete", "patch")
OPERATIONS = [
    (service, method, path)
    for service in SERVICES
    for path, methods in openapi(service)["paths"].items()
    for method in methods
]
_NAMES = [f"{service}-{method}-{path}" for service, method, path in OPERATIONS]


@pytest.fixture(scope="module")
def redress(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(servers, tmp_path_factory.mktemp("world")) as running:
        yield running


class Filed:
    """A complaint that every service knows, and who may do everything to it."""

    def __init__(self, redress: World) -> None:
        answer = redress.file("The parcel never came.", category="delivery").json()
        self.reference: str = answer["reference"]
        case = redress.case_when(self.reference, lambda case: case["clocks"], "has its clocks")
        wait_for(lambda: httpx.get(answer["progress_url"]).status_code == 200, "the progress page is there")
        self.parameters = {
            "reference": self.reference,
            "complaint_id": answer["complaint_id"],
            "token": answer["progress_url"].rpartition("/")[2],
        }
        self.lead = f"{case['department']}-lead"


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("service", "method", "path"), OPERATIONS, ids=_NAMES)
def test_no_request_finds_anything_undocumented(
    redress: World, service: str, method: str, path: str, mode: GenerationMode
) -> None:
    filed = Filed(redress)
    headers = _signed(redress, service, path, filed)
    schema = schemathesis.openapi.from_url(f"{redress.ops(service)}/openapi.json")
    operation = schema[path][method.upper()]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def probe(case: Any) -> None:
        for name in set(case.path_parameters or ()) & filed.parameters.keys():
            case.path_parameters[name] = filed.parameters[name]
        case.call_and_validate(base_url=redress.url(service), headers=headers, checks=CHECKS)

    with contextlib.suppress(
        Unsatisfiable
    ):  # a path alone, and every text is allowed in it: there is nothing wrong to send
        probe()


def _signed(redress: World, service: str, path: str, filed: Filed) -> dict[str, str]:
    if service == "intake":
        return {"Authorization": f"Bearer {redress.keys['web']}"}
    if path.startswith("/c/") or path == "/v1/sign-in":
        return {}
    if path in {"/v1/sign-out", "/v1/password"}:
        return redress.somebody_else()  # it ends what it was asked with
    return redress.staff("operator" if path.endswith("/events") else filed.lead)


@pytest.mark.parametrize(("service", "path"), sorted({(service, path) for service, _, path in OPERATIONS}))
def test_other_methods_are_405_with_those_that_are_taken(redress: World, service: str, path: str) -> None:
    taken = {method for one, method, other in OPERATIONS if (one, other) == (service, path)}
    taken |= {"head"} if "get" in taken else set()
    url = redress.url(service) + path.format(reference="R-4K7M-2XA9", complaint_id=uuid4(), token="x" * 22)
    for method in set(_METHODS) - taken:
        answer = httpx.request(method.upper(), url)
        problem = _problem(answer, "method-not-allowed")
        assert {one.strip().lower() for one in answer.headers["allow"].split(",")} == taken
        assert all(one.upper() in problem["detail"] for one in taken)


@pytest.mark.parametrize(("service", "path"), sorted({(s, path) for s, method, path in OPERATIONS if method == "get"}))
def test_head_is_answered_as_get_without_the_body(redress: World, service: str, path: str) -> None:
    filed = Filed(redress)
    url, headers = redress.url(service) + path.format(**filed.parameters), _signed(redress, service, path, filed)
    with httpx.Client(headers=headers) as http:  # one connection: a body that is not announced would spoil the next
        got, asked, again = http.get(url), http.head(url), http.get(url)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert again.status_code == got.status_code


_BODIES = [
    (service, path, methods["post"])
    for service in SERVICES
    for path, methods in openapi(service)["paths"].items()
    if "requestBody" in methods.get("post", {})
]
_WRONG: Mapping[str, dict[str, str]] = {
    "text": {"Content-Type": "text/plain"},
    "xml": {"Content-Type": "application/xml"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "gzip": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    "br": {"Content-Type": "application/json", "Content-Encoding": "br"},
}


@pytest.mark.parametrize("wrong", _WRONG)
@pytest.mark.parametrize(("service", "path", "told"), _BODIES, ids=[f"{one[0]}-{one[1]}" for one in _BODIES])
def test_other_types_and_compressed_bodies_are_415_with_those_that_are_taken(
    redress: World, service: str, path: str, told: dict[str, Any], wrong: str
) -> None:
    filed = Filed(redress) if path.startswith("/c/") else None
    known = filed.parameters if filed else {"reference": "R-4K7M-2XA9", "complaint_id": uuid4()}
    headers = {"Idempotency-Key": str(uuid4())} | _WRONG[wrong]
    if service == "intake":
        headers["Authorization"] = f"Bearer {redress.keys['web']}"
    answer = httpx.post(redress.url(service) + path.format(**known), content=b'{"text": "x"}', headers=headers)
    _problem(answer, "unsupported-media-type")
    assert set(answer.headers["accept"].split(", ")) == set(told["requestBody"]["content"])
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_wrong_request_has_the_same_name_everywhere(redress: World, service: str) -> None:
    url = redress.url(service)
    _problem(httpx.get(f"{url}/v1/nowhere"), "not-found")
    signed = next((path for one, method, path in OPERATIONS if one == service and method == "get" and "/v1/" in path))
    known = {"reference": "R-4K7M-2XA9", "complaint_id": uuid4()}
    answer = httpx.get(url + signed.format(**known), headers={"X-Request-Id": "till-7:4711"})
    assert _problem(answer, "not-authorised")["request_id"] == answer.headers["x-request-id"] == "till-7:4711"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_missing_field_and_broken_json_have_one_name(redress: World) -> None:
    filed = Filed(redress)
    keyed = {"Authorization": f"Bearer {redress.keys['web']}", "Idempotency-Key": str(uuid4())}
    staff = redress.staff(filed.lead)
    asked = [
        (f"{redress.url('intake')}/v1/complaints", keyed),
        (f"{redress.url('router')}/v1/cases/{filed.reference}/note", staff),
        (f"{redress.url('notifier')}/c/{filed.parameters['token']}/add", {}),
    ]
    for url, headers in asked:
        empty = _problem(httpx.post(url, json={}, headers=headers), "invalid")
        assert {"field": "text", "pointer": "/text", "code": "required"}.items() <= empty["errors"][-1].items(), url
        broken = httpx.post(url, content=b"{", headers=headers | {"Content-Type": "application/json"})
        assert broken.status_code == 422, url


def _problem(answer: httpx.Response, name: str) -> dict[str, Any]:
    assert name in PROBLEMS or name in STATES
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:redress:problem:{name}", document
    assert answer.status_code == document["status"] == status_of(name)
    return document
