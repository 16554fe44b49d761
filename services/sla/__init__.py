"""Keeps every date that was set or told: starts, pauses and stops the clocks of a complaint, and speaks up in time.

Owns: clocks, calendars, pauses, warnings, breaches, escalation ladders, the time ledger.
Consumes: complaint.assigned, progress.reported, customer.asked, customer.answered, promise.made,
    promise.renewed, resolution.proposed, complaint.closed, complaint.reopened, notice.sent, complaint.confirmed,
    complaint.disputed, customer.replied
Emits: clock.started, clock.paused, clock.resumed, clock.stopped, deadline.warned, deadline.breached,
    complaint.escalated
"""
