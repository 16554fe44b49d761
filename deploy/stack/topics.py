"""Creates the topics of `shared.events.topics` on a broker, with settings that are said, and compares those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.stack.errors import StackError
from shared.events.topics import DEAD_LETTERS, TOPICS
from shared.runtime.kept import INBOX_DAYS, TOPIC_DAYS

_GONE_PATIENCE = 10.0
_DAY_MS = 86_400_000

#: Larger than anything we read, so that an oversized record reaches our judgement and the dead letters with its bytes.
_LARGEST = 4_194_304
_LARGEST_DEAD = 8_388_608


class TopicSettings(BaseSettings):
    """How topics are made."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    kafka_replication: int | None = Field(default=None, ge=1, le=9, description="Copies of each topic.")
    kafka_min_insync: int | None = Field(default=None, ge=1, le=9, description="Copies that must have a record.")
    kafka_retention_days: float = Field(
        default=TOPIC_DAYS, ge=1, lt=INBOX_DAYS, description="Days topics keep records."
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of our topics on one cluster."""

    replication: int
    min_insync: int
    retention_days: float

    def configs(self, topic: str) -> dict[str, str]:
        """The settings of one topic, as Kafka names them."""
        return {
            "max.message.bytes": str(_LARGEST_DEAD if topic == DEAD_LETTERS else _LARGEST),
            "min.insync.replicas": str(self.min_insync),
            "retention.ms": str(int(self.retention_days * _DAY_MS)),
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
        }

    @property
    def risk(self) -> str | None:
        """What this does not survive, in one line; nothing for a cluster of three."""
        if self.replication == 1:
            return "Kafka keeps one copy of every topic: a lost disk or a power cut loses what was not read (`redress recover`)"
        if self.min_insync == 1:
            return "Kafka acknowledges with one copy: set KAFKA_MIN_INSYNC=2 on three brokers"
        return None


def plan_for(brokers: int, settings: TopicSettings | None = None) -> Plan:
    """Three copies of which two must have a record, as far as there are brokers and nothing else is set.

    Raises:
        StackError: the settings ask for more than the cluster has.
    """
    told = settings or TopicSettings()
    replication = told.kafka_replication or min(3, brokers)
    if replication > brokers:
        raise StackError(
            f"KAFKA_REPLICATION is {replication}, but Kafka has {brokers} broker{'' if brokers == 1 else 's'}",
            "Start more brokers, or lower it",
        )
    min_insync = told.kafka_min_insync or max(1, replication - 1)
    if min_insync > replication:
        raise StackError(f"KAFKA_MIN_INSYNC is {min_insync}, more than the {replication} copies there are", "Lower it")
    return Plan(replication, min_insync, told.kafka_retention_days)


def wanted_topics() -> dict[str, int]:
    """Topic name → number of partitions, the dead letters included."""
    return {**{topic.name: topic.partitions for topic in TOPICS}, DEAD_LETTERS: 1}


async def create_topics(bootstrap_servers: str, *, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Create the topics that are missing and return their names.

    Args:
        say: told, in one line, what the cluster does not survive.

    Raises:
        StackError: The broker refused, or the settings ask for more than the cluster has.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await _start(admin, bootstrap_servers)
    try:
        existing = set(await admin.list_topics())
        missing = {name: count for name, count in wanted_topics().items() if name not in existing}
        if not missing:
            return []
        plan = plan_for(len((await admin.describe_cluster())["brokers"]))
        answer = await admin.create_topics(
            [
                NewTopic(name, count, plan.replication, topic_configs=plan.configs(name))
                for name, count in missing.items()
            ]
        )
        for name, code, message in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise StackError(
                    f"Kafka refuses to create the topic {name}: {message or for_code(code).__name__}",
                    "Create it by hand, or allow this client to",
                )
        if plan.risk:
            say(plan.risk)
        return sorted(missing)
    finally:
        await admin.close()


async def differences(bootstrap_servers: str) -> dict[str, list[str]]:
    """Topic → what is otherwise than it would be made today, each in a line; missing topics among them.

    Raises:
        StackError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await _start(admin, bootstrap_servers)
    try:
        plan = plan_for(len((await admin.describe_cluster())["brokers"]))
        wanted = wanted_topics()
        existing = set(await admin.list_topics())
        names = [name for name in wanted if name in existing]
        told: dict[str, list[str]] = {name: ["is not there"] for name in wanted if name not in existing}
        if not names:
            return told
        configs = await _configs(admin, names)
        for topic in await admin.describe_topics(names):
            name = topic["topic"]
            lines = _differences(name, wanted[name], topic["partitions"], plan, configs.get(name, {}))
            if lines:
                told[name] = lines
        return told
    finally:
        await admin.close()


def _differences(
    name: str, partitions: int, found: Sequence[Mapping[str, Any]], plan: Plan, configs: Mapping[str, str]
) -> list[str]:
    lines = []
    if len(found) != partitions:
        lines.append(f"partitions {len(found)}, not {partitions}")
    copies = min((len(partition["replicas"]) for partition in found), default=0)
    if copies != plan.replication:
        lines.append(f"replication {copies}, not {plan.replication}")
    lines += [
        f"{key} {configs[key]}, not {value}"
        for key, value in plan.configs(name).items()
        if key in configs and configs[key] != value
    ]
    return lines


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }


async def delete_topics(bootstrap_servers: str, names: Sequence[str]) -> None:
    """Delete topics and wait until they are gone, so that they can be created again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await _start(admin, bootstrap_servers)
    try:
        present = sorted(set(names) & set(await admin.list_topics()))
        if not present:
            return
        await admin.delete_topics(present)
        async with asyncio.timeout(_GONE_PATIENCE):
            while set(present) & set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the broker offers nothing to wait on
    finally:
        await admin.close()


async def _start(admin: AIOKafkaAdminClient, bootstrap_servers: str) -> None:
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        raise StackError(
            f"Kafka at {bootstrap_servers} does not answer ({type(error).__name__})",
            "Start it, or correct KAFKA_BOOTSTRAP_SERVERS",
        ) from error
