"""Token buckets: no schedule gets more than the rate, waits are true, and memory is bounded whoever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.web.addresses import Networks, is_loopback, network_of
from shared.runtime.web.rates import Bucket, Rates, rate_headers, retry_after


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_then_the_rate_holds():
    bucket = Bucket(rate=10, burst=5)
    assert [bucket.wait(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.wait(100.0) == pytest.approx(0.1)
    assert bucket.wait(100.11) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=200))
def test_no_schedule_gets_more_than_rate_and_burst(schedule: list[tuple[float, int]]):
    bucket, now, passed, last = Bucket(rate=5, burst=3), 0.0, 0, 0
    for pause, cost in schedule:
        now += pause
        if bucket.wait(now, cost) == 0.0:
            passed, last = passed + cost, cost
    assert passed - last <= 3 + 5 * now + 1e-6  # what is larger than the bucket is paid back before the next


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(1, 9))
def test_a_wait_is_true(before: list[int], cost: int):
    bucket = Bucket(rate=2, burst=4)
    for one in before:
        bucket.wait(50.0, one)
    seconds = bucket.wait(50.0, cost)
    if seconds:
        assert bucket.wait(50.0 + seconds - 0.01, cost) > 0
        assert bucket.wait(50.0 + seconds, cost) == 0.0


def test_a_clock_that_steps_back_gives_nothing_away():
    bucket = Bucket(rate=1, burst=1)
    assert bucket.wait(10.0) == 0.0
    assert bucket.wait(5.0) > 0


def test_what_is_left_is_told_as_the_draft_has_it():
    bucket = Bucket(rate=2, burst=10)
    bucket.wait(0.0, 7)
    assert rate_headers("complaints", bucket, 0.0) == [
        (b"ratelimit-policy", b'"complaints";q=10;w=5'),
        (b"ratelimit", b'"complaints";r=3;t=4'),
    ]
    bucket.wait(5.0, 25)  # more than the bucket holds: owed
    assert rate_headers("complaints", bucket, 5.0)[1] == (b"ratelimit", b'"complaints";r=0;t=13')
    assert retry_after(2.01) == {"Retry-After": "3"} and retry_after(0.1) == {"Retry-After": "1"}


def test_one_subject_is_held_to_the_rate_and_others_are_not():
    clock = Clock()
    rates = Rates(50, 100, clock=clock)
    assert sum(rates.wait("a") == 0 for _ in range(1_000)) == 100
    assert rates.wait("b") == 0
    clock.now = 1.0
    assert sum(rates.wait("a") == 0 for _ in range(1_000)) == 50


def test_memory_stays_bounded_whoever_comes():
    rates = Rates(1, 1, clock=Clock(), remembered=1_000)
    for number in range(5_000):
        rates.wait(number)
    assert len(rates) == 1_000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::9", "2001:db8::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_the_sender_behind_an_address(address: str | None, network: str):
    assert network_of(address) == network


def test_proxies_are_named_by_address_network_or_star():
    told = Networks("192.0.2.1, 10.0.0.0/8,2001:db8::/32")
    assert all(address in told for address in ("192.0.2.1", "10.9.9.9", "2001:db8::5"))
    assert not any(address in told for address in ("192.0.2.2", "11.0.0.1", "unknown", ""))
    assert "203.0.113.9" in Networks("*") and "127.0.0.1" not in Networks("")
    assert is_loopback("127.8.0.1") and is_loopback("::1") and is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("10.0.0.1") and not is_loopback("nobody")
    with pytest.raises(ValueError, match="proxy"):
        Networks("proxy.example.com")
