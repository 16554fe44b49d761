"""Idempotency, time of receipt, scope of a client, token bucket."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from services.intake.domain.admission import Client, Known, Published, filed_store, published, scope_faults
from services.intake.domain.complaint import Amendment, BatchItem, Complaint, Withdrawal
from services.intake.domain.idempotency import Verdict, digest, digest_of, judge
from services.intake.domain.receipt import refusal, settle

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ID = UUID("018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11")
BODY = {"channel": "store", "language": "zh", "text": "坏了", "customer": {"phone": "13812345678"}}


def complaint(**fields: object) -> Complaint:
    return TypeAdapter(Complaint).validate_json(json.dumps({**BODY, **fields}))


class TestDigest:
    def test_spacing_and_order_of_fields_do_not_matter(self):
        shuffled = json.dumps(dict(reversed(BODY.items())), indent=3)
        assert digest(TypeAdapter(Complaint).validate_json(shuffled)) == digest(complaint())

    def test_a_batch_entry_and_a_single_post_are_the_same_complaint(self):
        item = TypeAdapter(BatchItem).validate_json(json.dumps({**BODY, "idempotency_key": str(ID)}))
        assert digest(item) == digest(complaint())

    def test_a_field_at_its_default_does_not_count(self):
        assert digest(complaint(consent=True, title=None)) == digest(complaint())

    @pytest.mark.parametrize(
        "change", [{"text": "好了"}, {"title": "x"}, {"customer": {}}, {"consent": False}], ids=str
    )
    def test_what_is_said_counts(self, change: dict[str, object]):
        assert judge(stored=digest(complaint()), sent=digest(complaint(**change))) is Verdict.OTHER_BODY
        assert judge(stored=digest(complaint()), sent=digest(complaint())) is Verdict.SAME

    def test_one_key_cannot_serve_two_operations(self):
        amend = digest_of("amend", ID, Amendment(text="a"))
        assert amend != digest_of("withdraw", ID, Withdrawal(reason="a"))
        assert amend != digest_of("amend", UUID(int=1), Amendment(text="a"))
        assert amend == digest_of("amend", ID, Amendment(text="a"))

    def test_the_digest_is_that_of_earlier_releases(self):
        """Retries cross a deployment: a change here turns them into 422."""
        assert digest(complaint()).hex() == "4e9fab7615198fd1f6a8724c18208868400c8d60b4d7700286e285995bdd6956"


class TestReceipt:
    @pytest.mark.parametrize(
        ("offset", "code"),
        [
            (timedelta(minutes=4), None),
            (timedelta(minutes=6), "in_the_future"),
            (-timedelta(days=399), None),
            (-timedelta(days=401), "too_long_ago"),
        ],
    )
    def test_a_time_that_cannot_be_right_is_refused(self, offset: timedelta, code: str | None):
        assert refusal(NOW + offset, NOW) == code

    def test_a_complaint_without_a_time_was_received_now(self):
        assert refusal(None, NOW) is None
        assert settle(None, NOW) == NOW

    def test_a_till_whose_clock_runs_ahead_a_little_gets_now(self):
        assert settle(NOW + timedelta(minutes=4), NOW) == NOW

    def test_a_told_time_is_kept_as_the_same_instant_in_utc(self):
        told = datetime.fromisoformat("2026-03-01T09:30:00+08:00")
        assert settle(told, NOW) == told and settle(told, NOW).tzinfo is UTC


class TestScope:
    TILL = Client(client_id=1, name="till-7", channel="store", pack="retail", store_id="S7")

    def test_a_till_files_for_its_own_store(self):
        assert scope_faults(self.TILL, complaint(store_id="S7")) == ()
        assert filed_store(self.TILL, complaint()) == "S7"

    def test_a_till_cannot_file_for_another_store_or_channel(self):
        found = scope_faults(self.TILL, complaint(store_id="S8", channel="web"))
        assert {(f.pointer, f.code) for f in found} == {("/store_id", "wrong_store"), ("/channel", "wrong_channel")}

    def test_only_words_of_the_pack_travel_in_clear(self):
        told = complaint(category="delivery", about_department="stores")
        assert published(told, Known(categories={"delivery": None}, departments={"stores": None})) == Published(
            "delivery", "stores", about_staff=True
        )
        assert published(told, Known(categories={"refund": None}, departments={"office": None})) == Published(
            None, None, about_staff=True
        )
        assert published(told, Known()) == Published(None, None, about_staff=True), "the pack is not known here"
        assert published(complaint(), Known(categories={"delivery": None}, departments={"stores": None})) == Published(
            None, None, about_staff=False
        )

    def test_the_call_desk_files_for_every_channel(self):
        desk = Client(client_id=2, name="agent-desk", channel=None, pack="retail")
        assert not any(scope_faults(desk, complaint(channel=c)) for c in ("web", "phone", "store"))
