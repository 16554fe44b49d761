"""What a customer reads: complete in both languages, plain, escaped, the same as text and as HTML.

The golden files are the texts as they go out. After a change of words: REDRESS_GOLDEN=write pytest this file, and
read the difference.
"""

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from services.notifier.domain.kinds import KINDS, NoticeKind
from services.notifier.domain.letter import Letter, greeted
from services.notifier.domain.timewords import Language
from services.notifier.templates.render import Renderer
from shared.runtime.web import texts
from shared.runtime.web.texts import Catalogue
from shared.text import has_content
from tests.unit.notifier.letters import CASES, SPEAKS, bare, full

PAGES = Catalogue.load([Path(texts.__file__).parent / "texts"])
GOLDEN = Path(__file__).parent / "golden"
RENDERER = Renderer()
BOTH: tuple[Language, ...] = ("zh", "en")
EVERY = [(kind, variant, language) for kind, variant in CASES for language in BOTH]
IDS = ["-".join(filter(None, case)) for case in EVERY]
NO_FIRST = re.compile(r"^(no\b|unfortunately|不|无法|抱歉，不)", re.IGNORECASE)
JARGON = re.compile(r"\b(SLA|ticket|epoch|breach|assignee|stakeholder|escalat\w*)\b|工单|时限|超时|派单", re.IGNORECASE)
#: What nobody can know when a mail is written: that somebody was told, or has read what they may read (trial C8, C16).
CLAIMED = re.compile(
    r"ha(s|ve) been told|(has|have) (your|the) whole story|已(得知|获知|知悉)|已经?(通知|告知)投诉", re.IGNORECASE
)


