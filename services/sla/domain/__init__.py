"""Time as people keep it: calendars, clocks, the ledger of who had the case how long. Pure."""
