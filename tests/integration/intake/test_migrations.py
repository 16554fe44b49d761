"""What the migrations carry over."""

from __future__ import annotations

from uuid import UUID

from shared.runtime.migrate import migrations_of
from tests.support.stack import DatabaseFactory

FILE = """
INSERT INTO complaint (complaint_id, reference, client_id, pack, channel, language, received_at, accepted_at, person_id,
                       body, state, department, seen_version)
VALUES ($1, $2, 1, 'retail', 'web', 'zh', now(), now(), gen_random_uuid(), 'x', $3, $4, $5)
"""


def test_standings_told_before_and_during_the_change_are_kept(fresh_database: DatabaseFactory):
    database = fresh_database("intake")
    scripts = dict(migrations_of("services.intake"))
    database.execute("CREATE SCHEMA old")
    database.execute("ALTER DATABASE " + database.name + " SET search_path = old")
    for name in ("0001_pre_intake.sql", "0002_pre_filing.sql"):
        database.execute(scripts[name])
    for n, standing in enumerate(
        [("submitted", None, 0), ("assigned", "delivery", 1), ("closed", "delivery", 3), ("withdrawn", None, 0)]
    ):
        database.execute(FILE, UUID(int=n), f"R{n}", *standing)
    database.execute(scripts["0003_pre_standing.sql"])
    database.execute(
        "UPDATE complaint SET state = 'assigned', department = 'billing', seen_version = 2 WHERE reference = 'R1'"
    )
    database.execute(
        "UPDATE standing SET state = 'assigned', department = 'billing', seen_version = 4 WHERE state = 'closed'"
    )
    database.execute(FILE, UUID(int=4), "R4", "assigned", "delivery", 1)
    database.execute(scripts["0004_post_standing.sql"])
    told = database.fetch(
        "SELECT reference, state, department, s.seen_version FROM complaint JOIN standing s USING (complaint_id) ORDER BY 1"
    )
    assert [tuple(row) for row in told] == [
        ("R1", "assigned", "billing", 2),
        ("R2", "assigned", "billing", 4),
        ("R3", "withdrawn", None, 0),
        ("R4", "assigned", "delivery", 1),
    ]
