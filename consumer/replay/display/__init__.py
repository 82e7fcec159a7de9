"""Draws dead letters, planned records and totals for people, and writes them as JSON for programs."""
