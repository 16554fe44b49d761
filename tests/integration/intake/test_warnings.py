"""What is kept and cannot be used is said in the 201, the same on every retry (E8)."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.intake.conftest import BODY, POLICIES, Running

REACHED = {"customer": {"email": "li@example.com"}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (REACHED, []),
        ({"customer": {"phone": "13800001111"}, "category": "product_quality"}, []),
        ({**REACHED, "category": "nonsense"}, [("unknown_category", "category")]),
        ({**REACHED, "about_department": "nobody"}, [("unknown_department", "about_department")]),
        ({**REACHED, "store_id": "SH-021"}, []),
        ({**REACHED, "store_id": "SH-999"}, [("unknown_store", "store_id")]),
        ({**REACHED, "store_id": "sh-021"}, [("unknown_store", "store_id")]),
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
        there = {"unknown_category": "delivery", "unknown_department": "delivery", "unknown_store": "SH-021"}
        assert all(there.get(one["code"], "") in one["detail"] for one in warnings), "what there is"


async def test_a_retry_gets_the_same_bytes_and_an_entry_of_a_batch_its_own_warnings(intake: Running) -> None:
    body = BODY | {"category": "nonsense", "store_id": "S-012/Wang", "customer": {}}
    key = "018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11"
    first, again = await intake.post(body, key=key), await intake.post(body, key=key)
    assert first.json()["warnings"] and again.content == first.content
    batch = {"complaints": [body | {"idempotency_key": key}, BODY | {"idempotency_key": key[:-1] + "2"}]}
    results = (await intake.call("POST", "/v1/complaints:batch", json=batch)).json()["results"]
    assert json.dumps(results[0]["complaint"]) == json.dumps(first.json())
    assert results[1]["complaint"]["warnings"] != results[0]["complaint"]["warnings"]


async def test_a_pack_without_a_list_takes_every_store_and_a_list_that_comes_later_changes_no_answer(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    listed = (policies / "retail" / "stores.yaml").read_bytes()
    (policies / "retail" / "stores.yaml").unlink()
    async with start(policies_dir=policies) as intake:
        key = "018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a21"
        first = await intake.post(BODY | {"store_id": "S-012"}, key=key)
        assert first.json()["warnings"] == []
        (policies / "retail" / "stores.yaml").write_bytes(listed)
        assert intake.service.app.state.intake._policies.refresh()
        (warning,) = (await intake.post(BODY | {"store_id": "S-012"})).json()["warnings"]
        assert warning["code"] == "unknown_store"
        again = await intake.post(BODY | {"store_id": "S-012"}, key=key)
        assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
        kept = intake.rows("SELECT DISTINCT store_id FROM intake.complaint WHERE store_id IS NOT NULL")
        assert [row["store_id"] for row in kept] == ["S-012"], "a word nobody knows is kept as it is"
