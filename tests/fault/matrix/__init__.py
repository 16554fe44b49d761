"""The fault matrix: faults done to a running Redress, one row each, and the auditor after every one.

`make faults` runs all rows (at most 25 minutes) and prints the table row by row; `python -m tests.fault.matrix 12 19`
runs some. Row numbers are those of the fault matrix in the project's promises. It is no part of `make test`, which holds
the crash points (rows 1-11) and what is quick to prove.
"""
