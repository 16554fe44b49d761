"""Plays complaints through the public interfaces: our own examples, real exports, and the demo with its actors."""
