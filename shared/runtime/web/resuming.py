"""A form that was sent without a session: its fields go along through sign-in and come back to the page they are from.

Nothing is kept on the server. The page that asks to sign in carries them, and behind sign-in a form leads them on, marked
as `resumed`: the page shows them again and does nothing before it is sent once more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.runtime.web import media
from shared.runtime.web.forms import Form, read_form
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import is_foreign, safe_next, sign_in_address, without_done

if TYPE_CHECKING:
    from shared.runtime.web.look import Look

RESUMED = "resumed"
"""The field that says: show it again, do nothing yet."""
WRITER = "writer"
"""The field with the user who was signed in when the page was made: nobody else gets their words."""
_TO = "kept_to"
_FIELD = "kept."


async def answer_sign_in(request: Request) -> Response:
    """Lead a browser to the router's sign-in and back. What it sent stays with it, and so does an open page.

    htmx is told, and the page says so (`page.js`): leaving it would lose what is being typed.
    """
    look: Look = request.app.state.look
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Trigger": "signed-out", "Cache-Control": "no-store"})
    here = look.own_url(request)
    if request.method in {"GET", "HEAD"}:
        target = sign_in_address(look.urls.router, here)
        return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
    back = without_done(request.headers.get("referer") or here)
    elsewhere = RedirectResponse(sign_in_address(look.urls.router, back), status_code=303)
    if is_foreign(request):  # words that somebody else's page puts into the mouth of who signs in
        return elsewhere
    try:
        media.check(request, media.FORM)
        form = await read_form(request)
    except Problem:
        return elsewhere
    return look.render(request, "signed_out.html", status=401, next=back, to=here, carried=_carried(here, form))


def carried_of(form: Form) -> dict[str, str]:
    """What a sign-in form carries for the page behind it; empty where nothing was typed."""
    return {name: form[name] for name in form if name == _TO or name.startswith(_FIELD)}


def onward_of(form: Form, user: str, own_urls: tuple[str, ...]) -> tuple[str, dict[str, str]] | None:
    """Where the carried fields go, and what they are; none when there are none, or they are somebody else's words.

    Args:
        form: the sign-in form.
        user: who has signed in.
        own_urls: of our four services; nothing is led elsewhere.
    """
    to = safe_next(form[_TO], own_urls, "")
    fields = {name.removeprefix(_FIELD): form[name] for name in form if name.startswith(_FIELD)}
    if not to or not fields or fields.get(WRITER, user) != user:
        return None
    return to, {**fields, RESUMED: "yes"}


def _carried(to: str, form: Mapping[str, str]) -> dict[str, str]:
    return {_TO: to} | {f"{_FIELD}{name}": form[name] for name in form if name != RESUMED}
