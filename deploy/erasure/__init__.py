"""Erasing persons by hand: who is meant, what would go, and doing it."""
