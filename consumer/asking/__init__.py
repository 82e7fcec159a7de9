"""Answers questions about texts that are brought along: out of files, and over HTTP."""
