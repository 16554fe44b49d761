"""The benchmark's floor goes the way of the events table."""

from deploy.bench.floor import EVENTS, REQUEST, STEPS
from shared.events.envelope import type_of
from shared.events.topics import TOPICS


def test_the_floor_has_the_hops_of_the_one_table() -> None:
    readers = {type_of(event): set(services) for topic in TOPICS for event, services in topic.readers.items()}
    for event in EVENTS:
        assert {service for service, steps in STEPS.items() if event in steps} == readers[event], event


def test_every_event_of_the_floor_is_said_by_the_writer_of_its_topic_once() -> None:
    writers = {type_of(event): topic.writer for topic in TOPICS for event in topic.events}
    said = {step.says: service for service, steps in STEPS.items() for step in steps.values() if step.says}
    assert said == {event: writers[event] for event in EVENTS}
    assert sum(REQUEST in steps for steps in STEPS.values()) == 1
