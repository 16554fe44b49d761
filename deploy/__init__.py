"""Everything operators need: the local stack, the `redress` command, audit, play, policies."""
