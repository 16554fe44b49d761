"""The router put together: what it reads, what it serves, what it does in the background."""

from pathlib import Path

from services.router.duties import Duties
from services.router.handlers import Router
from services.router.http.account import Account, make_account
from services.router.http.acting import Acting
from services.router.http.api import make_api
from services.router.http.desk import make_desk
from services.router.http.office import Office
from services.router.http.security_log import SecurityPages, make_security_log
from services.router.http.signing import Devices, Signing, SignInLimits, make_signing
from services.router.settings import Settings
from services.router.store.reading import Reading
from services.router.store.staff import Staff
from shared.events.ids import new_id
from shared.events.topics import ROUTING
from shared.runtime.service import Reached, Service, nothing_reached

_TEMPLATES = Path(__file__).parent / "http" / "templates"


def build(settings: Settings, reached: Reached = nothing_reached) -> Service:
    """Make the service; nothing runs yet."""
    service = Service(
        settings,
        name="router",
        emits=ROUTING,
        title="Redress router",
        description="The life of every case: who owns it, what is done, what the customer was told. Staff API and desk.",
        templates=(_TEMPLATES,),
        needs=frozenset({"database", "reader", "vault"}),
        reached=reached,
    )
    router = Router(service.policies, service.vault, settings.default_pack, new_id)
    reading = Reading(service.database)
    acting = Acting(
        service.transaction,
        reading,
        service.policies,
        service.vault,
        settings.default_pack,
        new_id,
        service.sessions.directory,
    )
    staff = Staff(service.database)
    office = Office(reading, acting, service.policies, service.security)
    devices = Devices(settings.session_key, secure=settings.is_secure)
    signing = Signing(staff, service.sessions, service.look, SignInLimits(settings), devices, service.security)
    duties = Duties(service.database, service.transaction, router)

    service.handles(router.handle)
    account = Account(staff, signing, service.sessions, service.look, service.security)
    service.serves(make_api(office, signing), make_account(account))
    pages = SecurityPages(service.database, office, service.look)
    service.serves(make_security_log(pages, office))
    service.serves(make_signing(signing), make_desk(office, service.look, settings))
    service.runs("duties", duties.run)
    service.runs("packs", office.look_for_unloaded)
    return service
