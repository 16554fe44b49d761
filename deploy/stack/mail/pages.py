"""The catcher's pages: a list and one message, plain HTML, in 中文 or English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any, Literal
from urllib.parse import quote

Language = Literal["zh", "en"]

_WORDS: dict[str, dict[Language, str]] = {
    "title": {"en": "Mail catcher", "zh": "邮件收集器"},
    "lead": {
        "en": "Every message Redress sends ends here. Nothing leaves this machine.",
        "zh": "本机 Redress 发出的所有邮件都会停留在这里，不会寄出。",
    },
    "to": {"en": "To", "zh": "收件人"},
    "from": {"en": "From", "zh": "发件人"},
    "subject": {"en": "Subject", "zh": "主题"},
    "time": {"en": "Received (UTC)", "zh": "收到时间（UTC）"},
    "only": {"en": "Only messages to this address", "zh": "只看寄往此地址的邮件"},
    "show": {"en": "Show", "zh": "查看"},
    "all": {"en": "Show all", "zh": "查看全部"},
    "none": {"en": "No message yet.", "zh": "还没有邮件。"},
    "back": {"en": "All messages", "zh": "全部邮件"},
    "text": {"en": "As text", "zh": "纯文本"},
    "html": {"en": "As HTML", "zh": "HTML 版本"},
    "headers": {"en": "Headers", "zh": "邮件头"},
    "raw": {"en": "Download as it came", "zh": "下载原始邮件"},
    "clear": {"en": "Delete all messages", "zh": "删除全部邮件"},
    "other": {"en": "中文", "zh": "English"},
    "shown": {"en": "{shown} of {total} messages, newest first", "zh": "共 {total} 封，显示最新 {shown} 封"},
    "gone": {"en": "This message is not here (any more).", "zh": "找不到这封邮件，可能已被删除。"},
    "new": {"en": "New messages came in. Show them", "zh": "有新邮件，点击查看"},
    "attachments": {"en": "Attachments", "zh": "附件"},
}

STYLE = """\
:root{color-scheme:light dark;--line:#8885;--accent:light-dark(#0b5394,#8ec5ff)}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:70rem;font:1rem/1.5 system-ui,"Noto Sans CJK SC","PingFang SC",sans-serif;
background:light-dark(#fff,#16181c);color:light-dark(#1b1d21,#e8e9ec)}
a{color:var(--accent)}header{display:flex;gap:1rem;align-items:baseline;flex-wrap:wrap}h1{font-size:1.5rem;margin:0}
header a:last-child{margin-left:auto}.quiet{color:light-dark(#555b66,#a9afb9)}
table{width:100%;border-collapse:collapse;margin-top:1rem}th,td{text-align:left;padding:.4rem .6rem .4rem 0;
border-bottom:1px solid var(--line);overflow-wrap:anywhere;vertical-align:top}
form{display:flex;gap:.5rem;flex-wrap:wrap;align-items:end;margin-top:1rem}label{display:grid;gap:.2rem}
input,button{font:inherit;padding:.35rem .6rem;border:1px solid #8888;border-radius:.3rem;background:inherit;color:inherit}
button{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);padding:1rem;margin:0}
iframe{width:100%;height:32rem;border:1px solid var(--line);background:#fff}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:40rem){thead{display:none}tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
td{display:block;border:0;padding:0}}
"""

SCRIPT = """\
const note = document.getElementById("new");
let seen = note && note.dataset.last;
setInterval(async () => {
  if (!note || document.hidden) return;
  const answer = await fetch("/api/last").catch(() => null);
  if (answer && answer.ok && (await answer.json()).id > Number(seen)) note.hidden = false;
}, 3000);
"""


#: Links of a message open in a new tab; beyond that its HTML may do nothing.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
_URL = re.compile(r"https?://[^\s<>\"\u3000-\uffef]+[^\s<>\".,;:!?)\u3000-\uffef]")


def word(key: str, language: Language) -> str:
    """The word for `key` in `language`."""
    return _WORDS[key][language]


def list_page(messages: Iterable[dict[str, Any]], *, total: int, last: int, to: str, language: Language) -> str:
    """The page with the newest messages."""
    rows = [
        f'<tr><td><a href="/messages/{m["id"]}">{escape(m["subject"]) or "—"}</a></td><td>{escape(m["to"])}</td>'
        f'<td class="quiet"><time datetime="{m["received_at"]}">{m["received_at"][:19].replace("T", " ")}</time></td></tr>'
        for m in messages
    ]
    count = word("shown", language).format(shown=len(rows), total=total)
    head = "".join(f"<th scope=col>{word(key, language)}</th>" for key in ("subject", "to", "time"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    show_all = f'<a href="/">{word("all", language)}</a>' if to else ""
    body = f"""
<p class="quiet">{word("lead", language)}</p>
<form method="get" action="/"><label>{word("only", language)}
<input type="email" name="to" value="{escape(to, quote=True)}"></label><button>{word("show", language)}</button>{show_all}</form>
<p id="new" data-last="{last}" role="status" hidden><a href="/?to={quote(to)}">{word("new", language)}</a></p>
<p class="quiet">{count}</p>
{table if rows else f"<p>{word('none', language)}</p>"}
<form method="post" action="/clear"><button>{word("clear", language)}</button></form>
<script src="/page.js" defer></script>"""
    return _page(word("title", language), body, language)


def message_page(message: dict[str, Any], language: Language) -> str:
    """The page of one message; its HTML runs in a frame that may do nothing."""
    facts = [
        (word("from", language), message["from"]),
        (word("to", language), message["to"]),
        (word("time", language), message["received_at"]),
    ]
    if message["attachments"]:
        facts.append((word("attachments", language), ", ".join(message["attachments"])))
    html = (
        f'<h2>{word("html", language)}</h2><iframe sandbox="{SANDBOX}" src="/messages/{message["id"]}/html" '
        f'title="{word("html", language)}"></iframe>'
        if message["html"]
        else ""
    )
    body = f"""
<p><a href="/">{word("back", language)}</a></p><h2>{escape(message["subject"])}</h2>{_facts(facts)}
<h2>{word("text", language)}</h2><pre>{_linked(message["text"])}</pre>{html}
<h2>{word("headers", language)}</h2>{_facts(message["headers"].items())}
<p><a href="/messages/{message["id"]}.eml">{word("raw", language)}</a></p>"""
    return _page(message["subject"] or word("title", language), body, language)


def gone_page(language: Language) -> str:
    """The page for a message that is not there."""
    body = f'<p>{word("gone", language)}</p><p><a href="/">{word("back", language)}</a></p>'
    return _page(word("title", language), body, language)


def _linked(text: str) -> str:
    """Escape a text and make its addresses links."""
    pieces, end = [], 0
    for match in _URL.finditer(text):
        url = escape(match[0], quote=True)
        pieces += [escape(text[end : match.start()]), f'<a href="{url}" target="_blank" rel="noreferrer">{url}</a>']
        end = match.end()
    return "".join(pieces) + escape(text[end:])


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs) + "</dl>"


def _page(title: str, body: str, language: Language) -> str:
    other = "zh" if language == "en" else "en"
    return f"""<!doctype html>
<html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/page.css">
<link rel="icon" href="data:,"></head><body>
<header><h1>{word("title", language)}</h1><a href="?lang={other}" lang="{other}">{word("other", language)}</a></header>
<main>{body}</main></body></html>"""
