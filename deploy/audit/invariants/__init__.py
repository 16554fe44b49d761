"""The promises, one file per group; each check is a pure function from a snapshot to the violations in it."""
