"""Sends selected dead letters again, each exactly once."""
