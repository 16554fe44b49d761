"""Who may do what at Kafka: follows from `shared.events.topics`, for a broker that refuses what nobody allowed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.stack.errors import StackError
from shared.events.topics import DEAD_LETTERS, TOPICS, types_read_by
from shared.runtime.bootstrap import SERVICES
from shared.runtime.kafka_access import KafkaAccess

Resource = Literal["topic", "group", "cluster"]
Operation = Literal["All", "Read", "Write", "Create", "Alter", "Describe", "DescribeConfigs", "AlterConfigs"]

# Numbers of Kafka's protocol (ResourceType, PatternType, AclOperation, AclPermissionType).
_RESOURCES: dict[Resource, int] = {"topic": 2, "group": 3, "cluster": 4}
_OPERATIONS: dict[Operation, int] = {
    "All": 2, "Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11,
}  # fmt: skip
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
_CLUSTER = "kafka-cluster"
_EVERYTHING_OF_OURS = "complaints."
_GROUPS = "redress."


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One rule: a principal may do one thing with one resource, from any host.

    Attributes:
        principal: as Kafka names it: `User:redress-router`.
        name: of the resource; with `prefixed`, what its name begins with.
    """

    principal: str
    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


def wanted_acls(prefix: str = "redress-") -> list[Acl]:
    """What the four services, the auditor and the operator need, and nothing more.

    A service writes its own topic and the dead letters, and reads these and the topics of `topics.py` in its own group. The
    auditor reads everything and writes nothing. The operator manages topics, groups and these rules.

    Args:
        prefix: what the names of principals begin with.
    """
    found: list[Acl] = []
    for service in SERVICES:
        who = f"User:{prefix}{service}"
        written = [*(topic.name for topic in TOPICS if topic.writer == service), DEAD_LETTERS]
        found += (Acl(who, "topic", name, "Write") for name in written)
        # The relay looks whether its own topics have lost what they had acknowledged.
        found += (Acl(who, "topic", name, "Read") for name in sorted({*types_read_by(service), *written}))
        found.append(Acl(who, "group", f"{_GROUPS}{service}", "Read"))
    found += (Acl(f"User:{prefix}auditor", "topic", name, "Read") for name in _names())
    operator = f"User:{prefix}operator"
    found.append(Acl(operator, "topic", _EVERYTHING_OF_OURS, "All", prefixed=True))
    found.append(Acl(operator, "group", _GROUPS, "All", prefixed=True))
    cluster: tuple[Operation, ...] = ("Create", "Alter", "Describe", "DescribeConfigs")
    found += (Acl(operator, "cluster", _CLUSTER, operation) for operation in cluster)
    return found


def _names() -> list[str]:
    return [*(topic.name for topic in TOPICS), DEAD_LETTERS]


def command_of(acl: Acl) -> str:
    """The same as a command of Kafka's own tool; address and sign-in are the reader's to add."""
    where = "--cluster" if acl.resource == "cluster" else f"--{acl.resource} {shlex.quote(acl.name)}"
    pattern = " --resource-pattern-type prefixed" if acl.prefixed else ""
    who = shlex.quote(acl.principal)
    return f"kafka-acls.sh --add --allow-principal {who} --operation {acl.operation} {where}{pattern}"


async def add_acls(access: KafkaAccess, acls: Sequence[Acl]) -> None:
    """Add rules; those that are there already stay.

    Raises:
        StackError: Kafka does not answer, keeps no rules, or does not allow it.
    """
    admin = AIOKafkaAdminClient(**access.client())
    try:
        await admin.start()
        for acl in acls:
            await _add(admin, acl)
    except (KafkaError, OSError) as error:
        raise StackError(
            f"Kafka at {access} does not answer ({type(error).__name__})",
            "Correct KAFKA_... and look at the broker's log",
        ) from error
    finally:
        await admin.close()


async def _add(admin: AIOKafkaAdminClient, acl: Acl) -> None:
    """The admin client has no method for it yet; its protocol has (aiokafka is pinned, a test uses this)."""
    pattern = _PREFIXED if acl.prefixed else _LITERAL
    operation = _OPERATIONS[acl.operation]
    request = CreateAclsRequest(_RESOURCES[acl.resource], acl.name, pattern, acl.principal, "*", operation, _ALLOW)
    answer = await admin._send_request_to_node(admin._client.get_random_node(), request)
    code, message = answer.creation_responses[0]
    if code:
        raise StackError(
            f"Kafka refuses a rule for {acl.principal}: {message or for_code(code).__name__}",
            "Sign in as a super user or one that may alter the cluster, on a broker with an authorizer",
        )
