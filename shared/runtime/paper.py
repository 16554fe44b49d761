"""A plain PDF: headings, facts and texts, in any of our languages.

Chinese and Latin stand in a font that readers bring along (a CID font of Adobe's), so no font file is needed. What it has no
sign for shows as a box; whoever gets a PDF gets the same as JSON beside it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

_FONT: Final = "STSong-Light"
_GREY: Final = HexColor("#555555")
_MOST: Final = 6_000
"""Characters of one paragraph; a longer text stands in several, which break across pages better."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section: a heading, facts as label and value, and lines as a small head with its text."""

    heading: str
    facts: Sequence[tuple[str, str]] = ()
    lines: Sequence[tuple[str, str]] = ()


def pdf(title: str, lead: str, parts: Sequence[Part]) -> bytes:
    """The bytes of the document."""
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    plain = ParagraphStyle("plain", fontName=_FONT, fontSize=10, leading=15, wordWrap="CJK")
    small = ParagraphStyle("small", parent=plain, fontSize=8.5, leading=13, textColor=_GREY, spaceBefore=6)
    head = ParagraphStyle("head", parent=plain, fontSize=13, leading=19, spaceBefore=14, spaceAfter=4)
    top = ParagraphStyle("top", parent=plain, fontSize=17, leading=24, spaceAfter=6)
    flow: list[Any] = [Paragraph(escape(title), top), *_paragraphs(lead, plain), Spacer(1, 4 * mm)]
    for part in parts:
        flow.append(Paragraph(escape(part.heading), head))
        for label, value in part.facts:
            flow.append(Paragraph(f"<font color='#555555'>{escape(label)}</font>&nbsp;&nbsp;{_one_line(value)}", plain))
        for label, text in part.lines:
            flow.append(Paragraph(escape(label), small))
            flow += _paragraphs(text, plain)
    made = io.BytesIO()
    edge = 20 * mm
    document = SimpleDocTemplate(
        made, pagesize=A4, title=title, leftMargin=edge, rightMargin=edge, topMargin=edge, bottomMargin=edge
    )
    document.build(flow, onFirstPage=_number, onLaterPages=_number)
    return made.getvalue()


def _paragraphs(text: str, style: ParagraphStyle) -> list[Paragraph]:
    pieces = [text[start : start + _MOST] for start in range(0, len(text), _MOST)]
    return [Paragraph(_one_line(piece), style) for piece in pieces]


def _one_line(text: str) -> str:
    return escape(text).replace("\n", "<br/>")


def _number(canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 8.5)
    canvas.setFillColor(_GREY)
    canvas.drawCentredString(A4[0] / 2, 10 * mm, str(document.page))
