"""Turns a ticket's message into the text that questions are asked about."""
