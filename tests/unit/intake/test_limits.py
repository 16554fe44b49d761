"""How often one address may use what is open to everybody."""

import pytest

from services.intake.http.limits import AddressLimits
from shared.runtime.web.addresses import network_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_sender_is_held_to_the_rate_and_others_are_not():
    clock = Clock()
    limits = AddressLimits(rate=50, burst=100, clock=clock)
    passed = sum(limits.wait("192.0.2.1") == 0 for _ in range(1_000))
    assert passed == 100
    assert limits.wait("192.0.2.2") == 0
    clock.now = 1.0
    assert sum(limits.wait("192.0.2.1") == 0 for _ in range(1_000)) == 50


def test_a_whole_ipv6_network_is_one_sender():
    limits = AddressLimits(rate=1, burst=1, clock=Clock())
    assert limits.wait("2001:db8:1:2::1") == 0
    assert limits.wait("2001:db8:1:2:ffff::9") > 0
    assert limits.wait("2001:db8:1:3::1") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_the_sender_behind_an_address(address: str | None, network: str):
    assert network_of(address) == network


def test_memory_stays_bounded_whoever_comes():
    limits = AddressLimits(rate=1, burst=1, clock=Clock())
    for number in range(25_000):
        limits.wait(f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}")
    assert len(limits._buckets) == 20_000
