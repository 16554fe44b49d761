"""The local stack: Postgres, Kafka, mail catcher, trace viewer and the four services on one machine.

Works on any machine with Python >= 3.11 and a package index. Tests use the same server classes on free ports.
"""
