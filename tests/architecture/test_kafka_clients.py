"""Every Kafka client gets addresses, encryption and sign-in from one place; one that names addresses itself gets in nowhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE = re.compile(r"\b(AIOKafkaConsumer|AIOKafkaProducer|AIOKafkaAdminClient)\(")
#: These make a broker of their own, which asks for nothing.
OWN_BROKER = ("deploy/bench/", "deploy/stack/archive.py")


def test_every_client_takes_its_access_from_kafka_access() -> None:
    found, bare = 0, []
    for folder in ("services", "shared", "deploy"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
            if name.startswith(OWN_BROKER):
                continue
            for made in MADE.finditer(text):
                found += 1
                arguments = text[made.end() : made.end() + 200]
                if "**client_of(" not in arguments and ".client()" not in arguments:
                    bare.append(f"{name}: {made.group(1)}")
    assert found >= 10
    assert bare == []
