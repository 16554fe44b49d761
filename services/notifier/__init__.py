"""Every word to a customer.

Owns: notices, their delivery ledger, the progress page, feedback and the customer's confirmation.
"""
