"""What the router keeps: cases and their history, what desks read, staff."""
