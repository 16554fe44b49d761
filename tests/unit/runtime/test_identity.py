"""Who a copy is follows from where it runs and what it reads; nobody numbers copies by hand (A11, H1)."""

import re

from shared.runtime.membership import identity_of

TOPICS = ["complaints.intake", "complaints.sla"]


def test_a_restart_keeps_it_whatever_the_order_of_the_topics() -> None:
    assert identity_of("router", 8102, TOPICS, "host") == identity_of("router", 8102, TOPICS[::-1], "host")


def test_host_port_and_subscription_make_another_one() -> None:
    others = [
        identity_of("router", 8102, TOPICS, "host"),
        identity_of("router", 8202, TOPICS, "host"),
        identity_of("router", 8102, TOPICS, "other"),
        identity_of("router", 8102, [*TOPICS, "complaints.notices"], "host"),
    ]
    assert len(set(others)) == len(others)


def test_kafka_takes_every_host_name() -> None:
    found = identity_of("router", 0, TOPICS, "büro_1 (x)" + "y" * 300)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,249}", found)
