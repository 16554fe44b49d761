"""The `redress` command for operators: the local stack, complaints, channels, dead letters, audit."""
