"""Embeds texts: vectors of length 1, near where the texts mean the like."""
