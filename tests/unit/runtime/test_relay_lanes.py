"""Which lane reads what: each topic of a shard is read by one lane, and nothing falls between two."""

from shared.runtime.relay.lane import Lane
from shared.runtime.relay.lanes import Lanes
from shared.runtime.relay.window import Window


def _lanes(shards=range(16), seen=10):
    lanes = Lanes("router", 100)
    lanes.main.shards = set(shards)
    lanes.counts["t"] = 4
    lanes.main.window.pass_over(list(range(1, seen + 1)))
    return lanes


def _rows(*ids, shard=1):
    return [{"id": number, "shard": shard} for number in ids]


def _readers(lanes, topic, shard):
    return [
        lane
        for lane in lanes.all()
        if shard in lane.shards and lane.topic in (None, topic) and (topic, shard) not in lanes.beside(lane)
    ]


def test_a_partition_that_stands_still_is_read_apart_and_joins_again():
    lanes = _lanes()
    stuck = lanes.set_apart(lanes.main, ("t", 1), _rows(3, 7))
    assert stuck.shards == {1, 5, 9, 13}
    assert lanes.beside(lanes.main) == [("t", 1), ("t", 5), ("t", 9), ("t", 13)]
    assert stuck.window.low == 2
    assert lanes.main.window.low == 10
    assert lanes.set_apart(lanes.main, ("t", 1), _rows(8)) is stuck
    lanes.main.window.pass_over([11, 12])
    assert not lanes.merge(stuck), "it has not caught up"
    stuck.window.sent([3, 7, 8])
    assert stuck.window.reach(12)
    stuck.window.sent([11, 12])
    assert lanes.bound(stuck) == 12
    assert lanes.merge(stuck)
    assert lanes.apart == []


def test_what_a_partition_owes_stays_with_its_lane_when_its_topic_is_not_there():
    lanes = _lanes()
    stuck = lanes.set_apart(lanes.main, ("t", 1), _rows(3, 7))
    wider = lanes.set_apart(stuck, ("t", -1), _rows(3, 7))
    assert _readers(lanes, "t", 1) == [wider]
    assert sorted(wider.window.open) == [3, 7]
    assert stuck.window.low == 10


def test_rows_of_shards_that_a_lane_of_the_same_partition_does_not_read_get_one_that_does():
    """As after leases were taken over while a topic of theirs stood still."""
    lanes = _lanes(range(8))
    gained = Lane({9, 13}, Window(5), 100, ("t", 1), lanes.main)
    lanes.main.shards |= set(range(8, 16))
    lanes.apart.append(gained)
    other = lanes.set_apart(lanes.main, ("t", 1), _rows(4, shard=5))
    assert other.shards == {1, 5}
    assert [_readers(lanes, "t", shard) for shard in (1, 5, 9, 13)] == [[other], [other], [gained], [gained]]


def test_lanes_that_were_set_apart_from_one_that_joins_join_where_it_joined():
    lanes = _lanes()
    whole = lanes.set_apart(lanes.main, ("t", -1), _rows(3))
    part = lanes.set_apart(whole, ("t", 1), _rows(3))
    assert lanes.merge(whole)
    assert _readers(lanes, "t", 1) == [part]
    part.window.sent([3])
    assert lanes.merge(part)
    assert lanes.apart == []


def test_publishing_again_begins_before_everything_that_is_not_settled():
    lanes = _lanes()
    stuck = lanes.set_apart(lanes.main, ("t", 1), _rows(3, 7))
    lanes.main.window.reach(12)
    assert lanes.restart(("t", 1), 8, 4) == 4
    (again,) = _readers(lanes, "t", 1)
    assert again.window.high == 2
    assert stuck not in lanes.all()
    lanes.apart, lanes.main.window = [], Window(20, [6])
    lanes.restart(("t", 1), 8, 4)
    assert _readers(lanes, "t", 1)[0].window.high == 5, "the row with this id may still become visible"
