"""What is kept and cannot be used is said in the 201, the same on every retry (E8)."""

import json
from typing import Any

import pytest

from tests.integration.intake.conftest import BODY, Running

REACHED = {"customer": {"email": "li@example.com"}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (REACHED, []),
        ({"customer": {"phone": "13800001111"}, "category": "product_quality"}, []),
        ({**REACHED, "category": "nonsense"}, [("unknown_category", "category")]),
        ({**REACHED, "about_department": "nobody"}, [("unknown_department", "about_department")]),
        ({**REACHED, "call_back": {"hours": "evenings"}}, [("no_number", "call_back.number")]),
        ({"customer": {}}, [("unreachable", "customer")]),
        ({**REACHED, "consent": False}, [("unreachable", "customer")]),
        ({"customer": {}, "call_back": {"number": "13800001111"}}, []),
        (
            {"customer": {}, "call_back": {}, "category": "x"},
            [("unknown_category", "category"), ("no_number", "call_back.number"), ("unreachable", "customer")],
        ),
    ],
)
async def test_what_cannot_be_used_is_said_and_the_complaint_is_filed(
    intake: Running, more: dict[str, Any], said: list[tuple[str, str]]
) -> None:
    body = {name: value for name, value in BODY.items() if name not in ("customer", "category")} | more
    for language in ("zh", "en"):
        answer = await intake.post(body | {"language": language})
        assert answer.status_code == 201, answer.text
        warnings = answer.json()["warnings"]
        assert [(one["code"], one["field"]) for one in warnings] == said
        assert all(set(one) == {"code", "field", "detail"} and one["detail"] for one in warnings)
        assert all(one["detail"].isascii() == (language == "en") for one in warnings)
        assert all("delivery" in one["detail"] for one in warnings if one["code"].startswith("unknown_")), (
            "what there is"
        )


async def test_a_retry_gets_the_same_bytes_and_an_entry_of_a_batch_its_own_warnings(intake: Running) -> None:
    body = BODY | {"category": "nonsense", "customer": {}}
    key = "018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11"
    first, again = await intake.post(body, key=key), await intake.post(body, key=key)
    assert first.json()["warnings"] and again.content == first.content
    batch = {"complaints": [body | {"idempotency_key": key}, BODY | {"idempotency_key": key[:-1] + "2"}]}
    results = (await intake.call("POST", "/v1/complaints:batch", json=batch)).json()["results"]
    assert json.dumps(results[0]["complaint"]) == json.dumps(first.json())
    assert results[1]["complaint"]["warnings"] != results[0]["complaint"]["warnings"]
