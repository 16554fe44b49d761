"""Pages: headers, assets, escaping, forms."""

import gzip
import zipfile
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.runtime.ops import make_ops
from shared.runtime.web import forms
from shared.runtime.web.assets import Assets, find_third_party
from shared.runtime.web.look import Look
from shared.runtime.web.sessions import Sessions
from tests.unit.web.conftest import ANN, URLS

OWN_STATIC = Path(forms.__file__).parent / "static"


async def test_every_answer_carries_the_headers(http: httpx.AsyncClient) -> None:
    for path in ("/hello", "/nowhere", "/broken", "/static/page.js", "/staff"):
        headers = (await http.get(path)).headers
        assert headers["content-security-policy"] == (
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
            "form-action 'self' http://intake.test http://notifier.test http://router.test http://sla.test"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("words", ["{{7*7}}", "<img src=x onerror=alert(1)>", "\u202egnp.exe", "'\"><script>"])
async def test_what_people_type_is_shown_as_text(http: httpx.AsyncClient, words: str) -> None:
    page = (await http.get("/hello", params={"name": words})).text
    heading = page.partition("<h1>")[2].partition("</h1>")[0]
    assert "<" not in heading
    assert "49" not in heading


async def test_a_page_without_script_or_style_inside(http: httpx.AsyncClient) -> None:
    page = (await http.get("/hello")).text
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert " onclick" not in page


async def test_a_time_carries_its_instant(http: httpx.AsyncClient) -> None:
    page = (await http.get("/hello?lang=en")).text
    assert 'datetime="2026-05-14T08:00:00Z" title="Thu 14 May 2026 16:00:00 Asia/Shanghai (UTC+08:00)"' in page
    assert ">by 16:00 today<" in page and '<span class="zone"> (Beijing time)</span>' in page, "the zone is in sight"


async def test_a_signed_in_page_is_not_stored(http: httpx.AsyncClient, sessions: Sessions) -> None:
    assert (await http.get("/hello")).headers["cache-control"] == "private, no-cache"
    http.cookies.set("redress_session", sessions.issue(ANN.user), domain="intake.test")
    page = await http.get("/hello?lang=en")
    assert page.headers["cache-control"] == "no-store"
    assert "Ann Lee" in page.text
    assert 'href="http://router.test/desk"' in page.text


async def test_an_asset_with_its_hash_is_kept_for_ever(http: httpx.AsyncClient, look: Look) -> None:
    address = look.assets.address("style.css")
    kept = await http.get(address)
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-encoding"] == "gzip"
    plain = await http.get("/static/style.css", headers={"accept-encoding": "identity"})
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.text == kept.text
    again = await http.get(address, headers={"if-none-match": kept.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["nothing.css", "../look.py", "%2e%2e/look.py", "style.000000000000.css", ""])
async def test_only_known_assets_are_served(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/static/{name}")).status_code == 404


def web_jar(folder: Path, name: str, body: str) -> None:
    with zipfile.ZipFile(folder / f"{name}.jar", "w") as jar:
        jar.writestr(f"META-INF/resources/webjars/{name}/1/dist/{name}", body)


def test_a_third_party_file_is_found_unpacked_or_in_its_jar(tmp_path: Path) -> None:
    web_jar(tmp_path, "htmx.min.js", "from the jar")
    assert find_third_party(tmp_path, "htmx.min.js") == b"from the jar"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "htmx.min.js").write_text("unpacked")
    assert find_third_party(tmp_path, "htmx.min.js") == b"unpacked"
    assert find_third_party(tmp_path / "absent", "htmx.min.js") is None


def test_pico_lies_in_a_layer_in_front_of_our_sheet(tmp_path: Path) -> None:
    bare = Assets([OWN_STATIC], None)
    (tmp_path / "pico.min.css").write_text('@charset "UTF-8";p{color:red}')
    both = Assets([OWN_STATIC], tmp_path)
    own = bare._by_name["style.css"].body
    assert both._by_name["style.css"].body == b"@layer base{p{color:red}}\n" + own
    assert both.address("style.css") != bare.address("style.css")
    assert gzip.decompress(both._by_name["style.css"].packed) == both._by_name["style.css"].body
    assert not bare.has("htmx.js")


async def test_a_form_is_read_as_text(http: httpx.AsyncClient) -> None:
    answer = await http.post("/public", content="a=+x%20&a=%E7%94%B2&b=", headers={"content-type": FORM})
    assert answer.json() == {"a": "甲", "b": ""}


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=" + b"x" * 270_000, FORM, 413),
        (b"a=%ff%fe", FORM, 422),
        ("a=甲".encode(), FORM, 422),
        (b"&".join(b"a%d=1" % n for n in range(300)), FORM, 422),
        (b'{"a": 1}', "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"", FORM, 200),
    ],
)
async def test_a_form_beyond_its_bounds_is_refused(
    http: httpx.AsyncClient, body: bytes, kind: str, status: int
) -> None:
    assert (await http.post("/public", content=body, headers={"content-type": kind})).status_code == status


def test_a_form_has_nothing_where_nothing_was_sent() -> None:
    form = forms.Form([("a", " x "), ("b", "1"), ("b", "2")])
    assert (form["a"], form["missing"], form["b"], form.all("b")) == ("x", "", "2", ["1", "2"])


async def _well() -> tuple[int, dict[str, object]]:
    return 200, {}


async def test_metrics_and_the_api_are_told_on_the_operators_port_alone(
    app: FastAPI, look: Look, http: httpx.AsyncClient
) -> None:
    for path in ("/metrics", "/docs", "/openapi.json"):
        assert (await http.get(path)).status_code == 404, path
    transport = httpx.ASGITransport(app=make_ops(app, look, _well, _well))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8111") as ops:
        assert "redress_" in (await ops.get("/metrics")).text
        assert "/v1/told" in (await ops.get("/openapi.json")).json()["paths"]
        assert (await ops.get("/livez")).status_code == (await ops.get("/readyz")).status_code == 200
        page = (await ops.get("/docs?lang=en")).text
    assert "/v1/told" in page
    assert "string ≤ 5" in page
    assert "/static/" in page
    assert "cdn" not in page


def test_own_addresses_are_absolute(look: Look) -> None:
    assert look.own_origins == {"http://intake.test", "http://router.test", "http://sla.test", "http://notifier.test"}
    assert look.own_url_base == URLS.intake
