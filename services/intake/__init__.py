"""Takes complaints in from every channel, so that none accepted is lost and none is filed twice.

Owns: the complaint as told (text, facts, customer, contact, consent), channel clients and their keys, idempotency.
Consumes: complaint.closed, complaint.reopened, clock.started, clock.paused, clock.resumed, deadline.warned
Emits: complaint.submitted, complaint.amended, complaint.withdrawn, person.erased
"""
