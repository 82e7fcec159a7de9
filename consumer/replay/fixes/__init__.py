"""Fixes that change a record before it is sent again: the built-in ones, and those of a user's file."""
