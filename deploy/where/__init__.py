"""Where a complaint is: owner, why, clocks, notices, trace, read from the four schemas."""
