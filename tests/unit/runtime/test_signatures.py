"""A signature says who wrote an event, and covers all that moves a case (D5)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from deploy.keys.event_keys import forget, make_missing, read_all, rotate
from deploy.stack.errors import StackError
from shared.events.topics import INTAKE, NOTICES, TOPICS
from shared.runtime.bootstrap import SERVICES
from shared.runtime.decode import decode
from shared.runtime.errors import Permanent, Reason
from shared.runtime.event_keys import HEADER, EventKey, EventKeys, KeysUnusable, new_event_key
from shared.runtime.kafka import cloud_event_headers
from shared.runtime.relay.parcel import headers_of
from shared.runtime.signatures import KeyFile, Signatures
from tests.support.probe import submitted
from tests.support.signing import KEYS, RING, sign

KIND = "complaint.submitted.v1"
Headers = list[tuple[str, bytes | None]]


def record(headers: Headers, value: bytes, key: bytes, *, topic: str = INTAKE.name, offset: int = 7) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, offset, 0, 0, key, value, None, len(key), len(value), tuple(headers))


class Made:
    """A good event with its parts, which a test spoils."""

    def __init__(self) -> None:
        event = submitted(1)
        self.event, self.value, self.key = event, event.model_dump_json().encode(), str(event.complaint_id).encode()
        self.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.bare = cloud_event_headers("/intake", event.event_id, event.kind, self.key, event.occurred_at, self.trace)
        self.headers = sign(INTAKE.name, self.key, self.bare, self.value)

    def judged(self, signatures: Signatures | None = None, **changes: Any) -> Reason | None:
        parts = {"headers": self.headers, "value": self.value, "key": self.key} | changes
        try:
            one = decode(record(**parts), frozenset({KIND}), signatures or Signatures(RING))
        except Permanent as error:
            return error.reason
        assert one.event == self.event
        return None


@pytest.fixture
def made() -> Made:
    return Made()


def _instead(headers: Headers, name: str, value: bytes) -> Headers:
    return [(n, value if n == name else v) for n, v in headers]


def test_what_its_writer_signed_is_believed(made: Made) -> None:
    assert made.judged() is None


def test_the_signature_is_an_hmac_that_other_languages_can_compute(made: Made) -> None:
    covered = [v or b"" for n, v in made.bare if n != "traceparent"]
    message = b"\n".join([b"complaints.intake", made.key, *covered, made.value])
    tag = hmac.new(KEYS["intake"], message, hashlib.sha256).hexdigest()[:32]
    key_id = hashlib.sha256(b"redress.event|" + KEYS["intake"]).hexdigest()[:8]
    assert dict(made.headers)[HEADER] == f"1 {key_id} {tag}".encode()


def test_the_relay_signs_as_everybody_does(made: Made) -> None:
    event = made.event
    row = {"headers": None, "event_id": event.event_id, "type": event.kind, "key": made.key, "payload": made.value}
    row |= {"topic": INTAKE.name, "occurred_at": event.occurred_at, "traceparent": made.trace}
    assert headers_of("/intake", row, RING.own("intake")) == made.headers
    assert headers_of("/intake", row, None) == made.bare


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_specversion", "content-type"]
)
def test_no_header_that_is_covered_can_be_changed(made: Made, name: str) -> None:
    other = KIND.encode() if name == "ce_type" else b"/other"
    spoiled = _instead(made.headers, name, other)
    assert made.judged(headers=spoiled) is (Reason.FORGED if name != "ce_type" else None)
    assert made.judged(headers=[h for h in made.headers if h[0] != name]) in {Reason.FORGED, Reason.NO_TYPE}
    assert made.judged(headers=[*made.headers, (name, other)]) is Reason.FORGED, "a second one of the name"


def test_an_event_cannot_be_passed_off_as_one_of_another_type(made: Made) -> None:
    spoiled = record(_instead(made.headers, "ce_type", b"person.erased.v1"), made.value, made.key)
    with pytest.raises(Permanent) as refused:
        decode(spoiled, frozenset({KIND, "person.erased.v1"}), Signatures(RING))
    assert refused.value.reason is Reason.FORGED


def test_neither_value_nor_key_nor_topic_can_be_changed(made: Made) -> None:
    assert made.judged(value=made.value.replace(b'"retail"', b'"bank"')) is Reason.FORGED
    assert made.judged(key=str(submitted(2).complaint_id).encode()) is Reason.FORGED
    assert made.judged(topic=NOTICES.name) is Reason.FORGED


def test_parts_cannot_be_cut_otherwise(made: Made) -> None:
    """`a\\nb` as one header and `a`, `b` as two would be the same bytes."""
    headers = [(n, v) for n, v in made.headers if n not in {"ce_id", "ce_type"}]
    both = b"\n".join([dict(made.headers)["ce_id"] or b"", b"ce_type=" + KIND.encode()])
    assert made.judged(headers=[("ce_id", both), ("ce_type", KIND.encode()), *headers]) is Reason.FORGED


def test_the_trace_is_not_covered(made: Made) -> None:
    assert (
        made.judged(headers=_instead(made.headers, "traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"))
        is None
    )


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "1",
        "1 ",
        "1 00000000",
        "2 {id} {tag}",
        "1 {id} ",
        "1 {id} {half}",
        "1 {other} {tag}",
        "1 {id} {tag} ",
        "1 {id} é",
        "nonsense",
    ],
)
def test_what_looks_like_a_signature_is_not_believed(made: Made, signature: str) -> None:
    _, key_id, tag = (dict(made.headers)[HEADER] or b"").decode().split(" ")
    other = RING.own("router").key_id
    told = signature.format(id=key_id, tag=tag, half=tag[:16], other=other)
    assert made.judged(headers=_instead(made.headers, HEADER, told.encode())) is Reason.FORGED


def test_the_key_of_another_writer_opens_no_foreign_topic(made: Made) -> None:
    for writer in SERVICES:
        if writer != "intake":
            stranger = EventKey.of("intake", KEYS[writer], signs=True)
            message_headers = [h for h in made.headers if h[0] != HEADER]
            from shared.runtime.event_keys import signed

            forged = signed(stranger, INTAKE.name, made.key, message_headers, made.value)
            assert made.judged(headers=forged) is Reason.FORGED


def test_an_unsigned_event_is_believed_only_below_the_offset_that_was_noted(made: Made) -> None:
    bare = {"headers": made.bare}
    assert made.judged(Signatures(RING), **bare) is Reason.UNSIGNED
    assert made.judged(Signatures(RING, {("", 0): 0}), **bare) is Reason.UNSIGNED
    noted = Signatures(RING, {(INTAKE.name, 0): 7})
    assert made.judged(noted, **bare, offset=7) is Reason.UNSIGNED
    assert made.judged(noted, **bare, offset=6) is None
    assert made.judged(noted, headers=_instead(made.headers, "ce_id", b"x"), offset=6) is Reason.FORGED
    elsewhere = Signatures(RING, {(NOTICES.name, 0): 100})
    assert made.judged(elsewhere, **bare) is Reason.UNSIGNED
    assert made.judged(Signatures(RING, {}), **bare) is None, "an upgrade is under way"


def test_nothing_of_a_forged_value_is_read() -> None:
    made = Made()
    with pytest.raises(Permanent) as refused:
        decode(record(made.headers, b"{" + made.value, made.key), frozenset({KIND}), Signatures(RING))
    assert refused.value.reason is Reason.FORGED


# -- files and rotation ------------------------------------------------------------------------------------------------


def test_each_service_gets_its_own_key_and_those_of_whom_it_reads(tmp_path: Path) -> None:
    make_missing(tmp_path)
    for service in SERVICES:
        path = tmp_path / f"{service}.json"
        assert path.stat().st_mode & 0o077 == 0
        keys = EventKeys.read(path)
        keys.check(service)
        read = {topic.writer for topic in TOPICS if any(service in who for who in topic.readers.values())}
        assert {key.writer for key in keys} == read | {service}
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_missing(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "sla.json").unlink()
    make_missing(tmp_path)
    for service in SERVICES:
        EventKeys.read(tmp_path / f"{service}.json").check(service)
    all_keys = read_all(tmp_path)
    assert all_keys is not None and len(list(all_keys)) == 4


def test_readers_know_a_new_key_before_its_writer_signs_by_it(tmp_path: Path) -> None:
    make_missing(tmp_path)
    files = {service: KeyFile(tmp_path / f"{service}.json", service) for service in SERVICES}
    old = files["intake"].signer()
    prepared = rotate(tmp_path, "intake", prepare=True)
    for file in files.values():
        file.refresh()
    assert files["intake"].signer().key_id == old.key_id != prepared.key_id
    assert prepared.key_id in files["router"].signatures.keys.of("intake")
    assert rotate(tmp_path, "intake", prepare=False).key_id == prepared.key_id
    files["intake"].refresh()
    assert files["intake"].signer().key_id == prepared.key_id
    assert set(files["router"].signatures.keys.of("intake")) == {old.key_id, prepared.key_id}
    third = rotate(tmp_path, "intake", prepare=False)
    assert third.key_id not in {old.key_id, prepared.key_id}


def test_a_reader_looks_at_its_file_when_it_meets_a_key_it_does_not_know(tmp_path: Path, made: Made) -> None:
    make_missing(tmp_path)
    reader, writer = (KeyFile(tmp_path / f"{name}.json", name) for name in ("router", "intake"))
    rotate(tmp_path, "intake", prepare=False)
    writer.refresh()
    from shared.runtime.event_keys import signed

    headers = signed(writer.signer(), INTAKE.name, made.key, made.bare, made.value)
    assert made.judged(reader.signatures, headers=headers) is None


def test_a_key_that_signs_cannot_be_forgotten_and_a_forgotten_one_is_not_believed(tmp_path: Path) -> None:
    make_missing(tmp_path)
    old = KeyFile(tmp_path / "intake.json", "intake").signer()
    with pytest.raises(StackError, match="intake signs by event key"):
        forget(tmp_path, old.key_id)
    rotate(tmp_path, "intake", prepare=False)
    forget(tmp_path, old.key_id)
    for service in SERVICES:
        assert old.key_id not in EventKeys.read(tmp_path / f"{service}.json").of("intake")
    with pytest.raises(StackError, match="There is no event key"):
        forget(tmp_path, old.key_id)


def test_a_damaged_file_is_named_and_changes_nothing_in_a_running_service(tmp_path: Path) -> None:
    make_missing(tmp_path)
    path = tmp_path / "router.json"
    file = KeyFile(path, "router")
    good = file.signer()
    path.write_text("{")
    assert file.refresh() is file.signatures.keys and file.signer() is good
    with pytest.raises(KeysUnusable, match="is no file of event keys"):
        KeyFile(path, "router")
    path.write_bytes(EventKeys([new_event_key("router")]).written())
    with pytest.raises(KeysUnusable, match="holds no key of intake, which router reads"):
        KeyFile(path, "router")
    path.write_bytes(EventKeys([new_event_key("intake")]).written())
    with pytest.raises(KeysUnusable, match="holds no key that router signs by"):
        KeyFile(path, "router")
    with pytest.raises(KeysUnusable, match="cannot be read: No such file"):
        KeyFile(tmp_path / "none.json", "router")


def test_no_secret_is_shown() -> None:
    key = new_event_key("intake")
    assert key.secret.hex() not in repr(key) + repr(EventKeys([key])) and repr(key.secret) not in repr(key)
    assert json.loads(EventKeys([key]).written())["keys"][0]["secret"] == key.secret.hex()
    assert datetime.now(UTC)
