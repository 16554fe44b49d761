"""Intake as a browser reaches it, and what its pages are told in tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.stack.ports import free_ports
from services.intake.app import build
from shared.runtime.service import Service
from shared.runtime.web.sessions import Role, Staff
from tests.browser.serving import served
from tests.integration.intake.conftest import settings_for
from tests.support.stack import Database, Servers
from tests.support.staff import signed_in

STORY = {
    "zh": "三个月前买的水泵，上周三修好，周五又坏了。",
    "en": "The pump I bought three months ago was mended on Wednesday and failed again on Friday.",
}
NEXT = {"zh": "继续", "en": "Continue"}
DUE = datetime(2041, 3, 1, 9, tzinfo=UTC)
UNKNOWN_YET = {
    "zh": "我们的日历里还没有那时的节假日安排。这个日期没有把它们算在内，也不会因此改变。",
    "en": "Our calendar does not have the public holidays of that time yet."
    " This date was set without them and does not move because of them.",
}
DUE_SAID = {
    "zh": f"2041年3月1日 周五 17:00 前（北京时间）{UNKNOWN_YET['zh']}",
    "en": f"by 17:00 on Fri 1 Mar 2041 (Beijing time){UNKNOWN_YET['en']}",
}
READ_OUT = {
    "zh": "现在由售后维修负责，2041年3月1日 周五 17:00 前（北京时间）打电话给您答复。"
    "我们的日历里还没有那时的节假日安排，这个日期没有把它们算在内，也不会因此改变。",
    "en": "After-sales and repair has it now, and rings you with an answer by 17:00 on Fri 1 Mar 2041 (Beijing time)."
    " We do not have the public holidays of that time in our calendar yet;"
    " the date was set without them and does not move because of them.",
}


@dataclass(frozen=True)
class Site:
    """Intake as a browser reaches it."""

    url: str
    service: Service
    database: Database

    def session(self, role: Role = "agent", department: str = "customer-service") -> str:
        return signed_in(self.database, self.service.sessions, Staff("li.na", "李娜", role, department))

    def filed(self) -> list[dict[str, object]]:
        return [dict(row) for row in self.database.fetch("SELECT * FROM intake.complaint ORDER BY complaint_id")]

    def assign_all(self) -> None:
        """What the news of the first clocks would do."""
        self.database.execute(
            "INSERT INTO intake.standing"
            " (complaint_id, state, department, epoch, seen_version, journey_due_at, clock_version)"
            " SELECT complaint_id, 'assigned', 'after-sales', 1, 0, $1, 1 FROM intake.complaint",
            DUE,
        )


@pytest.fixture(scope="module")
def module_site(
    servers: Servers, web_assets: Path, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    database = servers.create_database("intake")
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    settings = settings_for(
        database,
        tmp_path_factory.mktemp("keys"),
        http_port=port,
        public_intake_url=url,
        public_mail_url="http://127.0.0.1:8105",
        public_traces_url="http://127.0.0.1:8106",
        public_docs_url="http://127.0.0.1:8111/docs",
        web_assets_dir=web_assets,
        intake_form_rate=1000.0,
        intake_form_burst=1000.0,
        intake_file_burst=1000.0,
        intake_mailbox_per_hour=1000.0,
    )
    # The service makes its locks in the thread it serves from.
    with served(build(settings), "writer", "keys") as service:
        yield Site(url, service, database)
    servers.drop_database(database)


@pytest.fixture
def site(module_site: Site) -> Site:
    module_site.database.execute("TRUNCATE intake.complaint, intake.standing CASCADE")
    return module_site


def assert_said(page: Page, place: str, words: str) -> None:
    """The words at a place, without what only screen readers hear."""
    expect(page.locator(f"{place} time")).to_be_visible()
    said = page.locator(place).evaluate(
        "one => { const seen = one.cloneNode(true); seen.querySelectorAll('.unseen').forEach(part => part.remove());"
        " return seen.textContent.trim(); }"
    )
    assert said == words
