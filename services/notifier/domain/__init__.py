"""What the customer is told, when and why: pure decisions, no I/O, no clock."""
