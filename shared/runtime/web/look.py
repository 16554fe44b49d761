"""The look: one template environment, one set of words, one sheet, one header on the pages of all four services."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.runtime.web import language as languages
from shared.runtime.web import moments
from shared.runtime.web.assets import Assets
from shared.runtime.web.company import Company
from shared.runtime.web.security import origin_of
from shared.runtime.web.texts import Catalogue, Language
from shared.zones import name_of

if TYPE_CHECKING:
    from shared.runtime.web.sessions import Sessions, Staff

_HERE = Path(__file__).parent
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class SiteUrls:
    """Where people find each part, without a slash at the end. `mail`, `traces` and `docs` are empty where there is none."""

    intake: str
    router: str
    sla: str
    notifier: str
    mail: str = ""
    traces: str = ""
    docs: str = ""

    @property
    def own(self) -> tuple[str, ...]:
        """The four services, the only places a redirect may lead to."""
        return (self.intake, self.router, self.sla, self.notifier)


class Look:
    """Renders pages. Build it once at start: it reads all templates' folders, texts and assets then.

    A template folder may have `texts/*.yaml` (the catalogue of its pages) and `static/*` (own scripts) inside.
    """

    def __init__(
        self,
        templates_dirs: Iterable[Path],
        urls: SiteUrls,
        assets_dir: Path | None = None,
        *,
        service: str = "intake",
        sessions: "Sessions | None" = None,
        zone: ZoneInfo = DEFAULT_ZONE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        company: Callable[[Language], Company | None] = lambda _language: None,
    ) -> None:
        """Load everything.

        Args:
            templates_dirs: the service's template folders; the shared ones are always there, behind them.
            urls: addresses of the four services for navigation.
            assets_dir: where the WebJars lie (jars or unpacked); None or an empty folder only loses Pico and htmx.
            service: whose pages these are; its entry in `urls` is the base of absolute addresses.
            sessions: reads who is signed in, for the header.
            zone: the zone of times whose page does not say another.
            clock: the time "today" refers to; a page may pass its own `now`.
            company: whose pages these are, in a language; a page may pass its own `company`.

        Raises:
            TextError: a text is half translated.
        """
        folders = [*templates_dirs]
        self.urls, self.service, self.zone = urls, service, zone
        self.texts = Catalogue.load([_HERE / "texts", *(folder / "texts" for folder in folders)])
        self.assets = Assets([_HERE / "static", *(folder / "static" for folder in folders)], assets_dir)
        self._sessions, self._clock, self._company = sessions, clock, company
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([*folders, _HERE / "templates"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    @property
    def own_origins(self) -> frozenset[str]:
        """Origins whose pages may post to us."""
        return frozenset(origin_of(url) for url in self.urls.own)

    @property
    def own_url_base(self) -> str:
        """The public address of this service, without a slash at the end."""
        base: str = getattr(self.urls, self.service)
        return base.rstrip("/")

    def own_url(self, request: Request) -> str:
        """The absolute public address of a request, whatever proxy stands in front."""
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{self.own_url_base}{request.url.path}{query}"

    def render(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = 200,
        language: Language | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A page as a response.

        Templates find `t(key, ...)`, `lang`, `html_lang`, `staff`, `urls`, `asset(name)`, `now`, `tz`, `zone` (its name), `here` (this
        address), `switch(lang)`, `new_key()` and the times `due when stamp exact day span`, beside the context. `now` (aware) and `tz`
        (ZoneInfo) in the context replace the look's own; `at` is the path that shows this page, where a form led to it;
        `due(at, tz, language)` speaks of another place to others.
        """
        spoken = language or languages.of(request)
        staff = context.pop("staff", None) or getattr(request.state, "staff", None) or self._staff(request)
        values = self._frame(request, spoken, context) | {"staff": staff} | context
        body = self._environment.get_template(template).render(values)
        cache = "no-store" if staff else "private, no-cache"
        headers = {
            "Content-Language": languages.HTML_LANG[spoken],
            "Cache-Control": cache,
            "Vary": "Cookie, Accept-Language",
        }
        response = HTMLResponse(body, status_code=status, headers=headers)
        languages.remember(request, response)
        return response

    def _staff(self, request: Request) -> "Staff | None":
        return self._sessions.of(request) if self._sessions else None

    def _frame(self, request: Request, spoken: Language, context: dict[str, Any]) -> dict[str, Any]:
        now: datetime = context.get("now") or self._clock()
        zone: ZoneInfo = context.get("tz") or self.zone
        return {
            "t": partial(self._say, spoken),
            "lang": spoken,
            "html_lang": languages.HTML_LANG[spoken],
            "other": "en" if spoken == "zh" else "zh",
            "switch": partial(languages.same_page, request, context.get("at")),
            "here": self.own_url(request),
            "path": request.url.path,
            "service": self.service,
            "urls": self.urls,
            "asset": self.assets.address,
            "has_asset": self.assets.has,
            "company": context.get("company") or self._company(spoken),
            "now": now,
            "tz": zone,
            "zone": name_of(zone, now, spoken),
            "due": lambda at, tz=zone, language=spoken, printed=False: _time(
                at, moments.due(at, now, tz, language, printed=printed), tz, language, "due"
            ),
            "stamp": lambda at: _time(at, moments.stamp(at, zone, spoken), zone, spoken, "when"),
            "when": lambda at: _time(at, moments.when(at, now, zone, spoken), zone, spoken, "when"),
            "day": lambda at: _time(at, moments.day(at, now, zone, spoken), zone, spoken, "day"),
            "exact": lambda at: moments.exact(at, zone, spoken),
            "new_key": lambda: str(uuid.uuid4()),
            "span": lambda length: moments.span(
                length if isinstance(length, timedelta) else timedelta(seconds=length), spoken
            ),
        }

    def _say(self, spoken: Language, key: str, /, **values: object) -> str:
        return self.texts.say(key, spoken, **values)


def _time(at: datetime, said: str, zone: ZoneInfo, spoken: Language, kind: str) -> Markup:
    """The words in a `time` element with their zone in sight; the exact instant on hover and for screen readers."""
    exact = moments.exact(at, zone, spoken)
    instant = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    place = "" if kind == "day" else moments.zone(at, zone, spoken)
    pattern = '<time class="{}" datetime="{}" title="{}">{}<span class="zone">{}</span><span class="unseen"> ({})</span></time>'
    return Markup(pattern).format(kind, instant, exact, said, place, exact)  # noqa: S704  # the pattern is a constant
