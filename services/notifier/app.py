"""The notifier put together: what it reads, what it serves, what it does in the background."""

from datetime import timedelta
from pathlib import Path

from services.notifier.channels.smtp import Relay, SmtpConnection
from services.notifier.handlers import Notifier
from services.notifier.http.customers import Customers
from services.notifier.http.ledger import Ledger, make_ledger
from services.notifier.http.limits import PageLimits
from services.notifier.http.progress import Progress, make_progress
from services.notifier.pipeline.loop import Pipeline
from services.notifier.pipeline.prepare import Preparer
from services.notifier.pipeline.record import Recorder
from services.notifier.pipeline.send import Senders
from services.notifier.settings import Settings
from services.notifier.templates.render import Renderer
from shared.events.topics import NOTICES
from shared.runtime.service import Reached, Service, nothing_reached

_TEMPLATES = Path(__file__).parent / "http" / "templates"


def build(settings: Settings, reached: Reached = nothing_reached) -> Service:
    """Make the service; nothing runs yet."""
    service = Service(
        settings,
        name="notifier",
        emits=NOTICES,
        title="Redress notifier",
        description="Every word to a customer: notices and their ledger, the progress page, confirmation, feedback.",
        templates=(_TEMPLATES,),
        needs=frozenset({"database", "reader", "vault"}),
        reached=reached,
    )
    relay, patience = Relay.from_url(settings.smtp_url.get_secret_value()), settings.patience
    hello = "redress.localhost"
    connections = [SmtpConnection(relay, hello=hello, patience=patience) for _ in range(settings.notifier_connections)]
    pipeline = Pipeline(
        database=service.database,
        preparer=Preparer(Renderer(), service.vault, service.policies, settings.public_notifier_url),
        recorder=Recorder(service.transaction, service.policies),
        senders=lambda done: Senders(connections, patience, service.tracing, done),
        lease=settings.lease,
        resend_after=timedelta(seconds=settings.notifier_resend_seconds),
        size=settings.notifier_claim_size,
        reached=reached,
    )
    customers = Customers(
        service.database,
        service.vault,
        service.transaction,
        kept=timedelta(days=settings.notifier_link_days),
    )
    form = settings.public_intake_url.rstrip("/") + "/file"
    progress = Progress(customers, service.policies, service.look, PageLimits(settings), form)
    service.serves(
        make_progress(progress), make_ledger(Ledger(service.database, service.policies, service.look, service.security))
    )
    service.handles(Notifier(service.policies, pipeline.desk).handle)
    service.runs("pipeline", pipeline.run)
    service.lingers(pipeline.longest_stop)
    service.wakes(pipeline.desk.committed)
    return service
