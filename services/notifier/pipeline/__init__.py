"""From the ledger to the customer: claim → prepare → send → record, each a small stage (after Alertmanager's notify).

handover what a batch releases, leased by its own transaction, goes straight to prepare
claim    one statement leases what is due (pending → leased), with a fencing token
prepare  open what is sealed, write the letter, splice the mail; one vault query; or say why not to send
send     one statement (leased → sending), then each mail on one of N connections
record   one transaction for whatever has ended meanwhile: states, events, outbox
"""
