"""Staff see what was said to whom and whether it arrived, as far as it is theirs to see."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.runtime.web.sessions import Role, Staff
from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.support.stack import DatabaseFactory
from tests.support.staff import signed_in
from tests.unit.notifier.story import day

BROWSER = {"accept": "text/html"}


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path) -> AsyncIterator[Rig]:
    """One complaint of delivery whose acknowledgement was refused, and one of after-sales that was told."""
    async with ScriptedSmtp() as smtp, rigged(fresh_database("notifier"), keys, smtp) as made:
        smtp.by_recipient["gone@example.com"] = Step("rcpt", "550 5.1.1 no")
        made.start()
        await made.apply(*(await made.story("gone@example.com")).begun(day(7)))
        await made.settled(1)
        await made.apply(*(await made.story(department="after-sales")).begun(day(7)))
        await made.settled(2)
        await made.execute("UPDATE notifier.journey SET reference = 'R-ACAC-ACAY' WHERE department = 'after-sales'")
        yield made


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=rig.service.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://help.example") as client:
        yield client


@pytest.fixture
def bearer(rig: Rig) -> "Bearer":
    return Bearer(rig)


class Bearer:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def __call__(self, role: Role, department: str) -> dict[str, str]:
        staff = Staff(f"{role}.{department}", "U", role, department)
        return {"authorization": f"Bearer {signed_in(self._rig.database, self._rig.service.sessions, staff)}"}


async def reference_of(rig: Rig, department: str) -> str:
    [row] = await rig.fetch("SELECT reference FROM notifier.journey WHERE department = $1", department)
    return str(row["reference"])


async def test_the_notices_of_a_case_as_json(rig: Rig, http: httpx.AsyncClient, bearer: Bearer) -> None:
    reference = await reference_of(rig, "delivery")
    answer = await http.get(f"/v1/cases/{reference}/notices", headers=bearer("handler", "delivery"))
    document = answer.json()
    assert document["reference"] == reference
    [notice] = document["notices"]
    assert (notice["kind"], notice["channel"], notice["state"]) == ("acknowledgement", "email", "failed")
    assert notice["reason"] == "smtp_550" and notice["at"] and notice["message_id"]
    assert "example.com" not in answer.text


async def test_staff_see_only_what_is_theirs(rig: Rig, http: httpx.AsyncClient, bearer: Bearer) -> None:
    path = f"/v1/cases/{await reference_of(rig, 'delivery')}/notices"
    assert (await http.get(path)).status_code == 401
    assert (await http.get(path, headers=bearer("handler", "after-sales"))).status_code == 403
    assert (await http.get(path, headers=bearer("office", "bank-complaints-office"))).status_code == 403
    for role, department in (("office", "complaints-office"), ("agent", "customer-service"), ("operator", "billing")):
        assert (await http.get(path, headers=bearer(role, department))).status_code == 200  # type: ignore[arg-type]
    assert (await http.get("/v1/cases/R-0000-0000/notices", headers=bearer("operator", "x"))).status_code == 404


async def test_the_page_shows_troubles_first_and_a_case_when_asked(
    rig: Rig, http: httpx.AsyncClient, bearer: Bearer
) -> None:
    office = bearer("office", "complaints-office") | BROWSER
    page = await http.get("/ledger?lang=en", headers=office)
    assert page.status_code == 200 and page.text.count("<tr>") == 2 and "smtp_550" in page.text
    assert "Delivery" in page.text and "example.com<" not in page.text
    typed = (await reference_of(rig, "delivery")).lower().replace("-", " ")
    page = await http.get("/ledger", params={"reference": typed, "lang": "zh"}, headers=office)
    assert page.status_code == 200 and "收到确认" in page.text
    page = await http.get("/ledger?state=unknown&lang=zh", headers=office)
    assert "没有送达失败或不确定的通知" in page.text
    page = await http.get("/ledger?reference=nonsense&lang=en", headers=office)
    assert page.status_code == 404 and "There is no such case" in page.text


async def test_a_handler_of_another_department_sees_an_empty_list(
    rig: Rig, http: httpx.AsyncClient, bearer: Bearer
) -> None:
    page = await http.get("/ledger?lang=en", headers=bearer("handler", "after-sales") | BROWSER)
    assert "smtp_550" not in page.text and "Nothing has failed" in page.text


async def test_a_browser_without_a_session_is_led_to_sign_in(http: httpx.AsyncClient) -> None:
    answer = await http.get("/ledger", headers=BROWSER)
    assert answer.status_code == 303 and "/sign-in" in answer.headers["location"]


async def test_the_list_as_csv(rig: Rig, http: httpx.AsyncClient, bearer: Bearer) -> None:
    answer = await http.get("/ledger.csv", headers=bearer("operator", "billing"))
    head, row = answer.text.strip().splitlines()
    assert head.startswith("reference,department,kind") and ",acknowledgement,email,failed,smtp_550," in row


@pytest.mark.parametrize("state", ["", "failed", "waiting"])
async def test_every_page_of_the_ledger_is_reached_and_its_export_is_whole(
    rig: Rig, http: httpx.AsyncClient, bearer: Bearer, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr("services.notifier.http.ledger._LIMIT", 3)
    await rig.stop()
    await rig.execute(
        """
        INSERT INTO notifier.notice (complaint_id, notice_id, kind, cause_id, recipient_ref, epoch, variant, state,
                                     created_at, due_since, settled_at, next_at, reason)
        SELECT complaint_id, gen_random_uuid(), kind, gen_random_uuid(), recipient_ref, epoch, variant,
               CASE WHEN n <= 7 THEN 'failed' ELSE 'pending' END, created_at, due_since,
               CASE WHEN n <= 7 THEN settled_at END,
               CASE WHEN n > 7 THEN timestamptz '2099-01-01Z' END, 'row_' || n
        FROM notifier.notice, generate_series(1, 14) AS n WHERE state = 'failed'
        """
    )
    operator, address, seen = bearer("operator", "billing"), f"/ledger?lang=en&state={state}", []
    expected = 7 if state == "waiting" else 8
    while address:
        page = (await http.get(address, headers=operator | BROWSER)).text
        assert f"{expected} entries" in page
        seen += re.findall(r"<code>(row_\d+|smtp_550)</code>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following.group(1).replace("&amp;", "&") + "&lang=en" if following else ""
    assert len(seen) == len(set(seen)) == expected
    rows = (await http.get(f"/ledger.csv?state={state}", headers=operator)).text.strip().splitlines()[1:]
    assert len(rows) == expected
