"""Tables in time partitions: the partition of now and the next ones are made, old ones dropped, by a function of the owner's."""

from datetime import datetime, timedelta

from shared.runtime.pg import Database

_RENEW = "SELECT made, dropped FROM renew_partitions($1, $2, $3, $4)"


async def renew_partitions(
    database: Database, table: str, *, span: timedelta, before: datetime, ahead: int = 3
) -> tuple[int, int]:
    """Make the partition of now and `ahead` more, and drop what lies before a moment.

    Args:
        table: partitioned by one `timestamptz`, or by one `uuid` that is a UUIDv7, with a partition `TABLE_default`.
        span: length of a partition; at least a minute. Another span may be used later on.
        before: partitions that end before it are dropped, older rows of the default one deleted.

    Returns:
        How many partitions were made and dropped.

    Raises:
        asyncpg.LockNotAvailableError: somebody holds the table; try again later.
        asyncpg.InvalidParameterValueError: it is no such table.
    """
    row = await database.fetchrow(_RENEW, table, span, before, ahead)
    return (row["made"], row["dropped"]) if row is not None else (0, 0)
