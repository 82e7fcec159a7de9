"""Keeps the passage index in step with the documents topic: follows it, builds it anew, compares the two."""
