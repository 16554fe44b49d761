"""The PDF holds what it is given, in any language, however long."""

import re
import zlib

from shared.runtime.paper import Part, pdf


def words_in(document: bytes) -> str:
    """All text of a PDF of ours: strings in UTF-16, compressed or not."""
    import base64

    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", document, re.S):
        text = stream.strip()
        if text.endswith(b"~>"):
            text = zlib.decompress(base64.a85decode(text[:-2]))
        for piece in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", text, re.S):
            raw = re.sub(
                rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1], piece, flags=re.S
            )
            found.append(raw.decode("utf-16-be", "replace"))
    return "".join(found)


def test_every_word_is_in_it() -> None:
    made = pdf(
        "标题 Title",
        "第一行\nsecond & <line>",
        [Part("经过", [("姓名", "王小明 O'Neil")], [("2026-01-02", "文" * 7_000)])],
    )
    words = words_in(made)
    for part in ("标题 Title", "第一行", "second & <line>", "经过", "王小明 O'Neil"):
        assert part in words, part
    assert words.count("文") == 7_000
