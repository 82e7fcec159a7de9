"""Writes down what a run did, and verifies that against the topics."""
