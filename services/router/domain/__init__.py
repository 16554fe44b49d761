"""The rules of a case: its life, who may do what to it, and who owns it. No I/O, no clock, no randomness."""
