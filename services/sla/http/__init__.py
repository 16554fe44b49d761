"""What sla serves: the board, the page that explains a date, and both as JSON."""