class Words(HTMLParser):
    """The visible text and the tags of an HTML mail."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._goes_on = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._goes_on = tag == "bdi"

    def handle_endtag(self, tag: str) -> None:
        self._goes_on = tag == "bdi"

    def handle_data(self, data: str) -> None:
        if self._goes_on and self.said:
            self.said[-1] += data
        elif data.strip():
            self.said.append(data.strip() if data.strip() != "Dear" else data)
        self._goes_on = False


class Shown(NamedTuple):
    """A message as a mail program shows it: decoded, with line feeds as line ends."""

    subject: str
    text: str
    html: str


def render(letter: Letter) -> Shown:
    rendered = RENDERER.render(letter)
    text, html = (body.decode().replace("\r\n", "\n") for body in (rendered.text, rendered.html))
    return Shown(rendered.subject, text, html)


def read(rendered: Shown) -> Words:
    words = Words()
    words.feed(rendered.html)
    return words


@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_the_text_is_the_golden_one(kind: str, variant: str, language: Language) -> None:
    parts = []
    for letter in (full(kind, language, variant), bare(kind, language, variant)):  # type: ignore[arg-type]
        rendered = render(letter)
        parts.append(f"Subject: {rendered.subject}\n\n{rendered.text}")
    file = GOLDEN / f"{'-'.join(filter(None, (kind, variant)))}.{language}.txt"
    found = "\n==================== with the least that can be known\n\n".join(parts)
    if os.environ.get("REDRESS_GOLDEN") == "write":
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    named = {f"{'-'.join(filter(None, (kind, variant)))}.{language}.txt" for kind, variant, language in EVERY}
    assert {file.name for file in GOLDEN.iterdir()} == named


@pytest.mark.parametrize("letter_of", [full, bare])
@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_text_and_html_say_the_same_in_one_language(kind, variant, language, letter_of) -> None:  # type: ignore[no-untyped-def]
    letter: Letter = letter_of(kind, language, variant)
    rendered = render(letter)
    words = read(rendered)
    seen = "\n".join(words.said)
    for line in re.sub("^> ", "", rendered.text, flags=re.MULTILINE).splitlines():
        for part in filter(None, re.split(r": (?=\S)", line, maxsplit=1)):
            assert part.strip() in seen, part
    for piece in (rendered.subject, rendered.text, rendered.html):
        assert not re.search(r"\{\{|\}\}|\{%|None|Undefined|NAME|[\ue000-\uf8ff]", piece)
        assert "  " not in piece.replace("\n", "") or piece is rendered.html
    if language == "en":
        assert not re.search(r"[\u3000-\u9fff]", rendered.subject + rendered.text)
    else:
        allowed = {letter.link, letter.reference, "UTC+8"}
        rest = rendered.subject + rendered.text
        for word in allowed:
            rest = rest.replace(word, "")
        assert not re.search(r"[A-Za-z]", rest)


@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_says_who_has_it_what_comes_next_and_where_to_act(kind, variant, language) -> None:  # type: ignore[no-untyped-def]
    letter = full(kind, language, variant)
    rendered = render(letter)
    assert letter.reference in rendered.subject and letter.reference in rendered.text
    assert letter.link in rendered.text and f'href="{letter.link}"' in rendered.html
    assert letter.department in rendered.text
    for date in (letter.due, letter.answer_due, letter.promise_due):
        assert date is None or date.exact in rendered.text
    greeting, concern = [line for line in rendered.text.splitlines() if line][:2]
    assert letter.name in greeting
    assert not NO_FIRST.search(concern), "a letter never begins with no (service-rules.md S74)"
    assert not JARGON.search(rendered.subject + rendered.text)
    assert not CLAIMED.search(rendered.text)
    assert len(rendered.subject) <= 78


@pytest.mark.parametrize("language", BOTH)
def test_bad_news_come_at_once_with_an_apology_and_the_new_date(language: Language) -> None:
    letter = full("delay", language)
    rendered = render(letter)
    concern = [line for line in rendered.text.splitlines() if line][1]
    sorry = {"en": "sorry", "zh": "抱歉"}[language]
    assert sorry in rendered.subject and sorry in concern
    assert letter.former_due is not None and letter.former_due.words in concern
    assert letter.due is not None and letter.due.words in rendered.text


@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_html_is_one_column_with_language_and_inline_styles_only(kind, variant, language) -> None:  # type: ignore[no-untyped-def]
    words = read(render(full(kind, language, variant)))
    names = [tag for tag, _ in words.tags]
    assert {"script", "style", "link", "img", "form", "iframe"}.isdisjoint(names)
    assert dict(words.tags[0][1])["lang"] == {"en": "en", "zh": "zh-CN"}[language]
    assert names.count("h1") == 1 and names.count("a") == 1 and "title" in names
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in words.tags
    for tag, held in words.tags:
        style = held.get("style") or ""
        if tag != "a":
            assert not re.search(r"(^|;)(color|background)", style), "a fixed colour breaks dark mode"
        assert "width:600px" not in style and "float" not in style
        assert tag != "table" or held.get("role") == "presentation"


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", "{{7*7}}", "<img src=x onerror=alert(1)>", '"><a href="//x">']
)
def test_what_people_wrote_is_escaped_and_never_a_template(evil: str) -> None:
    for kind in KINDS:
        for field in ("text", "name", "department"):
            letter = Letter(
                kind=kind,
                language="en",
                organisation="O",
                reference="R-1",
                link="https://h.example/c/x",
                **{field: evil},
            )
            rendered = render(letter)
            assert "49" not in rendered.html
            assert "<script" not in rendered.html and "<img" not in rendered.html and 'href="//x"' not in rendered.html
            if field == "text":
                assert str(escape(evil)) in rendered.html
                assert evil in rendered.text


@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_the_shared_frame_gives_what_a_full_rendering_gives(kind, variant, language) -> None:  # type: ignore[no-untyped-def]
    for letter in (full(kind, language, variant), bare(kind, language, variant)):
        assert RENDERER.render(letter) == RENDERER._render(letter)


# Half characters have no UTF-8 and cannot be in a mail: both ways raise, and `shared.text.kept` takes them out of what people write.
references = st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",)), min_size=1, max_size=16)
odd = st.text(
    st.one_of(
        st.characters(blacklist_categories=("Cs",)), st.sampled_from("\ue000\ue001\ue002{}<>&\"'%王مر\u202e🙂\n")
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(
    case=st.sampled_from([(kind, variant) for kind, variant in CASES if kind not in SPEAKS]),
    language=st.sampled_from(["zh", "en"]),
    own=st.lists(st.fixed_dictionaries({"reference": references, "link": odd, "name": odd}), min_size=1, max_size=3),
    policy=st.fixed_dictionaries({"organisation": odd, "signature": odd, "department": odd}),
    subject=odd,
)
@example(
    case=("acknowledgement", ""),
    language="en",
    own=[{"reference": "R-1", "link": "{{ letter.name }}", "name": "\ue000\ue001{{ 7 * 7 }}<b>"}],
    policy={"organisation": "\ue000", "signature": "NAME", "department": "R-1"},
    subject="R-1 (R-1)",
)
def test_frames_give_what_full_renderings_give_whatever_the_words(case, language, own, policy, subject) -> None:  # type: ignore[no-untyped-def]
    kind, variant = case
    for mine in own:
        whole = f"{subject} ({mine['reference']})" if subject else ""
        letter = replace(full(kind, language, variant), text="", subject=whole, **mine, **policy)
        assert RENDERER.render(letter) == RENDERER._render(letter)


def test_letters_with_a_subject_of_the_companys_own_share_a_frame() -> None:
    renderer = Renderer()
    for reference in ("R-1", "R-2"):
        renderer.render(replace(bare("acknowledgement", "en"), reference=reference, subject=f"Got it ({reference})"))
    assert len(renderer._frames) == 1


def test_a_subject_of_the_companys_own_takes_the_place_of_ours() -> None:
    letter = Letter(
        kind="closure", language="en", organisation="O", reference="R-1", link="l", subject="All done (R-1)"
    )
    rendered = render(letter)
    assert rendered.subject == "All done (R-1)" and "<h1" in rendered.html and "All done (R-1)</h1>" in rendered.html


@pytest.mark.parametrize(
    "name",
    ["王小明", "Ms. J. R. O'Neill-Smith", "Mr.Smith", "سارة", "Jo 2nd", "J.R.R. Tolkien", "王。", "𠮷野家 👨‍👩‍👧"],
)
def test_people_are_greeted_by_their_names(name: str) -> None:
    assert greeted(f" {name}\n") == name


@given(st.text(st.characters(categories=["L"]) | st.just(" "), max_size=80))
def test_letters_of_all_scripts_are_a_name_whichever_way_it_is_looked_at(letters: str) -> None:
    shown = " ".join(letters.split())
    assert greeted(letters) == greeted(f"{letters}\n") == (shown[:60] if has_content(shown) else "")


@pytest.mark.parametrize(
    "name",
    [
        "Win 5,000 USD now: http://example.com", "see www.example", "go to win.example.com", "me@example.com",
        "加微信 12345678", "win $900", "50% off", "ㅤ", "\u200b\u2060", "", "<b>you</b>",
        "go to evil。example", "evil．example", "evil｡example", "evil.рф", "加群：八八八",
    ],
)  # fmt: skip
def test_what_is_no_name_greets_nobody(name: str) -> None:
    """D9: the name of a form carried anybody's advertisement in our mail."""
    assert greeted(name) == ""


@pytest.mark.parametrize("language", BOTH)
def test_every_message_says_how_else_the_company_is_reached(language: Language) -> None:
    contact = {"zh": "电话：400-000-0123（每天 8:00–22:00）", "en": "Phone: 400-000-0123 (daily 8:00 to 22:00)"}[
        language
    ]
    for kind, variant in CASES:
        letter = replace(full(kind, language, variant), contact=contact)
        shown = render(letter)
        assert contact in shown.text and contact in shown.html
        assert contact not in render(full(kind, language, variant)).text


@pytest.mark.parametrize(("kind", "variant", "language"), EVERY, ids=IDS)
def test_a_date_beyond_the_known_holidays_has_one_sentence_more_the_same_as_on_the_pages(
    kind: NoticeKind, variant: str, language: Language
) -> None:
    known = full(kind, language, variant)
    said = PAGES.say("date.beyond_holidays", language)
    text, html = (
        [body.decode().replace("\r\n", "\n") for body in RENDERER.render(letter)[1:]]
        for letter in (known, replace(known, beyond_holidays=True))
    )
    assert [body.count(said) for body in text] == [0, 0]
    assert [body.count(said) for body in html] == [1, 1]
