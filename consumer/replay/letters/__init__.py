"""Reads, selects and counts the dead letters of all known products."""
