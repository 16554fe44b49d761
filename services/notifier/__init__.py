"""Says every word that a customer reads, and hears what the customer says back.

Owns: notices and their delivery ledger, the customer's journey and its story, the progress page, feedback,
    confirmation, mailboxes not to be written to.
Consumes: complaint.submitted, complaint.amended, person.erased, complaint.assigned, complaint.accepted,
    progress.reported, customer.asked, customer.answered, promise.made, promise.renewed, resolution.proposed,
    complaint.closed, complaint.reopened, clock.started, clock.paused, clock.resumed, deadline.warned,
    deadline.breached
Emits: notice.sent, notice.failed, notice.suppressed, notice.unknown, complaint.confirmed, complaint.disputed,
    customer.replied, customer.added, feedback.given
"""
