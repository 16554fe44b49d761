"""What `redress up` remembers of its settings, so that a later `up` without them means the same stack.

`settings.json` in the state folder is private: `DATABASE_URL` holds a password.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from deploy.stack.errors import StackError
from deploy.stack.ports import Ports
from deploy.stack.record import RunFolder
from deploy.stack.settings import StackSettings
from deploy.stack.state import write_private

Servers = Literal["ask", "keep", "change"]

_SERVERS = ("database_url", "vault_database_url", "kafka_bootstrap_servers", "smtp_url")
_OTHERS = (
    *("redress_port_base", "redress_traces", "redress_java", "redress_mail_keep", "master_key_file"),
    "event_keys_dir",
    *("kafka_security_protocol", "kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password_file"),
    *("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"),
    *("redress_maven_url", "redress_python_index"),
)
_BUILT_IN = "the built-in one"


def recall(
    settings: StackSettings, servers: Servers, *, say: Callable[[str], None], ask: Callable[[str], bool] | None
) -> StackSettings:
    """Complete the settings of the shell with those this stack was brought up with.

    What the shell says counts; what it does not say stays as it was, and that is told. The servers are different: who
    has complaints in one must not find them gone in another, so a change of them is asked for.

    Args:
        settings: Of the shell.
        servers: What becomes of the servers when the shell names others: ask, keep the remembered ones, or take those of
            the shell (unset variables mean the built-in ones).
        say: Tells a person one line.
        ask: Puts a question to a person, who says yes or no; `None` when nobody is there.

    Raises:
        StackError: Other servers are named, and nobody said which are meant.
    """
    known = _remembered(settings)
    if not known:
        return settings
    given = {name for name in (*_SERVERS, *_OTHERS) if name in settings.model_fields_set}
    changed = [name for name in _SERVERS if name in given and _place(_value(settings, name)) != _place(known.get(name))]
    if servers == "change":
        kept = {name: known[name] for name in _OTHERS if name in known and name not in given}
    else:
        if servers == "ask" and changed:
            _ask(settings, known, changed, ask)
        replaced = given - set(_SERVERS) if servers == "keep" else given
        kept = {name: known[name] for name in (*_SERVERS, *_OTHERS) if name in known and name not in replaced}
    merged = StackSettings.model_validate({**_given(settings), **kept})
    told = [name for name in kept if _value(merged, name) != _value(settings, name)]
    if told:
        say("As the last time: " + ", ".join(f"{name.upper()}={_shown(kept[name])}" for name in told))
    return merged


def remember(settings: StackSettings) -> None:
    """Keep the settings for the next `up`."""
    content = {name: _value(settings, name) for name in (*_SERVERS, *_OTHERS)}
    write_private(settings.home / "settings.json", (json.dumps(content, indent=1) + "\n").encode())


def _given(settings: StackSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def _value(settings: StackSettings, name: str) -> Any:
    value = getattr(settings, name)
    return value if value is None or isinstance(value, bool | int) else str(value)


def _place(address: str | None) -> str | None:
    """A server without who signs in there: another password is no other server."""
    if address is None or "://" not in address:
        return address
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}{parts.path}"


def _remembered(settings: StackSettings) -> dict[str, Any]:
    try:
        found = json.loads((settings.home / "settings.json").read_bytes())
    except FileNotFoundError:
        return _of_an_older_version(settings)
    except (OSError, ValueError):
        return {}
    return {name: found[name] for name in (*_SERVERS, *_OTHERS) if name in found} if isinstance(found, dict) else {}


def _of_an_older_version(settings: StackSettings) -> dict[str, Any]:
    """Read what matters from the addresses that an older version wrote down; nothing where there are none."""
    try:
        endpoints = json.loads((settings.home / "endpoints.json").read_bytes())
        base = int(endpoints["intake"].rsplit(":", 1)[1]) - 1
        ports = Ports.at(base)
        own_database = urlsplit(endpoints["postgres"]).port == ports.postgres and (settings.home / "postgres").exists()
        own_kafka = endpoints["kafka"] == f"127.0.0.1:{ports.kafka}" and (settings.home / "kafka").exists()
        services = [plan.spec.env for plan in RunFolder(settings.home).read_plan() if "SMTP_URL" in plan.spec.env]
        return {
            "redress_port_base": base,
            "redress_traces": bool(endpoints["traces"]),
            "database_url": None if own_database else endpoints["postgres"],
            "kafka_bootstrap_servers": None if own_kafka else endpoints["kafka"],
            "smtp_url": None if endpoints["mail"] or not services else services[0]["SMTP_URL"],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _ask(settings: StackSettings, known: dict[str, Any], changed: list[str], ask: Callable[[str], bool] | None) -> None:
    told = "; ".join(
        f"{name.upper()}: {_shown(known.get(name))} until now, {_shown(_value(settings, name))} wanted"
        for name in changed
    )
    if ask is None:
        raise StackError(
            f"This stack has its complaints in other servers ({told})",
            "Say `redress up --servers=keep` to stay with them, or `redress up --servers=change` to move to the others, "
            "which have none of its complaints",
        )
    if not ask(f"This stack has its complaints in other servers ({told}). Move to servers that have none of them?"):
        raise StackError("Nothing was changed", "Say `redress up --servers=keep` to stay with the servers of last time")


def _shown(value: Any) -> str:
    """A setting without its secrets."""
    if value is None:
        return _BUILT_IN
    if isinstance(value, bool):
        return str(int(value))
    text = str(value)
    if "@" not in text:
        return text
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
