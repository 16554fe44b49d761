"""Planted text is found in every spelling it could be carried on in, and nothing is found by chance."""

import base64
import json
from urllib.parse import quote

import pytest

from deploy.audit.search import Marker, found_in

TEXT = "顾敏 <gumin+7@example.com>"


@pytest.mark.parametrize(
    "blob",
    [
        TEXT.encode(),
        json.dumps({"name": TEXT}).encode(),
        json.dumps({"name": TEXT}, ensure_ascii=False).encode(),
        quote(TEXT).encode(),
        base64.b64encode(TEXT.encode()),
        base64.b64encode(b"x" + TEXT.encode() + b"yy"),
        base64.b64encode(b"xy" + TEXT.encode() + b"z"),
        base64.urlsafe_b64encode(b"{" + TEXT.encode() + b"}"),
    ],
)
def test_a_marker_is_found_however_it_is_spelled(blob: bytes) -> None:
    marker = Marker.of("the name", TEXT)
    assert marker is not None
    assert found_in(b"before " + blob + b" after", [marker]) == ["the name"]


def test_other_text_is_not_found() -> None:
    marker = Marker.of("the name", TEXT)
    assert marker is not None
    assert found_in(json.dumps({"name": "顾 敏", "mail": "gumin@example.com"}).encode(), [marker]) == []


def test_short_text_makes_no_marker() -> None:
    assert Marker.of("a name", "Mo") is None
