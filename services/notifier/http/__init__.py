"""The customer's progress page behind a private link, and the ledger of notices for staff."""
