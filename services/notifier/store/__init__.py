"""What the notifier keeps: journeys and their story, the ledger of notices, whom not to write to."""
