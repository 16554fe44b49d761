"""Takes complaints in from every channel, so that none accepted is lost and none is filed twice.

Owns: the complaint as told (text, facts, customer, contact, consent), channel clients and their keys, idempotency.
Consumes: complaint.assigned, complaint.closed, complaint.reopened
Emits: complaint.submitted, complaint.amended, complaint.withdrawn, person.erased
"""
