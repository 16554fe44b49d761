"""sla put together: what it reads, what it serves, what it does in the background."""

from pathlib import Path

from services.sla.handlers import Sla
from services.sla.http.api import make_api
from services.sla.http.pages import make_pages
from services.sla.http.views import Views
from services.sla.settings import Settings
from services.sla.store import Rulebook
from services.sla.ticker import Ticker
from shared.events.ids import new_id
from shared.events.topics import SLA
from shared.runtime.horizon import Horizon
from shared.runtime.service import Reached, Service, nothing_reached

_TEMPLATES = Path(__file__).parent / "http" / "templates"


def build(settings: Settings, reached: Reached = nothing_reached) -> Service:
    """Make the service; nothing runs yet."""
    service = Service(
        settings,
        name="sla",
        emits=SLA,
        title="Redress deadlines",
        description="The clocks of every complaint, why each date is what it is, and what is late or at risk.",
        templates=(_TEMPLATES,),
        needs=frozenset({"database", "reader"}),
        reached=reached,
    )
    book = Rulebook(service.policies, settings.default_pack)
    service.handles(Sla(book, new_id).handle)
    assert service.consumer is not None
    horizon = Horizon(service.consumer, settings.sla_catch_up_seconds)
    service.health.also["timers"] = lambda: horizon.told
    ticker = Ticker(
        service.database,
        service.transaction,
        book,
        service.tracing,
        new_id,
        horizon,
        reached=reached,
        batch=settings.sla_tick_batch,
    )
    views = Views(service.database, book, service.policies, service.security)

    service.serves(make_api(views), make_pages(views, service.look))
    service.runs("ticker", ticker.run)
    return service
