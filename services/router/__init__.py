"""Gives every complaint exactly one owning department and leads its case to the end.

Owns: the life of the case: owner, transfers, work notes, promises, resolution, closure, reopening; routing policy.
Consumes: complaint.submitted, complaint.amended, complaint.withdrawn, person.erased, clock.started, clock.paused,
    clock.resumed, clock.stopped, deadline.warned, deadline.breached, complaint.escalated, notice.failed,
    notice.suppressed, notice.unknown, complaint.confirmed, complaint.disputed, customer.replied, customer.added,
    feedback.given
Emits: complaint.assigned, complaint.accepted, transfer.offered, transfer.accepted, transfer.declined, transfer.withdrawn,
    progress.reported, customer.asked, customer.answered, promise.made, promise.renewed, resolution.proposed,
    complaint.closed, complaint.reopened; named but not yet sent: complaint.merged, complaint.linked
"""
