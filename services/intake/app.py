"""The wiring of intake: the one place that knows writer, keys, HTTP and Kafka together."""

from services.intake import duties, handlers
from services.intake.domain.complaint import MAX_BATCH_BYTES
from services.intake.handlers import Intake
from services.intake.handlers.erasing import Erasing
from services.intake.handlers.persons import Persons as PersonsOfOffice
from services.intake.handlers.sealing import seal_links
from services.intake.handlers.sent_mail import forget_at
from services.intake.http.api import router
from services.intake.http.complaints import ChannelApi
from services.intake.http.front import Front
from services.intake.http.limits import FormLimits
from services.intake.http.pages import TEMPLATES, pages
from services.intake.http.pages_parts import Parts
from services.intake.keys import KeyRing
from services.intake.settings import Settings
from services.intake.writer import Bulk, GroupWriter, Persons, Place, References
from shared.events.topics import INTAKE
from shared.runtime.service import Reached, Service, nothing_reached
from shared.runtime.web.forms import MAX_BYTES
from shared.runtime.web.rates import Rates


def build(settings: Settings, reached: Reached = nothing_reached) -> Service:
    """The service with everything in its place; nothing is connected yet."""
    service = Service(
        settings,
        name="intake",
        emits=INTAKE,
        title="Redress intake",
        description="Files complaints from phone, web and store channels. Errors are RFC 9457 problem details.",
        templates=(TEMPLATES,),
        needs=frozenset({"database", "vault"}),  # it takes complaints without Kafka; the outbox keeps what it says
        reached=reached,
    )
    place = Place(
        database=service.database,
        persons=Persons(
            service.vault_database, settings.master_keys, beside=service.vault_database is service.database
        ),
        progress_base=settings.public_notifier_url.rstrip("/") + "/c/",
        commit_seconds=settings.intake_commit_seconds,
        references=References(),
        wake=service.wake,
        reached=reached,
    )
    writer = GroupWriter(place, group_max=settings.intake_group_max, queue_max=settings.intake_queue_max)
    bulk = Bulk(place, group_max=settings.intake_group_max)
    keys = KeyRing(service.database, settings.intake_keys_seconds, settings.intake_key_rate)
    intake = Intake(
        writer=writer,
        bulk=bulk,
        database=service.database,
        vault=service.vault,
        transaction=service.transaction,
        policies=service.policies,
        default_pack=settings.default_pack,
    )
    service.app.state.intake = intake
    erasing = Erasing(
        database=service.database,
        transaction=service.transaction,
        beside=place.persons.beside,
        shred=service.vault.shred,
        forget=forget_at(settings.intake_sent_mail_url),
    )
    parts = Parts(
        intake=intake,
        persons=PersonsOfOffice(service.database, erasing),
        vault=service.vault,
        limits=FormLimits(settings),
        lookups=Rates(settings.intake_lookup_rate, settings.intake_lookup_burst),
        security=service.security,
        policies=service.policies,
        pack_name=settings.default_pack,
        session_key=settings.session_key,
    )
    service.handles(handlers.handle)
    channels = ChannelApi(intake, keys, service.sessions, service.policies)
    service.serves(router(channels), pages(parts))
    service.takes("/v1/complaints:batch", MAX_BATCH_BYTES)
    for form in ("/file", "/agent"):
        service.takes(form, MAX_BYTES)
    service.app.middleware_stack = Front(
        service.app.build_middleware_stack(), service=service.name, tracing=service.tracing, handle=channels.file
    )
    service.runs("writer", writer.run)
    service.runs("keys", keys.run)
    service.runs("clear links", seal_links(service.database, service.vault))
    service.runs("erasures", duties.carry_erasures_out(erasing))
    service.finishes(writer.close)
    service.finishes(bulk.close)
    return service
