"""The board and the page that explains a date, in a browser: what to save now, and why this date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from deploy.stack.ports import free_ports
from services.sla.app import build
from services.sla.settings import Settings
from services.sla.store import Rulebook
from services.sla.ticker import Ticker
from shared.events.envelope import Event
from shared.events.ids import new_id
from shared.runtime.horizon import Horizon
from shared.runtime.service import Service
from shared.runtime.web.sessions import Staff
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served
from tests.integration.sla import conftest as rig
from tests.support.stack import Database as OneDatabase
from tests.support.stack import Servers, run
from tests.support.staff import signed_in
from tests.unit.sla.story import Story
from tests.unit.sla.test_clocks import VISIT

LEAD = Staff(user="lead.billing", name="李敏", role="lead", department="billing")
POLICIES = Path(rig.__file__).parent / "policies"


@dataclass(frozen=True)
class Site:
    """sla as a browser reaches it; events go in by hand."""

    url: str
    settings: Settings
    database: OneDatabase
    session: str

    def feed(self, *events: Event) -> None:
        """Process events and fire what is due, in a service of its own: the served one lives in another loop."""

        async def process() -> None:
            service = build(self.settings)
            assert service.consumer is not None
            await service.consumer.process([rig.record_of(event) for event in events])
            await _fire_all(service)
            await service.database.close()

        run(process())


async def _fire_all(service: Service) -> None:
    book = Rulebook(service.policies, "retail")
    assert service.consumer is not None
    horizon = Horizon(service.consumer, 0)
    ticker = Ticker(service.database, service.transaction, book, service.tracing, new_id, horizon)
    while await ticker.tick():
        pass


@pytest.fixture(scope="module")
def site(
    servers: Servers, web_assets: Path, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    database = servers.create_database("sla")
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    key = tmp_path_factory.mktemp("keys") / "key"
    key.write_text("5" * 64)
    settings = Settings(
        database_url=database.url_of("sla"),
        master_key_file=key,
        session_key_file=key,
        policies_dir=POLICIES,
        web_assets_dir=web_assets,
        http_port=port,
        public_sla_url=url,
        public_traces_url="http://127.0.0.1:8106",
    )
    service = build(settings)
    with served(service):
        yield Site(url, settings, database, signed_in(database, service.sessions, LEAD))
    servers.drop_database(database)


@pytest.fixture(scope="module")
def ordinary_day(site: Site) -> Story:
    """Some complaints late, some at risk, one with a whole life; answers that one."""
    now = datetime.now(UTC)
    stories = []
    for number, owner in enumerate(("billing", "delivery", "billing", "marketing", "delivery", "billing", "marketing")):
        story = rig.told(owner=owner, received_at=now - timedelta(days=1 + 3 * number))
        story.assigned(story.received_at + timedelta(seconds=2), priority="urgent" if number == 2 else "normal")
        stories.append(story)
    soon = rig.told(owner="delivery", received_at=now - timedelta(hours=20))
    soon.assigned()
    soon.accepted(now - timedelta(hours=19))
    soon.promised(now - timedelta(hours=18), now + timedelta(hours=1), VISIT)
    life = rig.told(received_at=now - timedelta(days=6), owner="billing")
    life.assigned(life.received_at + timedelta(minutes=4))
    life.accepted(now - timedelta(days=5, hours=20))
    life.asked(now - timedelta(days=5))
    life.heard(now - timedelta(days=5))
    life.answered(now - timedelta(days=3))
    life.assigned(now - timedelta(days=2), to="delivery", how="transfer")
    life.heard(now - timedelta(days=2))
    site.feed(*(event for story in [*stories, soon, life] for event in story.events))
    return life


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_pages_of_sla_stand_the_checks(
    looker: Looker, site: Site, ordinary_day: Story, width: Width, language: Language, scheme: Scheme
) -> None:
    name = f"{width}-{language}-{scheme}"
    kind = {"width": width, "language": language, "scheme": scheme, "session": site.session}
    looker.check(looker.open(f"{site.url}/board", **kind), f"board-{name}")
    looker.check(looker.open(f"{site.url}/board?department=shops", **kind), f"board-empty-{name}")
    page = looker.open(f"{site.url}/cases/{ordinary_day.reference}/clocks", **kind)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    looker.check(page, f"clocks-{name}")


def test_the_filter_survives_a_reload_and_works_without_script(looker: Looker, site: Site, ordinary_day: Story) -> None:
    page = looker.open(f"{site.url}/board?lang=en", session=site.session, script=False)
    page.get_by_label("Department", exact=True).select_option("delivery")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/board?*department=delivery*")
    page.reload()
    expect(page.get_by_label("Department", exact=True)).to_have_value("delivery")
    expect(page.locator("#board tbody tr").first).to_contain_text("Delivery")


def test_from_the_board_one_click_tells_why_this_date(looker: Looker, site: Site, ordinary_day: Story) -> None:
    page = looker.open(f"{site.url}/board?lang=en", session=site.session)
    page.locator("#board tbody tr").first.get_by_role("link", name="Promise").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Why these dates")
    expect(page.locator("details[open] table").first).to_be_visible()
